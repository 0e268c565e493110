"""`echorator cognition`: the memory as a server of its own, for agents and gateways that name it by --memory-server."""

from __future__ import annotations

import argparse
import asyncio

from echorator.cli.memory_access import open_memory
from echorator.cli.role_server import serve_role, settings_of
from echorator.cognition.service import CognitionRole


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit code."""
    return asyncio.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    role = CognitionRole(await open_memory(arguments.memory, arguments.embedder))

    def greeting(address: str) -> str:
        return f"listening on {address}, let agents use it: echorator serve --memory-server {address}"

    return await serve_role(role, settings, arguments, "cognition", greeting)
