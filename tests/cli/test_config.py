"""Options from the environment and from the configuration file: which one counts, what is refused, and what `config` says."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

import pytest

from echorator.cli.configured import Settings, below, options_of
from echorator.cli.main import parser
from tests.support.commands import COMMAND, failed, in_process


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    made = tmp_path / "echorator" / "config.toml"
    made.parent.mkdir()
    return made


def parsed(*words: str, file: str = "", **environment: str) -> argparse.Namespace:
    top = parser()
    top.settings = Settings(environment, tomllib.loads(file), "config.toml")
    return top.parse_args(words)


def test_the_nearest_place_counts() -> None:
    text = "max-tokens = 1\n[chat]\nmax_tokens = 2\n[embed]\n"
    assert parsed("chat", "hi", file="max-tokens = 1").max_tokens == 1
    assert parsed("chat", "hi", file=text).max_tokens == 2
    assert parsed("run", "m", file=text).max_tokens == 1
    assert parsed("chat", "hi", file=text, ECHORATOR_MAX_TOKENS="3").max_tokens == 3
    assert parsed("chat", "hi", file=text, ECHORATOR_MAX_TOKENS="3", ECHORATOR_CHAT_MAX_TOKENS="4").max_tokens == 4
    assert parsed("chat", "hi", "--max-tokens", "5", file=text, ECHORATOR_CHAT_MAX_TOKENS="4").max_tokens == 5
    assert parsed("memory", "search", "x", file='[memory]\nuser = "bea"\n[memory.search]\nuser = "ann"').user == "ann"
    assert parsed("memory", "list", file='[memory]\nuser = "bea"\n[memory.search]\nuser = "ann"').user == "bea"


def test_types_switches_and_lists() -> None:
    assert parsed("chat", "hi", file='stop = ["a", "b"]').stop == ["a", "b"]
    assert parsed("chat", "hi", "--stop", "c", file='stop = ["a", "b"]').stop == ["c"]
    assert parsed("chat", "hi", ECHORATOR_STOP="a\nb").stop == ["a", "b"]
    assert parsed("chat", "hi", ECHORATOR_USAGE="yes").usage is True
    assert parsed("chat", "hi", file="usage = false").usage is False
    assert parsed("serve", file="prefix-cache = false").prefix_cache is False
    assert parsed("serve", "--prefix-cache", file="prefix-cache = false").prefix_cache is True
    assert parsed("serve", ECHORATOR_TENSOR_SPLIT="3,1").tensor_split == (3.0, 1.0)
    assert parsed("get", "models", file='controller = "a:1"\nserver = "b:2"').server == "a:1"
    assert parsed("models", file='controller = "a:1"\nserver = "b:2"').server == "b:2"
    assert parsed("chat", "hi", ECHORATOR_SERVER="b:2").server == "b:2"
    assert parsed("chat", "hi", "--file", "x.gguf", ECHORATOR_SERVER="b:2").server is None  # which the file was to replace
    assert parsed("up", ECHORATOR_CONTROLLER_PORT="tcp://10.0.0.1:50050").controller_port == 50050  # of a Service of Kubernetes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[chat]\ntemprature = 1", "[chat] temprature: there is no such option (did you mean temperature?)"),
        ("[caht]\nx = 1", "caht: there is no such command (did you mean chat?)"),
        ("[memory.serch]\nx = 1", "[memory] serch: there is no such command (did you mean search?)"),
        ("x-y-z = 1", "x-y-z: there is no such option"),
        ("[chat]\nmax-tokens = -1", "max-tokens of [chat]"),
        ("[chat]\nmax-tokens = [1]", "one value is expected"),
        ('[chat]\nusage = "maybe"', "'maybe' is neither true nor false"),
        ("[chat", "is no TOML file"),
        ("\xff", "is not UTF-8 at byte 0"),
        ('chat = "x"', "chat: it is a command; write [chat] above its options"),
        ('[memory]\nsearch = "x"', "[memory] search: it is a command; write [memory.search] above its options"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(file: Path, text: str, said: str) -> None:
    file.write_bytes(text.encode("latin-1"))
    done = in_process(COMMAND, "chat", "hi")
    assert done.returncode == 2
    assert said in done.stderr
    assert str(file) in done.stderr
    assert in_process(COMMAND, "--no-config", "config", "path").stdout == f"{file}\n"
    assert in_process(COMMAND, "config", "path").returncode == 0


def test_a_file_that_is_named_must_be_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHORATOR_CONFIG", str(file))
    failed(in_process(COMMAND, "bootstrap"), 2, "No such file or directory; it is to be a file: correct its name, or make it")
    monkeypatch.delenv("ECHORATOR_CONFIG")
    file.mkdir()
    failed(in_process(COMMAND, "bootstrap"), 2, "Is a directory; it is to be a file")
    monkeypatch.setenv("ECHORATOR_CONFIG", "")
    assert in_process(COMMAND, "config", "list").returncode == 0


def test_what_is_configured_is_listed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nothing is configured" in in_process(COMMAND, "config").stderr
    file.write_text('user = "ann"\n[chat]\nmax-tokens = 3\n')
    monkeypatch.setenv("ECHORATOR_CHAT_MAX_TOKENS", "4")
    rows = in_process(COMMAND, "config").stdout.splitlines()
    assert any(row.split()[:3] == ["chat", "--max-tokens", "4"] and row.split()[3] == "ECHORATOR_CHAT_MAX_TOKENS" for row in rows)
    assert any(" commands " in row and '"ann"' in row for row in rows)
    monkeypatch.setenv("ECHORATOR_CHAT_TEMPRATURE", "1")
    done = in_process(COMMAND, "config")
    assert done.returncode == 0
    assert "ECHORATOR_CHAT_TEMPRATURE: no option is configured by it (did you mean ECHORATOR_CHAT_TEMPERATURE?)" in done.stderr


def test_the_template_is_a_file_that_says_nothing_and_could_say_everything(file: Path) -> None:
    text = in_process(COMMAND, "config", "template").stdout
    file.write_text(text)
    assert "nothing is configured" in in_process(COMMAND, "config").stderr
    lines = [line for line in text.splitlines() if not line.startswith("# Options of all")]
    said = "\n".join(line.removeprefix("# ") for line in lines)
    Settings({}, tomllib.loads(said), "all").check(parser())
    top = parser()
    assert len(said.splitlines()) > sum(1 for _, made in below(top).items() for _ in options_of(made))
