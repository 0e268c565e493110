"""`echorator gateway --processes N`: N gateways behind one port. The kernel gives each connection to one of them.

Each is a process with an event loop, a buffer and a view of the mesh of its own; one that ends is started again. Their metrics are
added up by prometheus-client's multiprocess mode.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

from prometheus_client.multiprocess import mark_process_dead

from echorator.cli.bootstrap import host_port_of
from echorator.cli.children import dying_with_parent, echorator_itself, end
from echorator.cli.envoy_process import EnvoyProcess
from echorator.cli.gateway import greeting
from echorator.serving.server import on_signals, probe
from echorator.telemetry.exposition import FOLDER_VARIABLE

_log = logging.getLogger(__name__)

RESTART_S = 0.5  # before a gateway that ended by itself is started again
END_S = 10.0  # beyond the grace period


@contextmanager
def _reserved(host: str, port: int) -> Iterator[int]:
    """A port that processes of this user may listen on together, and nobody else. Raises ResourceError where it is taken."""
    probe(host, port)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, port))
        yield int(held.getsockname()[1])


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit code."""
    with ExitStack() as held:
        metrics = held.enter_context(tempfile.TemporaryDirectory(prefix="echorator-metrics-"))
        arguments.port = held.enter_context(_reserved(arguments.host, arguments.port))
        if arguments.http_port >= 0:
            arguments.http_port = held.enter_context(_reserved(arguments.host, arguments.http_port))
        return asyncio.run(_Gateways(arguments, metrics).run())


async def _all_set(events: Iterable[asyncio.Event]) -> None:
    for event in events:
        await event.wait()


class _Gateways:
    def __init__(self, arguments: argparse.Namespace, metrics: str) -> None:
        self._arguments = arguments
        self._env = {**os.environ, FOLDER_VARIABLE: metrics}
        self._stop = asyncio.Event()
        self._running: set[asyncio.subprocess.Process] = set()

    def _command(self) -> tuple[str, ...]:
        """The user's own, with what each process must know."""
        given = self._arguments
        further = ["--processes", "1", "--shared-port", "--port", str(given.port), "--http-port", str(given.http_port), "--envoy", ""]
        if given.envoy:
            further += ["--advertise", given.advertise or self._address]
        return dying_with_parent(*echorator_itself(*given.command_line, *further))

    @property
    def _address(self) -> str:
        host = self._arguments.host
        return f"{f'[{host}]' if ':' in host else host}:{self._arguments.port}"

    async def run(self) -> int:
        on_signals(self._on_signal)
        ready = [asyncio.Event() for _ in range(self._arguments.processes)]
        keepers = [asyncio.create_task(self._keep(event.set)) for event in ready]
        started = asyncio.create_task(_all_set(ready))
        envoy = None
        try:
            await asyncio.wait([started, *keepers], return_when=asyncio.FIRST_COMPLETED)
            if started.done():
                if self._arguments.envoy:
                    listen = host_port_of(self._arguments.envoy, "--envoy")
                    envoy = EnvoyProcess(self._arguments.controller, f"envoy-{os.getpid()}", listen, self._arguments.grace)
                    await envoy.start()
                print(greeting(self._arguments, self._address, self._arguments.http_port), flush=True)
                ends = [asyncio.create_task(envoy.ended())] if envoy is not None else []
                await asyncio.wait((*keepers, *ends), return_when=asyncio.FIRST_COMPLETED)
            self._end_once()
            codes = await asyncio.gather(*keepers)
        finally:
            started.cancel()
            self._end_once()
            if envoy is not None:
                await envoy.close()
            await asyncio.gather(*(end(process, self._arguments.grace + END_S) for process in self._running))
        print("stopped", file=sys.stderr)
        return max(codes)

    def _on_signal(self) -> None:
        """To each of them; a second signal is one too."""
        self._stop.set()
        for process in self._running:
            if process.returncode is None:
                process.terminate()

    def _end_once(self) -> None:
        """As by a signal, where none has come: a second one would end the grace period of those that still drain."""
        if not self._stop.is_set():
            self._on_signal()

    async def _keep(self, ready: Callable[[], None]) -> int:
        """One gateway, started again where it ends by itself after it was ready. Returns its last exit code."""
        served = False
        while True:
            process = await asyncio.create_subprocess_exec(
                *self._command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                env=self._env,
                start_new_session=True,  # Ctrl-C is passed on by this process, once
            )
            self._running.add(process)
            if self._stop.is_set():
                process.terminate()
            assert process.stdout is not None
            async for line in process.stdout:
                if line.startswith(b"listening on "):
                    served = True
                    ready()
            code = await process.wait()
            self._running.discard(process)
            mark_process_dead(process.pid, self._env[FOLDER_VARIABLE])  # type: ignore[no-untyped-call]
            if self._stop.is_set() or not served:
                return code
            _log.warning("a gateway process ended; starting another one", extra={"code": code})
            await asyncio.sleep(RESTART_S)
            if self._stop.is_set():
                return code
