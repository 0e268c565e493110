"""One listening server: hosts the services of one or more roles with health, reflection and channelz, and drains them.

Draining: health turns NOT_SERVING, new calls get UNAVAILABLE, running calls have the grace period to end and are then
cancelled; a second signal cancels them at once. Fed by the command line, which chooses the exit codes.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from grpc import aio
from grpc_channelz.v1 import channelz
from grpc_health.v1 import health_pb2_grpc

from echorator.errors import ResourceError
from echorator.ports import AGENT_PORT
from echorator.ranged import Range, check_ranges
from echorator.serving import health, heap
from echorator.serving.calls import Calls
from echorator.serving.decoding import DecodingServer
from echorator.serving.reflection import add_reflection

_log = logging.getLogger(__name__)

CHANNELZ = "grpc.channelz.v1.Channelz"
SEND_LIMIT_BYTES = 256 << 20  # 2048 embeddings of 8192 numbers, with room to spare
FLUSH_S = 0.5  # time for the last statuses to reach their clients
SIGNALS = (signal.SIGTERM, signal.SIGINT)
CANCEL_S = 10.0  # time for cancelled calls to end; an engine step is shorter


_RANGES: Mapping[str, Range] = {
    "port": Range(0, 65535),
    "grace_s": Range(0, 86_400),
    "receive_limit_bytes": Range(1024, (1 << 31) - 1),
    "keepalive_s": Range(1, 86_400),
}


@dataclass(frozen=True)
class ServerSettings:
    """The address and the limits of a server. Times in seconds."""

    host: str = "127.0.0.1"  # address or name to listen on
    port: int = AGENT_PORT  # 0: any free port
    grace_s: float = 30.0  # time that running calls have after a signal
    receive_limit_bytes: int = 4 << 20  # largest request; a larger one gets RESOURCE_EXHAUSTED
    keepalive_s: float = 30.0  # a silent connection is probed after this time, and closed 10 s later
    port_option: str = "--port"  # the option by which a user chooses the port
    shared_port: bool = False  # other processes listen on the same port; the kernel gives each connection to one of them

    def __post_init__(self) -> None:
        """Check the numbers. Raises InvalidRequestError, naming the field and its range."""
        check_ranges(self, _RANGES)

    def channel_options(self) -> list[tuple[str, int]]:
        """Return the server's settings as gRPC channel arguments."""
        return [
            ("grpc.so_reuseport", int(self.shared_port)),  # without it a port in use is an error, not a second server behind it
            ("grpc.max_receive_message_length", self.receive_limit_bytes),
            ("grpc.max_send_message_length", SEND_LIMIT_BYTES),
            ("grpc.keepalive_time_ms", int(self.keepalive_s * 1000)),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 1_000),  # clients that probe a silent stream are not an attack
        ]


class Role(Protocol):
    """A service that a server hosts, with what has to end together with it."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the fully qualified gRPC service names of this role."""
        ...

    @property
    def calls(self) -> Calls:
        """Return the servicer whose calls are counted and drained."""
        ...

    def add_to(self, server: aio.Server) -> None:
        """Register the role's handlers with the server."""
        ...

    async def leave(self) -> None:
        """Tell the senders of calls that the server will drain, and return once they know."""
        ...

    def stop_admission(self) -> None:
        """Refuse new work: the server drains."""
        ...

    def cancel_all(self) -> int:
        """Cancel the running requests and return how many there were."""
        ...

    async def close(self) -> None:
        """Free everything that the role holds; no call runs any more."""
        ...


class Server:
    """One listening server and its roles: `start`, then `close`; or `catch_signals` and `run_until_signal`."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.port = settings.port
        self.health = health.Health()
        self._welcomes = False
        self._roles: list[Role] = []
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._server = aio.server(options=settings.channel_options())
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._server)
        channelz.add_channelz_servicer(self._server)

    def host(self, role: Role) -> None:
        """Add a role to the server; call it before `start`."""
        role.add_to(cast("aio.Server", DecodingServer(self._server)))
        self._roles.append(role)

    def _names(self) -> list[str]:
        return [name for role in self._roles for name in role.names]

    @property
    def address(self) -> str:
        """Return the address as clients write it, host:port."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"{host}:{self.port}"

    async def start(self) -> int:
        """Listen and return the port; health is NOT_SERVING until `serve`. Raises ResourceError when the port is not available."""
        add_reflection((*self._names(), health.SERVICE, CHANNELZ), self._server)
        self.port = self.settings.port or self.port
        if not self.settings.shared_port:
            probe(self.settings.host, self.settings.port, self.settings.port_option)
        try:
            self.port = self._server.add_insecure_port(self.address)
        except RuntimeError as error:
            raise ResourceError(f"cannot listen on {self.address}: {error}") from error
        starting = asyncio.ensure_future(self._server.start())
        try:
            await asyncio.shield(starting)  # grpc.aio prints a traceback where its start is cancelled
        except asyncio.CancelledError:
            await starting
            await self._server.stop(None)
            raise
        self._set_serving(False)
        return self.port

    def serve(self) -> None:
        """Report SERVING to health checks."""
        self._welcomes = True
        self._set_serving(True)

    def hinder(self, hindered: bool) -> None:
        """Report NOT_SERVING to health checks while `hindered`, as during a stalled engine step, once `serve` was called."""
        if self._welcomes:
            self._set_serving(not hindered)

    def _set_serving(self, serving: bool) -> None:
        for name in ("", *self._names()):
            self.health.set(name, serving)

    async def drain(self, grace_s: float) -> bool:
        """Refuse new calls and wait for the running ones. Return whether all ended within the grace period."""
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
        """Cancel what still runs, stop listening and free the roles, in the order in which they were hosted."""
        await self.drain(0.0)
        cancelled = sum(role.cancel_all() for role in self._roles)
        if cancelled:
            _log.warning("running requests cancelled", extra={"requests": cancelled})
            await self.drain(CANCEL_S)
        await self._server.stop(FLUSH_S)
        for role in self._roles:
            await role.close()

    def catch_signals(self) -> None:
        """Catch SIGTERM and SIGINT from here on: they no longer end the process, `run_until_signal` sees them."""
        on_signals(self._on_signal)

    def _on_signal(self) -> None:
        (self._hurry if self._stop.is_set() else self._stop).set()

    async def run_until_signal(self, or_until: Callable[[], Awaitable[None]] | None = None) -> None:
        """Serve until a signal, drain, close. A second signal ends the grace period. Call `catch_signals` first.

        When `or_until` returns, the server drains as after a signal.
        """
        ends = [asyncio.ensure_future(end()) for end in (self._stop.wait, or_until) if end is not None]
        heap.freeze()
        giving_back = asyncio.create_task(heap.give_memory_back())
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # of a Ctrl-C that came before `catch_signals`
            await self.close()
            raise
        finally:
            for end in (*ends, giving_back):
                end.cancel()
        _log.info("draining", extra={"grace_s": self.settings.grace_s})
        drain = asyncio.create_task(self.drain(self.settings.grace_s))
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait((drain, hurry), return_when=asyncio.FIRST_COMPLETED)
        for task in (drain, hurry):
            task.cancel()
        await self.close()


def on_signals(call: Callable[[], None]) -> None:
    """Call `call` on the running event loop for SIGTERM and SIGINT, which no longer end the process."""
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, call)


def probe(host: str, port: int, option: str = "--port") -> None:
    """Check that the address can be bound. Raises ResourceError; gRPC itself would print its own lines before it fails."""
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
