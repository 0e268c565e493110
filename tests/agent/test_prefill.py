"""How much of a prompt is computed is told while it is, and only to whom asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import GREEDY, Agent, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")
TOKENS = [5 + i % 200 for i in range(3000)]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def agent(slow_model: Path) -> AsyncIterator[Agent]:
    async with serving({"slow": slow_model}, slots=2, batch_tokens=128, context_tokens=8192) as agent:
        yield agent


async def messages(agent: Agent, **limits: Any) -> list[pb.GenerateResponse]:
    asked = pb.Limits(max_tokens=3, **limits)
    request = pb.GenerateRequest(model="slow", tokens=pb.TokenIds(ids=TOKENS), sampling=GREEDY, limits=asked)
    return [message async for message in agent.stub.Generate(request)]


async def test_the_progress_of_a_prompt(agent: Agent) -> None:
    got = await messages(agent, report_progress=True, no_cache=True)
    told = [message.progress for message in got if message.HasField("progress")]
    assert all(not (m.text or m.tokens or m.HasField("finish")) for m in got[: len(told)]), "progress comes alone, and before the text"
    assert not any(message.HasField("progress") for message in got[len(told) :])
    steps = [one.computed_tokens for one in told]
    assert len(steps) > 2
    assert steps == sorted(set(steps))
    assert {(one.prompt_tokens, one.cached_tokens) for one in told} == {(len(TOKENS), 0)}
    assert steps[-1] == len(TOKENS)
    assert [one.elapsed_s for one in told] == sorted(one.elapsed_s for one in told)
    assert got[-1].finish.usage.prompt_tokens == len(TOKENS)


async def test_tokens_from_the_cache_count_as_computed(agent: Agent) -> None:
    await messages(agent)
    told = [message.progress for message in await messages(agent, report_progress=True) if message.HasField("progress")]
    assert told[-1].cached_tokens > len(TOKENS) // 2
    assert all(one.computed_tokens >= one.cached_tokens for one in told)
    assert told[-1].computed_tokens == len(TOKENS)


async def test_who_does_not_ask_gets_no_progress(agent: Agent) -> None:
    assert not any(message.HasField("progress") for message in await messages(agent))
