"""The dialogue of `echorator chat` as its users type it, on a real terminal with a real server."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from echorator.cli.dialogue.lines import COMMANDS, help_text
from tests.cli.dialogue.terminal import READ, READS, Terminal, plain
from tests.support.commands import ANSWER, QUESTION, echorator, server
from tests.support.models.random_gguf import Shape, write

FACT = "My dog is called Pixel."
GREEDY = ("--temperature", "0")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server("--with-memory", "--memory", str(tmp_path_factory.mktemp("memory"))) as (_, address):
        yield address


@pytest.fixture(autouse=True)
def chats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "echorator" / "chats"


def test_a_dialogue_says_with_whom_and_ends_with_ctrl_d(address: str) -> None:
    with Terminal("--server", address, *GREEDY) as told:
        greeting = told.ready()
        assert f"echo-nano at {address}" in greeting
        assert "echo-nano is a demonstration of a million parameters" in greeting
        assert "/help" in greeting
        said = told.said(FACT)
        assert "Got it." in said
        assert " tokens in " in said
        assert ANSWER in told.said(QUESTION)
        assert "a new dialogue begins" in told.said("/new")
        assert ANSWER not in told.said(QUESTION)
        told.press("\x04")
        assert told.exit_code() == 0


@pytest.mark.parametrize("leaving", ["/bye", "/exit", "/quit"])
def test_words_that_leave(address: str, leaving: str) -> None:
    with Terminal("--server", address) as told:
        told.ready()
        said = told.said("exit")
        assert "to leave, type /bye or press Ctrl-D" in said
        assert told.raw.count("tokens in") == 0, "nothing was sent"
        told.press(f"{leaving}\r")
        assert told.exit_code() == 0


def test_ctrl_c_at_an_empty_prompt_says_how_to_leave_and_the_second_leaves(address: str) -> None:
    with Terminal("--server", address) as told:
        told.ready()
        told.press("half a line\x03")
        told.said("/show")
        told.press("\x03")
        assert "Ctrl-C again, Ctrl-D or /bye leaves" in told.ready()
        told.said("/show")
        told.press("\x03")
        told.ready()
        told.press("\x03")
        assert told.exit_code() == 0


def test_what_was_remembered_and_recalled_and_what_is_forgotten(address: str) -> None:
    with Terminal("--server", address, "--user", "ann", *GREEDY) as told:
        assert "memory of ann" in told.ready()
        assert f"remembered: {FACT}" in told.said(FACT)
        told.said("/new")
        assert ANSWER in told.said(QUESTION)
        shown = told.said("/memory")
        assert "recalled for the last answer:" in shown
        assert shown.count(FACT) == 2
        assert QUESTION not in told.said("/memory Pixel")
        told.press("/forget Pixel\r")
        told.until("yes or no:")
        told.press("no\r")
        assert "nothing was forgotten" in told.ready()
        told.press("/forget Pixel\r")
        told.until("yes or no:")
        told.press("yes\r")
        assert "forgot 1 memory" in told.ready()
        told.said("/new")
        assert "Pixel" not in told.said(QUESTION)
        assert "nothing that is remembered fits 'volcano'" in told.said("/forget volcano")
        assert "say what to forget" in told.said("/forget")
    listed = json.loads(echorator("memory", "list", "--user", "ann", "--server", address, "--output", "json").stdout)
    assert not [m for m in listed["memories"] if m["text"].startswith("/")], "no command is stored"


def test_some_of_several_are_forgotten_by_their_numbers(address: str) -> None:
    with Terminal("--server", address, "--user", "numbers", *GREEDY) as told:
        told.ready()
        told.said("My cat is called Tofu.")
        told.said("My cat is black.")
        told.press("/forget cat\r")
        asked = plain(told.until("those to erase:"))
        first = asked.partition("My cat is called Tofu.")[0].split()[-1]
        told.press(f"{first}\r")
        assert "forgot 1 memory" in told.ready()
        left = told.said("/memory cat")
        assert "black" in left
        assert "Tofu" not in left
        assert "nothing is remembered of numbers with Tofu" in told.said("/memory Tofu")


def test_another_user_and_none(address: str) -> None:
    with Terminal("--server", address, *GREEDY) as told:
        told.ready()
        assert "no memory is used: /user NAME" in told.said("/memory")
        assert "with the memory of bob" in told.said("/user bob")
        assert "remembered: " in told.said(FACT)
        assert "memory of bob" in told.said("/user")
        assert "without a memory" in told.said("/user -")
        assert "remembered: " not in told.said(FACT)


def test_a_server_without_a_memory_says_so() -> None:
    with server() as (_, address), Terminal("--server", address) as told:
        told.ready()
        assert "has no memory" in told.said("/user bob")
        assert "no memory: nothing is remembered" in told.said("/user")


def test_values_are_set_checked_and_shown(address: str) -> None:
    with Terminal("--server", address) as told:
        told.ready()
        assert "temperature must be 0..100, not 900" in told.said("/set temperature 900")
        assert "(did you mean temperature?)" in told.said("/set temprature 0")
        assert "temperature is 0" in told.said("/set temperature 0")
        assert "max_tokens is 1" in told.said("/set max_tokens 1")
        assert "1 token in" in told.said("Hello!")
        assert "max_tokens is to the end of the context" in told.said("/set max_tokens default")
        assert "prompt tokens (" in (told.said("/set usage on") + told.said("Hello!"))
        table = told.said("/set")
        assert "dry_multiplier" in table
        shown = told.said("/show")
        for part in ("echo-nano", address, "temperature 0", "1024 tokens", "turns        2"):
            assert part in shown


def test_help_completion_and_unknown_commands(address: str) -> None:
    with Terminal("--server", address) as told:
        told.ready()
        assert told.said("/help").strip() == help_text()
        assert "/set [NAME VALUE]" in told.said("/help set")
        assert "there is no command /hlep (did you mean /help?)" in told.said("/hlep")
        assert "turns        0" in told.said("/sho\t")
        assert "top_k is 7" in told.said("/set top_k\t 7")
        told.press("/s\t\t")
        offered = plain(told.until("/system"))
        assert all(name in offered for name in ("/save", "/set", "/show"))


def test_paths_and_doubled_slashes_are_messages(address: str) -> None:
    with Terminal("--server", address, "--max-tokens", "1") as told:
        told.ready()
        for text in ("/etc/hosts is a file", "//help", '"""/help"""'):
            assert "1 token in " in told.said(text)
        told.said("/save said")
    messages = json.loads(next(Path(os.environ["XDG_DATA_HOME"]).rglob("said.json")).read_text())["messages"]
    assert [m["content"] for m in messages[::2]] == ["/etc/hosts is a file", "/help", "/help"]


def test_several_lines_by_a_paste_by_keys_and_by_quotes_are_one_message(address: str, chats: Path) -> None:
    with Terminal("--server", address, "--max-tokens", "1") as told:
        told.ready()
        told.said("\x1b[200~one\ntwo\nthree\x1b[201~")
        told.said("four\x1b\rfive")
        told.said('"""six\rseven\reight"""')
        told.said("/save lines")
    kept = json.loads((chats / "lines.json").read_text())
    assert [m["content"] for m in kept["messages"][::2]] == ["one\ntwo\nthree", "four\nfive", "six\nseven\neight"]


def test_a_kept_dialogue_goes_on_and_another_run_knows_what_was_typed(address: str, chats: Path) -> None:
    with Terminal("--server", address, *GREEDY) as told:
        told.ready()
        told.said(FACT)
        assert "kept in" in told.said("/save dog")
        assert "kept in" in told.said("/save dog"), "its own file is written again without a question"
        assert "there is no dialogue" not in told.said("/load")
        assert "a name has 1 to 64" in told.said("/save a/b")
    with Terminal("--server", address) as told:
        told.ready()
        assert "dog" in told.said("/load")
        assert "(did you mean dog?)" in told.said("/load dgo")
        assert "dog goes on after 1 turn\n" in told.said("/load dog")
        assert ANSWER in told.said(QUESTION)
        told.said("/new")
        told.press("/save dog\r")
        told.until("Replace it")
        told.press("no\r")
        assert "nothing was kept" in told.ready()
        told.press("\x1b[A\x1b[A")
        told.until("/new")
    assert {stat.S_IMODE(path.stat().st_mode) for path in chats.iterdir()} == {0o600}
    assert stat.S_IMODE(chats.stat().st_mode) == 0o700


def test_retry_copy_and_system(address: str) -> None:
    with Terminal("--server", address, *GREEDY) as told:
        told.ready()
        assert "nothing was asked yet" in told.said("/retry")
        assert "there is no answer to copy yet" in told.said("/copy")
        told.said(FACT)
        again = told.said("/retry")
        assert "Got it." in again
        assert "turns        1" in told.said("/show")
        told.press("/copy\r")
        told.until(r"\x1b\]52;c;[A-Za-z0-9+/=]+\x07")
        assert "copied " in told.ready()
        assert "there is no code to copy yet" in told.said("/copy code")
        told.said("/system You are Echo.")
        assert "You are Echo." in told.said("/system")
        told.said("/system -")
        assert "there is no system message" in told.said("/system")


def test_models_are_listed_and_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "other.gguf", Shape(seed=1))
    sources = [str(next(Path("echorator/data").glob("*.gguf"))), str(path)]
    with (
        server(*sources, "--name", "nano", "--name", "other") as (_, address),
        Terminal("--server", address, "--model", "other", *GREEDY) as told,
    ):
        told.ready()
        assert "no model nanno (did you mean nano?)" in told.said("/model nanno")
        assert "nano answers from now on" in told.said("/model nano")
        assert "* nano" in told.said("/model")
        assert " tokens in " in told.said("Hello!")


def test_a_message_that_is_no_text_is_refused_and_the_dialogue_goes_on(address: str) -> None:
    with Terminal("--server", address) as told:
        told.ready()
        assert "that line is not UTF-8" in told.said(b"caf\xe9")
        assert " tokens in " in told.said("caf\u00e9")


def test_a_resized_and_a_small_terminal(address: str) -> None:
    with Terminal("--server", address, *GREEDY, size=(4, 20)) as told:
        told.ready()
        assert "Got" in told.said(FACT)
        told.resize(50, 200)
        told.ready()  # it draws the line again
        assert " ".join(told.said(QUESTION).split()).count(ANSWER) == 1
        told.resize(0, 0)
        told.ready()
        assert ANSWER in told.said(QUESTION)


def test_a_server_that_dies_loses_no_dialogue(chats: Path) -> None:
    with server() as (process, address), Terminal("--server", address, *GREEDY) as told:
        told.ready()
        told.said(FACT)
        process.kill()
        process.wait()
        assert "the dialogue is kept, /retry asks again" in told.said(QUESTION)
        told.said("/save dog")
        assert "cannot reach" in told.said("/model")
    assert len(json.loads((chats / "dog.json").read_text())["messages"]) == 2


STRANGE = ("", "-", "nothing like it", "x" * 300, "🙂 ä", '"', "' OR 1=1 *", "-1", "[bold]", "../../x", "%s {0}")


def test_commands_with_strange_arguments_say_what_is_wrong(address: str) -> None:
    """Each of them, in one dialogue, which is still there at the end."""
    with Terminal("--server", address, "--user", "strange", "--max-tokens", "1", *GREEDY) as told:
        told.ready()
        told.said(FACT)
        for name in sorted(set(COMMANDS) - {"bye", "user"}):
            for argument in STRANGE:
                told.press(f"/{name} {argument}\r")
                told.until(READ)
                told.until(READS)
                if plain(told.until(r"\x1b\[\?25h")).strip() not in (">", ""):  # a question
                    told.press("no\r")
                    told.ready()
        assert FACT in told.said("/memory")
        assert "Traceback" not in told.raw
