"""No namespace sees another's memories under any interleaving, and what was forgotten is nowhere: files, index, replies, prefix cache."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import tempfile
import uuid
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echorator._native import recall_index
from echorator.agent.loading.embedded import embedded_model
from echorator.agent.server import AgentServer
from echorator.cognition.api import CognitionApi
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.learning.writing import Told
from echorator.cognition.recall.recalling import Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.storing.store import MemoryNotFoundError
from echorator.cognition.upkeep.checking import check
from echorator.host.connection import connected
from echorator.host.hosted_memory import host_memory
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import common_pb2, model_pb2
from echorator.serving.server import ServerSettings
from echorator.settings import EngineSettings
from tests.support.models.pulling import no_pulls
from tests.support.rounds import rounds

SCOPES = (("t1", "a", "u"), ("t2", "a", "u"), ("t1", "b", "u"), ("t1", "a", "v"))  # each differs from the first in one part
WORDS = ("dog", "server", "port", "house")
CALLS = "remember update forget recall list context record state".split()
OPERATIONS = st.lists(
    st.tuples(
        st.integers(0, len(SCOPES) - 1),
        st.sampled_from("remember update forget recall list context record state".split()),
        st.integers(0, 3),
    ),
    min_size=4,
    max_size=40,
)


async def opened(folder: Path) -> CognitionApi:
    return CognitionApi(await Cognition.open(SqliteStore(folder), HashedEmbedder(64), CognitionSettings(), folder))


def scope(place: int) -> common_pb2.Scope:
    tenant, agent, user = SCOPES[place]
    return common_pb2.Scope(tenant=tenant, agent=agent, user=user, session="s")


async def operate(api: CognitionApi, place: int, what: str, number: int, ids: dict[int, list[int]]) -> None:
    """One call; its reply may show marks of its own namespace only."""
    text = f"The {WORDS[number]} is mark{place}x{uuid.uuid4().hex[:8]}."
    mine = ids.setdefault(place, [])
    reply: Any = None
    try:
        if what == "remember":
            reply = await api.Remember(pb.RememberRequest(scope=scope(place), memories=[pb.NewMemory(text=text)]))
            mine += reply.ids
        elif what == "update" and mine:
            reply = await api.UpdateMemory(pb.UpdateMemoryRequest(scope=scope(place), id=mine[number % len(mine)], text=text))
        elif what == "forget" and mine:
            everyone = [i for some in ids.values() for i in some]  # those of others are not its to forget
            before = {p: len(some) for p, some in ids.items()}
            await api.Forget(pb.ForgetRequest(scope=scope(place), ids=pb.MemoryIds(ids=everyone[-2:])))
            assert before.keys() <= ids.keys()
        elif what == "recall":
            reply = await api.Recall(pb.RecallRequest(scope=scope(place), query=f"What is the {WORDS[number]}?", include_superseded=True))
        elif what == "list":
            reply = await api.ListMemories(pb.ListMemoriesRequest(scope=scope(place), text="mark* OR the"))
        elif what == "context":
            messages = [model_pb2.Message(role="user", content=f"What is the {WORDS[number]}?")]
            reply = await api.BuildContext(pb.BuildContextRequest(scope=scope(place), messages=messages, min_confidence=0.0))
        elif what == "record":
            reply = await api.RecordExperience(pb.RecordExperienceRequest(scope=scope(place), user_text=text, answer="yes"))
            mine += reply.memory_ids
        elif what == "state":
            reply = await api.GetState(pb.GetStateRequest(scope=scope(place)))
    except MemoryNotFoundError:
        return  # nothing there yet, or forgotten meanwhile
    marks = set(re.findall(r"mark(\d)x", str(reply)))
    assert marks <= {str(place)}, f"{what} of {SCOPES[place]} shows {marks}"


@given(OPERATIONS)
@settings(max_examples=rounds(40), suppress_health_check=[HealthCheck.too_slow])
def test_no_namespace_ever_sees_another(operations: list[tuple[int, str, int]]) -> None:
    async def run(folder: Path) -> None:
        api = await opened(folder)
        ids: dict[int, list[int]] = {}
        for start in range(0, len(operations), 8):
            calls: list[Awaitable[None]] = [operate(api, *one, ids) for one in operations[start : start + 8]]
            await asyncio.gather(*calls)
        for place in range(len(SCOPES)):
            for other, theirs in ids.items():
                if other == place:
                    continue
                for i in theirs[:3]:
                    with pytest.raises(MemoryNotFoundError):
                        await api.GetMemory(pb.GetMemoryRequest(scope=scope(place), id=i))
        assert (await check(api.cognition, repair=False))[0] == []
        await api.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


@pytest.mark.asyncio(loop_scope="session")
async def test_changes_beside_an_erasure_reach_the_index_that_follows_it(tmp_path: Path) -> None:
    api = await opened(tmp_path)
    for _ in range(5):
        told = [pb.NewMemory(text=f"The {word} is mark0x{uuid.uuid4().hex}.") for word in WORDS]
        ids = {0: list((await api.Remember(pb.RememberRequest(scope=scope(0), memories=told))).ids)}
        forget = api.Forget(pb.ForgetRequest(scope=scope(0), ids=pb.MemoryIds(ids=[ids[0].pop()])))
        updates = [operate(api, 0, "update", number, ids) for number in (0, 1, 0)]
        await asyncio.gather(updates[0], forget, *updates[1:])
        assert (await check(api.cognition, repair=False))[0] == []
    await api.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_forgetting_leaves_what_belongs_to_others(tmp_path: Path) -> None:
    api = await opened(tmp_path)
    ids = {}
    for place in range(len(SCOPES)):
        told = pb.RememberRequest(scope=scope(place), memories=[pb.NewMemory(text=f"The port is mark{place}.")])
        ids[place] = (await api.Remember(told)).ids[0]
    gone = await api.Forget(pb.ForgetRequest(scope=scope(0), ids=pb.MemoryIds(ids=list(ids.values()))))
    assert gone.forgotten == 1
    await api.Forget(pb.ForgetRequest(scope=scope(1), everything=True))
    for place in (2, 3):
        assert (await api.GetMemory(pb.GetMemoryRequest(scope=scope(place), id=ids[place]))).text == f"The port is mark{place}."
    await api.close()


def graphs(folder: Path) -> list[Path]:
    return sorted(folder.glob("graph-*"))


def bytes_of(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("everything", [False, True], ids=["by ids", "the whole namespace"])
async def test_what_was_forgotten_is_in_no_byte_of_the_folder(tmp_path: Path, everything: bool) -> None:
    api = await opened(tmp_path)
    secret, kept, other = "zanzibarquux", "marmaladeness", "otherwordly"
    ann, bob = common_pb2.Scope(user="ann", session="s"), common_pb2.Scope(user="bob")
    await api.Remember(pb.RememberRequest(scope=bob, memories=[pb.NewMemory(text=f"The word is {other}.")]))
    texts = [f"My secret is {secret}.", f"So my secret is {secret}.", f"My jam is {kept}.", "My secret is changed."]
    for text in texts:
        await api.Remember(pb.RememberRequest(scope=ann, memories=[pb.NewMemory(text=text)]))
    asked = [model_pb2.Message(role="user", content="What is my secret?")]
    await api.BuildContext(pb.BuildContextRequest(scope=ann, messages=asked, min_confidence=0.0))
    recorded = await api.RecordExperience(
        pb.RecordExperienceRequest(scope=ann, user_text=f"I met {secret} in Oslo.", answer=f"{secret}!", recalled_ids=[1, 2])
    )
    await api.SetGoals(pb.SetGoalsRequest(scope=ann, goals=[pb.Goal(text="tidy up")]))
    async for _ in api.Consolidate(pb.ConsolidateRequest(scope=ann)):
        pass
    await api.ListPatterns(pb.ListPatternsRequest(scope=ann))
    assert secret.encode() in bytes_of(tmp_path)
    if everything:
        await api.Forget(pb.ForgetRequest(scope=ann, everything=True))
    else:
        page = await api.ListMemories(pb.ListMemoriesRequest(scope=ann, text=secret))
        assert recorded.memory_ids[0] in [m.id for m in page.memories]
        await api.Forget(pb.ForgetRequest(scope=ann, ids=pb.MemoryIds(ids=[m.id for m in page.memories])))
    found = bytes_of(tmp_path)
    assert secret.encode() not in found
    assert other.encode() in found
    if not everything:
        assert kept.encode() in found
        for reply in (
            await api.Recall(pb.RecallRequest(scope=ann, query=secret, include_superseded=True)),
            await api.History(pb.HistoryRequest(scope=ann)),
            await api.GetState(pb.GetStateRequest(scope=ann)),
            await api.GetMap(pb.GetMapRequest(scope=ann)),
            await api.ListPatterns(pb.ListPatternsRequest(scope=ann)),
        ):
            assert secret not in str(reply)
    assert (await check(api.cognition, repair=False))[0] == []
    await api.close()
    assert secret.encode() not in bytes_of(tmp_path)


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
async def test_a_saved_graph_goes_with_what_was_forgotten_and_a_damaged_one_is_built_again(tmp_path: Path) -> None:
    size = recall_index.EXACT_LIMIT + 500
    owner = Owner("default", "default", "ann")
    rng = np.random.default_rng(1)  # few degrees of freedom, as sentences have: else a graph finds too little, and none is kept
    vectors = (np.tanh(rng.normal(size=(size, 12)) @ rng.normal(size=(12, 64)) / 3) + 0.05 * rng.normal(size=(size, 64))).astype(np.float32)
    api = await opened(tmp_path)
    for start in range(0, size, 1000):
        told = [Told(f"thing{i}", embedding=v) for i, v in enumerate(vectors[start : start + 1000], start)]
        await api.cognition.remember(owner, told)
    space = await api.cognition.existing(owner)
    space.finish()
    assert len(graphs(tmp_path)) == 2
    await api.close()

    for damage in (None, 1000):
        if damage is not None:
            path = next(p for p in graphs(tmp_path) if p.suffix == ".bin")
            whole = bytearray(path.read_bytes())
            whole[damage : damage + 200] = b"\xff" * 200
            path.write_bytes(bytes(whole))
        api = await opened(tmp_path)
        space = await api.cognition.existing(owner)
        space.finish()  # a damaged one is built again
        assert space.index.graph_size >= recall_index.EXACT_LIMIT
        labels, _ = space.index.nearest(np.ascontiguousarray(vectors[777] / np.linalg.norm(vectors[777])), 1)
        assert (await api.cognition.get(owner, int(labels[0]))).text == "thing777"
        await api.close()

    api = await opened(tmp_path)
    await api.cognition.forget(owner, [1])
    assert graphs(tmp_path) == []
    await api.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_prefix_caches_are_kept_by_tenant_and_dropped_with_what_was_forgotten(tmp_path: Path) -> None:
    settings_ = EngineSettings(embedded_model(), threads=1, slots=4)
    server = AgentServer(ServerSettings(port=0), settings_, no_pulls())
    api = await host_memory(server, str(tmp_path), "hashed")
    await server.start()
    await server.registry.load("echo-nano", settings_, lambda _stage, _fraction: None, checked=False)
    server.serve()

    async with connected(server.address) as stub:

        async def cached(tenant: str) -> int:
            request = model_pb2.ChatRequest(sampling=model_pb2.Sampling(temperature=0))
            request.messages.add(role="system", content="You are Echo, a helpful assistant with a memory of many things that were said.")
            request.messages.add(role="user", content="What is my dog called?")
            request.limits.max_tokens = 4
            if tenant:
                request.memory.scope.CopyFrom(common_pb2.Scope(tenant=tenant, user="ann"))
                request.memory.read_only = True
            tokens = 0
            async for reply in stub.Chat(request):
                tokens = reply.finish.usage.cached_tokens if reply.HasField("finish") else tokens
            return tokens

        assert await cached("one") == 0
        assert await cached("one") > 20
        assert await cached("two") == 0  # the same prompt of another tenant
        assert await cached("") == 0
        told = pb.RememberRequest(scope=common_pb2.Scope(tenant="one", user="eve"), memories=[pb.NewMemory(text="I like tea.")])
        await api.Remember(told)
        assert await cached("one") > 20
        await api.Forget(pb.ForgetRequest(scope=common_pb2.Scope(tenant="one", user="eve"), everything=True))
        assert await cached("one") == 0
        assert await cached("two") > 20
    await server.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_of_an_answer_that_was_continued_the_whole_is_learned(tmp_path: Path) -> None:
    settings_ = EngineSettings(embedded_model(), threads=1, slots=1, context_tokens=1024)
    server = AgentServer(ServerSettings(port=0), settings_, no_pulls())
    await host_memory(server, str(tmp_path), "hashed")
    await server.start()
    await server.registry.load("echo-nano", settings_, lambda _stage, _fraction: None, checked=False)
    server.serve()
    owner = common_pb2.Scope(user="ann")
    async with connected(server.address) as stub:
        request = model_pb2.ChatRequest(sampling=model_pb2.Sampling(temperature=0))
        request.messages.add(role="user", content="What is my dog called?")
        request.messages.add(role="assistant", content="Your dog's name")
        request.limits.max_tokens = 4
        request.memory.scope.CopyFrom(owner)
        said = "".join([reply.text async for reply in stub.Chat(request)])
        assert said
    await server.close()
    with sqlite3.connect(tmp_path / "memory.db") as db:
        assert [row[0] for row in db.execute("SELECT answer FROM experiences")] == [f"Your dog's name{said}"]
