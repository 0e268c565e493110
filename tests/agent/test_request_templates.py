"""What the chat templates of requests may take from an agent: priority, time, processes and turns."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from grpc import aio

from echorator.agent.answering import ChatForm
from echorator.agent.loading import request_templates
from echorator.agent.loading.request_templates import KEPT, MOST, TRIED, RequestTemplates
from echorator.agent.loading.served_model import NICE_OF_REQUESTS
from echorator.errors import QueueFullError
from echorator.prompting.model_template import ModelTemplate
from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import GREEDY, GREETING, Agent, collected, refused, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")
INVALID = grpc.StatusCode.INVALID_ARGUMENT
JOB_S = 0.4
ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
LONG = "{% for i in range(100) %}{% for j in range(20000) %}{% endfor %}{% endfor %}{{ messages[0].content }}"  # some tenths of a second


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def free(echo_nano: Path) -> AsyncIterator[Agent]:
    """An agent whose requests may bring templates, which have little time."""
    async with serving({"m": echo_nano}, context_tokens=2048, request_templates=True, child_timeout_s=JOB_S) as agent:
        yield agent


class Opened:
    """Templates as the agent opens them, and the sources that were opened so far."""

    def __init__(self, agent: Agent) -> None:
        self._open = agent.server.registry.get("m")._opened
        self.sources: list[str] = []
        self.templates = RequestTemplates(self.one, 60.0)

    def one(self, source: str) -> tuple[ModelTemplate, ChatForm]:
        self.sources.append(source)
        return self._open(source)

    async def use(self, source: str) -> None:
        async with self.templates.lent(source):
            pass

    async def hold(self, stack: AsyncExitStack, source: str) -> None:
        """Keep a proven template in use until the stack ends."""
        async with self.templates.lent(source):
            await stack.enter_async_context(self.templates.lent(source))


@pytest_asyncio.fixture(loop_scope="session")
async def opened(free: Agent) -> AsyncIterator[Opened]:
    made = Opened(free)
    yield made
    await made.templates.close()


def asked(template: str) -> pb.ChatRequest:
    return pb.ChatRequest(messages=GREETING, sampling=GREEDY, limits=pb.Limits(max_tokens=1), chat_template=template)


async def applied(agent: Agent, template: str) -> str:
    """The prompt of a template, asked for until the machine has time for it."""
    while True:
        try:
            return str((await agent.stub.ApplyTemplate(asked(template))).prompt)
        except aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # noqa: PT017 any other error is the test's failure


async def given_up(agent: Agent, slow: str) -> int:
    """Chat with a slow template until it is refused at once, which takes several requests on a busy machine; return how many."""
    for number in range(20):
        with pytest.raises(aio.AioRpcError) as caught:
            await collected(agent.stub.Chat(asked(slow)))
        told = caught.value.details() or ""
        if "took too long when it was tried" in told:
            assert caught.value.code() is INVALID
            return number
        assert "s in all" in told or "did not finish within" in told
    raise AssertionError(told)


@pytest.mark.parametrize("slow", [ENDLESS, LONG], ids=["one render", "all renders together"])
async def test_a_slow_template_is_given_up_and_then_refused_at_once(free: Agent, slow: str) -> None:
    templates = free.server.registry.get("m")._request_templates
    assert await given_up(free, slow) > 0
    assert slow not in templates._kept
    await refused(free.stub.ApplyTemplate(asked(slow)), INVALID, "took too long when it was tried")
    assert slow not in templates._kept
    assert (await applied(free, "{{ messages[0].content }}")) == "Hello!"


async def test_a_slow_template_may_be_tried_again_later(free: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = ENDLESS + "later"
    await given_up(free, slow)
    with monkeypatch.context() as changed:
        changed.setattr(request_templates, "SLOW_S", 0.0)
        with pytest.raises(aio.AioRpcError, match=r"s in all|did not finish within"):
            await collected(free.stub.Chat(asked(slow)))


async def test_requests_of_one_slow_template_share_its_end(free: Agent) -> None:
    same = ENDLESS + "same"
    counts = await asyncio.gather(*(given_up(free, same) for _ in range(2 * TRIED)))
    assert max(counts) - min(counts) <= 1


async def test_chats_are_answered_while_slow_templates_are_tried(free: Agent) -> None:
    async def tried_once(slow: str) -> None:
        with pytest.raises(aio.AioRpcError, match=r"s in all|did not finish within"):
            await collected(free.stub.Chat(asked(slow)))

    tried = [asyncio.create_task(tried_once(f"{ENDLESS}{number}")) for number in range(2 * TRIED)]
    for _ in range(5):
        await collected(free.stub.Chat(pb.ChatRequest(messages=GREETING, sampling=GREEDY, limits=pb.Limits(max_tokens=4))))
    assert not all(one.done() for one in tried)
    await asyncio.gather(*tried)


async def test_the_processes_give_way_to_the_agent(free: Agent) -> None:
    source = "{{ messages[0].content }} nice"
    await applied(free, source)
    kept = free.server.registry.get("m")._request_templates._kept[source]
    assert os.getpriority(os.PRIO_PROCESS, kept.template._short.pid) >= NICE_OF_REQUESTS


async def test_few_templates_are_tried_at_the_same_time(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    async with AsyncExitStack() as stack:
        for number in range(TRIED):
            await stack.enter_async_context(opened.templates.lent(str(number)))
        await stack.enter_async_context(opened.templates.lent("0"))  # it is tried already and needs no place
        with monkeypatch.context() as changed:
            changed.setattr(request_templates, "WAIT_S", 0.05)
            with pytest.raises(QueueFullError, match="4 chat templates of requests are being tried") as caught:
                await opened.use("late")
        assert caught.value.retry_after_s > 1
        waits = asyncio.create_task(opened.use("next"))
        assert opened.sources == ["0", "1", "2", "3"]
    await waits
    assert opened.sources == ["0", "1", "2", "3", "next"]
    await opened.use("late")


async def test_idle_templates_are_few_however_many_are_used(opened: Opened) -> None:
    async with AsyncExitStack() as stack:
        for number in range(KEPT + 2):
            await opened.hold(stack, f"held {number}")
        for _ in range(3):
            for source in ("a", "b"):
                await opened.use(source)
        assert opened.sources[KEPT + 2 :] == ["a", "b"]
    assert len(opened.templates._kept) == KEPT


async def test_templates_in_use_have_a_limit(opened: Opened) -> None:
    async with AsyncExitStack() as stack:
        for number in range(MOST):
            await opened.hold(stack, str(number))
        with pytest.raises(QueueFullError, match="16 chat templates"):
            await opened.use("one more")
        await opened.use("3")
    assert len(opened.templates._kept) == KEPT
    await opened.use("one more")


async def test_many_templates_of_requests(free: Agent) -> None:
    for number in range(2 * KEPT):
        said = "{{ messages[0].content }} " + str(number)
        assert await applied(free, said) == f"Hello! {number}"
    assert len(free.server.registry.get("m")._request_templates._kept) == KEPT
