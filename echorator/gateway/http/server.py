"""The listening socket of the HTTP API: uvicorn on this process's own event loop, without its signal handlers.

Serves the application of `api` behind `door`, with one `protocol` for each connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import uvicorn

from echorator.errors import ResourceError
from echorator.gateway.http.connections import Connections
from echorator.gateway.http.door import Door
from echorator.gateway.http.protocol import BoundedProtocol
from echorator.gateway.http.settings import HttpSettings
from echorator.machine import allow_open_files

BACKLOG = 2048
OTHER_FILES = 512  # descriptors kept free for other uses than HTTP: files, and connections to agents


class _Uvicorn(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers, because the process's gRPC server has its own."""
        yield


class HttpServer:
    """The HTTP server of one gateway: `start`, then `close`."""

    def __init__(self, app: Any, host: str, port: int, shared_port: bool = False, settings: HttpSettings | None = None) -> None:
        """Create a server for the ASGI application `app`; `shared_port`: other processes listen on the port too."""
        self.host = host
        self.port = port
        self.settings = settings or HttpSettings()
        self._shared_port = shared_port
        self._app = app
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    def _uvicorn(self) -> _Uvicorn:
        limits = self.settings
        files = allow_open_files(limits.connections + OTHER_FILES)
        most = max(1, min(limits.connections, files - OTHER_FILES if files > 2 * OTHER_FILES else files // 2))
        connections = Connections(most, min(most, limits.connections_of_one_address))
        protocol = cast("type[asyncio.Protocol]", partial(BoundedProtocol, limits, connections))
        config = uvicorn.Config(
            Door(self._app, limits, self.host),
            http=protocol,
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            backlog=BACKLOG,
            server_header=False,
        )
        return _Uvicorn(config)

    async def start(self) -> int:
        """Listen and return the port. Raises ResourceError when the address cannot be bound."""
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
        listening.listen(BACKLOG)  # clients can connect from here on; uvicorn accepts them once it runs
        self.port = int(listening.getsockname()[1])
        self._server = self._uvicorn()
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        return self.port

    async def close(self) -> None:
        """Stop accepting connections, and end the open ones."""
        if self._server is not None:
            self._server.should_exit = self._server.force_exit = True
        if self._task is not None:
            await self._task
