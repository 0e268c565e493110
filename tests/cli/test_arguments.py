"""What both programs say of words and of a standard input that they cannot use: one line, what to change, and the code of usage errors."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from echorator.cli.main import parser
from echorator.cli.options import kollama
from tests.support.commands import COMMAND, KOLLAMA, TIMEOUT_S, commands_of, failed, in_process

LATIN = b"caf\xe9"
NOT_UTF8 = os.fsdecode(LATIN)
EVERY = [
    *((COMMAND, words) for words in commands_of(parser())),
    *((KOLLAMA, words) for words in commands_of(kollama.parser())),
]


def named(given: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
    program, words = given
    return " ".join(("kollama" if program is KOLLAMA else "echorator", *words))


@pytest.mark.parametrize("given", EVERY, ids=named)
def test_an_argument_that_is_not_utf8(given: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    program, words = given
    failed(in_process(program, *words, NOT_UTF8), 2, rf"argument {len(words) + 1} ('caf\xe9') is not UTF-8 at byte 3")
    failed(in_process(program, *words, f"--né={NOT_UTF8}"), 2, rf"('--né=caf\xe9') is not UTF-8 at byte {len('--né=caf'.encode())}")


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_an_argument_of_a_process_that_is_not_utf8(locale: str) -> None:
    command = (*map(str.encode, COMMAND), b"chat", b"--system", LATIN, b"Hello")
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False, env={**os.environ, "LC_ALL": locale})
    said = b"echorator: error: argument 3 ('caf\\xe9') is not UTF-8 at byte 3; see `echorator --help`\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", said)


READ_STDIN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "chat": (COMMAND, ("chat",)),
    "embed": (COMMAND, ("embed",)),
    "memory add": (COMMAND, ("memory", "add", "--user", "ann")),
    "apply": (COMMAND, ("apply", "-f", "-")),
    "delete": (COMMAND, ("delete", "-f", "-")),
    "up": (COMMAND, ("up", "-f", "-")),
    "cluster run": (COMMAND, ("cluster", "run", "-f", "-")),
    "kollama convert": (KOLLAMA, ("convert",)),
}


@pytest.mark.parametrize("name", READ_STDIN)
def test_a_standard_input_that_is_not_utf8(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    program, words = READ_STDIN[name]
    failed(in_process(program, *words, bytes_in="é".encode() + LATIN), 2, "stdin is not UTF-8 at byte 5")


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_a_standard_input_of_a_process_that_is_not_utf8(locale: str) -> None:
    settings = {**os.environ, "LC_ALL": locale}
    done = subprocess.run((*COMMAND, "chat"), input=LATIN, capture_output=True, timeout=TIMEOUT_S, check=False, env=settings)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"echorator: error: stdin is not UTF-8 at byte 3\n")


def test_files_that_are_not_utf8(tmp_path: Path) -> None:
    (file := tmp_path / "latin.yaml").write_bytes(LATIN)
    for program, *words in ((COMMAND, "apply", "-f"), (COMMAND, "up", "-f"), (KOLLAMA, "convert")):
        failed(in_process(program, *words, str(file)), 2, f"{file} is not UTF-8 at byte 3")
    (tmp_path / "install.yaml").write_bytes(LATIN)
    failed(in_process(COMMAND, "manifests", str(tmp_path), "--check"), 1, "install.yaml", "differ")


def test_closed_standard_streams() -> None:
    command = " ".join((*COMMAND, "chat"))
    done = subprocess.run(("sh", "-c", f"{command} <&- >&-"), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert (done.returncode, done.stderr) == (2, "echorator: error: there is no prompt: give one, or pipe a text in\n")


@pytest.mark.parametrize(
    ("program", "words", "says"),
    [
        (COMMAND, ("status", "--sever", "x"), "there is no option --sever (did you mean --server?); see `echorator status --help`"),
        (COMMAND, ("mesh", "scale", "a", "1", "--wiat=5"), "no option --wiat (did you mean --wait?); see `echorator mesh scale --help`"),
        (COMMAND, ("serve", "--slot", "4", "--xyzzy"), "there is no option --xyzzy; see `echorator serve --help`"),
        (
            COMMAND,
            ("--server", "a:1", "models"),
            "there is no option --server (options of a command follow its name); see `echorator --help`",
        ),
        (COMMAND, ("--verson",), "there is no option --verson (did you mean --version?); see `echorator --help`"),
        (COMMAND, ("modles",), "there is no command 'modles' (did you mean models?); see `echorator --help`"),
        (COMMAND, ("mesh", "aply", "x"), "there is no command 'aply' (did you mean apply?); see `echorator mesh --help`"),
        (COMMAND, ("memory", "serach", "x"), "there is no action 'serach' (did you mean search?); see `echorator memory --help`"),
        (
            COMMAND,
            ("models", "--output", "jsn"),
            "argument -o/--output: invalid choice: 'jsn' (did you mean json?); see `echorator models --help`",
        ),
        (COMMAND, ("serve", "--log-level", "xyz"), "invalid choice: 'xyz' (choose from debug, info, warning, error)"),
        (COMMAND, ("serve", "--kv-layout", "unifed"), "invalid choice: 'unifed' (did you mean unified?); see `echorator serve --help`"),
        (COMMAND, ("status", "more"), "unrecognized arguments: more; see `echorator status --help`"),
        (KOLLAMA, ("list", "--all-namespace", "--ouput"), "no option --ouput (did you mean --output?); see `kollama list --help`"),
        (KOLLAMA, ("--nmespace", "x", "list"), "no option --nmespace (did you mean --namespace?); see `kollama --help`"),
        (KOLLAMA, ("stats", "phi"), "there is no command 'stats' (did you mean status?); see `kollama --help`"),
        (KOLLAMA, ("expose", "phi", "--service-type", "NodPort"), "(did you mean NodePort?); see `kollama expose --help`"),
    ],
)
def test_unknown_words_are_named_with_the_nearest_known_one(program: tuple[str, ...], words: tuple[str, ...], says: str) -> None:
    failed(in_process(program, *words), 2, says)


@pytest.mark.parametrize(
    ("program", "words", "says"),
    [
        (COMMAND, ("scale", "nano", "-1"), "replicas must be 0..1000, not -1"),
        (COMMAND, ("scale", "model", "nano", "-1"), "replicas must be 0..1000, not -1"),
        (COMMAND, ("scale", "model/nano", "-1"), "replicas must be 0..1000, not -1"),
        (COMMAND, ("scale", "model", "nano", "--wait", "5", "-1"), "replicas must be 0..1000, not -1"),
        (COMMAND, ("scale", "model", "nano", "-1.5"), "replicas must be a whole number, not '-1.5'"),
        (COMMAND, ("scale", "model", "nano", "²"), "replicas must be a whole number, not '²'"),
        (COMMAND, ("scale", "model", "nano", "9" * 5000), "replicas must be a whole number"),
        (COMMAND, ("scale", "modle", "3"), "there is no kind 'modle'; did you mean 'Model'?"),
        (COMMAND, ("scale", "model", "3"), "say which model: echorator scale model NAME 3"),
        (COMMAND, ("scale", "all", "3"), "one kind at a time: echorator scale model NAME 3"),
        (COMMAND, ("delete", "all"), "one kind at a time: echorator delete model NAME"),
        (COMMAND, ("mesh", "scale", "nano", "-1"), "argument N: replicas must be 0..1000, not -1"),
        (COMMAND, ("mesh", "scale", "nano", "-1e3"), "argument N: replicas must be a whole number, not '-1e3'"),
        (COMMAND, ("mesh", "scale", "nano", "99999999999"), "argument N: replicas must be 0..1000, not 99999999999"),
        (COMMAND, ("mesh", "apply", "nano", "--slots", "-1"), "argument --slots: slots must be 1..128, not -1"),
        (COMMAND, ("memory", "show", "-1", "--user", "ann"), "argument ID: ID must be 1.."),
        (COMMAND, ("memory", "show", str(1 << 64), "--user", "ann"), "argument ID: ID must be 1.."),
        (COMMAND, ("memory", "forget", "1", "--user", "ann", "--yes", "-2"), "argument ID: ID must be 1.."),
        (COMMAND, ("memory", "search", "x", "--user", "ann", "-k", "-1"), "argument -k: k must be 1..1000, not -1"),
        (COMMAND, ("chat", "--seed", "-1", "Hello"), "argument --seed: seed must be 0..4294967295, not -1"),
        (COMMAND, ("chat", "--max-tokens", str(1 << 31), "Hello"), "argument --max-tokens: max_tokens must be 0..2147483647"),
        (COMMAND, ("embed", "--dimensions", "-1", "Hello"), "argument --dimensions: dimensions must be 1..2147483647, not -1"),
        (COMMAND, ("top", "--interval", "-1"), "argument --interval: the time must be 0..1000000000, not -1"),
        (COMMAND, ("status", "--wait", "nan"), "argument --wait: the time must be 0..1000000000, not nan"),
        (KOLLAMA, ("scale", "phi", "-1"), "argument N: replicas must be 0..1000, not -1"),
        (KOLLAMA, ("chat", "phi", "Hello", "--seed", "abc"), "seed must be a whole number, not 'abc'; see `kollama chat --help`"),
        (KOLLAMA, ("logs", "phi", "--tail", "-1"), "argument --tail: tail must be 0..2147483647, not -1"),
    ],
)
def test_numbers_are_refused_with_their_range(program: tuple[str, ...], words: tuple[str, ...], says: str) -> None:
    failed(in_process(program, *words), 2, says)


def test_words_after_an_option_belong_to_the_command() -> None:
    assert parser().parse_args(["chat", "a", "--usage", "b", "-1", "--", "--c"]).prompt == ["a", "b", "-1", "--c"]
    assert parser().parse_args(["memory", "forget", "1", "--user", "ann", "2"]).ids == [1, 2]
    assert parser().parse_args(["cluster", "send", "sums", "-1.5e3"]).value == "-1.5e3"
    assert kollama.parser().parse_args(["undeploy", "a", "-n", "x", "b"]).names == ["a", "b"]


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (COMMAND, ("apply", "-f")),
        (COMMAND, ("delete", "-f")),
        (COMMAND, ("up", "-f")),
        (COMMAND, ("cluster", "run", "-f")),
        (COMMAND, ("memory", "import", "--user", "ann")),
        (KOLLAMA, ("convert",)),
    ],
    ids=lambda words: " ".join(words),
)
def test_a_missing_file_is_one_exit_code(
    program: tuple[str, ...], words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of models is in `test_commands`."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    failed(in_process(program, *words, str(tmp_path / "absent")), 1, "absent: No such file or directory")
    failed(in_process(program, *words, str(tmp_path)), 1, "Is a directory")
