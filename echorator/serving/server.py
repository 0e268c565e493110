"""Binds the port, serves the services of one or more roles with health, reflection and channelz, and drains.

Draining: health turns NOT_SERVING, new calls get UNAVAILABLE, running ones have the grace period to end, then they are
cancelled; a second signal cancels them at once. Fed by the command line, which has the exit codes.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from grpc import aio
from grpc_channelz.v1 import channelz
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from echorator.errors import InvalidRequestError, ResourceError
from echorator.serving import health
from echorator.serving.calls import Calls

_log = logging.getLogger(__name__)

CHANNELZ = "grpc.channelz.v1.Channelz"
SEND_LIMIT_BYTES = 256 << 20  # 2048 embeddings of 8192 numbers, and room
FLUSH_S = 0.5  # for the last statuses to reach their clients
SIGNALS = (signal.SIGTERM, signal.SIGINT)
CANCEL_S = 10.0  # for cancelled calls to end; a step is shorter


@dataclass(frozen=True)
class ServerSettings:
    """Where and how a role is reached. Times in seconds."""

    host: str = "127.0.0.1"
    port: int = 50051  # 0: any free one
    grace_s: float = 30.0  # running calls may take this long after a signal
    receive_limit_bytes: int = 4 << 20  # of one request; larger ones are RESOURCE_EXHAUSTED
    keepalive_s: float = 30.0  # a silent connection is probed after this, and closed 10 s later
    port_option: str = "--port"  # by which a user chooses it
    shared_port: bool = False  # other processes listen on the same port; the kernel gives each connection to one of them

    def __post_init__(self) -> None:
        """Raises InvalidRequestError, naming the field and its range."""
        for name, low, high in (
            ("port", 0, 65535),
            ("grace_s", 0, 86_400),
            ("receive_limit_bytes", 1024, (1 << 31) - 1),
            ("keepalive_s", 1, 86_400),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InvalidRequestError(f"{name} must be {low}..{high}, not {value}")

    def channel_options(self) -> list[tuple[str, int]]:
        """gRPC's channel arguments."""
        return [
            ("grpc.so_reuseport", int(self.shared_port)),  # else a port in use is an error, not a second server behind it
            ("grpc.max_receive_message_length", self.receive_limit_bytes),
            ("grpc.max_send_message_length", SEND_LIMIT_BYTES),
            ("grpc.keepalive_time_ms", int(self.keepalive_s * 1000)),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 1_000),  # clients that probe a silent stream are no attack
        ]


class Role(Protocol):
    """A service that a server hosts, and what has to end with it."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of its services, with their package."""
        ...

    @property
    def calls(self) -> Calls:
        """Its servicer."""
        ...

    def add_to(self, server: aio.Server) -> None:
        """Register the handlers."""
        ...

    async def leave(self) -> None:
        """The server is about to drain: returns once those who send calls here know it."""
        ...

    def stop_admission(self) -> None:
        """The server drains: refuse what would begin."""
        ...

    def cancel_all(self) -> int:
        """Cancel what runs; returns how much that was."""
        ...

    async def close(self) -> None:
        """Free everything; no call runs any more."""
        ...


class Server:
    """One listening server and its roles. `start`, then `close`; or `catch_signals` and `run_until_signal`."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.port = settings.port
        self.health = health.Health()
        self._roles: list[Role] = []
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._server = aio.server(options=settings.channel_options())
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._server)
        channelz.add_channelz_servicer(self._server)

    def host(self, role: Role) -> None:
        """Serve a role too; before `start`."""
        role.add_to(self._server)
        self._roles.append(role)

    def _names(self) -> list[str]:
        return [name for role in self._roles for name in role.names]

    @property
    def address(self) -> str:
        """host:port as clients write it."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"{host}:{self.port}"

    async def start(self) -> int:
        """Listen; not serving before `serve`. Returns the port. Raises ResourceError when it cannot be had."""
        reflection.enable_server_reflection((*self._names(), health.SERVICE, CHANNELZ, reflection.SERVICE_NAME), self._server)
        self.port = self.settings.port or self.port
        if not self.settings.shared_port:
            probe(self.settings.host, self.settings.port, self.settings.port_option)
        try:
            self.port = self._server.add_insecure_port(self.address)
        except RuntimeError as error:
            raise ResourceError(f"cannot listen on {self.address}: {error}") from error
        await self._server.start()
        self._set_serving(False)
        return self.port

    def serve(self) -> None:
        """Say to health checks that calls are welcome."""
        self._set_serving(True)

    def _set_serving(self, serving: bool) -> None:
        for name in ("", *self._names()):
            self.health.set(name, serving)

    async def drain(self, grace_s: float) -> bool:
        """Refuse what is new and wait for what runs. True when all of it ended within the grace period."""
        self.health.shut_down()
        await asyncio.gather(*(role.leave() for role in self._roles))
        for role in self._roles:
            role.calls.draining.set()
            role.stop_admission()
        try:
            async with asyncio.timeout(grace_s):
                for role in self._roles:
                    await role.calls.idle.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Cancel what still runs, stop listening, free what the roles hold: the first hosted goes first."""
        await self.drain(0.0)
        cancelled = sum(role.cancel_all() for role in self._roles)
        if cancelled:
            _log.warning("running requests cancelled", extra={"requests": cancelled})
            await self.drain(CANCEL_S)
        await self._server.stop(FLUSH_S)
        for role in self._roles:
            await role.close()

    def catch_signals(self) -> None:
        """From here on SIGTERM and SIGINT no longer end the process: `run_until_signal` sees them."""
        on_signals(self._on_signal)

    def _on_signal(self) -> None:
        (self._hurry if self._stop.is_set() else self._stop).set()

    async def run_until_signal(self, or_until: Callable[[], Awaitable[None]] | None = None) -> None:
        """Serve until a signal, drain, close. A second signal ends the grace period. Needs `catch_signals` before.

        The end of `or_until` is as good as a signal.
        """
        ends = [asyncio.ensure_future(end()) for end in (self._stop.wait, or_until) if end is not None]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        _log.info("draining", extra={"grace_s": self.settings.grace_s})
        drain = asyncio.create_task(self.drain(self.settings.grace_s))
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait((drain, hurry), return_when=asyncio.FIRST_COMPLETED)
        for task in (drain, hurry):
            task.cancel()
        await self.close()


def on_signals(call: Callable[[], None]) -> None:
    """From here on SIGTERM and SIGINT call this, on the running event loop, and end nothing by themselves."""
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, call)


def probe(host: str, port: int, option: str = "--port") -> None:
    """Raises ResourceError where the address cannot be bound; gRPC itself would print its own lines before it fails."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise ResourceError(f"cannot listen on {host}: {error.strerror or error}") from error
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as probing:
        probing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probing.bind(address)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ResourceError(f"cannot listen on {host}:{port}: {reason}; choose another {option}, or 0 for any free one") from error
