"""Measures the local cluster: messages per second against a bare queue.Queue hop, 1,000 containers, and how soon `echorator up` follows.

    python -m bench.local_cluster

A hop hands a value from one thread to another, which calls a function with it. Both take turns, in rounds of the same number of messages;
the ratio is the median over the rounds.
"""

from __future__ import annotations

import argparse
import os
import queue
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import grpc

from bench.parts import Part, Table, wait_until
from echorator.cluster import Cluster
from echorator.cluster.manifests import parse_manifests
from echorator.cluster.resources import Kind
from echorator.cluster.restarts import STABLE_S
from echorator.rpc.v1 import cluster_pb2
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.cluster_pb2_grpc import ClusterServiceStub
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.ports import free_port

MESSAGES, REPLIES, ROUNDS = 200_000, 20_000, 5
CONTAINERS = 1000
KILLS = 5
IDLE_S = 10.0
WORKER = "def work(value):\n    return value\n"
MANIFEST = """
apiVersion: echorator.dev/v1
kind: ReplicaSet
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{worker: "bench_worker:work", queueLimit: 16777216}}
---
apiVersion: echorator.dev/v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {name}}}}}
"""
MODEL = """
apiVersion: echorator.dev/v1
kind: Model
metadata: {name: nano}
spec: {image: echo-nano}
"""


