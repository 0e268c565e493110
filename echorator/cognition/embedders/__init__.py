"""Turns texts into vectors: by hashed words, MiniLM or any GGUF encoder."""
