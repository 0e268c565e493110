"""`echorator embed`: prints the embeddings of texts."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack

from grpc import aio

from echorator.agent.loading.embedded import embedded_model
from echorator.cli.output.rendering import document_of, show
from echorator.cli.text_input import lines_of_stdin
from echorator.host.connection import connected
from echorator.host.exits import CommandError, Exit
from echorator.host.failure import of_status
from echorator.host.local_server import local_server
from echorator.host.running_file import gateway_of
from echorator.host.server_roles import Needed
from echorator.model_files.puller import Image
from echorator.rpc.v1 import model_pb2 as pb
from echorator.settings import EMBEDDED_NAME

POOLINGS = {"mean": pb.POOLING_MEAN, "cls": pb.POOLING_CLS, "last": pb.POOLING_LAST}


def run(arguments: argparse.Namespace) -> int:
    """Embed the texts, or the lines of stdin, print the vectors and return the exit code. Raises CommandError."""
    texts = arguments.texts or ([] if sys.stdin.isatty() else lines_of_stdin())
    if not texts:
        raise CommandError("there is no text: give some, or pipe one a line in", Exit.USAGE)
    response = asyncio.run(_embed(arguments, texts))
    if arguments.output == "text":
        for embedding in response.embeddings:
            print(" ".join(f"{v:.6g}" for v in embedding.values))
    else:
        show(arguments.output, document_of(response))
    failed = [(i, embedding.error) for i, embedding in enumerate(response.embeddings) if embedding.error]
    if failed:
        more = f"; so are {len(failed) - 1} more texts without a vector" if len(failed) > 1 else ""
        raise CommandError(f"text {failed[0][0] + 1}: {failed[0][1]}{more}")
    return Exit.OK


async def _embed(arguments: argparse.Namespace, texts: list[str]) -> pb.EmbedResponse:
    async with AsyncExitStack() as stack:
        server = gateway_of(arguments.server, arguments.file)
        if not server:
            image = Image(str(arguments.file), arguments.file) if arguments.file else Image(EMBEDDED_NAME, embedded_model())
            server, _ = await stack.enter_async_context(local_server(image))
        stub = await stack.enter_async_context(connected(server))
        pooling = POOLINGS.get(arguments.pooling, pb.POOLING_UNSPECIFIED)
        request = pb.EmbedRequest(
            model=arguments.model, inputs=texts, pooling=pooling, normalize=arguments.normalize, dimensions=arguments.dimensions
        )
        try:
            return await stub.Embed(request)
        except aio.AioRpcError as error:
            raise await of_status(error, server, Needed.MODELS) from error
