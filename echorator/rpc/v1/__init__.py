"""Generated protobuf and gRPC code of `echorator.v1`; `protos/generate.py` writes it, nobody edits it."""
