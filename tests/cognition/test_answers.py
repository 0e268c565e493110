"""Memory changes answers: facts of earlier sessions, among distractors, asked in fresh sessions of the embedded model."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from bench.echo_nano import corpus
from echorator.agent.loading.embedded import embedded_model
from echorator.agent.server import AgentServer
from echorator.host.connection import channel_to
from echorator.host.hosted_memory import host_memory
from echorator.host.local_server import load_file
from echorator.rpc.v1 import cognition_pb2 as memory_pb
from echorator.rpc.v1 import common_pb2
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from echorator.serving.server import ServerSettings
from echorator.settings import EngineSettings
from tests.support.models.pulling import no_pulls

pytestmark = pytest.mark.asyncio(loop_scope="session")

FACTS, DISTRACTORS, UNTOLD, REVISED = 200, 2000, 100, 50


@dataclass
class Assistant:
    """A server of the embedded model with a memory."""

    model: ModelServiceStub
    memory: CognitionServiceStub

    async def answer(self, text: str, session: str, remembers: bool = True) -> str:
        request = pb.ChatRequest(messages=[pb.Message(role="user", content=text)], sampling=pb.Sampling(temperature=0))
        request.limits.max_tokens = 80
        if remembers:
            request.memory.scope.CopyFrom(common_pb2.Scope(user="ann", session=session))
        return "".join([reply.text async for reply in self.model.Chat(request)])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def assistant(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Assistant]:
    settings = EngineSettings(embedded_model(), threads=1, slots=4)
    server = AgentServer(ServerSettings(port=0), settings, no_pulls())
    await host_memory(server, str(tmp_path_factory.mktemp("memory")), "hashed")
    await server.start()
    await load_file(server, settings, "", lambda _stage, _fraction: None)
    server.serve()
    async with channel_to(server.address) as channel:
        yield Assistant(ModelServiceStub(channel), CognitionServiceStub(channel))
    await server.close()


def revision(fact: corpus.Fact, rng: random.Random) -> tuple[str, str]:
    """(what the user says, how the answer ends) for another value of the same thing."""
    owner, noun = fact.key
    pools = {a.noun: a.pool for a in corpus.OWNED} | dict(corpus.THINGS)
    old = fact.told.rstrip(".").split(" is ")[-1]
    value = old
    while value == old:
        value = corpus.value(rng, pools[noun])
    subject = {"my": "My", "the": "The"}.get(owner, f"{owner}'s")
    return f"{subject} {noun} is {value}.", f" {value}."


@pytest.mark.slow
async def test_what_was_told_in_earlier_sessions_is_answered_and_revised(assistant: Assistant) -> None:
    rng = random.Random(20261121)
    facts = corpus.facts(rng, FACTS + DISTRACTORS + UNTOLD)
    told, distractors, untold = facts[:FACTS], facts[FACTS : FACTS + DISTRACTORS], facts[FACTS + DISTRACTORS :]
    for start in range(0, DISTRACTORS, 500):
        some = [memory_pb.NewMemory(text=f.said) for f in distractors[start : start + 500]]
        await assistant.memory.Remember(memory_pb.RememberRequest(scope=common_pb2.Scope(user="ann"), memories=some))
    for i, fact in enumerate(told):
        await assistant.answer(fact.said, f"told-{i // 10}")

    right = [await assistant.answer(f.asked, f"asked-{i}") == f.told for i, f in enumerate(told)]
    assert sum(right) >= 0.85 * FACTS
    without = [await assistant.answer(f.asked, "", remembers=False) == f.told for f in told]
    assert sum(without) == 0
    honest = [await assistant.answer(f.asked, f"untold-{i}") == f.unknown for i, f in enumerate(untold)]
    assert sum(honest) >= 0.9 * UNTOLD

    revisions = [(fact, *revision(fact, rng)) for fact in told[:REVISED]]
    for i, (_, said, _) in enumerate(revisions):
        await assistant.answer(said, f"revised-{i}")
    new = [(await assistant.answer(fact.asked, f"again-{i}")).endswith(end) for i, (fact, _, end) in enumerate(revisions)]
    assert sum(new) >= 0.95 * REVISED


async def test_old_talk_becomes_a_gist_by_the_model(tmp_path: Path) -> None:
    settings = EngineSettings(embedded_model(), threads=1, slots=2)
    server = AgentServer(ServerSettings(port=0), settings, no_pulls())
    api = await host_memory(server, str(tmp_path), "hashed", summarise_with="echo-nano")
    await server.start()
    await load_file(server, settings, "", lambda _stage, _fraction: None)
    scope = common_pb2.Scope(user="ann", session="long-ago")
    talk = [memory_pb.NewMemory(text=f"we walked along the river for {i} hours", said_at_s=1e9) for i in range(10)]
    await api.Remember(memory_pb.RememberRequest(scope=scope, memories=talk))
    done = [p async for p in api.Consolidate(memory_pb.ConsolidateRequest(scope=scope))][-1]
    assert done.summaries == 1
    listed = await api.ListMemories(memory_pb.ListMemoriesRequest(scope=scope))
    active = [m for m in listed.memories if m.lifecycle == memory_pb.LIFECYCLE_ACTIVE]
    assert [m.source for m in active] == ["consolidation"]
    assert active[0].text  # echo-nano says that it does not know; a larger model would summarise
    assert len(active[0].derived_from) == 10
    assert len(listed.memories) == 11
    await server.close()
