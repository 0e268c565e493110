"""A dialogue without a drawn line, and without a terminal for one of its streams."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.dialogue.terminal import Terminal
from tests.support.commands import ANSWER, COMMAND, QUESTION, TIMEOUT_S, server

FACT = "My dog is called Pixel."
GREEDY = ("--temperature", "0")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with server() as (_, address):
        yield address


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


@pytest.mark.parametrize(("options", "env"), [(("--plain",), {}), ((), {"TERM": "dumb"}), ((), {"TERM": ""})])
def test_a_plain_dialogue_draws_nothing(address: str, options: tuple[str, ...], env: dict[str, str]) -> None:
    with Terminal("--server", address, *GREEDY, *options, edited=False, env=env) as told:
        told.ready()
        assert "Got it." in told.said(FACT)
        assert ANSWER in told.said(QUESTION)
        assert "(did you mean /help?)" in told.said("/hlep")
        told.press('"""one\rtwo"""\r')
        told.ready()
        told.press("\x03")
        assert "Ctrl-C again" in told.ready()
        assert "turns        3" in told.said("/show")
        told.press("\x04")
        assert told.exit_code() == 0
        drawn = told.raw.replace("\x1b[?2004h", "").replace("\x1b[?2004l", "")  # of readline
        assert "\x1b" not in drawn


def test_no_color_keeps_the_editing_and_prints_no_colour(address: str) -> None:
    with Terminal("--server", address, *GREEDY, env={"NO_COLOR": "1"}) as told:
        told.ready()
        assert "Got it." in told.said("My dog is caled\x1b[D\x1b[Dl\x1b[C\x1b[C Pixel.")
        assert "\x1b[2m" not in told.raw
        assert not [code for code in told.raw.split("\x1b[")[1:] if code[:2] in ("31", "32", "36", "1m")]


def test_a_pipe_for_the_output_gets_the_answers_alone(address: str, tmp_path: Path) -> None:
    out = (tmp_path / "out").open("wb")
    with out, Terminal("--server", address, *GREEDY, edited=False, stdout=out.fileno()) as told:
        told.ready()
        told.said(FACT)
        told.said(QUESTION)
        told.press("\x04")
        assert told.exit_code() == 0
    answers = (tmp_path / "out").read_text().splitlines()
    assert answers[0].startswith("Got it.")
    assert answers[1] == ANSWER


def run(address: str, given: bytes | None, *options: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    command = (*COMMAND, "chat", "--server", address, *GREEDY, *options)
    return subprocess.run(command, input=given, capture_output=True, timeout=TIMEOUT_S, check=False, env={**os.environ, **env})


@pytest.mark.parametrize(
    ("given", "env", "code"),
    [
        ("Grüße".encode(), {}, 0),
        ("\ufeffHello".encode(), {}, 0),
        ("Grüße".encode("latin-1"), {"PYTHONIOENCODING": "latin-1"}, 0),
        ("Grüße".encode("latin-1"), {}, 2),
        (b"\xff\xfe bad", {}, 2),
        (b"\xff\xfe bad", {"PYTHONIOENCODING": "ascii"}, 2),
        (bytes(range(256)), {}, 2),
        (b"", {}, 2),
        (b"\n\n", {}, 2),
    ],
)
def test_any_encoding_of_a_pipe_ends_in_an_answer_or_one_line(address: str, given: bytes, env: dict[str, str], code: int) -> None:
    done = run(address, given, **env)
    assert done.returncode == code, done.stderr
    assert done.stderr.count(b"\n") == (1 if code else 0)
    assert b"Traceback" not in done.stderr


def test_stdin_closed_is_a_missing_prompt(address: str) -> None:
    script = 'exec "$@" <&-'
    command = ("sh", "-c", script, "sh", sys.executable, "-m", "echorator", "chat", "--server", address)
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"there is no prompt" in done.stderr


def test_prompt_toolkit_is_imported_for_a_dialogue_only(address: str) -> None:
    script = (
        "import sys; from echorator.cli.main import main; code = main(sys.argv[1:]); "
        "print([name for name in ('prompt_toolkit', 'rich') if name in sys.modules]); sys.exit(code)"
    )
    command = (sys.executable, "-c", script, "chat", "--server", address, *GREEDY, "Hello!")
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_terminal_that_goes_away_ends_the_command(address: str) -> None:
    told = Terminal("--server", address)
    told.ready()
    os.close(told._fd)
    assert told.process.wait(TIMEOUT_S) != 0
