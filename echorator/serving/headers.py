"""The metadata keys by which clients and the parts of a mesh say where a call goes and where it came from."""

from __future__ import annotations

MODEL = "x-echorator-model"
SESSION = "x-echorator-session"  # calls of the same session should meet the same prefix cache
USER = "x-echorator-user"  # over HTTP: whose memory a chat uses, where the operator allows it
PRIORITY = "x-echorator-priority"
SCOPE = "x-echorator-prefix-scope"  # the callers that share computed prefixes; a gateway sets it and drops what clients send
GATEWAY = "x-echorator-gateway"  # the id of the gateway that a call came through
