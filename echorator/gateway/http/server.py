"""The listening side of the HTTP API: uvicorn on this process's own event loop, without its signal handlers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from echorator.errors import ResourceError

BACKLOG = 2048


class _Uvicorn(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process's own server catches them."""
        yield


class HttpServer:
    """`start`, then `close`."""

    def __init__(self, app: Any, host: str, port: int, shared_port: bool = False) -> None:
        """`shared_port`: other processes listen on it too."""
        self.host = host
        self.port = port
        self._shared_port = shared_port
        config = uvicorn.Config(
            app, log_config=None, log_level="warning", access_log=False, lifespan="off", backlog=BACKLOG, server_header=False
        )
        self._server = _Uvicorn(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen. Returns the port. Raises ResourceError when it cannot be had."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._shared_port:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listening.bind((self.host, self.port))
        except OSError as error:
            listening.close()
            reason = error.strerror or str(error)
            raise ResourceError(f"cannot listen on {self.host}:{self.port}: {reason}; choose another --http-port") from error
        listening.listen(BACKLOG)  # from here on clients connect; uvicorn takes them a moment later
        self.port = int(listening.getsockname()[1])
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        return self.port

    async def close(self) -> None:
        """Take no more connections, end those that are open."""
        self._server.should_exit = self._server.force_exit = True
        if self._task is not None:
            await self._task
