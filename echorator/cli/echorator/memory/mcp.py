"""`echorator mcp`: offers a server's memory and models to an MCP client, over stdin and stdout or over HTTP."""

from __future__ import annotations

import argparse
from importlib.util import find_spec

import uvloop

from echorator.host.addresses import host_port_of
from echorator.host.exits import CommandError, Exit
from echorator.host.extras import missing

NEEDED = ("mcp", "mcp_types")


def run(arguments: argparse.Namespace) -> int:
    """Serve one MCP client over stdio, or any number over HTTP, and return the exit code. Raises CommandError, ResourceError."""
    if not all(map(find_spec, NEEDED)):
        raise missing(ModuleNotFoundError(name="mcp"))
    if arguments.allowed_hosts and not arguments.http:
        raise CommandError("--allowed-host is of --http, and without it nothing listens", Exit.USAGE)
    return uvloop.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> int:
    from echorator.mcp.calls import Calls, Whose
    from echorator.mcp.service import Service
    from echorator.mcp.transports import serve_http, serve_stdio

    whose = Whose(arguments.user, arguments.agent, arguments.tenant, arguments.session)
    address = host_port_of(arguments.http, "--http") if arguments.http else None
    server = Service(Calls(arguments.server), whose, arguments.read_only, not arguments.no_models).server()
    if address is None:
        return await serve_stdio(server)
    return await serve_http(server, *address, arguments.allowed_hosts, lambda line: print(line, flush=True))
