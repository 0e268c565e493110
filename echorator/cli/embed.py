"""`echorator embed`: texts to vectors."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import AsyncExitStack

from grpc import aio

from echorator.cli.client import connected
from echorator.cli.exits import CommandError, Exit
from echorator.cli.failure import of_status
from echorator.cli.local_server import local_server
from echorator.cli.running import gateway_of
from echorator.rpc.v1 import model_pb2 as pb

POOLINGS = {"mean": pb.POOLING_MEAN, "cls": pb.POOLING_CLS, "last": pb.POOLING_LAST}


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit code."""
    texts = arguments.texts or ([] if sys.stdin.isatty() else [line for line in sys.stdin.read().splitlines() if line.strip()])
    if not texts:
        raise CommandError("there is no text: give some, or pipe one a line in", Exit.USAGE)
    response = asyncio.run(_embed(arguments, texts))
    vectors = [list(e.values) for e in response.embeddings]
    if arguments.output == "json":
        rows = [{"text": text, "values": values} for text, values in zip(texts, vectors, strict=True)]
        print(json.dumps({"embeddings": rows, "prompt_tokens": response.prompt_tokens}, ensure_ascii=False))
    else:
        for values in vectors:
            print(" ".join(f"{v:.6g}" for v in values))
    return Exit.OK


async def _embed(arguments: argparse.Namespace, texts: list[str]) -> pb.EmbedResponse:
    async with AsyncExitStack() as stack:
        server = gateway_of(arguments.server, arguments.file)
        embedded = not server and not arguments.file
        if not server:
            server = await stack.enter_async_context(local_server(arguments.file))
        stub = await stack.enter_async_context(connected(server))
        pooling = POOLINGS.get(arguments.pooling or ("mean" if embedded else ""), pb.POOLING_UNSPECIFIED)
        request = pb.EmbedRequest(model=arguments.model, inputs=texts, pooling=pooling, normalize=arguments.normalize)
        try:
            return await stub.Embed(request)
        except aio.AioRpcError as error:
            raise of_status(error, server) from error
