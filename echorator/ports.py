"""The TCP ports that the programs listen on and look for each other at unless they are told otherwise, on one machine and in a cluster."""

CONTROLLER_PORT = 50050
AGENT_PORT = 50051
GATEWAY_PORT = 50052
MEMORY_PORT = 50053
HTTP_PORT = 8080  # of a gateway, for the OpenAI API

DEFAULT_CONTROLLER = f"127.0.0.1:{CONTROLLER_PORT}"
DEFAULT_AGENT = f"127.0.0.1:{AGENT_PORT}"
