"""What other memory services export is read in the shapes that their APIs and files have, and refused in words where it is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cognition.learning.writing import Told
from echorator.cognition.memory import Kind
from echorator.cognition.transfer.foreign import FORMATS, LONGEST_BLOCK, foreign
from echorator.errors import InvalidRequestError
from echorator.rpc.v1 import cognition_pb2 as pb
from tests.cognition.transfer.test_own import ANN, adopt, api_of

RECORDS: list[dict[str, Any]] = [
    {
        "id": "m2",
        "memory": "Likes tea",
        "hash": "h",
        "metadata": {"source": "app", "tags": ["a", "b"], "n": 3, "none": None},
        "created_at": "2024-07-20T01:30:36.275141-07:00",
        "updated_at": None,
        "user_id": "ann",
        "categories": ["Food", "drinks"],
        "expiration_date": "2030-12-31",
    },
    {"id": "m1", "memory": "Lives in Graz", "created_at": "2023-01-01T00:00:00Z", "user_id": "ann", "run_id": "r", "role": "assistant"},
]
MEM0 = {"results": RECORDS}
LANGGRAPH = [
    {
        "namespace": ["memories", "ann"],
        "key": "k1",
        "value": {"content": "Likes tea", "kind": "fact"},
        "created_at": "2024-01-02T00:00:00+00:00",
    },
    {"namespace": ["memories"], "key": "k2", "value": {"kind": "Memory", "content": {"content": "Has a dog"}}, "created_at": "2024-01-01"},
    {"namespace": ["profile"], "key": "k3", "value": {"name": "Ann", "age": 30, "pets": ["dog"]}, "created_at": "2024-01-03T00:00:00Z"},
]
LETTA = {
    "agents": [
        {
            "id": "agent-0",
            "messages": [
                {"id": "message-0", "role": "system", "content": [{"type": "text", "text": "You are helpful."}]},
                {
                    "id": "message-1",
                    "role": "user",
                    "content": [{"type": "text", "text": "I like tea."}],
                    "created_at": "2025-01-02T00:00:00Z",
                },
                {"id": "message-2", "role": "assistant", "content": "Noted."},
                {"id": "message-3", "role": "user", "content": '{"type": "user_message", "message": "I have a dog."}'},
                {"id": "message-4", "role": "user", "content": '{"type": "login", "last_login": "never"}'},
            ],
        }
    ],
    "blocks": [
        {"id": "block-0", "label": "human", "value": "First name: Chad", "limit": 2000, "metadata": {}},
        {"id": "block-1", "label": "persona", "value": " ", "metadata": None},
    ],
    "files": [],
}
PASSAGES = [
    {"id": "p1", "text": "Met Bob.", "created_at": "2025-01-01T00:00:00", "metadata": {"a": 1}, "tags": ["people"], "embedding": [0.1]}
]


def read(format_: str, data: Any, user: str = "ann") -> list[Told]:
    return foreign(format_, json.dumps(data).encode(), user)


def test_mem0() -> None:
    first, second = read("mem0", MEM0)
    assert (first.text, first.key, first.said_s, first.speaker) == ("Lives in Graz", "mem0:m1", 1672531200.0, "assistant")
    assert (second.text, second.categories, second.expires_s) == ("Likes tea", ("drinks", "food"), 1924992000.0)
    assert dict(second.metadata) == {"hash": "h", "source": "app", "tags": '["a", "b"]', "n": 3.0}
    assert dict(first.metadata) == {"run_id": "r"}
    assert read("mem0", RECORDS) == read("mem0", {"memories": RECORDS}) == [first, second]
    lines = "\n".join(json.dumps(record) for record in RECORDS).encode()
    assert foreign("mem0", lines, "ann") == [first, second]


def test_only_the_user_s_own_are_taken_of_several_users() -> None:
    several = [*RECORDS, {"id": "m3", "memory": "Likes coffee", "user_id": "ben"}]
    assert [one.text for one in read("mem0", several)] == ["Lives in Graz", "Likes tea"]
    assert [one.text for one in read("mem0", several, "ben")] == ["Likes coffee"]
    with pytest.raises(InvalidRequestError, match="of 2 users"):
        read("mem0", several, "carl")


def test_langgraph() -> None:
    dog, tea, profile = read("langgraph", {"items": LANGGRAPH})
    assert (tea.text, tea.key, dict(tea.metadata)) == (
        "Likes tea",
        "langgraph:memories/ann/k1",
        {"namespace": "memories/ann", "kind": "fact"},
    )
    assert (dog.text, dog.metadata["kind"]) == ("Has a dog", "Memory")
    assert profile.text == 'name: Ann; age: 30; pets: ["dog"]'


def test_letta() -> None:
    block, dog, tea = read("letta", LETTA)
    assert (block.text, block.key, block.categories) == ("First name: Chad", "letta:block-0", ("core memory", "human"))
    assert (dog.text, tea.text, tea.said_s) == ("I have a dog.", "I like tea.", 1735776000.0)
    (older,) = read("letta", {"core_memory": [{"label": "human", "value": "Name: Sarah"}], "messages": [], "version": "0.6"})
    assert (older.text, older.key) == ("Name: Sarah", "letta:block human")
    (passage,) = read("letta", PASSAGES)
    assert (passage.text, passage.categories, dict(passage.metadata)) == ("Met Bob.", ("people",), {"a": 1.0})


def test_texts() -> None:
    said = [
        {"text": "Later.", "said_at_s": 5},
        {"text": "Ran.", "said_at_s": "1970-01-01", "kind": "procedural", "session": "s", "pinned": True},
    ]
    ran, later = read("texts", said)
    assert (ran.text, ran.kind, ran.session, ran.pinned, later.said_s) == ("Ran.", Kind.PROCEDURAL, "s", True, 5.0)


def test_a_long_text_becomes_a_memory_a_passage() -> None:
    block = {"id": "b", "label": "human", "value": "\n".join(f"Fact number {i} is that she likes the colour {i}." for i in range(100))}
    told = read("letta", {"blocks": [block]})
    assert len(told) > 10
    assert len({one.key for one in told}) == len(told)
    assert all(len(one.text) <= LONGEST_BLOCK for one in told)


@pytest.mark.parametrize(
    ("format_", "content", "says"),
    [
        ("mem0", b"{", "is no JSON"),
        ("mem0", b'{"a": 1}\n{"b": \n', "line 2 is no JSON"),
        ("mem0", b"[1]", "this is no mem0 export"),
        ("mem0", b'{"results": [{"id": "x"}]}', "this is no mem0 export: KeyError"),
        ("mem0", b'[{"memory": "x", "created_at": "yesterday"}]', "this is no mem0 export: ValueError"),
        ("langgraph", b'[{"value": {"content": "x"}}]', "this is no langgraph export: KeyError 'key'"),
        ("letta", b'[{"id": "x"}]', "this is no letta export"),
        ("letta", b'{"agents": [1]}', "this is no letta export"),
        ("texts", b'[{"text": "x", "metadata": {"a": []}}]', "metadata.a must be a text"),
        ("texts", b'[{"text": "x", "kind": "odd"}]', "this is no texts export: KeyError"),
    ],
)
def test_what_is_no_export_is_refused_in_words(format_: str, content: bytes, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        foreign(format_, content, "ann")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "id memory text value content key namespace metadata categories blocks agents messages role items results label".split()
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.sampled_from(sorted(FORMATS)), JSON)
def test_any_json_is_read_or_refused(format_: str, data: Any) -> None:
    try:
        told = foreign(format_, json.dumps(data).encode(), "ann")
    except InvalidRequestError:
        return
    assert all(one.text.strip() and len(one.key) <= 256 for one in told)


@pytest.mark.asyncio(loop_scope="session")
async def test_what_is_imported_is_read_for_facts_and_found(tmp_path: Path) -> None:
    api = await api_of(tmp_path)
    told = [
        {"id": "1", "memory": "I live in Oslo.", "created_at": "2024-01-01T00:00:00Z"},
        {"id": "2", "memory": "I live in Lima.", "created_at": "2024-02-01T00:00:00Z"},
    ]
    file = json.dumps({"results": told[::-1]}).encode()
    assert await adopt(api, ANN, file, pb.TRANSFER_FORMAT_MEM0) == (2, 0)
    assert await adopt(api, ANN, file, pb.TRANSFER_FORMAT_MEM0) == (0, 2)
    found = await api.Recall(pb.RecallRequest(scope=ANN, query="Where do I live?"))
    assert [r.memory.text for r in found.memories] == ["I live in Lima."], "the later one has ended the earlier one"
    assert [m.source for m in (await api.ListMemories(pb.ListMemoriesRequest(scope=ANN))).memories] == ["import"] * 2
    await api.close()
