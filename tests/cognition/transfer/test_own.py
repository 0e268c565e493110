"""A namespace that was exported comes back whole, in any store, beside what is there; files of earlier versions too."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from echorator.cognition.api import CognitionApi
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.learning.adopting import Archive
from echorator.cognition.learning.writing import Told, memories_of
from echorator.cognition.memory import Change, Experience, Goal, Memory
from echorator.cognition.recall.recalling import Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.redis_store import RedisStore
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.storing.store import Store
from echorator.cognition.transfer.own import exported, imported, lines_of
from echorator.errors import InvalidRequestError
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import common_pb2
from tests.cognition.storing.redis_server import RedisServer, needs_redis

GOALS = [Goal("learn", 0.5)]
TURNS = [Experience("s", 5.0, "said", "answered", "m", (1,), (2, 3), 1, -0.5)]
CHANGES = [Change(0, 4.0, 1, "remembered", ""), Change(0, 4.5, 2, "updated", "pinned was False")]
ANN, BEN = common_pb2.Scope(user="ann"), common_pb2.Scope(user="ben")


def memory(text: str, said_s: float = 0.0, number: int = 1, **more: object) -> Memory:
    return replace(memories_of([Told(text, said_s=said_s)], "", said_s)[0], id=number, **more)  # type: ignore[arg-type]


def whole(vectors: bool = True) -> list[bytes]:
    memories = []
    for i, text in enumerate(["My dog is called Pixel.", 'Caf\u00e9 \u65e5\u672c "quoted"\nline', "I like tea."], 1):
        vector = np.full(4, 0.5, np.float32)
        memories.append(memory(text, 1000.0 + i, i, key="own" if i == 3 else "", embedding=vector, pinned=i == 2))
    return list(exported(Archive(memories, GOALS, TURNS, CHANGES, [(1, 2, 0.5)]), "e1", vectors))


def test_an_export_comes_back_as_it_was() -> None:
    archive = imported(lines_of(whole()), "e1", 4)
    back = archive.memories
    assert [(m.text, m.said_s, m.pinned, m.key) for m in back] == [
        ("My dog is called Pixel.", 1001.0, False, ""),
        ('Caf\u00e9 \u65e5\u672c "quoted"\nline', 1002.0, True, ""),
        ("I like tea.", 1003.0, False, "own"),
    ]
    assert [m.embedding.tolist() for m in back] == [[0.5] * 4] * 3
    assert back[0].terms.tolist() == memory("My dog is called Pixel.", 1001.0).terms.tolist()
    assert all(not len(m.embedding) for m in imported(lines_of(whole()), "another", 4).memories)
    assert all(not len(m.embedding) for m in imported(lines_of(whole(vectors=False)), "e1", 4).memories)
    assert (archive.goals, archive.experiences, archive.changes, archive.links) == (GOALS, TURNS, CHANGES, [(1, 2, 0.5)])


@given(st.lists(st.integers(0, 2000), max_size=8))
def test_chunks_may_be_cut_anywhere(cuts: list[int]) -> None:
    data = b"".join(whole())
    places = sorted({0, *(c for c in cuts if c < len(data)), len(data)})
    chunks = [data[a:b] for a, b in pairwise(places)]
    assert [line + b"\n" for line in lines_of(chunks)] == whole()


def damage() -> Iterator[tuple[str, list[bytes]]]:
    lines = whole()
    yield "line 2 is no JSON", [lines[0], b"{\n", *lines[2:]]
    yield "line 2 is no JSON .uses is a whole number of 5000 digits", [lines[0], b'{"uses":' + b"9" * 5000 + b"}\n", *lines[2:]]
    yield "line 2 is no JSON object", [lines[0], b"[]\n", *lines[2:]]
    yield "line 1 must be", lines[1:]
    yield "line 1 must be", [lines[0].replace(b'"version":3', b'"version":4'), *lines[1:]]
    yield "was cut", lines[:-1]
    yield "was cut", []
    yield "says it has 3 memories, 2 were read", [lines[0], *lines[2:]]
    yield "line 11 comes after", [*lines, lines[1]]
    for old, new in (
        (b'"semantic"', b'"odd"'),
        (b'"importance":0', b'"importance":7'),
        (b'"said_s":1001.0', b'"said_s":1e999'),
        (b'"said_s":1001.0', b'"said_s":1e30'),
        (b'"said_s":1001.0', b'"said_s":"x"'),
        (b'"embedding":"AAAAP', b'"embedding":"!AAAP'),
        (b'"embedding":"AAAAP', b'"embedding":"AAAAPAAAAAAA'),
        (b"My dog", b"My\\u0000dog"),
        (b'"id":1,', b""),
        (b'"text":"My dog is called Pixel."', b'"text":""'),
        (b"Pixel", b"x" * 20_000),
    ):
        assert old in lines[1]
        yield "line 2", [lines[0], lines[1].replace(old, new, 1), *lines[2:]]
    for place, old, new in (
        (4, b'"priority":0.5', b'"priority":7'),
        (4, b"learn", b"\\u0000"),
        (5, b'"recalled":[1]', b'"recalled":["x"]'),
        (5, b'"feedback":-0.5', b'"feedback":2'),
        (5, b'"said"', b'"a\\u0000b"'),
        (6, b'"remembered"', b'"dreamt"'),
        (6, b'"at_s":4.0', b'"at_s":NaN'),
        (8, b"0.5]", b"5]"),
        (8, b"[1,2,", b"[1,"),
    ):
        assert old in lines[place]
        yield f"line {place + 1}", [*lines[:place], lines[place].replace(old, new, 1), *lines[place + 1 :]]


@pytest.mark.parametrize(("says", "lines"), list(damage()))
def test_a_damaged_file_is_refused_with_its_line(says: str, lines: list[bytes]) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        imported(lines_of(lines), "e1", 4)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_any_changed_byte_imports_or_is_refused(place: int, value: int) -> None:
    data = bytearray(b"".join(whole()))
    data[place % len(data)] = value
    try:
        memories = imported(lines_of([bytes(data)]), "e1", 4).memories
    except InvalidRequestError:
        return
    assert len(memories) == 3
    assert json.dumps([m.text for m in memories])


def test_files_of_earlier_versions_are_read() -> None:
    old = {
        "id": 7,
        "text": "My dog is called Pixel.",
        "kind": "semantic",
        "said_s": 5.0,
        "created_s": 5.0,
        "lifecycle": "active",
        "act": "tells",
    }
    first = old | {"subject": "user", "attribute": "dog name", "value": "Pixel", "exclusive": True, "valid_to_s": 9.0}
    second = old | {
        "facts": [{"subject": "user", "attribute": "pet", "value": "dog", "type": "many"}],
        "metadata": {"n": 1},
        "act": "tells",
    }
    for version, said in ((1, first), (2, second)):
        lines = [{"format": "echorator-memory", "version": version, "embedder": ""}, said, {"end": True, "memories": 1}]
        (back,) = imported((json.dumps(line).encode() for line in lines), "e1", 4).memories
        (fact,) = back.facts
        wanted = ("Pixel", "single", 9.0) if version == 1 else ("dog", "many", 0.0)
        assert (back.id, fact.value, fact.type, fact.to_s, dict(back.metadata)) == (7, *wanted, {} if version == 1 else {"n": 1.0})


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=needs_redis)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    if request.param == "sqlite":
        yield lambda: SqliteStore(tmp_path / "memory")
        return
    server = RedisServer(tmp_path)
    server.start()
    yield lambda: RedisStore(server.url)
    server.stop()


async def api_of(folder: Path) -> CognitionApi:
    return CognitionApi(await Cognition.open(SqliteStore(folder), HashedEmbedder(64), CognitionSettings(), None))


async def file_of(api: CognitionApi, scope: common_pb2.Scope, **more: object) -> bytes:
    return b"".join([chunk.lines async for chunk in api.Export(pb.ExportRequest(scope=scope, **more))])  # type: ignore[arg-type]


async def adopt(api: CognitionApi, scope: common_pb2.Scope, file: bytes, format_: int = 0) -> tuple[int, int]:
    async def chunks() -> AsyncIterator[pb.ImportChunk]:
        yield pb.ImportChunk(scope=scope, lines=file[:50], format=format_)  # type: ignore[arg-type]
        yield pb.ImportChunk(lines=file[50:])

    done = await api.Import(chunks())
    return done.imported, done.skipped


async def fill(api: CognitionApi) -> None:
    """A namespace with something of everything, whose ids are not those that another one would give."""
    await api.Remember(pb.RememberRequest(scope=BEN, memories=[pb.NewMemory(text=f"Ben said {i}.") for i in range(7)]))
    metadata = ParseDict({"a": 1, "b": "x"}, Struct())
    facts = [pb.Fact(subject="user", attribute="home city", value=city) for city in ("Oslo", "Lima")]
    new = [
        pb.NewMemory(text="I live in Oslo.", facts=facts[:1], said_at_s=100.0, metadata=metadata, categories=["home"], expires_at_s=4e9),
        pb.NewMemory(text="I live in Lima.", facts=facts[1:], said_at_s=200.0, key="own"),
        pb.NewMemory(text="My jam is plum.", facts=[]),
        pb.NewMemory(text="My jam  is plum."),
        pb.NewMemory(text="It was gone.", said_at_s=50.0),
    ]
    ids = [(await api.Remember(pb.RememberRequest(scope=ANN, memories=[one]))).ids[0] for one in new]
    await api.Forget(pb.ForgetRequest(scope=ANN, ids=pb.MemoryIds(ids=[ids[4]])))
    scope = common_pb2.Scope(user="ann", session="s")
    await api.RecordExperience(
        pb.RecordExperienceRequest(scope=scope, user_text="We met Anna.", answer="Nice.", recalled_ids=ids[:2], feedback=1)
    )
    await api.SetGoals(pb.SetGoalsRequest(scope=ANN, goals=[pb.Goal(text="sail", priority=0.5), pb.Goal(text="rest")]))
    async for _ in api.Consolidate(pb.ConsolidateRequest(scope=ANN)):
        pass


async def seen(api: CognitionApi, scope: common_pb2.Scope) -> dict[str, object]:
    """All that can be seen of a namespace, without ids and without what its import added to the history."""
    listed = (await api.ListMemories(pb.ListMemoriesRequest(scope=scope))).memories
    texts = {m.id: m.text for m in listed}
    memories = []
    history = {}
    for m in listed:
        changes = (await api.History(pb.HistoryRequest(scope=scope, id=m.id))).changes
        own = [(c.action, round(c.at_s, 6), c.detail.split(" ")[0] if c.action == "merged" else c.detail) for c in changes]
        history[m.text] = own
        refs = ([texts[i] for i in m.derived_from], texts.get(m.superseded_by, ""))
        m.ClearField("id")
        m.ClearField("derived_from")
        m.ClearField("superseded_by")
        memories.append((m.SerializeToString(deterministic=True), refs))
    opened = await api.cognition.existing(api_owner(scope))
    turns = api.cognition.store.experiences(opened.namespace, "", 100)
    goals = (await api.GetGoals(pb.GetGoalsRequest(scope=scope))).goals
    return {
        "memories": sorted(memories),
        "history": history,
        "turns": [
            (t.session, t.at_s, t.user_text, t.answer, [texts.get(i) for i in t.recalled], [texts.get(i) for i in t.learned]) for t in turns
        ],
        "feedback": [t.feedback for t in turns],
        "goals": [(g.text, g.priority) for g in goals],
        "links": sorted((*sorted((texts[a], texts[b])), round(w, 6)) for a, b, w in api.cognition.store.associations(opened.namespace)),
    }


def api_owner(scope: common_pb2.Scope) -> Owner:
    return Owner("default", "default", scope.user)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("embeddings", [False, True])
async def test_a_namespace_comes_back_whole_and_twice_is_once(store: Callable[[], Store], embeddings: bool) -> None:
    api = CognitionApi(await Cognition.open(store(), HashedEmbedder(64), CognitionSettings(), None))
    await fill(api)
    file = await file_of(api, ANN, embeddings=embeddings)
    before = await seen(api, ANN)
    assert before["goals"] == [("sail", 0.5), ("rest", 1.0)]
    assert before["links"]
    count = file.count(b'"text"')
    assert await adopt(api, ANN, file) == (0, count), "into where it came from"
    assert await seen(api, ANN) == before
    copy = common_pb2.Scope(user="copy")
    assert await adopt(api, copy, file) == (count, 0)
    after = await seen(api, copy)
    for text, changes in after.pop("history").items():  # type: ignore[attr-defined]
        assert (changes[0][0], changes[1:]) == ("remembered", before["history"][text])  # type: ignore[index]
    assert after == {name: value for name, value in before.items() if name != "history"}
    assert await adopt(api, copy, file) == (0, count)
    assert {name: value for name, value in (await seen(api, copy)).items() if name != "history"} == after
    assert [r.memory.text for r in (await api.Recall(pb.RecallRequest(scope=copy, query="where do I live?", k=1))).memories] == [
        "I live in Lima."
    ]
    again = common_pb2.Scope(user="again")
    assert await adopt(api, again, await file_of(api, copy)) == (count, 0)
    assert (await seen(api, again))["turns"] == before["turns"]
    ben = await seen(api, BEN)
    assert await adopt(api, BEN, file) == (count, 0), "beside what another one has"
    assert len((await seen(api, BEN))["memories"]) == len(ben["memories"]) + count  # type: ignore[arg-type]
    check = await api.Check(pb.CheckRequest())
    assert check.clean, check.findings
    await api.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_texts_are_exported_with_their_labels_and_read_again(tmp_path: Path) -> None:
    api = await api_of(tmp_path)
    await fill(api)
    await api.Remember(pb.RememberRequest(scope=ANN, memories=[pb.NewMemory(text="Expired.", expires_at_s=1.0)]))
    file = await file_of(api, ANN, format=pb.TRANSFER_FORMAT_TEXTS)
    lines = [json.loads(line) for line in file.splitlines()]
    assert lines[0] == {
        "text": "I live in Oslo.",
        "said_at_s": 100.0,
        "categories": ["home"],
        "metadata": {"a": 1.0, "b": "x"},
        "expires_at_s": 4e9,
    }
    assert "Expired." not in {line["text"] for line in lines}
    copy = common_pb2.Scope(user="copy")
    assert await adopt(api, copy, file, pb.TRANSFER_FORMAT_TEXTS) == (len(lines), 0)
    assert [json.loads(line) for line in (await file_of(api, copy, format=pb.TRANSFER_FORMAT_TEXTS)).splitlines()] == sorted(
        lines, key=lambda line: float(line["said_at_s"])
    )
    with pytest.raises(InvalidRequestError, match="for imports only"):
        await file_of(api, ANN, format=pb.TRANSFER_FORMAT_MEM0)
    await api.close()
