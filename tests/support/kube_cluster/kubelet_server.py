"""The kubelet's own API, as far as `kubectl logs` and `kubectl port-forward` need it."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, urlsplit

from echorator.host.children import dying_with_parent
from tests.support.kube_cluster.certificates import Authority

_POLL_S = 0.05
_BLOCK = 65536
_STALLED_S = 60.0


@dataclass(frozen=True)
class Log:
    """One run of a container: what it wrote, and whether more may come."""

    path: Path
    goes_on: Callable[[], bool]


Find = Callable[[str, str, str, bool], Log | None]
Locate = Callable[[str, str], str | None]


class KubeletServer:
    """HTTPS on a free port.

    `find` takes namespace, pod, container and whether the run before the present one is meant; `locate` takes namespace and pod, whose
    address it gives. `forwarder` is the program that speaks the protocols of `kubectl port-forward`.
    """

    def __init__(self, folder: Path, find: Find, locate: Locate, forwarder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        certificate, key = Authority(folder).server("kubelet", "127.0.0.1", "localhost")
        self._closing = threading.Event()
        closing, log = self._closing, folder / "port-forwarder.log"

        class Handler(_Handler):
            def setup(self) -> None:
                self.find, self.locate, self.closing = find, locate, closing
                self.forwarder, self.forwarder_log = forwarder, log
                super().setup()

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="kubelet-server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    rbufsize = 0  # what follows a head is not read with it
    find: Find
    locate: Locate
    forwarder: Path
    forwarder_log: Path
    closing: threading.Event

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nowhere."""

    def handle(self) -> None:
        with suppress(OSError):  # who asked went away
            super().handle()

    def do_GET(self) -> None:
        self.close_connection = True
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        match url.path.split("/"):
            case ["", "containerLogs", namespace, pod, container]:
                self._send_log(self.find(namespace, pod, container, query.get("previous") == "true"), query)
            case ["", "portForward", namespace, pod, *_]:
                self._forward(self.locate(namespace, pod))
            case _:
                self.send_error(404)

    do_POST = do_GET

    def _send_log(self, log: Log | None, query: dict[str, str]) -> None:
        if log is None:
            self.send_error(404, "no such container, or it has not started")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        for block in self._blocks(log, int(query.get("tailLines", -1)), query.get("follow") == "true"):
            self.wfile.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _blocks(self, log: Log, tail: int, follow: bool) -> Iterator[bytes]:
        with log.path.open("rb") as file:
            if tail >= 0:
                file.seek(_start_of_tail(file, tail))
            while True:
                last = not (follow and log.goes_on() and not self.closing.is_set())
                while block := file.read(_BLOCK):
                    yield block
                if last:
                    return
                time.sleep(_POLL_S)

    def _forward(self, address: str | None) -> None:
        """The request as it came, and all bytes after it, go to a process of their own, which ends with the connection."""
        if address is None:
            self.send_error(404, "no such pod")
        elif not os.access(self.forwarder, os.X_OK):
            self.send_error(501, f"{self.forwarder.name} is absent: bash tests/kube/controlplane/build.sh builds it")
        else:
            with self._forwarding(address) as program:
                head = [self.requestline, *(f"{key}: {value}" for key, value in self.headers.items()), "", ""]
                program.sendall("\r\n".join(head).encode("latin-1"))
                self._splice(program)

    @contextmanager
    def _forwarding(self, address: str) -> Iterator[socket.socket]:
        """Started by this thread, whose end is the process's too."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs, self.forwarder_log.open("ab") as log:
                command = dying_with_parent(str(self.forwarder), address, by=signal.SIGKILL)
                process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=log, stderr=log)
            try:
                yield ours
            finally:
                process.kill()
                process.wait()

    def _splice(self, program: socket.socket) -> None:
        """Until one side ends."""
        client = self.connection
        assert isinstance(client, ssl.SSLSocket)
        others = {program: client, client: program}
        with selectors.DefaultSelector() as selector:
            for side in others:
                side.settimeout(_STALLED_S)
                selector.register(side, selectors.EVENT_READ)
            while not self.closing.is_set():
                ready = [client] if client.pending() else [key.fileobj for key, _ in selector.select(_POLL_S)]
                for side, other in others.items():
                    if side in ready:
                        block = side.recv(_BLOCK)
                        if not block:
                            return
                        other.sendall(block)


def _start_of_tail(file: BinaryIO, lines: int) -> int:
    starts = deque([0], lines + 1)
    for line in file:
        starts.append(starts[-1] + len(line))
    return starts[0]
