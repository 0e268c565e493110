"""No broken character, no character of a stop text, nothing lost: for any bytes in any pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator._native.planner_harness import TextStream
from tests.support.rounds import rounds


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(a, len(data)) for a in at), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def stream(pieces: list[bytes], stops: list[str]) -> tuple[str, int]:
    text = TextStream(stops)
    out = ""
    for piece in pieces:
        sent, which = text.feed(piece)
        out += sent.decode("utf-8", "strict")  # every message by itself is valid
        if which >= 0:
            return out, which
    return out + text.finish().decode("utf-8", "strict"), -1


texts = st.text(max_size=20) | st.text(alphabet="日本🙂é\ud7ffa", max_size=12)
awkward = st.binary(max_size=40) | texts.map(str.encode)


@given(data=awkward, at=st.lists(st.integers(0, 60), max_size=10))
@settings(max_examples=rounds(1000))
def test_the_text_is_what_python_decodes(data: bytes, at: list[int]) -> None:
    assert stream(cut(data, at), []) == (data.decode("utf-8", "replace"), -1)


@given(
    text=st.text(alphabet="ab日\n", max_size=40),
    stops=st.lists(st.text(alphabet="ab日\n", min_size=1, max_size=5), min_size=1, max_size=3),
    at=st.lists(st.integers(0, 90), max_size=12),
)
@settings(max_examples=rounds(1000))
def test_the_text_ends_before_the_first_stop_text(text: str, stops: list[str], at: list[int]) -> None:
    out, which = stream(cut(text.encode(), at), stops)
    found = [text.find(s) for s in stops if s in text]
    if which < 0:
        assert not found
        assert out == text
    else:
        assert text.startswith(out + stops[which])
        assert not any(s in out for s in stops)


@given(text=st.text(alphabet="ab", max_size=30), stop=st.text(alphabet="ab", min_size=1, max_size=4))
@settings(max_examples=rounds(500))
def test_byte_by_byte_the_first_stop_text_in_time_wins(text: str, stop: str) -> None:
    out, which = stream([bytes([b]) for b in text.encode()], [stop])
    at = text.find(stop)
    assert (out, which) == ((text, -1) if at < 0 else (text[:at], 0))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_an_incomplete_character_waits(n: int) -> None:
    text = TextStream()
    emoji = "🙂".encode()
    assert text.feed(emoji[:n]) == (b"", -1)
    assert text.feed(emoji[n:]) == (emoji, -1)
