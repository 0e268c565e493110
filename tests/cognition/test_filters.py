"""What callers attach to memories - metadata, categories, an expiry - and the filters over it, as a client uses them."""

from __future__ import annotations

import time
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct

from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import model_pb2
from tests.support.agents import refused
from tests.support.memories import Memory

pytestmark = pytest.mark.asyncio(loop_scope="session")

INVALID = grpc.StatusCode.INVALID_ARGUMENT
HOUR_S = 3600.0


def new(text: str, metadata: dict[str, Any] | None = None, **more: Any) -> pb.NewMemory:
    return pb.NewMemory(text=text, metadata=ParseDict(metadata or {}, Struct()), **more)


async def told(memory: Memory, *memories: pb.NewMemory) -> list[int]:
    return list((await memory.stub.Remember(pb.RememberRequest(scope=memory.scope(), memories=memories))).ids)


async def found(memory: Memory, said: dict[str, Any], query: str = "the talk of the day", k: int = 1000) -> set[str]:
    """The last words of what Recall and ListMemories find alike."""
    filter_ = ParseDict(said, pb.Filter())
    request = pb.RecallRequest(scope=memory.scope(), query=query, filter=filter_, k=k, include_superseded=True)
    recalled = await memory.stub.Recall(request)
    listed = await memory.stub.ListMemories(pb.ListMemoriesRequest(scope=memory.scope(), filter=filter_, page_size=1000))
    words = {m.text.split()[-1].rstrip(".?!") for m in listed.memories}
    assert {r.memory.text.split()[-1].rstrip(".?!") for r in recalled.memories} == words
    return words


@pytest_asyncio.fixture(loop_scope="session")
async def talks(memory: Memory) -> Memory:
    await told(
        memory,
        new("The talk was good.", {"project": "heron", "n": 3, "live": True}, categories=["Work", "talks"], said_at_s=100.0),
        new("The talk was long.", {"project": "owl", "n": 7.5}, categories=["talks"], speaker="Bob", said_at_s=200.0),
        new("The talk was short.", {"project": "heron", "n": "3", "day": "2026-11-02"}, kind=pb.KIND_PROCEDURAL, said_at_s=300.0),
        new("Was the talk recorded?", said_at_s=400.0),
    )
    return memory


WHERE: list[tuple[str, dict[str, Any], set[str]]] = [
    ("equal texts", {"metadata": [{"name": "project", "equals": "heron"}]}, {"good", "short"}),
    ("an equal number is no text", {"metadata": [{"name": "n", "equals": 3}]}, {"good"}),
    ("an equal truth value is no number", {"metadata": [{"name": "live", "equals": 1}]}, set()),
    ("an equal truth value", {"metadata": [{"name": "live", "equals": True}]}, {"good"}),
    ("one of", {"metadata": [{"name": "n", "oneOf": [7.5, "3"]}]}, {"long", "short"}),
    ("a range of numbers", {"metadata": [{"name": "n", "above": 3, "at_most": 7.5}]}, {"long"}),
    ("a range of texts", {"metadata": [{"name": "day", "at_least": "2026-11-01", "below": "2026-11-03"}]}, {"short"}),
    ("there", {"metadata": [{"name": "n"}]}, {"good", "long", "short"}),
    ("not there", {"metadata": [{"name": "n", "exists": False}]}, {"recorded"}),
    ("each of several", {"metadata": [{"name": "project", "equals": "heron"}, {"name": "day", "exists": True}]}, {"short"}),
    ("a category in any case", {"categories": ["TALKS"]}, {"good", "long"}),
    ("an act", {"acts": ["ACT_ASKS"]}, {"recorded"}),
    ("a source", {"sources": ["chat"]}, set()),
    ("words", {"text": "good talk"}, {"good"}),
    ("any", {"any": [{"speaker": "Bob"}, {"kinds": ["KIND_PROCEDURAL"]}]}, {"long", "short"}),
    ("none", {"none": [{"categories": ["talks"]}, {"before_s": 350.0, "since_s": 250.0}]}, {"recorded"}),
    ("all", {"all": [{"since_s": 150.0}, {"before_s": 350.0}]}, {"long", "short"}),
    ("within each other", {"since_s": 150.0, "any": [{"none": [{"speaker": "Bob"}], "all": [{"before_s": 350.0}]}]}, {"short"}),
    ("nothing meets none of everything", {"none": [{}]}, set()),
    ("everything meets any of everything", {"any": [{}]}, {"good", "long", "short", "recorded"}),
]


@pytest.mark.parametrize(("said", "words"), [case[1:] for case in WHERE], ids=[case[0] for case in WHERE])
async def test_recall_and_lists_admit_what_a_filter_says(talks: Memory, said: dict[str, Any], words: set[str]) -> None:
    assert await found(talks, said) == words


