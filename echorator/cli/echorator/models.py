"""`echorator models`: prints the models that a server has loaded, once for each name by which requests choose them."""

from __future__ import annotations

import argparse
import asyncio
import json

from google.protobuf.json_format import MessageToDict
from grpc import aio

from echorator.cli.output.tables import print_table
from echorator.host.connection import connected
from echorator.host.exits import Exit
from echorator.host.failure import of_status
from echorator.host.running_file import gateway_of
from echorator.host.server_roles import Needed
from echorator.ports import DEFAULT_AGENT
from echorator.rpc.v1 import model_pb2 as pb

COLUMNS = ("name", "state", "architecture", "parameters", "quantisation", "slots", "context_tokens", "kv_layout", "path")


def run(arguments: argparse.Namespace) -> int:
    """Print the loaded models and return the exit code. Raises CommandError."""
    models = asyncio.run(_models(gateway_of(arguments.server) or DEFAULT_AGENT))
    if arguments.output == "json":
        whole = [MessageToDict(m, preserving_proto_field_name=True, always_print_fields_with_no_presence=True) for m in models]
        print(json.dumps(whole, ensure_ascii=False, indent=2))
    else:
        print_table(
            [c.removesuffix("_tokens") for c in COLUMNS], [_row(model, name) for model in models for name in (model.name, *model.aliases)]
        )
    return Exit.OK


async def _models(server: str) -> list[pb.Model]:
    async with connected(server) as stub:
        try:
            return list((await stub.ListModels(pb.ListModelsRequest())).models)
        except aio.AioRpcError as error:
            raise await of_status(error, server, Needed.MODELS) from error


def _row(model: pb.Model, name: str) -> list[str]:
    special = {"name": name, "state": pb.ModelState.Name(model.state).removeprefix("MODEL_STATE_").lower()}
    return [special.get(c) or str(getattr(model, c)) for c in COLUMNS]
