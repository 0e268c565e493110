"""Generated protobuf and gRPC code of `echorator.mesh.v1`; `protos/generate.py` writes it, nobody edits it."""