class Hop:
    """The bare peer: a thread behind a queue.Queue; a reply goes through another queue."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._in: queue.Queue[Any] = queue.Queue()
        self._work = work
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            value, reply = self._in.get()
            answer = self._work(value)
            if reply is not None:
                reply.put(answer)

    def send(self, value: Any) -> None:
        self._in.put((value, None))

    def request(self, value: Any) -> queue.Queue[Any]:
        """Send a value and return the queue that its reply will be put on."""
        reply: queue.Queue[Any] = queue.Queue()
        self._in.put((value, reply))
        return reply

    def ask(self, value: Any) -> Any:
        return self.request(value).get()


def rate(send: Callable[[Any], Any], count: int, finish: Callable[[], Any]) -> float:
    """Return messages per second, counted until the last one is handled."""
    begin_s = time.perf_counter()
    for number in range(count):
        send(number)
    finish()
    return count / (time.perf_counter() - begin_s)


def compared(
    table: Table,
    what: str,
    ours: Callable[[Any], Any],
    bare: Callable[[Any], Any],
    count: int,
    finish: tuple[Callable[[], Any], Callable[[], Any]],
) -> None:
    rates = [(rate(ours, count, finish[0]), rate(bare, count, finish[1])) for _ in range(ROUNDS)]
    ratio = median(a / b for a, b in rates)
    table.row(what, f"{median(a for a, _ in rates):,.0f}/s, queue.Queue {median(b for _, b in rates):,.0f}/s, {ratio:.2f} x")


def messages(table: Table, folder: Path) -> None:
    (folder / "bench_worker.py").write_text(WORKER)
    with Cluster([folder]) as cluster:
        cluster.apply(parse_manifests(MANIFEST.format(name="one", replicas=1) + "---" + MANIFEST.format(name="eight", replicas=8), "bench"))
        ready(cluster, 9)
        hop = Hop(lambda value: value)

        def ask(name: str, value: Any) -> Any:
            reply = cluster.send_to_container(name, value)
            assert reply is not None
            return reply.result()

        done = (lambda: ask("one-0", 0), lambda: hop.ask(0))
        compared(
            table,
            "messages without a reply, one container",
            lambda v: cluster.send_to_container("one-0", v, False),
            hop.send,
            MESSAGES,
            done,
        )
        nothing = (lambda: None, lambda: None)
        compared(table, "requests with a reply, one after the other", lambda v: ask("one-0", v), hop.ask, REPLIES, nothing)
        ours, theirs = Pending(lambda reply: reply.result()), Pending(lambda reply: reply.get())
        hops = [Hop(lambda value: value) for _ in range(8)]
        compared(
            table,
            "requests with a reply, all at once, to a service of 8",
            lambda v: ours.add(cluster.send_to_service("eight", v)),
            lambda v: theirs.add(hops[v % 8].request(v)),
            REPLIES,
            (ours.collect, theirs.collect),
        )


class Pending:
    """Replies that have been asked for and are awaited together."""

    def __init__(self, wait: Callable[[Any], Any]) -> None:
        self._wait = wait
        self._replies: list[Any] = []

    def add(self, reply: Any) -> None:
        self._replies.append(reply)

    def collect(self) -> None:
        for reply in self._replies:
            self._wait(reply)
        self._replies.clear()


def ready(cluster: Cluster, count: int) -> None:
    wait_until(lambda: sum(bool(r.status.get("ready")) for r in cluster.list(Kind.CONTAINER)) == count, f"{count} ready")


def thousand(table: Table, folder: Path) -> None:
    with Cluster([folder]) as cluster:
        begin_s = time.perf_counter()
        cluster.apply(parse_manifests(MANIFEST.format(name="many", replicas=CONTAINERS), "bench"))
        ready(cluster, CONTAINERS)
        took_s = time.perf_counter() - begin_s
        table.row(f"{CONTAINERS} containers, from apply to all ready", f"{took_s:.2f} s")
        ours, theirs = Pending(lambda reply: reply.result()), Pending(lambda reply: reply.get())
        hops = [Hop(lambda value: value) for _ in range(CONTAINERS)]
        compared(
            table,
            f"requests with a reply, all at once, over {CONTAINERS} containers",
            lambda v: ours.add(cluster.send_to_container(f"many-{v % CONTAINERS}", v)),
            lambda v: theirs.add(hops[v % CONTAINERS].request(v)),
            REPLIES,
            (ours.collect, theirs.collect),
        )
        begin_s = time.perf_counter()
        cluster.delete(Kind.REPLICA_SET, "many")
        wait_until(lambda: not cluster.list(Kind.CONTAINER), "all gone")
        table.row(f"{CONTAINERS} containers, from delete to all gone", f"{time.perf_counter() - begin_s:.2f} s")


class Asked:
    """A running `echorator up`, and the times that it takes to reach what is asked of it."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        (folder / "model.yaml").write_text(MODEL)
        self.controller, gateway = free_port(), free_port()
        ports = ("--controller-port", str(self.controller), "--port", str(gateway), "--http-port", "-1")
        command = (sys.executable, "-m", "echorator", "up", "-f", str(folder / "model.yaml"), "--data", str(folder / "data"), *ports)
        begin_s = time.perf_counter()
        self.part = Part(stack, folder / "log", *command)
        local = [("grpc.use_local_subchannel_pool", 1)]
        self.cluster: Any = ClusterServiceStub(stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{self.controller}", local)))  # type: ignore[arg-type]
        self.model: Any = ModelServiceStub(stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{gateway}", local)))  # type: ignore[arg-type]
        self.until(1)
        self.answer()
        self.started_s = time.perf_counter() - begin_s

    def answer(self) -> None:
        request = pb.GenerateRequest(model="nano", prompt="Hello", limits=pb.Limits(max_tokens=1))
        for _ in self.model.Generate(request, timeout=30.0):
            pass

    def until(self, replicas: int) -> float:
        """Return the seconds until `replicas` serve and no more run."""
        begin_s = time.perf_counter()

        def so() -> bool:
            status: Any = self.cluster.Get(cluster_pb2.GetResourceRequest(kind="model", name="nano"), timeout=5.0).status.fields
            phase, serving, running = status["phase"], status["readyReplicas"], status["replicas"]
            return bool(phase.string_value == "Ready" and serving.number_value == running.number_value == replicas)

        wait_until(so, f"{replicas} replicas")
        return time.perf_counter() - begin_s

    def scaled(self, replicas: int) -> float:
        self.cluster.Scale(cluster_pb2.ScaleRequest(kind="model", name="nano", replicas=replicas), timeout=5.0)
        return self.until(replicas)

    def agent(self) -> int:
        """Return the process id of the only agent."""
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            words = path.read_bytes().split(b"\0")
            if b"--for-model" in words and f"127.0.0.1:{self.controller}".encode() in words and words[1] == b"-P":
                return int(path.parent.name)
        raise SystemExit("no agent runs")

    def healed(self) -> float:
        """Return the seconds from a SIGKILL of the only agent to the next answer."""
        os.kill(self.agent(), signal.SIGKILL)
        begin_s = time.perf_counter()
        self.answer()
        return time.perf_counter() - begin_s


def up(table: Table, folder: Path) -> None:
    with ExitStack() as stack:
        asked = Asked(stack, folder)
        table.row("`echorator up` with echo-nano, from its start to the first answer", f"{asked.started_s:.2f} s")
        for replicas in (3, 1, 0, 2, 1):
            took_s = asked.scaled(replicas)
            table.row(f"echo-nano scaled to {replicas}: as many agent processes serve", f"{took_s:.2f} s", "<= 2 s", took_s <= 2.0)
        times = []
        for _ in range(KILLS):
            time.sleep(STABLE_S + 1.0)  # a later failure is not held against the next start
            times.append(asked.healed())
        said = f"{median(times):.2f} s, at most {max(times):.2f} s in {KILLS}"
        table.row("the only agent killed: from SIGKILL to the next answer", said, "<= 5 s", max(times) <= 5.0)
        before_s = asked.part.cpu_s()
        time.sleep(IDLE_S)
        table.row(
            "`up` and idle, without its agent", f"{(asked.part.cpu_s() - before_s) / IDLE_S:.3f} cores, {asked.part.resident_mb():.0f} MB"
        )


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    table = Table("Local cluster")
    with tempfile.TemporaryDirectory() as name:
        messages(table, Path(name))
        thousand(table, Path(name))
        up(table, Path(name))


if __name__ == "__main__":
    main()
