"""Finds memories for a query: the open namespace with its index, signals, confidence, patterns, contexts."""
