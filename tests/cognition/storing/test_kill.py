"""Nothing that was acknowledged is lost: SIGKILLs at random moments under writes, of the writer and of one replica of four."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue

import pytest

from tests.cognition.storing.stores import SHARED, STORES, durable_place
from tests.support.rounds import rounds

ROUNDS = rounds(200)
ROOT = Path(__file__).parents[3]
REPLICAS = 4
ANSWER_S = 5.0


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", STORES)
def test_nothing_acknowledged_is_lost_by_sigkill(kind: str, tmp_path: Path) -> None:
    with durable_place(kind, tmp_path) as where:
        command = (sys.executable, "-m", "tests.cognition.storing.killing", kind, where, str(ROUNDS), "20261121")
        done = subprocess.run(command, capture_output=True, text=True, timeout=1100, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["wrong"] == []
    assert report["rounds"] == ROUNDS
    assert report["acknowledged"] >= ROUNDS  # the writers did write before they were killed, on a busy machine too
    assert report["kept"] > ROUNDS
    assert report["forgotten"] > 0


class Replica:
    """A process of `replica`, which writes to its own namespaces until it is killed or asked to stop."""

    def __init__(self, kind: str, where: str, name: str) -> None:
        command = (sys.executable, "-m", "tests.cognition.storing.replica", kind, where, name)
        self.acknowledged: dict[str, list[str]] = {}  # texts by user
        self._answers: SimpleQueue[dict[str, object]] = SimpleQueue()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self.answer() == {"ready": name}

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith("\n"):  # the last one may be cut
                said = json.loads(line)
                if "text" in said:
                    self.acknowledged.setdefault(said["user"], []).append(said["text"])
                else:
                    self._answers.put(said)

    def answer(self) -> dict[str, object]:
        """Return what it says next, beside what it acknowledges."""
        return self._answers.get(timeout=60)

    def send(self, **said: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(said) + "\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """Kill it and read the last that it said."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def __enter__(self) -> Replica:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", SHARED)
def test_the_namespaces_of_a_killed_replica_answer_from_another(kind: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        where = stack.enter_context(durable_place(kind, tmp_path))
        replicas = [stack.enter_context(Replica(kind, where, f"r{i}")) for i in range(REPLICAS)]
        for one in replicas:
            one.send(write=True)
        for one in replicas:
            one.send(tell="all are written to")
            one.answer()
        for victim, heir in pairwise(replicas):
            victim.kill()
            assert len(victim.acknowledged) == 3
            begin_s = time.monotonic()
            heir.send(recall=victim.acknowledged)
            missing = heir.answer()
            took_s = time.monotonic() - begin_s
            assert missing == {"missing": []}
            assert took_s < ANSWER_S
        assert sum(len(texts) for one in replicas for texts in one.acknowledged.values()) > 3 * REPLICAS
