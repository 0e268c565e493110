"""Namespaces in memory: bounded in bytes, never twice, and complete again when they are opened once more."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from echorator.cognition.api import CognitionApi
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.experiences import Turn
from echorator.cognition.learning.writing import Told
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.storing.store import MemoryNotFoundError
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


def owner(user: int) -> Owner:
    return Owner("t", "a", f"u{user}", "s")


@asynccontextmanager
async def memory_in(folder: Path, index_bytes: int) -> AsyncIterator[CognitionApi]:
    settings = CognitionSettings(index_bytes=index_bytes)
    api = CognitionApi(await Cognition.open(SqliteStore(folder), HashedEmbedder(64), settings, folder))
    yield api
    await api.close()


async def test_idle_namespaces_are_dropped_and_opened_again(tmp_path: Path) -> None:
    async with memory_in(tmp_path, 1) as api:  # no two fit
        cognition = api.cognition
        for user in range(20):
            await cognition.remember(owner(user), [Told(f"My number is {user}.")])
        gc.collect()
        assert [o.namespace.user for o in cognition.all_opened()] == ["u19"]
        for user in range(20):
            answer = await cognition.recall(owner(user), Asked("What is my number?"))
            assert [r.memory.text for r in answer.memories] == [f"My number is {user}."]
        del answer
        gc.collect()
        assert len(cognition.all_opened()) == 1


async def test_those_used_last_stay_within_the_bound(tmp_path: Path) -> None:
    async with memory_in(tmp_path, 1 << 19) as api:
        cognition = api.cognition
        namespaces = cognition.opening.namespaces
        for user in range(100):
            await cognition.remember(owner(user), [Told(f"The thing {i} of {user}.") for i in range(10)])
            assert namespaces.size_bytes <= 1 << 19
            if user % 3 == 0:
                await cognition.opened(owner(7))
        gc.collect()
        there = {o.namespace.user for o in cognition.all_opened()}
        assert {"u7", "u99", "u98"} <= there
        assert "u1" not in there
        assert 3 < len(there) < 60


async def test_one_that_is_in_use_is_never_there_twice(tmp_path: Path) -> None:
    async with memory_in(tmp_path, 1) as api:
        cognition = api.cognition
        await cognition.remember(owner(0), [Told("Some thing is here.")])
        held = await cognition.existing(owner(0))
        for user in range(1, 5):
            await cognition.remember(owner(user), [Told("Another thing is here.")])
        assert await cognition.existing(owner(0)) is held
        number = held.namespace.id
        del held
        await cognition.remember(owner(1), [Told("A third thing is here.")])
        gc.collect()
        assert cognition.opening.namespaces.by_id(number) is None


async def test_what_a_conversation_has_and_the_store_has_not_survives(tmp_path: Path) -> None:
    async with memory_in(tmp_path, 1) as api:
        cognition = api.cognition
        await api.experiences.record(owner(0), Turn("I am so happy about my dog Rex!", "Good."))
        opened = await cognition.existing(owner(0))
        before = await cognition.session(opened, "s")
        nameless = Owner("t", "a", "u0")
        await cognition.remember(nameless, [Told("My phone number is 4432.")])
        unstored = await cognition.session(opened, "")
        assert unstored.facts
        opened.chose([(1, 0.5)])
        del opened
        for user in range(1, 4):
            await cognition.remember(owner(user), [Told("Another thing is here.")])
        gc.collect()
        assert [o.namespace.user for o in cognition.all_opened()] == ["u3"]
        opened = await cognition.existing(owner(0))
        assert await cognition.session(opened, "s") == before
        assert await cognition.session(opened, "") == unstored
        assert opened.fits == {1: 0.5}
        await cognition.forget(owner(0), None)
        await cognition.remember(owner(0), [Told("A new thing is here.")])
        assert (await cognition.existing(owner(0))).fits == {}


async def test_many_at_once_under_a_tiny_bound_lose_nothing(tmp_path: Path) -> None:
    rng = random.Random(3)
    async with memory_in(tmp_path, 30_000) as api:
        cognition = api.cognition
        kept: dict[int, set[str]] = {user: set() for user in range(12, 18)}

        async def forgetting(worker: int) -> None:
            for i in range(25):
                user = rng.randrange(12)
                await cognition.remember(owner(user), [Told(f"Thing {worker}x{i} of {user} is here.")])
                with suppress(MemoryNotFoundError):  # another one forgot it
                    await cognition.recall(owner(user), Asked("thing", 3))
                    if rng.random() < 0.2:
                        await cognition.forget(owner(user), None)
                assert len({o.namespace.id for o in cognition.all_opened()}) == len(cognition.all_opened())

        async def keeping(worker: int) -> None:
            for i in range(40):
                user = 12 + rng.randrange(6)
                text = f"Thing {worker}x{i} of {user} stays."
                (number,), _ = await cognition.remember(owner(user), [Told(text)])
                if rng.random() < 0.3:
                    text = f"Thing {worker}x{i} of {user} changed."
                    await cognition.update(owner(user), number, {"text": text})
                answer = await cognition.recall(owner(user), Asked(text, 3))
                assert text in [r.memory.text for r in answer.memories]
                kept[user].add(text)

        await asyncio.gather(*(forgetting(w) for w in range(4)), *(keeping(w) for w in range(4)))
        for user in range(12, 18):
            opened = await cognition.existing(owner(user))
            rows = {m.id: m.text for m in cognition.store.scan(opened.namespace)}
            assert set(rows.values()) == kept[user]
            assert set(opened.index.labels().tolist()) == set(rows)


async def test_a_write_that_waits_for_an_erasure_goes_into_what_comes_after(tmp_path: Path) -> None:
    async with memory_in(tmp_path, 1 << 30) as api:
        cognition = api.cognition
        await cognition.remember(owner(0), [Told("The old thing is here.")])
        opened = await cognition.existing(owner(0))
        await opened.lock.acquire()
        forgetting = asyncio.ensure_future(cognition.forget(owner(0), None))
        await asyncio.sleep(0)
        telling = asyncio.ensure_future(cognition.remember(owner(0), [Told("The new thing is here.")]))
        await eventually(lambda: len(opened.lock._waiters or ()) == 2)
        opened.lock.release()
        assert await forgetting == 1
        await telling
        answer = await cognition.recall(owner(0), Asked("thing"))
        assert [r.memory.text for r in answer.memories] == ["The new thing is here."]


async def test_the_graph_of_one_that_was_dropped_while_it_grew_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with memory_in(tmp_path, 1) as api:
        cognition = api.cognition
        await cognition.remember(owner(0), [Told("Some thing is here.")])
        monkeypatch.setattr(OpenNamespace, "building", property(lambda o: o.namespace.user == "u0"))
        for user in range(1, 5):
            await cognition.remember(owner(user), [Told("Another thing is here.")])
        gc.collect()
        assert {o.namespace.user for o in cognition.all_opened()} == {"u0", "u4"}
        monkeypatch.undo()
        await cognition.remember(owner(1), [Told("A third thing is here.")])
        gc.collect()
        assert {o.namespace.user for o in cognition.all_opened()} == {"u1"}


SCRIPT = """
import asyncio, gc, json, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.memory import Batch
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.sqlite_store import SqliteStore
from tests.cognition.storing.memories import memory
import numpy as np

