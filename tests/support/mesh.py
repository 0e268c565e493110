"""Real processes of a mesh for tests: controller, agents and gateways on free loopback ports, killed and frozen for real."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tests.support.ports import free_port
from tests.support.processes import START_S, Process


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

    def agent(self, name: str, *arguments: str, module: str = "echorator") -> Process:
        """Started; joined when this returns. `module` is run in place of the command line."""
        port = str(free_port())
        options = ("--port", port, "--controller", self.address, "--agent-id", name, "--threads", "1")
        process = self._process(name, "serve", *arguments, *options)
        process.module = module
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


def bootstrap_of(mesh: Mesh, host: str = "127.0.0.1") -> str:
    """What `echorator bootstrap` prints for clients of a mesh that know its controller's machine as `host`."""
    command = (sys.executable, "-m", "echorator", "bootstrap", "--controller", f"{host}:{mesh.port}")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@contextmanager
def xds_client(mesh: Mesh, target: str, *arguments: str, bootstrap: str = "") -> Iterator[subprocess.Popen[str]]:
    """A process of its own that calls `target` through xDS, and has its first answer; see `xds_caller`.

    `bootstrap` is what it starts from [what `echorator bootstrap` prints].
    """
    env = {**os.environ, "GRPC_XDS_BOOTSTRAP_CONFIG": bootstrap or bootstrap_of(mesh)}
    caller = (sys.executable, "-m", "tests.support.xds_caller", target, *arguments)
    with subprocess.Popen(caller, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "called\n"
            yield process
        finally:
            process.kill()
