"""Markdown is drawn as it streams: whatever the parts in which it comes, the same text, and none of it is lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from echorator.cli.dialogue.markdown import MarkdownStream

WORDS = st.sampled_from(
    [
        "a",
        "word",
        "**bold**",
        "*it*",
        "`code`",
        "**open",
        "2",
        "**",
        "_x_",
        "a_b_c",
        "```",
        "| a |",
        "- ",
        "# ",
        "> ",
        "1. ",
        "這是",
        "~~no~~",
        "\n",
        "\n\n",
    ]
)
TEXTS = st.lists(WORDS | st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8), max_size=40).map(" ".join)


def drawn(text: str, cuts: list[int] | None = None, width: int = 40) -> Text:
    stream = MarkdownStream(lambda: width)
    out = Text()
    at = 0
    for cut in [*sorted(cuts or []), len(text)]:
        out.append_text(stream.feed(text[at:cut]))
        at = max(at, cut)
    return out.append_text(stream.end())


@given(TEXTS, st.lists(st.integers(0, 300), max_size=60))
def test_the_parts_in_which_it_comes_do_not_matter(text: str, cuts: list[int]) -> None:
    whole, parted = drawn(text), drawn(text, [min(cut, len(text)) for cut in cuts])
    assert parted.plain == whole.plain


@given(TEXTS, st.integers(8, 100))
def test_no_word_is_lost(text: str, width: int) -> None:
    """But for markers: all letters and digits are there, in their order."""
    shown = drawn(text, width=width).plain
    assert re.findall(r"[^\W_]", shown) == re.findall(r"[^\W_]", text)


@given(st.lists(st.text("abc xyz", max_size=8), max_size=30).map(" ".join), st.integers(8, 60))
def test_text_without_markers_is_wrapped_and_otherwise_as_it_was(text: str, width: int) -> None:
    text = text.lstrip()  # a first word is not moved away from its indentation
    shown = drawn(text, width=width).plain
    assert shown.split() == text.split()
    assert all(cell_len(line.rstrip()) <= width for line in shown.splitlines())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# Title\ntext", "Title\ntext\n"),
        ("- one\n  * two\n3. three", "• one\n  • two\n3. three\n"),
        ("> said", "│ said\n"),
        ("a **b c** d", "a b c d\n"),
        ("2 ** 3 * 4, 2**3**4, a_b_c, __init__ no", "2 ** 3 * 4, 2**3**4, a_b_c, init no\n"),
        ("`**x**` and ``a`b``", "**x** and a`b\n"),
        ("**never closed\nnext", "**never closed\nnext\n"),
        ("這是**粗體**嗎", "這是粗體嗎\n"),
        ("***", "─" * 40 + "\n"),
        ("| a | **b** |\n|---|---|\n| 1 | two |\nend", "a  b\n─  ───\n1  two\nend\n"),
        ("| no table\nend", "| no table\nend\n"),
        ("```python\nx = '**a**'\n\n  y\n```\nz", "```python\nx = '**a**'\n\n  y\n```\nz\n"),
        ("```\nnever closed", "```\nnever closed\n"),
        ("[text](url) <b>", "[text](url) <b>\n"),
        ("", ""),
        ("a\n\n\nb\n", "a\n\n\nb\n"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert drawn(text).plain == shown
    assert drawn(text, [*range(len(text))]).plain == shown


def test_words_come_as_they_stream_and_spans_when_they_are_closed() -> None:
    stream = MarkdownStream(lambda: 80)
    assert stream.feed("Hello wor").plain == "Hello"
    assert stream.feed("ld, **this is").plain == " world,"
    assert stream.feed(" bold** and").plain == " this is bold"
    assert stream.end().plain == " and\n"


def test_an_item_goes_on_under_its_text() -> None:
    lines = drawn("- " + "word " * 20).plain.splitlines()
    assert len(lines) > 2
    assert all(line.startswith("  word") for line in lines[1:])


def test_a_terminal_that_knows_only_ascii() -> None:
    stream = MarkdownStream(lambda: 40, unicode=False)
    assert (stream.feed("- a\n> b\n---\n").plain + stream.end().plain).isascii()


def test_a_block_of_code_has_colours_that_know_its_earlier_lines() -> None:
    text = drawn('```python\n"""a\nreturn\n"""\nreturn\n```\n')
    styles = {text.plain[span.start : span.end].strip(): str(span.style) for span in text.spans}
    first, second = (m.start() for m in re.finditer("return", text.plain))
    at = {place: [str(s.style) for s in text.spans if s.start <= place < s.end] for place in (first, second)}
    assert styles
    assert at[first] != at[second], "the first is in a string, the second a word of the language"
