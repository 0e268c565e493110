"""Ollama's API over the mesh: its bodies, its lines of JSON and its errors, thin translations of the gRPC messages."""
