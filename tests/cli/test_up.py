"""`echorator up` and the commands on its resources, as processes: scale, self-healing, deletion, restarts, mistakes, the view."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest

from echorator.agent.loading.embedded import embedded_model
from echorator.host.exits import Exit
from echorator.host.running_file import born, find
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.cli.up import MODEL, Up
from tests.support.commands import COMMAND, echorator, failed
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import looks, until

WITHIN_S = 30.0


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path)
    made.start().ready()
    try:
        yield made
    finally:
        made.process.end()


@pytest.mark.slow
def test_scale_heal_delete_and_nothing_is_left(up: Up) -> None:
    assert "model/nano scaled to 3" in up.run("scale", "model", "nano", "3", "--wait", "30")
    assert up.agents().keys() == {"nano-0", "nano-1", "nano-2"}
    assert up.resources("model", "nano")["status"]["readyReplicas"] == 3
    killed = up.agents()["nano-1"]
    os.kill(killed, signal.SIGKILL)
    until(lambda: up.agents().get("nano-1", killed) != killed, "it is started again")
    up.run("status", "--wait", "30")
    (container,) = [r for r in up.resources("containers") if r["metadata"]["name"] == "nano-1"]
    assert container["status"]["restarts"] == 1
    assert "the agent ended with -9" in up.run("describe", "container/nano-1")
    assert up.chat("Hello!", model="nano")
    listed = echorator("mesh", "agents", "--controller", f"127.0.0.1:{up.controller}", "--output", "json")
    addresses = [agent["address"] for agent in json.loads(listed.stdout)["agents"]]
    assert len(addresses) == 3
    assert "model/nano is deleted" in up.run("delete", "model", "nano")
    assert up.resources("all") == []
    assert up.agents() == {}
    for address in addresses:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", int(address.rpartition(":")[2])))
    kept = {path.name: path.read_text() for path in (up.data / "logs" / "nano").iterdir()}
    assert sorted(kept) == ["nano-0.log", "nano-1.log", "nano-2.log"], "logs stay"
    assert all("agent ended" in text.splitlines()[-1] for text in kept.values())
    with pytest.raises(grpc.RpcError) as refused:
        up.chat("Hello!", model="nano")
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_model_at_zero_is_woken_by_a_request_and_its_file_says_so_no_more(up: Up) -> None:
    up.run("scale", "model/nano", "0", "--wait", "30")
    until(lambda: up.agents() == {}, "no agent runs")
    assert up.chat("Hello!", model="nano")
    assert up.resources("model", "nano")["spec"]["replicas"] == 1
    up.run("apply", "-f", str(up.folder / "model.yaml"), "--wait", "30")


@pytest.mark.slow
def test_agents_inside_the_process(tmp_path: Path) -> None:
    up = Up(tmp_path, manifest=f"{MODEL}  isolation: Thread\n")
    try:
        up.start().ready()
        assert up.agents() == {}
        assert up.chat("Hello!", model="nano")
        up.run("scale", "model", "nano", "2", "--wait", "30")
        assert len(up.resources("containers")) == 2
        up.run("delete", "-f", str(tmp_path / "model.yaml"))
        assert up.resources("all") == []
        assert up.process.terminate() == 0
        assert up.process.log.read_text().endswith("stopped\n")
    finally:
        up.process.end()


@pytest.mark.slow
def test_state_and_memory_survive_kills(up: Up) -> None:
    up.run("scale", "model", "nano", "2", "--wait", "30")
    up.chat("My dog is called Pixel.", user="ann")
    agents = set(up.agents().values())
    assert len(agents) == 2
    up.process.kill()
    until(lambda: all(born(pid) == "" for pid in agents), "agents do not outlive it")
    up.process = Process(up.folder / "again.log", *(word for word in up.arguments if word not in ("-f", str(up.folder / "model.yaml"))))
    up.start().ready()
    assert up.resources("model", "nano")["spec"]["replicas"] == 2
    assert "Pixel" in up.chat("What is my dog called?", user="ann")


@pytest.mark.slow
def test_one_up_a_folder_and_one_a_port(up: Up) -> None:
    same = echorator("up", "--data", str(up.data))
    assert up.process.popen is not None
    failed(same, 1, f"{up.data} is in use by process {up.process.popen.pid}; stop it, or use another folder")
    other = ("up", "--data", str(up.folder / "other"))
    ports = {"--controller-port": up.controller, "--port": up.port, "--http-port": up.http}
    for option, port in ports.items():
        free = {name: (port if name == option else free_port()) for name in ports}
        refused = echorator(*other, *(word for name, number in free.items() for word in (name, str(number))))
        failed(refused, Exit.RESOURCE, f"cannot listen on 127.0.0.1:{port}", f"choose another {option}")
    assert up.chat("Hello!", model="nano")


def test_an_answer_is_finished_before_it_ends(up: Up) -> None:
    request = pb.GenerateRequest(model="nano", prompt="Once", limits=pb.Limits(max_tokens=400, ignore_eos=True))
    with grpc.insecure_channel(f"127.0.0.1:{up.port}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub: Any = ModelServiceStub(channel)  # type: ignore[arg-type]
        replies = iter(stub.Generate(request, timeout=30.0))
        next(replies)
        up.process.signal(signal.SIGINT)
        last = list(replies)[-1]
    assert last.finish.usage.completion_tokens == 400
    assert up.process.wait() == 0
    assert up.agents() == {}
    assert find() is None


@pytest.mark.slow
def test_mistakes_in_files_change_nothing(up: Up, tmp_path: Path) -> None:
    before = up.resources("all")
    bad = tmp_path / "bad.yaml"
    bad.write_text(f"{MODEL}---\n{MODEL.replace('name: nano', 'name: other').replace('replicas', 'replicsa')}")
    refused = echorator("apply", "-f", str(bad), *up.server)
    failed(refused, Exit.USAGE, f"{bad}:13: spec.replicsa: there is no such field; did you mean 'replicas'?")
    bad.write_text(MODEL.replace("kind: Model", "kind: Modell").replace("replicas: 1", "replicas: 1\n x: 2"))
    refused = echorator("apply", "-f", str(bad), *up.server)
    failed(refused, Exit.USAGE, f"{bad}:7: while parsing")
    bad.write_text("a: 1\nb: 2\n")
    refused = echorator("apply", "-f", str(bad), *up.server)
    assert refused.returncode == Exit.USAGE
    assert len(refused.stderr.splitlines()) == 4, "a line for each mistake"
    for number in ("-1", "1001"):
        failed(echorator("scale", "model", "nano", number, *up.server), Exit.USAGE, f"replicas must be 0..1000, not {number}")
    failed(echorator("scale", "model", "nano", *up.server), 2, "say which and how many: echorator scale model NAME N")
    failed(echorator("get", "modell", *up.server), 2, "there is no kind 'modell'; did you mean 'Model'?")
    failed(echorator("get", "model", "x", *up.server), 1, "there is no model/x; known: nano")
    failed(echorator("delete", "model", "x", *up.server), 1, "there is no model/x; known: nano")
    failed(echorator("delete", *up.server), 2, "say what to delete")
    failed(echorator("describe", "models", *up.server), 2, "say which: echorator describe model NAME")
    failed(echorator("get", "all", "--server", f"127.0.0.1:{free_port()}"), Exit.UNAVAILABLE, "is `echorator up` running there?")
    assert up.resources("all") == before


@pytest.mark.slow
def test_a_model_that_cannot_be_says_why_and_is_served_once_it_can(up: Up) -> None:
    file = up.folder / "late.gguf"
    late = up.folder / "late.yaml"
    late.write_text(MODEL.replace("name: nano", "name: late").replace("image: echo-nano", "image: late.gguf"))
    refused = echorator("apply", "-f", str(late), "--wait", "30", *up.server)
    assert refused.returncode == 1
    assert f"{file}: no such file; correct the name, or put the file there" in refused.stderr
    assert "Failed" in up.run("status")
    file.write_bytes(b"GGUF and no more")
    until(lambda: "EchoLlamaIntegration" in up.run("describe", "model", "late"), "it is tried")
    until(lambda: up.resources("model", "late")["status"]["phase"] == "Failed", "the agent refuses the file")
    assert up.chat("Hello!", model="nano"), "the other is served as before"
    late.write_text(late.read_text().replace("late.gguf", str(embedded_model())))
    up.run("apply", "-f", str(late), "--wait", "30")
    assert up.chat("Hello!", model="late")
    failed(echorator("embed", "a dog"), 1, "name one of the models that are served: late, nano")
    done = echorator("embed", "--model", "nano", "a dog")
    assert len(done.stdout.split()) == 128, done.stderr


class Screen:
    """A terminal of 80 columns with a command in it."""

    def __init__(self, *arguments: str) -> None:
        self.text = b""
        self._fd, end = os.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
        self._process = subprocess.Popen((*COMMAND, *arguments), stdin=end, stdout=end, stderr=end, env=env)
        os.close(end)

    def _read(self) -> bool:
        """False once nobody has the other end any more."""
        if select.select([self._fd], [], [], 0.1)[0]:
            try:
                self.text += os.read(self._fd, 65536)
            except OSError:
                return False
        return True

    def until(self, pattern: str) -> str:
        for _ in looks(WITHIN_S):
            if re.search(pattern, self.plain()):
                return self.plain()
            self._read()
        raise AssertionError(self.plain())

    def plain(self) -> str:
        """Without colours; what is drawn again begins a line."""
        drawn = re.sub(r"\x1b\[[0-9]*A", "\n", self.text.decode("utf-8", "replace"))
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn).replace("\r", "")

    def interrupt(self) -> int:
        self._process.send_signal(signal.SIGINT)
        until(lambda: not self._read(), "it has said all")
        return self._process.wait(WITHIN_S)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._fd)


def test_the_view_on_a_terminal_of_80_columns(tmp_path: Path) -> None:
    long = "a-name-that-is-as-long-as-a-name-of-a-model-may-be-in-this-mesh"
    up = Up(tmp_path, manifest=MODEL.replace("name: nano", f"name: {long}"))
    with closing(Screen(*up.arguments)) as screen:
        shown = screen.until(r"Ready +1/1 +0/8")
        for line in shown.splitlines():
            assert len(line) <= 80, line
        assert f"gRPC 127.0.0.1:{up.port}   OpenAI http://127.0.0.1:{up.http}/v1" in shown
        assert re.search(r"NAME +PHASE +READY +SLOTS +QUEUE +TOKENS/S", shown)
        assert re.search(r"AGENT +STATE +SLOTS +TOKENS/S +RESTARTS +MODELS", shown)
        with closing(Screen("top", *up.server)) as top:
            top.until(r"Ready +1/1 +0/8")
            assert top.interrupt() == Exit.INTERRUPTED
        assert screen.interrupt() == 0
        assert screen.plain().rstrip().endswith("stopped")


def test_without_a_terminal_changes_are_lines(up: Up) -> None:
    up.run("scale", "model", "nano", "2", "--wait", "30")
    until(lambda: "model nano: Ready, 2/2 ready" in up.process.log.read_text(), "it is said")
    top = subprocess.Popen((*COMMAND, "top", *up.server), stdout=subprocess.PIPE, text=True)
    assert top.stdout is not None
    assert top.stdout.readline() == "model nano: Ready, 2/2 ready\n"
    top.send_signal(signal.SIGINT)
    assert top.wait(30) == Exit.INTERRUPTED
    top.stdout.close()


@pytest.mark.slow
def test_containers_without_a_mesh(tmp_path: Path) -> None:
    (tmp_path / "sums.py").write_text("def add(value):\n    return sum(value)\n")
    (tmp_path / "c.yaml").write_text("""\
