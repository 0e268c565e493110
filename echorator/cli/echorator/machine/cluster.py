"""`echorator cluster run`: runs containers on this machine without a mesh; `echorator cluster send`: sends a message to one of them."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from grpc import aio

from echorator import json_digits
from echorator.cli.manifest_files import wishes_of
from echorator.cli.options.telemetry import telemetry
from echorator.cli.output.rendering import show_one_of_many
from echorator.cluster.cluster import Cluster
from echorator.cluster.journal import Journal
from echorator.cluster.role import ClusterRole
from echorator.errors import InvalidRequestError
from echorator.host.connection import channel_to
from echorator.host.exits import CommandError, Exit
from echorator.host.failure import of_status
from echorator.host.running_file import controller_of, hold_data
from echorator.host.server_roles import Needed
from echorator.rpc.v1 import cluster_pb2 as pb
from echorator.rpc.v1.cluster_pb2_grpc import ClusterServiceStub
from echorator.serving.server import Server, ServerSettings, on_signals
from echorator.telemetry.log_lines import LISTENING_ON, say
from echorator.values import python_of, value_of


def run(arguments: argparse.Namespace) -> int:
    """Run the cluster until a signal, or send one message; return the exit code. Raises CommandError."""
    return asyncio.run(_serve(arguments) if arguments.cluster_command == "run" else _send(arguments))


async def _serve(arguments: argparse.Namespace) -> int:
    wishes = wishes_of(arguments.file)
    try:
        server = Server(ServerSettings(arguments.host, arguments.port, arguments.grace))
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
    async with AsyncExitStack() as stack:
        journal = None
        if arguments.data is not None:
            stack.callback(os.close, hold_data(arguments.data, "cluster.lock"))
            journal = Journal(arguments.data)
        cluster = Cluster(arguments.workers, journal)
        tell_of_workers(arguments.workers)
        for _, _, warning in cluster.apply(wishes):
            if warning:
                print(f"echorator: {warning}", file=sys.stderr)
        server.host(ClusterRole(cluster))
        await server.start()
        cluster.start()
        stack.push_async_callback(asyncio.to_thread, cluster.close)
        server.catch_signals()
        server.serve()
        say(f"{LISTENING_ON}{server.address}, try: echorator get all --server {server.address}")
        with telemetry(arguments, "cluster"):
            await server.run_until_signal()
        on_signals(cluster.hurry)
    say("stopped", sys.stderr)
    return Exit.OK


def tell_of_workers(folders: Sequence[Path]) -> None:
    """Say on stderr whose code is run, if there are any workers: that somebody may run code here must be no surprise."""
    if folders:
        names = ", ".join(str(folder.resolve()) for folder in folders)
        say(f"echorator: workers are on: whoever may apply resources here runs the code of {names}", sys.stderr)


async def _send(arguments: argparse.Namespace) -> int:
    try:
        value = value_of(json_digits.loads(arguments.value))
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{arguments.value[:200]!r} is not JSON ({error}); write a text as '\"text\"'", Exit.USAGE) from error
    request = pb.SendRequest(value=value, no_reply=arguments.no_reply)
    if arguments.container:
        request.container = arguments.to
    else:
        request.service = arguments.to
    server = controller_of(arguments.server)
    async with channel_to(server) as channel:
        try:
            reply = await ClusterServiceStub(channel).Send(request, timeout=arguments.timeout)
        except aio.AioRpcError as error:
            raise await of_status(error, server, Needed.CONTAINERS) from error
    if not arguments.no_reply:
        show_one_of_many(arguments.output, python_of(reply.value), "", "")
    return Exit.OK
