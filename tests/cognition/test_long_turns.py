"""Long turns and many long texts cost their own caller time, and nobody else; a statement that is repeated is one memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from echorator.cognition.experiences import MOST_PASSAGES
from echorator.cognition.reading.sentences import LONGEST_BYTES
from echorator.cognition.turns import MOST_QUERY
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import model_pb2
from tests.support.memories import Memory

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def turns_of_others(work: Awaitable[object]) -> int:
    """How often another task of the server's event loop got its turn while `work` was done."""
    turns, task = 0, asyncio.ensure_future(work)
    while not task.done():
        await asyncio.sleep(0.001)
        turns += 1
    await task
    return turns


async def test_a_statement_that_is_repeated_in_a_turn_is_one_memory(memory: Memory) -> None:
    request = pb.RecordExperienceRequest(scope=memory.scope(), user_text="My dog is called Rex. " * 20_000, answer="x")
    assert len((await memory.stub.RecordExperience(request)).memory_ids) == 1
    assert await memory.texts() == ["My dog is called Rex."]


async def test_a_turn_of_very_many_passages_becomes_fewer_memories_and_loses_nothing(memory: Memory) -> None:
    told = [f"My dog is called Rex{i}." for i in range(20_000)]
    request = pb.RecordExperienceRequest(scope=memory.scope(), user_text=" ".join(told), answer="x")
    recorded = await memory.stub.RecordExperience(request)
    assert len(recorded.memory_ids) <= MOST_PASSAGES
    assert (await memory.stub.GetState(pb.GetStateRequest(scope=memory.scope()))).experiences == 1
    assert " ".join(await memory.texts()) == " ".join(told)


async def test_a_passage_that_is_longer_than_a_memory_becomes_several(memory: Memory) -> None:
    said = " ".join(f"word{i}" for i in range(5_000))
    await memory.stub.RecordExperience(pb.RecordExperienceRequest(scope=memory.scope(), user_text=said, answer="x"))
    texts = await memory.texts()
    assert " ".join(texts) == said
    assert max(len(text.encode()) for text in texts) <= LONGEST_BYTES


async def test_others_are_answered_while_long_texts_are_remembered(memory: Memory) -> None:
    text = " ".join(map(str, range(200_000, 203_000)))[:16_000]
    memories = [pb.NewMemory(text=f"{text[i:]}{i}") for i in range(60)]
    assert await turns_of_others(memory.stub.Remember(pb.RememberRequest(scope=memory.scope(), memories=memories))) > 20


async def test_a_long_question_is_asked_by_its_beginning_and_its_end(memory: Memory) -> None:
    await memory.remember("My dog is called Rex.", "My cat is called Tom.")
    filler = " ".join(map(str, range(100_000)))
    for said in (f"What is my dog called? {filler}", f"{filler} What is my dog called?"):
        assert len(said) > MOST_QUERY
        request = pb.BuildContextRequest(scope=memory.scope(), messages=[model_pb2.Message(role="user", content=said)], min_confidence=0.0)
        built = await memory.stub.BuildContext(request)
        assert built.chosen[0].recalled.memory.text == "My dog is called Rex."
