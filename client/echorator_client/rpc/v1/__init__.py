"""The package echorator.v1."""
