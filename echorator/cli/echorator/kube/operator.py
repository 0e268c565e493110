"""`echorator operator`: turns the Models of a Kubernetes cluster into pods and Services, and refuses invalid ones by webhooks."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from echorator.host.exits import CommandError, Exit
from echorator.host.kube_connection import connected
from echorator.kube.api.client import Client
from echorator.kube.api.election import ElectionSettings
from echorator.kube.installation import Install
from echorator.kube.operator import Operator, OperatorSettings
from echorator.kube.webhooks.server import Webhooks, WebhookSettings
from echorator.telemetry.exposition import Exposition
from echorator.telemetry.log_lines import say


def run(arguments: argparse.Namespace) -> int:
    """Run the operator until a signal and return the exit code. Raises CommandError."""
    return asyncio.run(_operate(arguments))


async def _operate(arguments: argparse.Namespace) -> int:
    try:
        election = ElectionSettings(arguments.lease_duration, arguments.renew_deadline, arguments.retry_period)
    except ValueError as error:
        raise CommandError(str(error), Exit.USAGE) from error
    install = Install(
        arguments.system_namespace,
        arguments.controller,
        arguments.memory_server,
        arguments.image,
        arguments.gpu_image,
        fixed_ids=not arguments.without_ids,
        grace_s=arguments.grace,
    )
    identity = arguments.identity or f"{socket.gethostname()}_{secrets.token_hex(4)}"
    settings = OperatorSettings(
        install,
        identity,
        arguments.namespace,
        arguments.workers,
        election,
        arguments.lease,
        arguments.controller_through,
        arguments.resync,
    )
    async with await connected(arguments.kubeconfig, arguments.context) as client:
        operator = Operator(client, settings)
        server = _Server(uvicorn.Config(_app(operator), arguments.host, arguments.port, log_level="warning", lifespan="off"))
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        serving = asyncio.create_task(server.serve())
        working = asyncio.create_task(operator.run())
        stopping = asyncio.create_task(stop.wait())
        asking = asyncio.create_task(_webhooks(client, arguments))
        say(f"operating as {identity}; /metrics, /readyz on http://{arguments.host}:{arguments.port}")
        done, _ = await asyncio.wait((serving, working, stopping), return_when=asyncio.FIRST_COMPLETED)
        working.cancel()
        asking.cancel()
        server.should_exit = True
        await asyncio.gather(serving, working, asking, return_exceptions=True)
        for task in done:
            task.result()
    say("stopped", sys.stderr)
    return Exit.OK


async def _webhooks(client: Client, arguments: argparse.Namespace) -> None:
    """Serve the webhooks on every replica, whether it leads or not; their failures do not end the operator."""
    if arguments.webhook_port >= 0:
        host, namespace = arguments.host, arguments.system_namespace
        settings = WebhookSettings(arguments.webhook_port, host, namespace, arguments.webhook_service, watched=arguments.namespace)
        await Webhooks(client, settings).run()


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the command."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture no signals while the server runs."""
        yield


def _app(operator: Operator) -> Starlette:
    def healthz(_: Request) -> Response:
        return PlainTextResponse("ok")

    def readyz(_: Request) -> Response:
        trouble = operator.trouble()
        return PlainTextResponse(trouble or "ok", 503 if trouble else 200)

    async def metrics(_: Request) -> Response:
        return Response(await Exposition(lambda: None).text(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)])
