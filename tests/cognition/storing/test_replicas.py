"""Several replicas of a memory over one shared store: they agree, follow each other's changes, and survive its loss."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median

import pytest

from echorator.cognition.api import CognitionApi
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.experiences import Turn
from echorator.cognition.learning.writing import Told
from echorator.cognition.memory import Batch, Goal
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.upkeep.checking import check
from tests.cognition.storing.memories import memory
from tests.cognition.storing.stores import SHARED, Place
from tests.support.waiting import eventually

pytestmark = [pytest.mark.parametrize("place", SHARED, indirect=True), pytest.mark.asyncio(loop_scope="session")]
OWNER = Owner("t", "a", "u", "s")
AGREE_S = 1.0


@asynccontextmanager
async def replicas(place: Place, count: int) -> AsyncIterator[list[CognitionApi]]:
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(count):
            cognition = await Cognition.open(place.open(), HashedEmbedder(64), CognitionSettings(), None)
            made.append(CognitionApi(cognition))
            stack.push_async_callback(made[-1].close)
        yield made


async def found(cognition: Cognition, query: str) -> list[str]:
    return [r.memory.text for r in (await cognition.recall(OWNER, Asked(query, 20))).memories]


async def test_three_replicas_agree_within_a_second(place: Place) -> None:
    async with replicas(place, 3) as apis:
        first, second, third = (api.cognition for api in apis)
        await first.remember(OWNER, [Told("The first thing is one.")])
        for one in (second, third):
            assert (await one.recall(OWNER, Asked("first thing"))).memories  # opened after it

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
        for api in apis:
            findings, _ = await check(api.cognition, repair=False)
            assert findings == []
        assert median(took_s) < AGREE_S


async def test_a_replica_lists_a_changed_memory_under_its_new_names_only(place: Place) -> None:
    async with replicas(place, 2) as apis:
        one, two = (api.cognition for api in apis)
        ids, _ = await one.remember(OWNER, [Told("I met Beatrice in Lisbon.")])
        other = await two.existing(OWNER)
        assert other.with_entity("beatrice", 5) == (ids, 1)
        await one.update(OWNER, ids[0], {"text": "I met Cordelia in Lisbon."})
        await eventually(lambda: other.with_entity("cordelia", 5)[0] == ids, "the new name")
        mine = await one.existing(OWNER)
        for opened in (mine, other):
            assert opened.with_entity("beatrice", 5)[0] == []
            assert opened.with_entity("lisbon", 5) == (ids, 1)


async def test_sessions_goals_and_feedback_of_another_replica_are_read_again(place: Place) -> None:
    async with replicas(place, 2) as apis:
        one, two = apis
        await one.experiences.record(OWNER, Turn("I like tea.", "Good."))
        opened = await two.cognition.existing(OWNER)
        before = await two.cognition.session(opened, "s")
        await one.experiences.record(OWNER, Turn("I am so happy today!", "Good."))
        await one.cognition.set_goals(OWNER, [Goal("drink more water")])

        async def follows() -> bool:
            return (await two.cognition.session(opened, "s")).mood_s != before.mood_s and opened.goal_rows is not None

        await eventually(follows, "the other replica has the session and the goals")


async def test_what_is_told_to_a_namespace_that_another_replica_erases_is_kept(place: Place) -> None:
    async with replicas(place, 2) as apis:
        one, two = (api.cognition for api in apis)
        for round_ in range(5):
            await one.remember(OWNER, [Told(f"Old thing {round_} is here.")])
            assert await two.recall(OWNER, Asked("thing"))
            told = [asyncio.ensure_future(two.remember(OWNER, [Told(f"New thing {round_}x{i} is here.")])) for i in range(5)]
            await one.forget(OWNER, None)
            await asyncio.gather(*told)
            await two.remember(OWNER, [Told(f"Last thing {round_} is here.")])
            namespace = await asyncio.to_thread(one.store.namespace, "t", "a", "u", False)
            assert namespace is not None
            stored = {m.text for m in one.store.everything(namespace, False)}
            assert f"Last thing {round_} is here." in stored
            assert f"Old thing {round_} is here." not in stored

            async def shown(stored: set[str] = stored) -> bool:
                return all([set(await found(c, "thing")) == stored for c in (one, two)])

            await eventually(shown, "both replicas show what is stored")
            await one.forget(OWNER, None)


async def test_a_change_while_a_namespace_is_loaded_is_not_missed(place: Place) -> None:
    async with replicas(place, 2) as apis:
        one, two = (api.cognition for api in apis)
        store = one.store
        namespace = await asyncio.to_thread(store.namespace, "t", "a", "u", True)
        assert namespace is not None
        batch = Batch(
            add=tuple(memory(f"old {i}", embedder=one.embedder_id, embedding=memory("").embedding.repeat(16)) for i in range(3000))
        )
        ids = (await asyncio.wrap_future(store.write(namespace, batch, 1.0))).ids
        await one.existing(OWNER)
        loading = asyncio.ensure_future(two.existing(OWNER))
        for i in ids[:20]:
            await one.update(OWNER, i, {"text": f"quokka {i}"})
        opened = await loading
        for i in ids[20:40]:
            await one.update(OWNER, i, {"text": f"quokka {i}"})

        async def all_there() -> bool:
            answer = await two.recall(OWNER, Asked("quokka", 100))
            return {r.memory.id for r in answer.memories if r.coverage > 0.5} == set(ids[:40])

        await eventually(all_there, "all changes are in the index")
        assert len(opened.index) == 3000
