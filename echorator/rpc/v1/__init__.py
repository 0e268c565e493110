"""Generated protobuf and gRPC code; `protos/generate.py` writes it, nobody edits it."""
