"""Generated protobuf and gRPC code, which `protos/generate.py` writes and nobody edits, and the version of the session protocol."""

SESSION_PROTOCOL = 1  # of Register and Welcome: an agent and a controller talk to each other where both speak the same version
