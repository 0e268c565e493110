"""Connects the MCP server to its clients: over stdin and stdout of this process, or over streamable HTTP."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import anyio
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.message import SessionMessage

from echorator.errors import ResourceError
from echorator.host.exits import Exit
from echorator.mcp.checked_bodies import CheckedBodies
from echorator.mcp.frames import FRAME_BYTES, refusal_of

PATH = "/mcp"
READ_BYTES = 1 << 16
GRACE_S = 2  # for answers that are under way when a signal comes
WAITING_LINES = 64
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

Send = Callable[[SessionMessage], Awaitable[None]]


class _Stdin:
    """The lines of stdin, read by a daemon thread.

    The SDK's own reader waits in a thread that can neither be cancelled nor left behind, so that Ctrl-C and a closed stdout would end
    the process only once the client sends another line.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(WAITING_LINES)  # in `_lines`: the client waits where more lines come than are served
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (line := await self._lines.get()) is not None:
            self._room.release()
            yield line

    def _read(self) -> None:
        pending = bytearray()
        while chunk := _chunk():
            *ended, rest = chunk.split(b"\n")
            for part in ended:
                pending += part
                self._put(bytes(pending))
                pending.clear()
            pending += rest
            if len(pending) > FRAME_BYTES:
                pending[:] = b"!"  # what is left of it is no JSON either
        if pending:
            self._put(bytes(pending))
        self._put(None)

    def _put(self, line: bytes | None) -> None:
        self._room.acquire()
        with suppress(RuntimeError):  # the loop has ended, and so nobody reads the line
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)


def _chunk() -> bytes:
    """Return the next bytes of stdin; none at its end."""
    try:
        return os.read(0, READ_BYTES)
    except OSError:
        return b""


async def _messages(lines: _Stdin, client: asyncio.Future[Send]) -> AsyncIterator[str]:
    """Yield the lines that are messages, and answer the other ones to the client; empty lines are passed over."""
    async for line in lines:
        if not line.strip():
            continue
        refusal = refusal_of(line)
        if refusal is None:
            yield line.decode()
            continue
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the client has closed stdout, which ends the process
            await (await client)(SessionMessage(refusal))


async def serve_stdio(server: Server[Any]) -> int:
    """Serve the client at stdin and stdout until it closes one of them, and return the exit code. A signal ends the process."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _end)
    code = Exit.OK
    client: asyncio.Future[Send] = loop.create_future()
    try:
        async with stdio_server(stdin=cast("anyio.AsyncFile[str]", _messages(_Stdin(), client))) as (reading, writing):
            client.set_result(writing.send)
            await server.run(reading, writing, server.create_initialization_options())
    except* BrokenPipeError:
        code = Exit.PIPE_CLOSED
    return code


def _end() -> None:
    """End at once. A write that the client does not read cannot be interrupted, and nothing is lost: servers see their calls end."""
    os._exit(Exit.OK)


class _Uvicorn(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install handlers that end the server and, unlike uvicorn's own, do not raise the signal again after that."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        yield

    def _stop(self, number: signal.Signals) -> None:
        """End the server. Its log is quiet from then on: uvicorn takes each event stream that is ended for an error of the program."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self.handle_exit(number, None)


async def serve_http(server: Server[Any], host: str, port: int, allowed_hosts: list[str], say: Callable[[str], None]) -> int:
    """Serve streamable HTTP until a signal, and return the exit code; `say` gets the URL. Raises ResourceError where it cannot listen.

    A request must name in Host the address itself or one of `allowed_hosts`, and an Origin must be of one of these, so that no web page
    reaches the memory by a name that it points at this machine (DNS rebinding).
    """
    listening = _listening(host, port)
    bound = f"[{host}]" if ":" in host else host
    names = [*LOOPBACK, bound, *allowed_hosts]
    security = TransportSecuritySettings(
        allowed_hosts=[*names, *(f"{name}:*" for name in names)],
        allowed_origins=[f"{scheme}://{name}{end}" for scheme in ("http", "https") for name in names for end in ("", ":*")],
    )
    app = server.streamable_http_app(streamable_http_path=PATH, transport_security=security, host=host)
    config = uvicorn.Config(
        CheckedBodies(app),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    say(f"MCP at http://{bound}:{listening.getsockname()[1]}{PATH}")
    await _Uvicorn(config).serve(sockets=[listening])
    print("stopped", file=sys.stderr)
    return Exit.OK


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises ResourceError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        made = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ResourceError(f"cannot listen on {host} port {port}: {error.strerror or error}; name another --http") from error
    return made
