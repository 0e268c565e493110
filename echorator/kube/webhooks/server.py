"""The admission webhooks over HTTPS, on every replica of the operator: the API server asks whichever it reaches.

The TLS context takes up a new certificate while it serves, so that the port stays. Which names are taken is known from a watch of all
Models. Errors here are logged and retried: the operator goes on, and the API server ignores webhooks that do not answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from echorator.kube.api.client import Client
from echorator.kube.api.informer import Informer
from echorator.kube.api.resources import MODEL, Object
from echorator.kube.installation import DEFAULT_PATH, OPERATOR, SYSTEM_NAMESPACE, VALIDATE_PATH
from echorator.kube.webhooks.admission import MalformedReviewError, defaulted, read, reviewed
from echorator.kube.webhooks.certificates import Credentials, hosts_of
from echorator.kube.webhooks.secret import SharedCertificates, utc_now

_log = logging.getLogger(__name__)

MOST_BYTES = 8 << 20  # a review has the new object and the old one, each of 3 MiB at most
IDLE_S = 120  # above the 90 s after which API servers give up an idle connection: if the server closed first, a request could be lost
LEAVE_S = 5
RETRY_S = 5.0


@dataclass(frozen=True)
class WebhookSettings:
    """The settings of the webhooks' server."""

    port: int  # 0: any free port
    host: str = "0.0.0.0"  # address to listen on
    namespace: str = SYSTEM_NAMESPACE  # namespace of the Service and of the certificates' Secret
    service: str = OPERATOR  # name of the Service and of both webhook configurations
    hosts: tuple[str, ...] = ()  # names by which the API server calls; (): those of the Service
    watched: str = ""  # namespace of the Models whose names are known; "" for all


class Webhooks:
    """The server of the webhooks. `run` lasts until it is cancelled and raises nothing."""

    def __init__(self, client: Client, settings: WebhookSettings, clock: Callable[[], datetime] = utc_now) -> None:
        self._settings = settings
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._models = Informer(client, MODEL, settings.watched)
        hosts = settings.hosts or hosts_of(settings.service, settings.namespace)
        self.certificates = SharedCertificates(client, settings.namespace, settings.service, hosts, self._use, clock)
        self._certified = asyncio.Event()
        self.listening = asyncio.Event()
        self.port = settings.port  # the actual port, once it is listening

    async def run(self) -> None:
        """Watch the Models, keep the certificates current, and serve, until cancelled."""
        parts = {"models": self._models.run, "certificates": self.certificates.run, "server": self._serve}
        async with asyncio.TaskGroup() as group:  # cancels each task once: the server needs a moment to close its connections
            for name, work in parts.items():
                group.create_task(_kept_up(name, work))

    def knows(self, namespace: str, name: str) -> bool:
        """Return whether the watch has seen this Model, so that its name is taken."""
        return self._models.get(namespace, name) is not None

    def _use(self, held: Credentials) -> None:
        """Use the credentials from the next handshake on."""
        with tempfile.NamedTemporaryFile() as file:  # OpenSSL reads only files; this one is readable by its owner alone
            file.write(held.chain)
            file.flush()
            self._context.load_cert_chain(file.name)
        self._certified.set()

    async def _serve(self) -> None:
        """Serve once there is a certificate."""
        await self._certified.wait()
        family = socket.AF_INET6 if ":" in self._settings.host else socket.AF_INET
        with socket.create_server((self._settings.host, self.port), family=family, backlog=128) as listener:
            self.port = listener.getsockname()[1]
            config = uvicorn.Config(
                self._app(),
                log_config=None,
                log_level="warning",
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_keep_alive=IDLE_S,
                timeout_graceful_shutdown=LEAVE_S,
            )
            config.load()
            config.ssl = self._context
            server = _Server(config)
            serving = asyncio.create_task(server.serve([listener]))
            self.listening.set()
            _log.info("webhooks listen", extra={"port": self.port})
            try:
                await asyncio.shield(serving)
            finally:
                self.listening.clear()
                server.should_exit = True
                await asyncio.gather(serving, return_exceptions=True)

    # Requests

    def _app(self) -> Starlette:
        async def validate(request: Request) -> Response:
            return await _answered(request, lambda review: reviewed(review, self._models.all()))

        async def default(request: Request) -> Response:
            return await _answered(request, defaulted)

        return Starlette(routes=[Route(VALIDATE_PATH, validate, methods=["POST"]), Route(DEFAULT_PATH, default, methods=["POST"])])


async def _answered(request: Request, decide: Callable[[Object], Object]) -> Response:
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return PlainTextResponse(f"a review has at most {MOST_BYTES >> 20} MiB", 413)
        answer = decide(read(bytes(body)))
    except MalformedReviewError as error:
        return PlainTextResponse(str(error), 400)
    except ClientDisconnect:
        return PlainTextResponse("the caller is gone", 400)
    return Response(json.dumps(answer), media_type="application/json")


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the command."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture no signals while the server runs."""
        yield


async def _kept_up(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` again whenever it ends or fails."""
    while True:
        try:
            await work()
        except OSError as error:
            _log.warning("webhooks do not work", extra={"part": name, "error": str(error), "wait_s": RETRY_S})
        except Exception:  # noqa: BLE001  the operator goes on without webhooks
            _log.exception("webhooks do not work", extra={"part": name})
        await asyncio.sleep(RETRY_S)
