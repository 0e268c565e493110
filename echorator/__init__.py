"""Echorator: a proxyless gRPC mesh that serves llama.cpp models with a memory."""

__version__ = "0.1.0"
