"""What a client can get wrong is refused with a message that says what to do, and nothing is changed by it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import common_pb2, model_pb2
from tests.support.agents import refused
from tests.support.memories import Memory

pytestmark = pytest.mark.asyncio(loop_scope="session")

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
USER = [model_pb2.Message(role="user", content="hi")]
ME = "ME"  # stands for the scope of the test's own user


def new(**more: Any) -> list[pb.NewMemory]:
    return [pb.NewMemory(**({"text": "fine"} | more))]


BAD: list[tuple[str, str, dict[str, Any], str]] = [
    ("no user", "Remember", {"scope": common_pb2.Scope(), "memories": new()}, "scope.user is empty"),
    ("a control character", "Recall", {"scope": common_pb2.Scope(user="a\nb"), "query": "x"}, "scope.user must be"),
    ("a long name", "Recall", {"scope": common_pb2.Scope(user="a", tenant="t" * 129), "query": "x"}, "scope.tenant must be"),
    ("nothing to remember", "Remember", {"scope": ME}, "1..1024 at once, not 0"),
    ("too many", "Remember", {"scope": ME, "memories": new() * 1025}, "send several requests"),
    ("an empty text", "Remember", {"scope": ME, "memories": new(text=" \n")}, "memories[0].text is empty"),
    ("a NUL", "Remember", {"scope": ME, "memories": new(text="a\0b")}, "NUL character"),
    ("an oversize text", "Remember", {"scope": ME, "memories": new(text="x" * 16_385)}, "split it into several"),
    ("a short vector", "Remember", {"scope": ME, "memories": new(embedding=[1.0, 2.0])}, "has 2 numbers, this memory's vectors have 384"),
    ("a vector with NaN", "Remember", {"scope": ME, "memories": new(embedding=[math.nan] * 384)}, "NaN or infinite"),
    ("an infinite vector", "Remember", {"scope": ME, "memories": new(embedding=[math.inf] * 384)}, "NaN or infinite"),
    ("a zero vector", "Remember", {"scope": ME, "memories": new(embedding=[0.0] * 384)}, "all zeros"),
    ("an unknown kind", "Remember", {"scope": ME, "memories": new(kind=9)}, "9 is no kind"),
    ("importance NaN", "Remember", {"scope": ME, "memories": new(importance=math.nan)}, "importance must be 0..1"),
    ("importance 2", "Remember", {"scope": ME, "memories": new(importance=2.0)}, "importance must be 0..1"),
    ("a time NaN", "Remember", {"scope": ME, "memories": new(said_at_s=math.nan)}, "said_at_s must be"),
    ("a time far away", "Remember", {"scope": ME, "memories": new(said_at_s=1e300)}, "said_at_s must be"),
    ("half a fact", "Remember", {"scope": ME, "memories": new(facts=[pb.Fact(subject="x")])}, "needs a subject, an attribute and a value"),
    ("a long key", "Remember", {"scope": ME, "memories": new(key="k" * 257)}, "key must be at most 256"),
    ("an empty query", "Recall", {"scope": ME, "query": " "}, "query is empty"),
    ("k below", "Recall", {"scope": ME, "query": "x", "k": -1}, "k must be 1..1000"),
    ("k above", "Recall", {"scope": ME, "query": "x", "k": 1001}, "k must be 1..1000"),
    ("a weight below", "Recall", {"scope": ME, "query": "x", "weights": pb.Weights(dense=-1)}, "weights.dense must be 0..10"),
    ("a weight NaN", "Recall", {"scope": ME, "query": "x", "weights": pb.Weights(goal=math.nan)}, "weights.goal must be"),
    ("a query vector NaN", "Recall", {"scope": ME, "query": "x", "embedding": [math.nan] * 384}, "NaN or infinite"),
    ("an open quote", "ListMemories", {"scope": ME, "text": '"open'}, "text: "),
    ("a command of FTS5", "ListMemories", {"scope": ME, "text": " *reads"}, "a search begins with a word"),
    ("a lone star", "ListMemories", {"scope": ME, "text": "*"}, "a search begins with a word"),
    ("a page token", "ListMemories", {"scope": ME, "page_token": "x"}, "page_token must be one that"),
    ("a page size", "ListMemories", {"scope": ME, "page_size": 1001}, "page_size must be 1..1000"),
    ("nothing to change", "UpdateMemory", {"scope": ME, "id": 1}, "nothing is to be changed"),
    ("nothing to forget", "Forget", {"scope": ME}, "say what to forget"),
    ("no ids", "Forget", {"scope": ME, "ids": pb.MemoryIds()}, "say what to forget"),
    ("an empty filter", "Forget", {"scope": ME, "filter": pb.Filter()}, "set `everything`"),
    ("no messages", "BuildContext", {"scope": ME}, "messages: 1..4096"),
    ("no user turn", "BuildContext", {"scope": ME, "messages": [model_pb2.Message(role="system", content="x")]}, "no user message"),
    ("no role", "BuildContext", {"scope": ME, "messages": [model_pb2.Message(content="x")]}, "messages[0] has no role"),
    ("a budget below", "BuildContext", {"scope": ME, "messages": USER, "budget_tokens": -1}, "budget_tokens must be"),
    ("a confidence NaN", "BuildContext", {"scope": ME, "messages": USER, "min_confidence": math.nan}, "min_confidence must be"),
    ("feedback 2", "RecordExperience", {"scope": ME, "user_text": "x", "feedback": 2.0}, "feedback must be -1..1"),
    ("a NUL in an answer", "RecordExperience", {"scope": ME, "user_text": "x", "answer": "\0"}, "NUL characters"),
    ("too many goals", "SetGoals", {"scope": ME, "goals": [pb.Goal(text="x")] * 33}, "at most 32"),
    ("an empty goal", "SetGoals", {"scope": ME, "goals": [pb.Goal()]}, "goals[0].text is empty"),
    ("a similarity", "Consolidate", {"scope": ME, "duplicate_similarity": 2.0}, "duplicate_similarity must be 0.5..1"),
    ("an interval", "WatchState", {"scope": ME, "interval_ms": 1}, "interval_ms must be"),
    ("a map", "GetMap", {"scope": ME, "limit": 100_001}, "limit must be"),
    ("no tenant", "ListNamespaces", {}, "tenant is empty"),
    ("a page of namespaces", "ListNamespaces", {"tenant": "t", "page_size": 1001}, "page_size must be 1..1000"),
    ("a token of namespaces", "ListNamespaces", {"tenant": "t", "page_token": "?"}, "page_token must be one that ListNamespaces gave"),
]


@pytest.mark.parametrize(("method", "fields", "says"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_a_bad_request_is_refused_and_changes_nothing(memory: Memory, method: str, fields: dict[str, Any], says: str) -> None:
    await memory.remember("I like tea.")
    request_type = {"WatchState": pb.WatchStateRequest, "GetMap": pb.GetMapRequest}.get(method) or getattr(pb, f"{method}Request")
    request = request_type(**{name: memory.scope() if value is ME else value for name, value in fields.items()})
    await refused(getattr(memory.stub, method)(request), INVALID, says)
    assert await memory.texts() == ["I like tea."]
    assert (await memory.stub.GetState(pb.GetStateRequest(scope=memory.scope()))).experiences == 0


@pytest.mark.parametrize(
    "method", ["Recall", "ListMemories", "History", "GetState", "GetMap", "ListPatterns", "Consolidate", "Export", "WatchState"]
)
async def test_a_namespace_that_was_never_used_is_not_found(memory: Memory, method: str) -> None:
    request = getattr(pb, f"{method}Request")(scope=memory.scope())
    if method == "Recall":
        request.query = "x"
    await refused(getattr(memory.stub, method)(request), NOT_FOUND, memory.user)


async def test_an_unknown_id_is_not_found(memory: Memory) -> None:
    await memory.remember("I like tea.")
    scope = memory.scope()
    await refused(memory.stub.GetMemory(pb.GetMemoryRequest(scope=scope, id=10**12)), NOT_FOUND, "no memory 1000000000000")
    await refused(memory.stub.UpdateMemory(pb.UpdateMemoryRequest(scope=scope, id=10**12, text="x")), NOT_FOUND, "no memory")
    await refused(memory.stub.GetMemory(pb.GetMemoryRequest(scope=scope, id=2**64 - 1)), NOT_FOUND, "no memory")
    assert (await memory.stub.Forget(pb.ForgetRequest(scope=scope, ids=pb.MemoryIds(ids=[2**64 - 1])))).forgotten == 0
    assert list((await memory.stub.History(pb.HistoryRequest(scope=scope, id=2**64 - 1, before_seq=2**64 - 1))).changes) == []
    request = pb.RecordExperienceRequest(scope=scope, user_text="Hello!", recalled_ids=[2**64 - 1, 0])
    assert len((await memory.stub.RecordExperience(request)).memory_ids) == 1


async def test_an_import_needs_a_scope_and_a_whole_file(memory: Memory) -> None:
    async def nothing() -> AsyncIterator[pb.ImportChunk]:
        return
        yield

    async def garbage() -> AsyncIterator[pb.ImportChunk]:
        yield pb.ImportChunk(scope=memory.scope(), lines=b"\xff\xfe garbage\n")

    await refused(memory.stub.Import(nothing()), INVALID, "first one carries the scope")
    await refused(memory.stub.Import(garbage()), INVALID, "line 1")


async def test_one_bad_memory_refuses_all_of_its_request(memory: Memory) -> None:
    await memory.remember("I like tea.")
    told = [pb.NewMemory(text="good"), pb.NewMemory(text="bad\0")]
    await refused(memory.stub.Remember(pb.RememberRequest(scope=memory.scope(), memories=told)), INVALID, "memories[1]")
    assert await memory.texts() == ["I like tea."]
