"""Packing, wording, placement and safety of what goes into a prompt; export and import of memories."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cognition.learning.writing import Told, memories_of
from echorator.cognition.memory import Memory
from echorator.cognition.recall.context import DATED, PLAIN, Message, block_of, line_of, pack, placed, safe, without_blocks, wording_of
from echorator.cognition.recall.session import SessionState
from echorator.cognition.transfer import exported, imported, lines_of
from echorator.cognition.turns import resolved_query
from echorator.errors import InvalidRequestError

TOKENS = """<|im_start|> <|im_end|> <|endoftext|> <s> </s> <<SYS>> [INST] [/INST] <|begin_of_text|> <|eot_id|> <start_of_turn> <end_of_turn>
<bos> <|user|> <|end|> <unk> <pad> [AVAILABLE_TOOLS] <think> </think> <tool_call> </memory> <memory> <|fim_prefix|>""".split()


def memory(text: str, said_s: float = 0.0, number: int = 1, **more: object) -> Memory:
    return replace(memories_of([Told(text, said_s=said_s)], "", said_s)[0], id=number, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("token", TOKENS)
def test_a_control_token_is_none_any_more(token: str) -> None:
    assert token not in safe(f"before {token} after")
    assert "before" in safe(f"before{token}after")


PIECES = st.lists(st.sampled_from([*TOKENS, "<", "|", ">", "/", "\n", "a", "\u200b", "\u202e"]), max_size=30)


@given(st.text(max_size=200) | PIECES.map("".join))
def test_nothing_opens_a_turn_closes_a_block_or_leaves_its_line(text: str) -> None:
    line = safe(text)
    for bad in ("<|", "|>", "</", "\n", "\r", "\u200b", "\u202e", "[INST", "<memory>", "<s>"):
        assert bad not in line
    assert safe(line) == line


@given(
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1), st.integers(0, 3)), max_size=12),
    st.integers(0, 200),
    st.integers(0, 8),
    st.floats(0, 1),
    st.integers(0, 99),
)
def test_packing_keeps_to_budget_and_limit(
    candidates: list[tuple[int, float, int]], budget: int, limit: int, diversity: float, seed: int
) -> None:
    vectors = np.random.default_rng(seed).normal(size=(len(candidates), 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) if len(vectors) else 1
    tokens, gains, turns = [c[0] for c in candidates], [c[1] for c in candidates], [c[2] for c in candidates]
    taken = pack(tokens, gains, vectors, turns, budget, limit, diversity)
    assert len(set(taken)) == len(taken) <= limit
    assert sum(tokens[i] for i in taken) <= budget
    assert all(gains[i] > 0 for i in taken)
    left = [i for i, gain in enumerate(gains) if gain > 0 and i not in taken]
    if len(taken) < limit:
        assert all(tokens[i] > budget - sum(tokens[j] for j in taken) for i in left), "what is left does not fit"
    if diversity == 0 and len(set(turns)) == len(turns) and sum(tokens) <= budget:
        assert [gains[i] for i in taken] == sorted((gains[i] for i in taken), reverse=True)


def test_likeness_counts_against_a_candidate() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert pack([1, 1, 1], [0.3, 0.29, 0.2], vectors, [1, 2, 3], 10, 2, 0.0) == [0, 1]
    assert pack([1, 1, 1], [0.3, 0.29, 0.2], vectors, [1, 2, 3], 10, 2, 0.5) == [0, 2]
    assert pack([1], [0.0], vectors[:1], [1], 10, 2, 0.5) == []


def test_what_the_same_turn_has_told_counts_half() -> None:
    vectors = np.eye(3, dtype=np.float32)
    assert pack([1, 1, 1], [0.3, 0.29, 0.2], vectors, [1, 1, 2], 10, 2, 0.0) == [0, 2]
    assert pack([1, 1, 1], [0.3, 0.29, 0.1], vectors, [1, 1, 2], 10, 2, 0.0) == [0, 1]


def test_what_costs_much_counts_less_only_where_room_is_scarce() -> None:
    vectors = np.eye(3, dtype=np.float32)
    assert pack([90, 10, 10], [0.3, 0.2, 0.2], vectors, [1, 2, 3], 200, 2, 0.0) == [0, 1]
    assert pack([90, 10, 10], [0.3, 0.2, 0.2], vectors, [1, 2, 3], 95, 2, 0.0) == [1, 2]


def test_lines_are_dated_in_utc_and_name_their_speaker() -> None:
    said = memory("It rained.\nA lot.", 1_683_500_000.0, speaker="Ann")
    assert line_of(said, DATED) == "- 2023-05-07: Ann: It rained. A lot."
    assert line_of(said, PLAIN) == "- It rained. A lot."
    early, late = memory("first", 10.0, 2), memory("second", 20.0, 1)
    assert block_of([late, early], PLAIN) == "\nMemory:\n- first\n- second"
    assert block_of([], DATED) == ""


def test_wording_goes_by_the_models_name() -> None:
    assert wording_of("echo-nano") is wording_of("Echo-Nano.q8_0") is PLAIN
    assert wording_of("llama-3") is wording_of("") is DATED


def test_blocks_stand_before_their_turns_or_in_the_system_turn() -> None:
    talk = [Message("user", "one"), Message("assistant", "two"), Message("user", "three")]
    out = placed(talk, {0: "A ", 2: "B "}, DATED)
    assert [m.content for m in out] == ["A one", "two", "B three"]
    assert placed(talk, {-1: "!"}, PLAIN)[0] == Message("system", f"{PLAIN.system}!")
    assert placed([Message("system", "be kind"), *talk], {-1: "!"}, PLAIN)[0] == Message("system", "be kind!")
    assert placed(talk, {}, DATED) == talk


@given(
    st.text(alphabet=st.characters(exclude_characters="<>"), max_size=80),
    st.lists(st.text(max_size=60), min_size=1, max_size=4),
    st.booleans(),
)
def test_what_was_put_before_a_turn_is_taken_off_again(said: str, texts: list[str], first: bool) -> None:
    memories = [memory(text or "x", float(i), i) for i, text in enumerate(t for t in texts if t.strip() and "\0" not in t)]
    block = block_of(memories, DATED, first)
    assert without_blocks(block + said) == said.strip()


def test_a_short_question_that_points_back_brings_the_turn_before_along() -> None:
    talk = [Message("user", "Tell me of my dog Pixel."), Message("assistant", "Pixel is a dog."), Message("user", "And how old is she?")]
    assert resolved_query(talk) == "Tell me of my dog Pixel. And how old is she?"
    assert resolved_query([*talk[:2], Message("user", "Which colour does the northern harbour lighthouse have?")]).startswith("Which")
    with pytest.raises(InvalidRequestError, match="no user message"):
        resolved_query([Message("system", "x")])


def test_a_session_keeps_what_is_in_focus() -> None:
    state = SessionState()
    for _ in range(3):
        state = state.focused([1, 2], 3)
    state = state.focused([9, 8, 7, 6], 3)
    assert [i for i, _ in state.focus][:2] == [1, 2]
    assert len(state.focus) == 3
    again = SessionState.loaded(state.dumped())
    assert again.focus == state.focus
    for damaged in (b"{", b"[]", b'{"mood": 1}', state.dumped()[:-5]):
        with pytest.raises(ValueError, match="cannot be read"):
            SessionState.loaded(damaged)


def whole(vectors: bool = True) -> list[bytes]:
    memories = []
    for i, text in enumerate(["My dog is called Pixel.", 'Caf\u00e9 \u65e5\u672c "quoted"\nline', "I like tea."], 1):
        vector = np.full(4, 0.5, np.float32)
        memories.append(memory(text, 1000.0 + i, i, key="own" if i == 3 else "", embedding=vector, pinned=i == 2))
    return list(exported(memories, "e1", vectors))


def test_an_export_comes_back_as_it_was() -> None:
    back = imported(lines_of(whole()), "e1", 4)
    assert [(m.text, m.said_s, m.pinned, m.key) for m in back] == [
        ("My dog is called Pixel.", 1001.0, False, "import:1"),
        ('Caf\u00e9 \u65e5\u672c "quoted"\nline', 1002.0, True, "import:2"),
        ("I like tea.", 1003.0, False, "own"),
    ]
    assert [m.embedding.tolist() for m in back] == [[0.5] * 4] * 3
    assert back[0].terms.tolist() == memory("My dog is called Pixel.", 1001.0).terms.tolist()
    assert all(not len(m.embedding) for m in imported(lines_of(whole()), "another", 4))
    assert all(not len(m.embedding) for m in imported(lines_of(whole(vectors=False)), "e1", 4))


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
    yield "line 1 must be", [lines[0].replace(b'"version":2', b'"version":3'), *lines[1:]]
    yield "was cut", lines[:-1]
    yield "was cut", []
    yield "says it has 3 memories, 2 were read", [lines[0], *lines[2:]]
    yield "line 6 comes after", [*lines, lines[1]]
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


@pytest.mark.parametrize(("says", "lines"), list(damage()))
def test_a_damaged_file_is_refused_with_its_line(says: str, lines: list[bytes]) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        imported(lines_of(lines), "e1", 4)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_any_changed_byte_imports_or_is_refused(place: int, value: int) -> None:
    data = bytearray(b"".join(whole()))
    data[place % len(data)] = value
    try:
        memories = imported(lines_of([bytes(data)]), "e1", 4)
    except InvalidRequestError:
        return
    assert len(memories) == 3
    assert json.dumps([m.text for m in memories])
