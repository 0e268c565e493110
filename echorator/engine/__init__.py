"""The Python side of the native engine: opening and digesting weights, the memory they need, log lines, the embedder's queue."""
