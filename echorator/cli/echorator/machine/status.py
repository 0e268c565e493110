"""`echorator status`: prints the state of the mesh once; `echorator top`: prints it again and again."""

from __future__ import annotations

import argparse
import asyncio
import sys

import grpc
from grpc import aio
from rich.live import Live

from echorator.cli.output.consoles import Console
from echorator.cli.output.mesh_status import MeshStatus, read_status
from echorator.cli.output.rendering import show as show_once
from echorator.cli.output.status_view import changes, document_of_status, view_of
from echorator.host.connection import channel_to
from echorator.host.exits import CommandError, Exit
from echorator.host.failure import of_status
from echorator.host.running_file import Running, controller_of, find
from echorator.host.server_roles import Needed
from echorator.telemetry.log_lines import say

POLL_S = 0.1


def run(arguments: argparse.Namespace) -> int:
    """Print the state, or with `top` until Ctrl-C; return the exit code. Raises CommandError."""
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "status" and arguments.wait:
        await _until_ready(arguments.server, arguments.wait)
    server = controller_of(arguments.server)
    running = find()
    if running is not None and running.controller != server:
        running = None
    async with channel_to(server) as channel:
        try:
            if arguments.command == "top":
                await show(channel, running, arguments.interval, sys.stdout.isatty())
            else:
                now, form = await _read(channel, running), arguments.output
                document = document_of_status(now, running)
                show_once(form, document, [m.name for m in now.models], view_of(now, running, form == "wide"))
        except aio.AioRpcError as error:
            raise await of_status(error, server, Needed.MESH) from error
    return Exit.OK


async def _until_ready(server: str, wait_s: float) -> None:
    """Wait until `up` runs and all its models are ready. Raises CommandError after `wait_s`, or where `server` has another role."""
    says = "no `echorator up` of this user runs"
    try:
        async with asyncio.timeout(wait_s):
            while True:
                if server or find() is not None:
                    says = await _lacking(controller_of(server))
                if not says:
                    return
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise CommandError(f"not ready within {wait_s:g} s: {says}", Exit.UNAVAILABLE) from None


async def _lacking(server: str) -> str:
    """Return what the mesh lacks for being ready, "" for nothing. Raises CommandError where the server is of another role."""
    async with channel_to(server) as channel:
        try:
            models = (await read_status(channel, "")).models
        except aio.AioRpcError as error:
            failure = await of_status(error, server, Needed.MESH)
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                raise failure from error  # a server of another role, which no time makes ready
            return str(failure)
    return "; ".join(f"{m.name}: {m.stands.line}" for m in models if m.stands.phase != "Ready")


def _read(channel: aio.Channel, running: Running | None) -> asyncio.Future[MeshStatus]:
    return asyncio.ensure_future(read_status(channel, running.http if running is not None else ""))


async def show(channel: aio.Channel, running: Running | None, interval_s: float, live: bool) -> None:
    """Show the mesh until cancelled: a view that is redrawn if `live`, else a line for each change."""
    if not live:
        before: MeshStatus | None = None
        while True:
            now = await _read(channel, running)
            for line in changes(before, now):
                say(line)
            before = now
            await asyncio.sleep(interval_s)
    with Live(console=Console(highlight=False), auto_refresh=False) as screen:  # the output of workers goes above the view
        while True:
            screen.update(view_of(await _read(channel, running), running), refresh=True)
            await asyncio.sleep(interval_s)