async def test_a_recall_gives_as_many_as_a_rare_filter_admits(memory: Memory) -> None:
    await told(memory, *(new(f"The talk {i} of the day was {i}.", {"rare": i % 100 == 7}) for i in range(1000)))
    rare = ParseDict({"metadata": [{"name": "rare", "equals": True}]}, pb.Filter())
    recalled = await memory.stub.Recall(pb.RecallRequest(scope=memory.scope(), query="the talk 3 of the day", filter=rare, k=10))
    assert {r.memory.text for r in recalled.memories} == {f"The talk {i} of the day was {i}." for i in range(7, 1000, 100)}
    assert [r.score for r in recalled.memories] == sorted((r.score for r in recalled.memories), reverse=True)
    request = pb.ListMemoriesRequest(scope=memory.scope(), filter=rare, page_size=3)
    pages = []
    while True:
        page = await memory.stub.ListMemories(request)
        pages.append(len(page.memories))
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    assert pages == [3, 3, 3, 1]


async def test_what_was_attached_comes_back(memory: Memory) -> None:
    attached = {"project": "heron \u2013 \u9ce5", "n": -0.25, "live": False, "empty": ""}
    (one,) = await told(memory, new("It rained.", attached, categories=["B", " a ", "b"], expires_at_s=4e9))
    back = await memory.stub.GetMemory(pb.GetMemoryRequest(scope=memory.scope(), id=one))
    assert MessageToDict(back.metadata) == attached
    assert (list(back.categories), back.expires_at_s) == (["a", "b"], 4e9)


async def test_an_update_changes_what_it_names_and_leaves_the_rest(memory: Memory) -> None:
    (one,) = await told(memory, new("It rained.", {"a": 1, "b": "x", "c": True}, categories=["one", "two"]))
    changes = ParseDict({"a": None, "b": "y", "d": 2}, Struct())
    request = pb.UpdateMemoryRequest(
        scope=memory.scope(), id=one, metadata=changes, add_categories=["Three"], remove_categories=["one", "no"]
    )
    changed = await memory.stub.UpdateMemory(request)
    assert MessageToDict(changed.metadata) == {"b": "y", "c": True, "d": 2}
    assert list(changed.categories) == ["three", "two"]
    assert await found(memory, {"metadata": [{"name": "d", "equals": 2}], "categories": ["three"]}) == {"rained"}
    assert await found(memory, {"metadata": [{"name": "a"}]}) == set()
    too_many = ParseDict({f"n{i}": i for i in range(62)}, Struct())
    request = pb.UpdateMemoryRequest(scope=memory.scope(), id=one, metadata=too_many)
    await refused(memory.stub.UpdateMemory(request), INVALID, "at most 64 names, not 65")


async def test_an_expired_memory_is_not_recalled_listed_or_put_into_contexts(memory: Memory) -> None:
    now_s = time.time()
    gone, later = await told(
        memory,
        new("The code of the gate is 4431.", expires_at_s=now_s - 1),
        new("The code of the barn is 4432.", expires_at_s=now_s + HOUR_S),
    )
    await told(memory, new("Always answer with the code 4433.", standing=True, expires_at_s=now_s + HOUR_S))
    assert await memory.recall("what is the code of the gate?") == ["The code of the barn is 4432.", "Always answer with the code 4433."]
    assert [text[-5:] for text in await memory.texts()] == ["4432.", "4433."]
    scope = memory.scope("s")

    async def context(now_s: float) -> str:
        messages = [model_pb2.Message(role="user", content="What is the code of the barn?")]
        request = pb.BuildContextRequest(scope=scope, messages=messages, now_s=now_s, min_confidence=0.0)
        return " ".join(m.content for m in (await memory.stub.BuildContext(request)).messages)

    block = await context(time.time())
    assert "4432" in block
    assert "4433" in block
    assert "4431" not in block
    block = await context(now_s + 2 * HOUR_S)  # the block of before stands in the session
    assert "4432" not in block
    assert "4433" not in block
    kept = await memory.stub.UpdateMemory(pb.UpdateMemoryRequest(scope=memory.scope(), id=gone, expires_at_s=0))
    assert kept.expires_at_s == 0
    assert "The code of the gate is 4431." in await memory.recall("code of the gate")
    await memory.stub.UpdateMemory(pb.UpdateMemoryRequest(scope=memory.scope(), id=later, expires_at_s=1.0))
    assert "The code of the barn is 4432." not in await memory.recall("code of the barn")


async def test_consolidation_erases_what_has_expired(memory: Memory) -> None:
    now_s = time.time()
    gone, archived, stays = await told(
        memory,
        new("The code is 4431.", expires_at_s=now_s - 1),
        new("The lock is old.", expires_at_s=now_s - 1),
        new("The gate is red.", expires_at_s=now_s + HOUR_S),
    )
    await memory.stub.UpdateMemory(pb.UpdateMemoryRequest(scope=memory.scope(), id=archived, lifecycle=pb.LIFECYCLE_ARCHIVED))

    async def consolidated(dry_run: bool) -> int:
        *_, last = [p async for p in memory.stub.Consolidate(pb.ConsolidateRequest(scope=memory.scope(), dry_run=dry_run))]
        return last.expired

    assert await consolidated(dry_run=True) == 2
    assert (await memory.stub.GetMemory(pb.GetMemoryRequest(scope=memory.scope(), id=gone))).text == "The code is 4431."
    assert await consolidated(dry_run=False) == 2
    for erased in (gone, archived):
        await refused(memory.stub.GetMemory(pb.GetMemoryRequest(scope=memory.scope(), id=erased)), grpc.StatusCode.NOT_FOUND, "no memory")
    assert (await memory.stub.GetMemory(pb.GetMemoryRequest(scope=memory.scope(), id=stays))).text == "The gate is red."


