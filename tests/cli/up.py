"""One `echorator up` of a test's own, and what the commands ask of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc

from echorator.rpc.v1 import common_pb2
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.commands import echorator
from tests.support.ports import free_port
from tests.support.processes import Process

MODEL = """\
apiVersion: echorator.dev/v1
kind: Model
metadata: {name: nano}
spec:
  image: echo-nano
  replicas: 1
"""


class Up:
    """One `echorator up` on free ports, and what one asks of it."""

    def __init__(self, folder: Path, *options: str, manifest: str = MODEL) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port, self.http, self.controller = free_port(), free_port(), free_port()
        (folder / "model.yaml").write_text(manifest)
        ports = ("--port", str(self.port), "--http-port", str(self.http), "--controller-port", str(self.controller))
        self.arguments = ("up", "-f", str(folder / "model.yaml"), "--data", str(self.data), *ports, *options)
        self.process = Process(folder / "up.log", *self.arguments)

    def start(self) -> Up:
        self.process.start()
        return self

    @property
    def server(self) -> tuple[str, str]:
        return ("--server", f"127.0.0.1:{self.controller}")

    def run(self, *arguments: str) -> str:
        done = echorator(*arguments, *self.server)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ready(self) -> Up:
        self.run("status", "--wait", "60")
        return self

    def resources(self, *what: str) -> Any:
        found = json.loads(self.run("get", *what, "-o", "json"))
        return found["items"] if found["kind"] == "List" else found

    def agents(self) -> dict[str, int]:
        """Process ids of the agents, by name."""
        found = {}
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().decode("utf-8", "replace").split("\0")
            except OSError:
                continue
            if "--agent-id" in words and f"127.0.0.1:{self.controller}" in words and words[1] == "-P":
                found[words[words.index("--agent-id") + 1]] = int(path.parent.name)
        return found

    def chat(self, text: str, user: str = "", model: str = "") -> str:
        request = pb.ChatRequest(model=model, messages=[pb.Message(role="user", content=text)], sampling=pb.Sampling(temperature=0.0))
        if user:
            request.memory.scope.CopyFrom(common_pb2.Scope(user=user))
        with grpc.insecure_channel(f"127.0.0.1:{self.port}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub: Any = ModelServiceStub(channel)  # type: ignore[arg-type]
            return "".join(reply.text for reply in stub.Chat(request, timeout=30.0))
