"""The common parts of the mesh's benches: processes and their costs, h2load, and a table with its bars."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from google.protobuf.message import Message

from tests.support.ports import free_port
from tests.support.processes import START_S

_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


class Part:
    """A process that has announced that it listens. It ends with the stack."""

    def __init__(self, stack: ExitStack, log: Path, *command: str, says: str = "listening on", env: dict[str, str] | None = None) -> None:
        env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        with log.open("wb") as out:
            self.popen = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env)
        stack.callback(self.end)
        self._log = log
        wait_until(lambda: says in self.said() or self.popen.poll() is not None, f"{command} says {says!r}")
        if self.popen.poll() is not None:
            raise SystemExit(f"{' '.join(command)} ended: {self.said()}")

    def said(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def cpu_s(self) -> float:
        """Return the processor time of the process in seconds."""
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * _TICK_S

    def resident_mb(self) -> float:
        pages = int(Path(f"/proc/{self.popen.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6

    def end(self) -> None:
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(10)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()


def wait_until(holds: Callable[[], bool], what: str, within_s: float = START_S) -> None:
    deadline_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline_s:
            raise SystemExit(f"not within {within_s:g} s: {what}")
        time.sleep(0.02)


class Parts:
    """The controller, gateways and back ends of one bench, in one folder."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self.controller = ""

    def start(self, name: str, *command: str, says: str = "listening on", env: dict[str, str] | None = None) -> Part:
        return Part(self._stack, self._folder / f"{name}.log", *command, says=says, env=env)

    def echorator(self, name: str, *arguments: str) -> Part:
        return self.start(name, sys.executable, "-m", "echorator", *arguments)

    def back_end(self, name: str, *arguments: str) -> Part:
        return self.start(name, sys.executable, "-m", "bench.mesh.back_ends", *arguments)

    def control(self, *options: str) -> Part:
        self.controller = f"127.0.0.1:{free_port()}"
        data = str(self._folder / "state")
        return self.echorator("controller", "controller", "--port", self.controller.rpartition(":")[2], "--data", data, *options)

    def gateway(self, *options: str) -> tuple[Part, str]:
        """Start a gateway and return it with its address."""
        port = str(free_port())
        part = self.echorator("gateway", "gateway", "--port", port, "--http-port", "-1", "--controller", self.controller, *options)
        return part, f"127.0.0.1:{port}"


def h2load(
    address: str, body: Path, calls: int, connections: int, streams: int, headers: Sequence[str] = (), method: str = "Tokenize"
) -> float:
    """Return answered calls per second. Raises SystemExit where a call failed."""
    tool = shutil.which("h2load")
    if tool is None:
        raise SystemExit("h2load is absent: apt-get install nghttp2-client")
    further = [part for header in headers for part in ("-H", header)]
    command = (tool, "-n", str(calls), "-c", str(connections), "-m", str(streams), "-d", str(body), "-H", "te: trailers", *further)
    url = f"http://{address}/echorator.v1.ModelService/{method}"
    said = subprocess.run((*command, "-H", "content-type: application/grpc", url), capture_output=True, text=True, check=True).stdout
    done = re.search(r"(\d+) succeeded", said)
    rate = re.search(r"([\d.]+) req/s", said)
    if done is None or rate is None or int(done[1]) != calls:
        raise SystemExit(f"h2load: not all of {calls} calls succeeded:\n{said}")
    return float(rate[1])


def framed(path: Path, request: Message) -> Path:
    """Write a request as a gRPC frame for h2load and return its path."""
    message = request.SerializeToString()
    path.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    return path


class Table:
    """A table of measured values and the bars that they have to meet."""

    def __init__(self, title: str) -> None:
        print(f"\n## {title}\n\n| what | measured | bar | |\n|---|---|---|---|", flush=True)

    def row(self, what: str, measured: str, bar: str = "", met: bool | None = None) -> None:
        verdict = "" if met is None else "met" if met else "NOT met"
        print(f"| {what} | {measured} | {bar} | {verdict} |", flush=True)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile of the values at `share` (0..1), by rank and without interpolation."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