async def test_what_says_the_same_with_other_labels_is_another_memory(memory: Memory) -> None:
    now_s = time.time()
    text = "My dog is called Pixel."
    ids = await told(memory, new(text, {"a": 1}), new(text, {"a": 2}), new(text, expires_at_s=now_s + HOUR_S))
    again = await told(memory, new(text, {"a": 1}), new(text, {"a": 3}))
    assert (len({*ids}), again[0], again[1] in ids) == (3, ids[0], False)
    (expired,) = await told(memory, new("My cat is called Tom.", expires_at_s=now_s - 1))
    (fresh,) = await told(memory, new("My cat is called Tom."))
    assert fresh != expired, "what has expired is told anew"
    assert "My cat is called Tom." in await memory.recall("What is my cat called?")


async def test_forgetting_by_a_filter_erases_what_it_admits_and_nothing_else(talks: Memory) -> None:
    await told(talks, new("The talk has ended.", {"project": "heron"}, expires_at_s=1.0))
    filter_ = ParseDict({"any": [{"metadata": [{"name": "project", "equals": "heron"}]}]}, pb.Filter())
    done = await talks.stub.Forget(pb.ForgetRequest(scope=talks.scope(), filter=filter_))
    assert done.forgotten == 3, "the expired one too"
    assert await found(talks, {}) == {"long", "recorded"}


def deep(levels: int) -> dict[str, Any]:
    return {"any": [deep(levels - 1)]} if levels > 1 else {"session": "s"}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"metadata": [{"name": ""}]}, r"filter.metadata[0].name must be 1..64"),
    ({"metadata": [{"name": 'a"b'}]}, "without quotes"),
    ({"metadata": [{"name": "a", "equals": None}]}, "null is no value"),
    ({"metadata": [{"name": "a", "equals": [1]}]}, "metadata are flat"),
    ({"metadata": [{"name": "a", "one_of": []}]}, "one_of is empty"),
    ({"metadata": [{"name": "a", "equals": 1, "one_of": [1]}]}, "exclude each other"),
    ({"metadata": [{"name": "a", "above": True}]}, "which have an order"),
    ({"metadata": [{"name": "a", "exists": False, "equals": 1}]}, "stands alone"),
    ({"any": [{"none": [{"text": '"open'}]}]}, "a quote is not closed"),
    ({"text": "*x"}, "filter.text: a search begins with a word"),
    ({"any": [{"since_s": 1e300}]}, "filter.any[0].since_s must be"),
    (deep(9), "up to 8 deep"),
    ({"any": [{"any": [{}] * 60}] * 5}, "more than 256 filters"),
    ({"any": [{}] * 65}, "at most 64"),
]


@pytest.mark.parametrize(("said", "says"), BAD, ids=[case[1] for case in BAD])
async def test_a_filter_that_cannot_be_is_refused_in_words(memory: Memory, said: dict[str, Any], says: str) -> None:
    await memory.remember("It rained.")
    filter_ = ParseDict(said, pb.Filter())
    await refused(memory.stub.ListMemories(pb.ListMemoriesRequest(scope=memory.scope(), filter=filter_)), INVALID, says)
    await refused(memory.stub.Recall(pb.RecallRequest(scope=memory.scope(), query="x", filter=filter_)), INVALID, says)


async def test_labels_that_cannot_be_are_refused_in_words(memory: Memory) -> None:
    wrong: list[tuple[pb.NewMemory, str]] = [
        (new("x", {"a": {"b": 1}}), "memories[0].metadata.a must be a text, a finite number or a truth value"),
        (new("x", {"a": [1]}), "metadata are flat"),
        (new("x", {"a": None}), "metadata are flat"),
        (new("x", {"": 1}), "a name must be 1..64 printable characters"),
        (new("x", {"n" * 65: 1}), "a name must be 1..64"),
        (new("x", {"a": "b\0"}), "NUL character"),
        (new("x", {f"n{i}": i for i in range(65)}), "at most 64 names, not 65"),
        (new("x", {"a": "b" * 17_000}), "at most 16384 bytes of JSON"),
        (new("x", categories=["a\\b"]), "memories[0].categories must be 1..64"),
        (new("x", categories=[" "]), "memories[0].categories must be 1..64"),
        (new("x", categories=[f"c{i}" for i in range(33)]), "categories must be at most 32"),
        (new("x", expires_at_s=-1.0), "expires_at_s must be 0.."),
    ]
    for one, says in wrong:
        await refused(memory.stub.Remember(pb.RememberRequest(scope=memory.scope(), memories=[one])), INVALID, says)
    await refused(memory.stub.ListMemories(pb.ListMemoriesRequest(scope=memory.scope())), grpc.StatusCode.NOT_FOUND, "nothing was ever")
