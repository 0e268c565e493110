"""`kollama chat` by its own `kubectl port-forward`: from a real kubectl through a real API server to the gateway of an installed cluster.

An absent model and an absent kubectl need no cluster: test_chat.py has them.
"""

from __future__ import annotations

import array
import fcntl
import mmap
import os
import select
import signal
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from echorator.ports import HTTP_PORT
from tests.support.commands import KOLLAMA, failed, kollama
from tests.support.kube_cluster.control_plane import port_forwarder
from tests.support.kube_cluster.in_cluster import SYSTEM, agents, apply, gateway, metric, pods, ready
from tests.support.kube_cluster.process_cluster import ProcessCluster
from tests.support.kube_cluster.workloads import Workspace, container, pod, python, service
from tests.support.programs import needing
from tests.support.waiting import until

STORY = ("--temperature", "0", "Tell me a story")
ENDS_S = 15.0  # what is over at once is over in it on a busy machine too
GATEWAY = "echorator-gateway"
PAGE = mmap.PAGESIZE
SLEEP = "import time; time.sleep(600)"


@dataclass(frozen=True)
class Chat:
    """`kollama chat nano` in a cluster where that model is ready."""

    cluster: ProcessCluster
    namespace: str

    def command(self, *arguments: str) -> tuple[str, ...]:
        options = ("--kubeconfig", str(self.cluster.kubeconfig), "--namespace", self.namespace)
        return (*KOLLAMA, "chat", "nano", *options, *arguments)

    @contextmanager
    def started(self, *arguments: str, before: tuple[str, ...] = (), **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
        with subprocess.Popen((*before, *self.command(*arguments)), env=self.environment, **streams) as process:
            try:
                yield process
            finally:
                process.kill()

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return kollama(*self.command(*arguments)[len(KOLLAMA) :], **self.environment)

    @property
    def environment(self) -> dict[str, str]:
        """With the cluster's own kubectl, on a terminal that knows no codes."""
        return {**os.environ, "TERM": "dumb", "PATH": f"{self.cluster.bin}:{os.environ['PATH']}"}

    def left(self) -> list[str]:
        """Command lines of processes that forward: kubectl, and what the kubelet, which is in this process, has for each connection."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended meanwhile
                words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
                parent = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1]
                ours = words[0] == str(port_forwarder()) and int(parent) == os.getpid()
                if ours or ("port-forward" in words and f"--kubeconfig={self.cluster.kubeconfig}" in words):
                    found.append(" ".join(words))
        return found

    def gateways(self) -> list[Any]:
        return pods(self.cluster, SYSTEM, f"app.kubernetes.io/name={GATEWAY}")

    def under_way(self) -> float:
        """Calls in the gateways."""
        return sum(metric(found, HTTP_PORT, "echorator_gateway_requests_in_flight") for found in self.gateways())

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The model answers nothing for a while."""
        (agent,) = agents(self.cluster, self.namespace, "nano")
        name = agent["metadata"]["name"]
        self.cluster.kubelet.kill(self.namespace, name, signal=signal.SIGSTOP)
        try:
            yield
        finally:
            self.cluster.kubelet.kill(self.namespace, name, signal=signal.SIGCONT)


@pytest.fixture(scope="module")
@needing("port-forwarder")
def chat(installed: ProcessCluster) -> Iterator[Chat]:
    installed.kubectl("create", "namespace", "chat")
    apply(installed, "chat", "nano", image="echo-nano", cognition={"enabled": False})
    yield Chat(installed, "chat")
    installed.kubectl("delete", "namespace", "chat", "--timeout=90s")


@pytest.fixture(autouse=True)
def served(chat: Chat) -> Iterator[None]:
    """Each test begins with a model that is ready and ends with nothing of its own left."""
    ready(chat.cluster, chat.namespace, "nano")
    yield
    until(lambda: chat.left() == [], "nothing forwards", ENDS_S)


class Terminal:
    """One of its own for a process, which gets Ctrl-C from it as all of its foreground processes do."""

    def __init__(self) -> None:
        self._ours, self.end = os.openpty()
        self._seen = bytearray()

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def shows(self, text: str) -> bool:
        """After what was found before."""
        if select.select([self._ours], [], [], 0.1)[0]:
            with suppress(OSError):  # nobody has the other end any more
                self._seen += os.read(self._ours, 65536)
        start = self._seen.find(text.encode())
        del self._seen[: start + len(text) if start >= 0 else 0]
        return start >= 0

    def close(self) -> None:
        os.close(self._ours)
        os.close(self.end)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


def test_an_answer_comes_in_parts_as_it_would_from_the_gateway(chat: Chat) -> None:
    """A pipe takes a text that is shorter than a page whole or not at all: what is in one with little room came in parts."""
    reading, writing = os.pipe()
    capacity, room = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PAGE), 32
    assert capacity == PAGE
    filling = b"." * (capacity - room)
    os.write(writing, filling)
    with chat.started(*STORY, stdout=writing, stderr=subprocess.PIPE) as process, open(reading, "rb") as pipe:
        os.close(writing)
        until(lambda: waiting(pipe) > len(filling) or process.poll() is not None, "the first words")
        assert len(chat.left()) == 2, "kubectl, and its connection at the kubelet"
        text = pipe.read().removeprefix(filling).decode()
        assert process.wait(ENDS_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert room < len(text) < PAGE
    direct = chat(*STORY, "--gateway", f"{gateway(chat.cluster)}:50052")
    assert text == direct.stdout


def waiting(pipe: Any) -> int:
    """Bytes that can be read."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_what_ends_it_ends_the_forwarding_and_the_call(chat: Chat, number: signal.Signals, code: int) -> None:
    with chat.frozen(), chat.started("Hello!", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        until(lambda: chat.under_way() == 1, "the call is under way")
        process.send_signal(number)
        assert process.wait(ENDS_S) == code
        out, err = process.communicate()
        assert out == b""
        assert [line for line in err.decode().splitlines() if "is not ready" not in line] == []
        until(lambda: chat.left() == [], "nothing forwards", ENDS_S)
        until(lambda: chat.under_way() == 0, "nobody waits for the answer", ENDS_S)


def test_ctrl_c_in_a_dialogue_ends_the_answer_and_not_the_forwarding(chat: Chat, terminal: Terminal) -> None:
    ends = {"stdin": terminal.end, "stdout": terminal.end, "stderr": terminal.end}
    with chat.started(before=("setsid", "--ctty"), **ends) as process:
        until(lambda: terminal.shows("> "), "it asks")
        with chat.frozen():
            terminal.type("Tell me a story\n")
            until(lambda: chat.under_way() == 1, "the call is under way")
            terminal.type("\x03")
            until(lambda: terminal.shows("[stopped]"), "the answer is given up")
        until(lambda: terminal.shows("> "), "it asks again")
        terminal.type("Hello!\n")
        until(lambda: terminal.shows("I am Echo") or process.poll() is not None, "it answers")
        assert process.poll() is None
        until(lambda: terminal.shows("> "), "it asks a third time")  # before that, the terminal takes Ctrl-D for the end of a line
        terminal.type("\x04")
        assert process.wait(ENDS_S) == 0


def test_there_is_no_gateway(chat: Chat, space: Workspace) -> None:
    """As it is while the installation comes up, or when it is broken."""
    space.apply(service(GATEWAY, ports=[{"port": 50052}]))
    there = f"service {GATEWAY} of namespace {space.namespace}"
    failed(chat("Hello!", "--system-namespace", space.namespace), 69, there, "no pod of it runs", "--gateway HOST:PORT")


def test_the_gateway_has_no_node(chat: Chat, space: Workspace) -> None:
    space.apply(service(GATEWAY, ports=[{"port": 50052}]), pod(GATEWAY, container("none"), nodeSelector={"nowhere": "yes"}))
    failed(chat("Hello!", "--system-namespace", space.namespace), 69, "pod is not running. Current status=Pending", "--gateway HOST:PORT")


def test_the_gateway_does_not_listen(chat: Chat, space: Workspace) -> None:
    space.apply(service(GATEWAY, ports=[{"port": 50052}]), pod(GATEWAY, python(SLEEP)))
    space.wait_for("condition=Ready", f"pod/{GATEWAY}")
    there = f"service {GATEWAY} of namespace {space.namespace}"
    failed(chat("Hello!", "--system-namespace", space.namespace), 69, there, "error forwarding port 50052", "connection refused")


def test_who_may_not_forward_is_told_so(chat: Chat) -> None:
    plane, namespace = chat.cluster, chat.namespace
    plane.kubectl("create", "serviceaccount", "viewer", "-n", namespace)
    for where in (namespace, SYSTEM):
        plane.kubectl("create", "rolebinding", "viewer", "--clusterrole=view", f"--serviceaccount={namespace}:viewer", "-n", where)
    viewer = ("--kubeconfig", str(plane.kubeconfig_for(namespace, "viewer")))
    until(lambda: kollama("status", "nano", "-n", namespace, *viewer).returncode == 0, "the rights are known")
    failed(chat("Hello!", *viewer), 69, f'User "system:serviceaccount:{namespace}:viewer" cannot create resource "pods/portforward"')
