"""Real processes of a mesh for tests: controller, agents and gateways on free loopback ports, killed and frozen for real."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tests.waiting import looks

START_S = 60.0
_LISTENING = re.compile(r"listening on (\S+?),?(?:\s|$)")
_given: set[int] = {0}


def free_port() -> int:
    """One that nothing listens on now, and that was not given before."""
    port = 0
    while port in _given:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
    _given.add(port)
    return port


class Process:
    """One `echorator` command. `start` returns once it listens; it may be started again after its end."""

    def __init__(self, log: Path, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.log = log
        self.arguments = arguments
        self.env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self.popen: subprocess.Popen[bytes] | None = None

    def start(self) -> Process:
        self.begin()
        self.wait_for(_LISTENING)
        return self

    def begin(self) -> None:
        """Start without waiting."""
        with self.log.open("wb") as out:
            command = (sys.executable, "-m", "echorator", *self.arguments)
            self.popen = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=self.env)

    def wait_for(self, pattern: re.Pattern[str]) -> re.Match[str]:
        assert self.popen is not None
        for _ in looks(START_S):
            ended = self.popen.poll()
            found = pattern.search(self.log.read_text("utf-8", "replace"))
            if found:
                return found
            assert ended is None, f"ended with {ended}: {self.log.read_text('utf-8', 'replace')}"
            time.sleep(0.02)
        raise AssertionError(f"no {pattern.pattern!r} in {self.log.read_text('utf-8', 'replace')}")

    def signal(self, number: signal.Signals) -> None:
        assert self.popen is not None
        self.popen.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    def terminate(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        assert self.popen is not None
        return self.popen.wait(START_S)

    def end(self) -> None:
        if self.popen is not None and self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.kill()
            self.popen.wait(START_S)


class Mesh:
    """A controller with its agents and gateways; all end with the context."""

    def __init__(self, folder: Path, env: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.env = env
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.processes: list[Process] = []
        self.agents: dict[str, Process] = {}
        self.controller = self._process("controller", "controller", "--port", str(self.port), "--data", str(folder / "state"))

    def _process(self, name: str, *arguments: str) -> Process:
        process = Process(self.folder / f"{name}.log", *arguments, env=self.env)
        self.processes.append(process)
        return process

    def agent(self, name: str, *arguments: str) -> Process:
        """Started; joined when this returns."""
        port = str(free_port())
        options = ("--port", port, "--controller", self.address, "--agent-id", name, "--threads", "1")
        process = self._process(name, "serve", *arguments, *options)
        self.agents[name] = process
        return process.start()

    def gateway(self, *arguments: str, port: int = 0, http: int = -1) -> tuple[Process, str]:
        """Started, and its gRPC address."""
        address = f"127.0.0.1:{port or free_port()}"
        name = f"gateway-{len(self.processes)}"
        options = ("--port", address.rpartition(":")[2], "--http-port", str(http), "--controller", self.address)
        return self._process(name, "gateway", *options, *arguments).start(), address

    def command(self, *arguments: str) -> str:
        """`echorator mesh …` and what it prints."""
        command = (sys.executable, "-m", "echorator", "mesh", *arguments, "--controller", self.address)
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, env=self.processes[0].env, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, name: str, source: str, replicas: int, *options: str) -> None:
        """A model; ready when this returns."""
        self.command("apply", name, "--source", source, "--replicas", str(replicas), "--wait", "60", *options)

    def __enter__(self) -> Mesh:
        self.controller.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in self.processes:
            process.end()
        if kind is not None:
            for process in self.processes:
                print(f"--- {process.log.name}\n{process.log.read_text('utf-8', 'replace')[-3000:]}")


@contextmanager
def xds_client(mesh: Mesh, target: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that calls `target` through xDS, and has its first answer; see `xds_caller`."""
    bootstrap = subprocess.run(
        (sys.executable, "-m", "echorator", "bootstrap", "--controller", mesh.address), capture_output=True, text=True, check=True
    ).stdout
    env = {**os.environ, "GRPC_XDS_BOOTSTRAP_CONFIG": bootstrap}
    caller = (sys.executable, "-m", "tests.xds_caller", target, *arguments)
    with subprocess.Popen(caller, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "called\n"
            yield process
        finally:
            process.kill()


async def until(holds: Callable[[], bool], what: str, within_s: float = 20.0) -> None:
    """Return as soon as `holds` does; fail after `within_s`."""
    for _ in looks(within_s):
        if holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {within_s:g} s: {what}")
