"""What a dialogue shows where stdout is no terminal, and what never reaches one that is."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cli.dialogue.screen import Screen, counted, safe


@given(st.text())
def test_nothing_in_a_text_moves_a_cursor(text: str) -> None:
    shown = safe(text)
    assert all(c in "\n\t" or c.isprintable() or ord(c) > 0x9F for c in shown)
    assert [c for c in text if ord(c) >= 0xA0 or c in "\n\t" or 0x20 <= ord(c) < 0x7F] == list(shown)


def test_a_pipe_gets_the_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(plain=False, interactive=False)
    assert not screen.able
    view = screen.view()
    view.thought("hm")
    for part in ("**bold**", "\x1b[31m", " end"):
        view.part(part)
    view.end()
    screen.note("nobody sees this")
    assert capsys.readouterr() == ("**bold**\x1b[31m end\n", "")


def test_an_answer_without_a_text_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    view = Screen(plain=False, interactive=True).view()
    view.thought("hm")
    view.thought("hm")
    view.part("")
    view.end()
    assert capsys.readouterr() == ("", "(it thinks)\n")


def test_a_terminal_draws_a_thought_before_the_answer(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Screen(plain=False, interactive=True)
    view = screen.view()
    view.thought("Let me\x07 see")
    view.part("**It** is\x1b]0;title\x07 so.")
    view.end()
    shown = capsys.readouterr().out
    assert "title" in shown
    assert "\x07" not in shown
    plain = "".join(part.partition("m")[2] if i else part for i, part in enumerate(shown.split("\x1b[")))
    assert plain == "Let me see\n\nIt is]0;title so.\n"
    screen.markdown = False
    screen.view().part("**as it comes**")
    assert capsys.readouterr().out == "**as it comes**"


def test_counts_agree_with_their_nouns() -> None:
    assert [counted(n, "memory", "memories") for n in (0, 1, 2)] == ["0 memories", "1 memory", "2 memories"]
    assert counted(2, "turn") == "2 turns"
