"""The shared store on a real redis-server: what the embedded one does, and what several replicas need."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from echorator.cognition.api import CognitionApi
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.learning.writing import Told
from echorator.cognition.memory import Batch, Experience, Filter, Goal, Lifecycle, Link, Patch
from echorator.cognition.reading.values import Fact, FactType
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.redis_store import RedisStore
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.storing.store import MemoryNotFoundError, Store, StoreUnavailableError
from echorator.cognition.upkeep.checking import check
from echorator.errors import InvalidRequestError
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import common_pb2
from tests.cognition.storing.memories import memory
from tests.cognition.storing.redis_server import RedisServer, needs_redis
from tests.support.waiting import eventually

pytestmark = needs_redis
OWNER = Owner("t", "a", "u", "s")
AGREE_S = 1.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    running = RedisServer(folder)
    running.start()
    yield running
    running.stop()


async def replica(server: RedisServer) -> CognitionApi:
    return CognitionApi(await Cognition.open(RedisStore(server.url), HashedEmbedder(64), CognitionSettings(), None))


RED = Fact("the", "fox", "red", FactType.MANY, certainty=0.5)


def story(store: Store) -> list[object]:
    """The same calls on any store, and everything that can be seen of them."""
    store.embedder("test", 4)
    space = store.namespace("t", "a", "u", create=True)
    assert space is not None
    batch = Batch(
        add=(
            memory(
                "The red fox runs.",
                entities=("fox",),
                key="k",
                facts=(RED, Fact("fox", "legs", "4")),
                metadata={"n": 1.5, "b": True},
                categories=("animals",),
            ),
            memory("A caf\u00e9, said Ann\n twice", speaker="Ann", session="s", valid_from_s=7.123456789012),
        ),
        links=(Link(-1, -2, "entity", 0.5), Link(-2, -1, "recalled", 0.3)),
        experience=Experience("s", 5.5, "said", "answered", recalled=(9,), feedback=0.5),
        goals=(Goal("learn", 0.5, memory("").embedding),),
        documents={"session:s": b"abc\n\0\xff", "map": b"x"},
    )
    first = store.write(space, batch, 7.0).result()
    again = store.write(space, Batch(add=(memory("other", key="k"),)), 8.0).result()
    one, two = first.ids
    store.write(
        space,
        Batch(
            patch=(Patch(one, {"valid_to_s": 9.5, "superseded_by": two, "facts": (replace(RED, to_s=9.5),)}, "superseded", "x"),),
            uses=((two, 11.0),),
        ),
        9.0,
    ).result()
    with pytest.raises(MemoryNotFoundError):
        store.write(space, Batch(add=(memory("half"),), patch=(Patch(10**6, {"text": "x"}, "updated"),)), 9.0).result()
    rank = {one: 1, two: 2}
    seen: list[object] = [again.fresh, again.ids == (one,)]
    seen += [
        (m.text, m.kind, m.valid_to_s, m.valid_from_s, m.uses, m.last_used_s, m.entities, m.speaker, m.facts, m.metadata, m.categories)
        for m in store.memories(space, [two, one])
    ]
    seen += [(rank[m.id], m.embedding.tolist(), m.terms.tolist()) for m in store.scan(space)]
    seen += [
        [rank[m.id] for m in store.page(space, Filter(), text, None, 0, 10)] for text in ("", "fox", '"red fox"', "run*", "cafe", "dog")
    ]
    seen += [[rank[m.id] for m in store.page(space, Filter(speaker="Ann"), "", Lifecycle.ACTIVE, 0, 10)]]
    seen += [[m.text for m in store.facts(space, "the", "fox")], store.facts(space, "fox", "legs"), [m.text for m in store.stating(space)]]
    seen += [[(rank[a], rank[b], round(w, 4)) for a, b, w in store.associations(space)]]
    seen += [(e.session, e.at_s, e.user_text, e.recalled, len(e.learned), e.feedback) for e in store.experiences(space, "s", 5)]
    seen += [[(g.text, g.priority, g.embedding.tolist()) for g in store.goals(space)], store.document(space, "session:s")]
    seen += [store.documents(space, "session:"), store.document(space, "none")]
    counts = store.counts(space, 1)
    seen += [
        counts.active,
        counts.archived,
        counts.superseded,
        counts.experiences,
        counts.stale_vectors,
        store.counts(space, 2).stale_vectors,
    ]
    seen += [[(rank[c.memory_id], c.action, c.detail, c.at_s) for c in store.history(space, 0, 0, 10)]]
    seen += [{rank[i] for i in store.changed_since(space, first.seq)}, store.check(repair=False)]
    store.write(space, Batch(patch=(Patch(two, {"lifecycle": Lifecycle.ARCHIVED}, "archived"),)), 10.0).result()
    seen += [[rank[m.id] for m in store.archived(space)], [rank[m.id] for m in store.everything(space, False)]]
    with pytest.raises(InvalidRequestError):
        store.page(space, Filter(), '"open', None, 0, 10)
    seen += [
        store.erase(space, [one], 11.0),
        store.erasures("t"),
        [m.text for m in store.everything(space, False)],
        store.documents(space, ""),
    ]
    seen += [[n.user for n in store.namespaces("t", ("", ""), 1)], [n.user for n in store.namespaces("t", ("a", "x"))]]
    seen += [[n.user for n in store.namespaces("t")], store.namespace("t", "a", "x", create=False)]
    seen += [store.erase(space, None, 12.0), store.namespaces("t"), store.erasures("t")]
    return seen


def test_both_stores_tell_the_same_story(server: RedisServer, tmp_path: Path) -> None:
    shared, embedded = RedisStore(server.url), SqliteStore(tmp_path)
    try:
        for mine, theirs in zip(story(shared), story(embedded), strict=True):
            assert mine == theirs
    finally:
        shared.close()
        embedded.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_three_replicas_agree_within_a_second(server: RedisServer) -> None:
    async with AsyncExitStack() as stack:
        replicas = []
        for _ in range(3):
            replicas.append(await replica(server))
            stack.push_async_callback(replicas[-1].close)
        first, second, third = (api.cognition for api in replicas)
        await first.remember(OWNER, [Told("The first thing is one.")])
        for one in (second, third):
            assert (await one.recall(OWNER, Asked("first thing"))).memories  # opened after it

        async def found(cognition: Cognition, query: str) -> list[str]:
            return [r.memory.text for r in (await cognition.recall(OWNER, Asked(query, 5))).memories]

        async def agree(query: str, text: str, there: bool = True) -> None:
            async def holds() -> bool:
                return all([(text in await found(c, query)) is there for c in (first, second, third)])

            begun_s = time.monotonic()
            await eventually(holds, text)
            took_s.append(time.monotonic() - begun_s)

        took_s: list[float] = []
        ids, _ = await second.remember(OWNER, [Told("My umbrella is purple.")])
        await agree("umbrella", "My umbrella is purple.")
        _, superseded = await third.remember(OWNER, [Told("My umbrella is green.")])
        assert superseded == ids
        await agree("umbrella", "My umbrella is purple.", there=False)
        await agree("umbrella", "My umbrella is green.")
        await first.update(OWNER, ids[0], {"text": "My kite is yellow.", "valid_to_s": 0.0})
        await agree("kite", "My kite is yellow.")
        await third.forget(OWNER, ids)
        await agree("kite", "My kite is yellow.", there=False)
        notes = [[Told(f"Note {i}x{k} is kept.") for k in range(20)] for i in range(3)]
        await asyncio.gather(*(c.remember(OWNER, told) for c, told in zip((first, second, third), notes, strict=True)))
        for i in range(3):
            await agree(f"note {i}x19", f"Note {i}x19 is kept.")
        for api in replicas:
            findings, _ = await check(api.cognition, repair=False)
            assert findings == []
        assert median(took_s) < AGREE_S


@pytest.mark.asyncio(loop_scope="session")
async def test_a_killed_redis_loses_nothing_acknowledged_and_replicas_go_on(server: RedisServer) -> None:
    api, other = await replica(server), await replica(server)
    kept: dict[int, str] = {}
    refused = 0
    for round_ in range(5):
        killer = threading.Timer(0.05, server.kill)
        for i in range(100_000):
            if i == 3:  # some are acknowledged, however busy the machine is
                killer.start()
            text = f"Round {round_}x{i} was fine."
            try:
                ids, _ = await api.cognition.remember(OWNER, [Told(text)])
            except StoreUnavailableError as error:
                assert "does not answer" in str(error)  # noqa: PT017
                refused += 1
                break
            kept[ids[0]] = text
        killer.join()
        server.start()
        opened = await api.cognition.existing(OWNER)
        rows = {m.id: m.text for m in api.cognition.store.scan(opened.namespace)}
        assert {i: rows.get(i) for i in kept} == kept
    assert refused == 5
    assert len(kept) > 10  # on a busy machine; what counts is that none of them is lost
    last = kept[max(kept)]

    async def seen() -> bool:
        return last in [r.memory.text for r in (await other.cognition.recall(OWNER, Asked(last, 3))).memories]

    await eventually(seen, "the other replica follows again", 5.0)
    await api.close()
    await other.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_erased_texts_are_in_no_file_of_redis(server: RedisServer) -> None:
    api = await replica(server)
    scope = common_pb2.Scope(user="ann", session="s")
    told = [pb.NewMemory(text="The secret is zanzibarquux."), pb.NewMemory(text="I like tea.")]
    await api.Remember(pb.RememberRequest(scope=scope, memories=told))
    await api.RecordExperience(pb.RecordExperienceRequest(scope=scope, user_text="My word is zanzibarquux.", answer="zanzibarquux!"))
    data = b"".join(p.read_bytes() for p in server.folder.rglob("*") if p.is_file())
    assert b"zanzibarquux" in data
    listed = await api.ListMemories(pb.ListMemoriesRequest(scope=scope, text="zanzibarquux"))
    ids = [m.id for m in listed.memories]
    assert len(ids) == 2
    await api.Forget(pb.ForgetRequest(scope=scope, ids=pb.MemoryIds(ids=ids)))
    data = b"".join(p.read_bytes() for p in server.folder.rglob("*") if p.is_file())
    assert b"zanzibarquux" not in data
    assert [m.text for m in (await api.ListMemories(pb.ListMemoriesRequest(scope=scope))).memories] == ["I like tea."]
    await api.close()


def test_a_redis_that_is_not_there_is_said_at_once() -> None:
    begin_s = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        RedisStore("redis://127.0.0.1:1/0")
    assert time.monotonic() - begin_s < 20
    with pytest.raises(InvalidRequestError, match="nonsense"):
        RedisStore("nonsense://x")