apiVersion: echorator.dev/v1
kind: ReplicaSet
metadata: {name: sums}
spec:
  replicas: 2
  selector: {matchLabels: {app: sums}}
  template:
    metadata: {labels: {app: sums}}
    spec: {worker: "sums:add"}
---
apiVersion: echorator.dev/v1
kind: Service
metadata: {name: sums}
spec: {selector: {app: sums}}
""")
    port = free_port()
    server = ("--server", f"127.0.0.1:{port}")
    options = ("--port", str(port), "--workers", str(tmp_path), "--data", str(tmp_path / "data"))
    process = Process(tmp_path / "log", "cluster", "run", "-f", str(tmp_path / "c.yaml"), *options)
    try:
        process.start()
        assert f"whoever may apply resources here runs the code of {tmp_path}" in process.log.read_text()
        assert "code of a worker was imported worker=sums:add" in process.log.read_text()
        assert echorator("cluster", "send", "sums", "[1, 2, 39]", *server).stdout == "42\n"
        assert echorator("cluster", "send", "--container", "sums-0", "[1]", "--no-reply", *server).stdout == ""
        failed(echorator("cluster", "send", "sums", "nonsense", *server), 2, "is not JSON", "write a text as '\"text\"'")
        failed(echorator("cluster", "send", "absent", "1", *server), 1, "there is no service/absent; known: sums")
        failed(echorator("cluster", "send", "sums", '"x"', *server), 1, "failed: TypeError")
        process.kill()
        process = Process(tmp_path / "again", "cluster", "run", *options)
        process.start()
        assert echorator("cluster", "send", "sums", "[4]", *server).stdout == "4\n"
        (tmp_path / "leaves.py").write_text("import sys\nsys.exit(4)\n")
        leaves = tmp_path / "leaves.yaml"
        leaves.write_text((tmp_path / "c.yaml").read_text().split("---")[0].replace("sums", "leaves"))
        failed(echorator("apply", "-f", str(leaves), *server), 2, "importing leaves failed: SystemExit: 4")
        model = tmp_path / "m.yaml"
        model.write_text(MODEL)
        failed(echorator("apply", "-f", str(model), *server), 2, "this cluster has no mesh to serve models; start it with `echorator up`")
        assert process.terminate() == 0
    finally:
        process.end()


def test_workers_are_off_unless_a_folder_is_named(up: Up, tmp_path: Path) -> None:
    (tmp_path / "sums.py").write_text("def add(value):\n    return sum(value)\n")
    worker = tmp_path / "worker.yaml"
    text = 'apiVersion: echorator.dev/v1\nkind: Container\nmetadata: {name: sums}\nspec: {worker: "sums:add"}\n'
    worker.write_text(text)
    for name in ("sums:add", "os:system", "antigravity:x"):
        worker.write_text(text.replace("sums:add", name))
        failed(echorator("apply", "-f", str(worker), *up.server), 2, "workers are off; start this with --workers DIR")
    assert "whoever may apply" not in up.process.log.read_text()


def test_what_a_worker_prints_goes_above_the_view(tmp_path: Path) -> None:
    (tmp_path / "talks.py").write_text("def handle(value):\n    print('a worker', end=' ')\n    print('says', value)\n    return value\n")
    worker = tmp_path / "worker.yaml"
    worker.write_text('apiVersion: echorator.dev/v1\nkind: Container\nmetadata: {name: talks}\nspec: {worker: "talks:handle"}\n')
    up = Up(tmp_path, "--workers", str(tmp_path))
    with closing(Screen(*up.arguments)) as screen:
        screen.until(r"Ready +1/1 +0/8")
        up.run("apply", "-f", str(worker), "--wait", "30")
        assert up.run("cluster", "send", "--container", "talks", "[7]") == "[7]\n"
        shown = screen.until(r"a worker says \[7\]")
        assert re.search(r"^a worker says \[7\]$", shown, re.MULTILINE), shown
        assert screen.interrupt() == 0
