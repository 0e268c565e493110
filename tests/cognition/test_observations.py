"""What a model notes of recorded turns helps to find their passages, and is never recalled in their place."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from echorator.cognition.api import CognitionApi
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.upkeep.observing import Observe
from echorator.errors import InvalidRequestError, QueueFullError
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import common_pb2
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCOPE = common_pb2.Scope(user="ann", session="s")
SAID = "She finally did it! The removal van leaves for Bergen on Monday."
NOTED = "Ann's sister relocates to Norway."


async def opened(folder: Path, observe: Observe | None) -> CognitionApi:
    return CognitionApi(await Cognition.open(SqliteStore(folder), HashedEmbedder(), CognitionSettings(), folder), observe=observe)


async def record(api: CognitionApi, text: str) -> list[int]:
    return list((await api.RecordExperience(pb.RecordExperienceRequest(scope=SCOPE, user_text=text, answer="I see."))).memory_ids)


async def found(api: CognitionApi, query: str, k: int = 10) -> list[str]:
    return [r.memory.text for r in (await api.Recall(pb.RecallRequest(scope=SCOPE, query=query, k=k))).memories]


async def noted(api: CognitionApi) -> list[pb.Memory]:
    listed = await api.ListMemories(pb.ListMemoriesRequest(scope=SCOPE, page_size=1000))
    return [m for m in listed.memories if m.source == "observation"]


async def observations(api: CognitionApi, count: int) -> list[pb.Memory]:
    async def all_there() -> bool:
        return len(await noted(api)) == count

    await eventually(all_there, f"{count} observations are stored")
    return await noted(api)


async def test_an_observation_lends_its_words_to_the_passage_and_is_not_recalled_itself(tmp_path: Path) -> None:
    async def observe(said: str, _answer: str) -> Sequence[str]:
        return [NOTED, NOTED, "  "] if said == SAID else []

    api = await opened(tmp_path, observe)
    for i in range(20):
        await record(api, f"The kettle number {i} is by the window.")
    before = await found(api, "Where does Ann's sister live, in Norway?", 3)
    ids = await record(api, SAID)
    [observation] = await observations(api, 1)
    assert observation.text == NOTED
    assert set(observation.derived_from) <= set(ids)
    after = await found(api, "Where does Ann's sister live, in Norway?", 3)
    assert set(after[0].split()) <= set(SAID.split())
    assert after[0] not in before
    assert NOTED not in await found(api, NOTED, 100)
    assert len(await found(api, "kettle", 3)) == 3
    await api.Forget(pb.ForgetRequest(scope=SCOPE, ids=pb.MemoryIds(ids=ids)))
    assert await noted(api) == []
    await api.close()


async def test_turns_are_observed_once_in_their_order_also_after_failures_restarts_and_erasures(tmp_path: Path) -> None:
    seen: list[str] = []
    broken = True

    async def observe(said: str, _answer: str) -> Sequence[str]:
        seen.append(said)
        if "too long" in said:
            raise InvalidRequestError("the prompt is longer than the context")
        if broken and "second" in said:
            raise QueueFullError("later")
        return [f"Ann said: {said}"]

    api = await opened(tmp_path, observe)
    turns = ["This is the first one.", "This is too long.", "This is the second one."]
    last = [await record(api, turn) for turn in turns][-1]
    await observations(api, 1)
    await api.close()
    broken = False
    api = await opened(tmp_path, observe)
    await found(api, "anything")
    await observations(api, 2)
    assert list(dict.fromkeys(seen)) == turns
    assert seen.count(turns[0]) == seen.count(turns[1]) == 1
    await api.Forget(pb.ForgetRequest(scope=SCOPE, ids=pb.MemoryIds(ids=last)))
    await record(api, "This is the third one.")
    assert [m.text for m in await observations(api, 2)] == ["Ann said: This is the first one.", "Ann said: This is the third one."]
    assert seen.count(turns[0]) == 1
    await api.close()


async def test_an_ended_passage_gets_nothing_from_its_observations(tmp_path: Path) -> None:
    async def observe(_said: str, _answer: str) -> Sequence[str]:
        return [NOTED]

    api = await opened(tmp_path, observe)
    [first] = await record(api, "The van leaves on Monday.")
    await observations(api, 1)
    await asyncio.gather(api.UpdateMemory(pb.UpdateMemoryRequest(scope=SCOPE, id=first, valid_to_s=5.0)))
    assert await found(api, NOTED) == []
    await api.close()
