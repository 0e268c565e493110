"""Metadata by which the parts of a mesh, and clients, say where a call goes and whence it came."""

from __future__ import annotations

MODEL = "x-echorator-model"
SESSION = "x-echorator-session"  # calls with the same one should meet the same prefix cache
PRIORITY = "x-echorator-priority"
GATEWAY = "x-echorator-gateway"  # the id of the gateway that a call came through
