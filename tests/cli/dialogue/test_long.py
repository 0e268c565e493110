"""A dialogue ends neither of its length nor of an answer that is stopped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.dialogue.terminal import Terminal
from tests.support.commands import ANSWER, QUESTION, server

FACT = "My dog is called Pixel."
GREEDY = ("--temperature", "0")
WORDS = ("apple", "river", "stone", "cloud", "tiger", "piano", "train", "honey")
_USAGE = re.compile(r"(\d+) prompt tokens \((\d+) cached\), (\d+) new")
CONTEXT = 1024  # tokens of echo-nano


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server("--with-memory", "--memory", str(tmp_path_factory.mktemp("memory"))) as (_, address):
        yield address


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def usage_of(said: str) -> tuple[int, int]:
    """Tokens of the prompt, and how many of them were cached."""
    found = _USAGE.search(said)
    assert found is not None, said
    return int(found[1]), int(found[2])


def share_between_cuts(turns: list[tuple[int, int]]) -> float:
    """The cached share of all prompts that are longer than the one before."""
    grown = [turn for before, turn in pairwise(turns) if turn[0] > before[0]]
    return sum(cached for _, cached in grown) / sum(tokens for tokens, _ in grown)


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_500_turns_on_a_terminal_use_the_cache_and_early_ones_are_remembered(address: str) -> None:
    options = ("--server", address, "--user", "ann", "--usage", "--max-tokens", "24", *GREEDY)
    turns, told_of = [], 0
    with Terminal(*options) as told:
        told.ready()
        told.said(FACT)
        for number in range(498):
            said = told.said(f"My {WORDS[number % 8]} number {number} is {number * 7 % 97}.")
            assert "error" not in said
            turns.append(usage_of(said))
            told_of += said.count("turns left the prompt and stay in the memory")
        assert "recalled 1 (" in told.said(QUESTION), "what was told first, which left the prompt long ago"
        assert re.search(rf"recalled for the last answer:\s+1  {FACT}", told.said("/memory volcano") + told.said("/memory"))
        shown = told.said("/show")
        told.said("/new")
        assert ANSWER in told.said(QUESTION)
        told.press("\x04")
        assert told.exit_code() == 0
    cuts = sum(after[0] < before[0] for before, after in pairwise(turns))
    assert told_of == 1, "it is told once"
    assert 500 / 25 < cuts < 500 / 10, "many turns leave at a time"
    assert "turns        500, of which" in shown
    assert max(tokens for tokens, _ in turns) < CONTEXT
    assert share_between_cuts(turns) >= 0.9


@pytest.mark.slow
def test_the_system_message_stays_and_a_refused_prompt_is_cut_and_sent_again(address: str) -> None:
    """Numbers take more tokens a byte than what was measured before, so that the server refuses what was thought to fit."""
    with Terminal("--server", address, "--usage", "--system", "You are Echo.", "--max-tokens", "2", *GREEDY) as told:
        told.ready()
        for _ in range(12):
            told.said("word " * 12)
        turns = []
        for number in range(8):
            said = told.said(" ".join(str(number * 7919 + i * 104729) for i in range(30)))
            assert "error" not in said
            turns.append(usage_of(said)[0])
        assert max(turns) <= CONTEXT
        assert "You are Echo." in told.said("/system")
        assert re.search(r"turns +20, of which \d+ are in the prompt", told.said("/show"))


def test_a_message_that_is_too_long_alone_is_said_and_changes_nothing(address: str) -> None:
    with Terminal("--server", address, *GREEDY, edited=False, env={"TERM": "dumb"}) as told:
        told.ready()
        told.said(FACT)
        said = told.said("word " * 800)
        assert re.search(
            r"too long for echo-nano: alone it makes a prompt of \d+ tokens, and the context has 1024; shorten or divide it", said
        )
        assert "left the prompt" not in said
        assert ANSWER in told.said(QUESTION)
        assert "turns        2\n" in told.said("/show")


def test_a_message_that_is_too_long_to_be_counted(address: str) -> None:
    with Terminal("--server", address, *GREEDY) as told:
        told.ready()
        told.said(FACT)
        said = told.said("\x1b[200~" + "line of a paste\n" * 8000 + "\x1b[201~")
        assert re.search(r"too long for echo-nano: alone it makes a prompt of at least \d+ tokens, and the context has 1024", said)
        assert ANSWER in told.said(QUESTION)


def test_a_message_that_is_larger_than_a_request_may_be() -> None:
    with server("--receive-limit-bytes", "20000") as (_, address), Terminal("--server", address, *GREEDY) as told:
        told.ready()
        told.said(FACT)
        assert "more bytes than the server takes in one request; shorten or divide it" in told.said(f"\x1b[200~{'word ' * 6000}\x1b[201~")
        assert ANSWER in told.said(QUESTION)


@pytest.mark.parametrize("edited", [True, False])
def test_ctrl_c_stops_an_answer_and_what_had_come_stays(slow_model: Path, edited: bool) -> None:
    options = () if edited else ("--plain",)
    begun = r"\?2004l.{20}" if edited else r"\n.{20}"  # it has read the line, and prints
    serving = server(str(slow_model), "--threads", "1", "--slots", "2", "--context-tokens", "32768")
    with serving as (_, address), Terminal("--server", address, *GREEDY, *options, edited=edited) as told:
        told.ready()
        told.press("Hello\r")
        told.until(begun)
        stop(told)
        assert "turns        1" in told.said("/show")
        told.press("/retry\r")
        told.until(begun)
        stop(told)
        assert "turns        1" in told.said("/show")
        assert "max_tokens is 3" in told.said("/set max_tokens 3")
        told.said("And now?")
        assert "turns        2" in told.said("/show")
        told.press("\x04")
        assert told.exit_code() == 0


def stop(told: Terminal) -> None:
    told.press("\x03")
    assert "[stopped]" in told.ready()
