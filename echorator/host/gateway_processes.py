"""`echorator gateway --processes N`: N gateways behind one port; the kernel gives each connection to one of them.

Each is a process with its own event loop, buffer and view of the mesh; one that ends is restarted. prometheus-client's multiprocess mode
adds up their metrics.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

from prometheus_client.multiprocess import mark_process_dead

from echorator.host.addresses import host_port_of
from echorator.host.children import dying_with_parent, echorator_itself, end
from echorator.host.envoy_process import EnvoyProcess
from echorator.host.exits import Exit
from echorator.serving.server import on_signals, probe
from echorator.telemetry.exposition import FOLDER_VARIABLE
from echorator.telemetry.log_lines import LISTENING_ON, said, say

_log = logging.getLogger(__name__)

RESTART_S = 0.5  # pause before a gateway that ended by itself is restarted
END_S = 10.0  # time beyond the grace period until a gateway is killed


@contextmanager
def _reserved(host: str, port: int) -> Iterator[int]:
    """Reserve a port on which processes of this user, and nobody else, may listen together. Raises ResourceError if it is taken."""
    probe(host, port)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, port))
        yield int(held.getsockname()[1])


def run_processes(arguments: argparse.Namespace) -> int:
    """Run `--processes` gateways until a signal and return the exit code."""
    with ExitStack() as held:
        metrics = held.enter_context(tempfile.TemporaryDirectory(prefix="echorator-metrics-"))
        arguments.port = held.enter_context(_reserved(arguments.host, arguments.port))
        if arguments.http_port >= 0:
            arguments.http_port = held.enter_context(_reserved(arguments.host, arguments.http_port))
        return asyncio.run(_Gateways(arguments, metrics).run())


def gateway_greeting(arguments: argparse.Namespace, address: str, http_port: int) -> str:
    """Return the line that is printed once clients may connect; other programs wait for its first words."""
    parts = [f"{address} (gRPC)"]
    if http_port >= 0:
        parts.append(f"http://{arguments.host}:{http_port}/v1 (OpenAI)")
    if arguments.envoy:
        parts.append(f"{arguments.envoy} (Envoy)")
    return f"{LISTENING_ON}{', '.join(parts)}"


async def _all_set(events: Iterable[asyncio.Event]) -> None:
    for event in events:
        await event.wait()


def _signal_of(code: int) -> str:
    """Return the name of the signal that ended a process with this return code; "" where it ended by itself."""
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}" if code < 0 else ""


class _Gateways:
    def __init__(self, arguments: argparse.Namespace, metrics: str) -> None:
        self._arguments = arguments
        self._env = {**os.environ, FOLDER_VARIABLE: metrics}
        self._stop = asyncio.Event()
        self._running: set[asyncio.subprocess.Process] = set()

    def _command(self) -> tuple[str, ...]:
        """Return the user's command line with the options that each process needs."""
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
                say(gateway_greeting(self._arguments, self._address, self._arguments.http_port))
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
        say("stopped", sys.stderr)
        return max(codes)

    def _on_signal(self) -> None:
        """Terminate all processes; a second signal terminates them again, which ends their grace periods."""
        self._stop.set()
        for process in self._running:
            if process.returncode is None:
                process.terminate()

    def _end_once(self) -> None:
        """Terminate all processes unless a signal did: a second signal would end the grace periods of those that still drain."""
        if not self._stop.is_set():
            self._on_signal()

    async def _keep(self, ready: Callable[[], None]) -> int:
        """Run one gateway and restart it if it ends by itself after it was ready; return its last exit code, FAILURE for a signal's."""
        served = False
        while True:
            process = await asyncio.create_subprocess_exec(
                *self._command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                env=self._env,
                start_new_session=True,  # this process passes Ctrl-C on, once
            )
            self._running.add(process)
            if self._stop.is_set():
                process.terminate()
            assert process.stdout is not None
            async for line in process.stdout:
                if said(line).startswith(LISTENING_ON):
                    served = True
                    ready()
            code = await process.wait()
            self._running.discard(process)
            mark_process_dead(process.pid, self._env[FOLDER_VARIABLE])  # type: ignore[no-untyped-call]
            by = _signal_of(code)
            asked = self._stop.is_set() and by == signal.SIGTERM.name  # it came before the gateway handled signals
            ended = Exit.OK if asked else Exit.FAILURE if by else code
            if self._stop.is_set() or not served:
                if ended:
                    _log.error("a gateway process ended", extra={"pid": process.pid, "code": code, "signal": by})
                return ended
            _log.warning("a gateway process ended; starting another one", extra={"pid": process.pid, "code": code, "signal": by})
            await asyncio.sleep(RESTART_S)
            if self._stop.is_set():
                return ended
