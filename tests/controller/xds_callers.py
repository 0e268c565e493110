"""Clients in other languages, each a process of its own that calls a model through xDS with nothing but a bootstrap file.

A caller reads commands from its stdin, one JSON object a line, with these keys:
  method, request         Chat or Tokenize of ModelService, and the request as JSON
  calls, parallel         how many calls in all, how many at a time
  deadline_s, session, wait_for_ready, cancel_after
                          of each call; `cancel_after` messages the client cancels it, 0 for never
  until_stopped           go on until `{"stop": true}` comes; "called" is printed once the first call has ended
and prints an array of the ends of all calls, each `[status, message, text, messages, seconds]`.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2

from echorator.rpc.v1 import common_pb2, model_pb2
from tests.support.mesh import Mesh, bootstrap_of

CLIENTS = Path(__file__).parent / "clients"
ROOT = Path(__file__).parents[2]
PROTOS = ROOT / "protos"
EXAMPLES = ROOT / "examples"
LANGUAGES = ("node", "go")
ANSWER_S = 90.0
_SOURCES = {
    "node": [EXAMPLES / "node" / name for name in ("package.json", "package-lock.json")],
    "go": [CLIENTS / "go" / name for name in ("go.mod", "go.sum", "main.go")],
    "go-example": [
        *(EXAMPLES / "go" / name for name in ("go.mod", "go.sum", "main.go", "generate.sh")),
        *(PROTOS / "echorator" / "v1" / name for name in ("common.proto", "model.proto")),
    ],
}
HELLO = {"messages": [{"role": "user", "content": "Hello!"}], "sampling": {"temperature": 0.0}, "limits": {"max_tokens": 4}}


class End(NamedTuple):
    """How one call ended."""

    status: str
    message: str
    text: str
    messages: int
    seconds: float


def built(client: str) -> Path:
    """Return the folder of what `clients/build.sh CLIENT` makes of the sources as they are now, which need not be there.

    CLIENT is one of LANGUAGES, or "go-example" for the program of examples/go.
    """
    sources = b"".join(path.read_bytes() for path in _SOURCES[client])
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "echorator"
    return cache / f"xds-{client}-{hashlib.sha256(sources).hexdigest()[:12]}"


def _write_descriptors(folder: Path) -> Path:
    files = descriptor_pb2.FileDescriptorSet()
    for module in (common_pb2, model_pb2):
        module.DESCRIPTOR.CopyToProto(files.file.add())
    path = folder / "model.pb"
    path.write_bytes(files.SerializeToString())
    return path


class Caller:
    """A process that calls `model` through the controller of `mesh`, on a machine it knows as `host`; it ends with the context."""

    def __init__(self, language: str, mesh: Mesh, model: str, host: str = "127.0.0.1", **environment: str) -> None:
        folder, target = built(language), f"xds:///{model}"
        if language == "node":
            self._command: tuple[str, ...] = ("node", str(CLIENTS / "node/caller.js"), target, str(PROTOS))
        else:
            self._command = (str(folder / "caller"), target, str(_write_descriptors(mesh.folder)))
        bootstrap = mesh.folder / "xds.json"
        bootstrap.write_text(bootstrap_of(mesh, host), "utf-8")
        self._env = {**os.environ, "GRPC_XDS_BOOTSTRAP": str(bootstrap), "ECHORATOR_NODE_PACKAGES": str(folder), **environment}
        self._model = model
        self._log = mesh.folder / f"caller-{language}.log"
        self._lines: queue.Queue[str] = queue.Queue()

    def __enter__(self) -> Caller:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=self._env
            )
        self._reading = threading.Thread(target=self._read)
        self._reading.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        self._reading.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        if kind is not None:
            print(f"--- {self._log.name}\n{self._log.read_text('utf-8', 'replace')[-3000:]}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("null")

    def _say(self, **command: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> Any:
        answer = json.loads(self._lines.get(timeout=ANSWER_S))
        assert answer is not None, "the client ended"
        return answer

    def _begin(self, method: str, request: dict[str, Any] | None, **options: Any) -> None:
        asked = {"model": self._model} | (HELLO if request is None else request)
        defaults = {"calls": 1, "parallel": 1, "deadline_s": 30.0, "session": "", "wait_for_ready": False, "cancel_after": 0}
        self._say(method=method, request=asked, **(defaults | options))

    def calls(self, method: str = "Chat", request: dict[str, Any] | None = None, **options: Any) -> list[End]:
        """Call, and return how each call ended; `options` are keys of a command."""
        self._begin(method, request, **options)
        return [End(*end) for end in self._answer()]

    def begin(self, **options: Any) -> None:
        """Call again and again until `stop`; return once the first call has ended."""
        self._begin("Chat", None, until_stopped=True, **({"calls": 1 << 30} | options))
        assert self._answer() == "called"

    def stop(self) -> list[End]:
        """Return how all calls since `begin` ended."""
        self._say(stop=True)
        return [End(*end) for end in self._answer()]
