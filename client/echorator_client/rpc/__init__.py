"""Generated protobuf code of the public API, never edited: see protos/generate.py."""
