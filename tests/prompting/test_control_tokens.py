"""Which special tokens steer a model, and how they are found; `tests.agent.test_chat_prompt` has real vocabularies."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.errors import InvalidRequestError
from echorator.prompting.control_tokens import WINDOW, ControlTokens, free_marks, is_marker, mapped, texts_of


class Special(NamedTuple):
    id: int
    text: str
    control: bool = True
    strips_left: bool = False
    strips_right: bool = False


TOKENS = ControlTokens(
    [Special(1, "<|a|>"), Special(2, "<|ab|>"), Special(3, "<think>", control=False), Special(4, "\x02"), Special(5, "EOS")]
)
texts = st.lists(st.sampled_from(["<|a|>", "<|ab|>", "<think>", "\x02", "EOS", "<|", "|>", "a", "b", "E", "OS", " ", "\u00fc"])).map(
    "".join
)


@pytest.mark.parametrize(
    ("text", "control", "steers"),
    [
        ("<|im_end|>", True, True),
        ("EOS", True, True),
        ("<think>", False, True),
        ("[INST]", False, True),
        ("]~b]", False, True),
        ("<\uff5cUser\uff5c>", False, True),
        ("<|channel|>", False, True),
        ("\n\n", False, False),
        ("\u2581\u2581", False, False),
        ("[[", False, False),
        ("word", False, False),
        ("<table>", False, False),
        ("</h1>", False, False),
        ("<table>", True, True),
        ("", True, False),
    ],
)
def test_which_tokens_steer(text: str, control: bool, steers: bool) -> None:
    assert is_marker(Special(1, text, control)) is steers


@given(text=texts)
def test_nothing_is_found_in_marked_texts_and_nothing_lost(text: str) -> None:
    (mark,) = free_marks(1, [text])
    marked = TOKENS.marked(text, mark)
    assert TOKENS.pieces(marked, mark) == ([text] if text else [])
    if not TOKENS.may_hold(text):
        assert marked == text


@given(parts=st.lists(st.tuples(texts, st.sampled_from(["<|a|>", "<|ab|>", "<think>"])), max_size=4))
def test_only_what_stands_outside_of_marked_texts_is_found(parts: list[tuple[str, str]]) -> None:
    (mark,) = free_marks(1, ["".join(text for text, _ in parts)])
    written = "".join(TOKENS.marked(text, mark) + own for text, own in parts)
    ids = {"<|a|>": 1, "<|ab|>": 2, "<think>": 3}
    expected = [piece for text, own in parts for piece in (text, ids[own]) if piece]
    assert TOKENS.pieces(written, mark) == expected


@given(text=texts)
def test_parts_that_are_read_alone_hold_no_visible_marker(text: str) -> None:
    parts = TOKENS.unread(text)
    assert "".join(parts) == text
    assert not any("<think>" in part for part in parts)


@given(before=st.integers(0, 20))
def test_the_longest_is_found_wherever_it_stands(before: int) -> None:
    text = "x" * (WINDOW - before) + "<|ab|>y"
    assert TOKENS.pieces(text) == [text[:-7], 2, "y"]


def test_white_space_that_tokens_strip() -> None:
    tokens = ControlTokens([Special(1, "<|a|>", strips_right=True), Special(2, "<|b|>", strips_left=True)])
    assert tokens.pieces("x <|a|> \n y <|b|> z") == ["x ", 1, "y", 2, " z"]


def test_texts_of_json_values() -> None:
    value = {"a": ["b", {"c": 1, "d": None}], "e": True}
    assert sorted(texts_of(value)) == ["a", "b", "c", "d", "e"]
    assert mapped(value, str.upper, lambda key: key * 2) == {"aa": ["B", {"cc": 1, "dd": None}], "ee": True}


def test_marks_are_free() -> None:
    assert free_marks(2, ["\ue000\ue002"]) == ["\ue001", "\ue003"]
    with pytest.raises(InvalidRequestError, match="private use"):
        free_marks(1, ["".join(map(chr, range(0xE000, 0xF900)))])
