"""`echorator cognition`: serves a memory by itself, for agents and gateways that name it by --memory-server."""

from __future__ import annotations

import argparse
import asyncio

from echorator.cli.role_server import serve_role, settings_of
from echorator.cognition.service import CognitionRole
from echorator.host.opened_memory import open_memory


def run(arguments: argparse.Namespace) -> int:
    """Serve the memory until a signal and return the exit code. Raises CommandError."""
    return asyncio.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    role = CognitionRole(await open_memory(arguments.memory, arguments.embedder))

    def greeting(address: str) -> str:
        return f"listening on {address}, let agents use it: echorator serve --memory-server {address}"

    return await serve_role(role, settings, arguments, "cognition", greeting)