COUNT, BOUND = int(sys.argv[2]), int(sys.argv[3])

def anonymous_mb():  # SQLite maps its file, and the pages of that count as resident too
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    cognition = await Cognition.open(store, HashedEmbedder(64), CognitionSettings(index_bytes=BOUND), None)
    vector = np.full(64, 0.125, np.float32)
    def make(user):
        space = store.namespace("t", "a", f"u{user}", create=True)
        rows = tuple(memory(f"Thing {i} of {user}.", embedder=cognition.embedder_id, embedding=vector) for i in range(5))
        store.write(space, Batch(add=rows), 1.0).result()
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(make, range(COUNT)))
    seen = {}
    for user in range(COUNT):
        answer = await cognition.recall(Owner("t", "a", f"u{user}"), Asked(f"thing of {user}"))
        assert len(answer.memories) == 5 and all(r.memory.text.endswith(f"of {user}.") for r in answer.memories), user
        if user + 1 in (COUNT // 5, COUNT):
            gc.collect()
            seen[user + 1] = (anonymous_mb(), len(cognition.all_opened()), cognition.opening.namespaces.size_bytes)
    print(json.dumps(seen))
    await cognition.close()

asyncio.run(main())
"""
BOUND = 8 << 20


@pytest.mark.slow
async def test_ten_thousand_namespaces_opened_in_turn_stay_within_the_bound(tmp_path: Path) -> None:
    command = (sys.executable, "-c", SCRIPT, str(tmp_path), "10000", str(BOUND))
    done = await asyncio.to_thread(
        lambda: subprocess.run(command, capture_output=True, text=True, timeout=290, check=False, cwd=Path(__file__).parents[2])
    )
    assert done.returncode == 0, done.stderr
    (before_mb, some, _), (after_mb, all_, size_bytes) = json.loads(done.stdout).values()
    assert size_bytes <= BOUND
    assert 100 < all_ < 2000
    assert abs(all_ - some) < 50
    assert after_mb - before_mb < 16
