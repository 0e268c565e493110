"""`echorator models`: prints the models that a server has loaded, once for each name by which requests choose them."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace

from grpc import aio

from echorator.cli.output.model_tables import models_table, served_line
from echorator.cli.output.rendering import document_of, show
from echorator.host.connection import connected
from echorator.host.exits import Exit
from echorator.host.failure import of_status
from echorator.host.running_file import gateway_of
from echorator.host.server_roles import Needed
from echorator.ports import DEFAULT_AGENT
from echorator.rpc.v1 import model_pb2 as pb


def run(arguments: argparse.Namespace) -> int:
    """Print the loaded models and return the exit code. Raises CommandError."""
    server = gateway_of(arguments.server) or DEFAULT_AGENT
    reply = asyncio.run(_models(server))
    lines = [replace(served_line(model), name=name) for model in reply.models for name in (model.name, *model.aliases)]
    tables = [models_table(lines, arguments.output == "wide")] if lines else []
    nothing = f"no model is loaded at {server}; echorator apply -f FILE, or echorator serve SOURCE"
    show(arguments.output, document_of(reply), [line.name for line in lines], *tables, nothing=nothing)
    return Exit.OK


async def _models(server: str) -> pb.ListModelsResponse:
    async with connected(server) as stub:
        try:
            reply: pb.ListModelsResponse = await stub.ListModels(pb.ListModelsRequest())
        except aio.AioRpcError as error:
            raise await of_status(error, server, Needed.MODELS) from error
    return reply
