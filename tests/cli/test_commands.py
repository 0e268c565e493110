"""The command as its users run it: a process, its output and its exit code."""

from __future__ import annotations

import json
import math
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from echorator.cli.main import parser
from echorator.settings import EngineSettings
from tests.support.commands import ANSWER, COMMAND, MEMORY, QUESTION, TIMEOUT_S, commands_of, echorator, failed, in_process, server
from tests.support.models.random_gguf import Shape, write


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with server() as (_, address):
        yield address


def test_chat_without_a_server_answers_from_its_prompt() -> None:
    done = echorator("chat", "--temperature", "0", "--system", MEMORY, "--usage", QUESTION)
    assert (done.returncode, done.stdout) == (0, f"{ANSWER}\n")
    assert re.fullmatch(r"\d+ prompt tokens \(0 cached\), \d+ new, first after \d+ ms, \d+ tokens/s\n", done.stderr)


def test_chat_reads_a_pipe_and_asks_a_server(address: str) -> None:
    done = echorator("chat", "--server", address, "--temperature", "0", "--system", MEMORY, text_in=QUESTION + "\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{ANSWER}\n", "")


@pytest.mark.slow
def test_chat_options_reach_the_server(address: str) -> None:
    arguments = ("chat", "--server", address, "--system", MEMORY)
    assert echorator(*arguments, "--temperature", "0", "--stop", " is", QUESTION).stdout == "Your dog's name\n"
    assert len(echorator(*arguments, "--temperature", "0", "--max-tokens", "1", QUESTION).stdout) < len(ANSWER)
    sampling = ("--temperature", "2", "--top-k", "0", "--top-p", "1", "--min-p", "0")
    stories = [echorator("chat", "--server", address, *sampling, "--seed", seed, "Tell me a story.").stdout for seed in "556"]
    assert stories[0] == stories[1] != stories[2]
    failed(echorator(*arguments, "--temperature", "101", QUESTION), 2, "temperature must be 0..100, not 101")
    failed(echorator(*arguments, "--model", "nobody", QUESTION), 1, "no model 'nobody' is loaded; loaded: echo-nano")


@pytest.mark.slow
def test_embed(address: str) -> None:
    done = echorator("embed", "--server", address, "--pooling", "mean", "--output", "json", "a dog", "a cat")
    made = json.loads(done.stdout)
    assert len(made["embeddings"]) == 2
    for row in made["embeddings"]:
        assert len(row["values"]) == 128
        assert math.isclose(math.hypot(*row["values"]), 1.0, abs_tol=1e-4)
    local = echorator("embed", text_in="a dog\n\na cat\n")
    assert [len(line.split()) for line in local.stdout.splitlines()] == [128, 128]
    short = json.loads(echorator("embed", "--server", address, "--dimensions", "8", "--output", "json", "a dog").stdout)
    assert (len(short["embeddings"][0]["values"]), short["pooling"]) == (8, "POOLING_MEAN")
    failed(echorator("embed", "--server", address, "--dimensions", "129", "x"), 2, "dimensions must be 1..128")
    failed(echorator("embed", "--server", address, ""), 2, "inputs[0] is empty")
    among = echorator("embed", "--server", address, "a dog", "", "--output", "json")
    assert [bool(row["values"]) for row in json.loads(among.stdout)["embeddings"]] == [True, False]
    assert among.returncode == 1
    assert among.stderr.splitlines() == ["echorator: error: text 2: the input is empty; there is nothing to embed"]
    failed(echorator("embed"), 2, "there is no text")


def test_models(address: str) -> None:
    rows = json.loads(echorator("models", "--server", address, "--output", "json").stdout)["models"]
    assert [(r["name"], r["state"], r["slots"]) for r in rows] == [("echo-nano", "MODEL_STATE_READY", 8)]
    table = echorator("models", "--server", address).stdout
    assert "echo-nano" in table
    assert re.search(r"NAME +PHASE +SLOTS +SIZE +SOURCE +SAYS\necho-nano +Ready +8 ", table)


def test_version() -> None:
    done = echorator("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("echorator ")
    assert re.search(r"^llama-cpp-python \d+\.\d+\.\d+\nllama\.cpp \S+$", echorator("--version", "-v").stdout, re.MULTILINE)


@pytest.mark.parametrize("command", [(), ("serve",), ("chat",), ("embed",), ("models",)])
def test_help_reads_well(command: tuple[str, ...]) -> None:
    done = echorator(*command, "--help")
    assert done.returncode == 0
    assert "usage: echorator" in done.stdout
    assert command == ("models",) or "examples:" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_every_engine_setting_is_an_option_with_its_default() -> None:
    arguments = vars(parser().parse_args(["serve"]))
    path = Path("x.gguf")
    defaults = EngineSettings(path)
    for field in fields(EngineSettings):
        if field.name not in ("path", "lora"):
            assert arguments[field.name] == getattr(defaults, field.name), field.name
    assert arguments["lora"] == [], "sources, until they are found"


@pytest.mark.parametrize("command", [*commands_of(parser())], ids=" ".join)
def test_each_command_says_a_mistake_in_one_line(command: tuple[str, ...]) -> None:
    failed(echorator(*command, "--no-such-option"), 2, "see `echorator")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nonsense",), "there is no command"),
        (("serve", "--slots", "many"), "invalid int value"),
        (("serve", "--slots", "0"), "slots must be 1..128"),
        (("serve", "--port", "70000"), "port must be 0..65535"),
        (("serve", "--tensor-split", "a,b"), "--tensor-split"),
        (("serve", "--name", "a", "--name", "b"), "more --name options than models"),
        (("chat",), "there is no prompt"),
    ],
)
def test_what_is_wrong_with_arguments(arguments: tuple[str, ...], says: str) -> None:
    failed(in_process(COMMAND, *arguments), 2, says)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("serve", "--port", "0", "/nowhere/missing.gguf"), 1, "/nowhere/missing.gguf"),
        (("serve", "--host", "203.0.113.1"), 74, "cannot listen on"),
        (("chat", "--file", "/nowhere/missing.gguf", "Hello"), 1, "/nowhere/missing.gguf"),
        (("chat", "--server", "127.0.0.1:1", "Hello"), 69, "cannot reach 127.0.0.1:1"),
        (("embed", "--server", "127.0.0.1:1", "Hello"), 69, "is `echorator serve` running there?"),
        (("models", "--server", "127.0.0.1:1"), 69, "cannot reach 127.0.0.1:1"),
    ],
)
def test_failures_are_one_line_and_a_code(arguments: tuple[str, ...], code: int, says: str) -> None:
    failed(echorator(*arguments), code, says)


def test_without_a_command_the_help_comes_and_the_exit_code_says_usage() -> None:
    done = echorator()
    assert done.returncode == 2
    assert "COMMAND" in done.stderr


def test_a_port_in_use_is_one_line(address: str) -> None:
    failed(echorator("serve", "--port", address.rpartition(":")[2]), 74, "Address already in use", "choose another --port")


def test_a_reader_that_leaves_is_no_traceback(address: str) -> None:
    command = f"{sys.executable} -m echorator models --server {address} --output json | true"
    done = subprocess.run(("sh", "-c", command), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.stderr == ""


def test_serve_loads_several_models_under_their_names(tmp_path: Path) -> None:
    paths = [str(write(tmp_path / f"{name}.gguf", Shape(seed=i))) for i, name in enumerate(("one", "two"))]
    with server(*paths, "--threads", "1", "--name", "first", "--slots", "2", "--context-tokens", "512") as (process, address):
        rows = json.loads(echorator("models", "--server", address, "--output", "json").stdout)["models"]
        assert [(r["name"], r["slots"]) for r in rows] == [("first", 2), ("two", 2)]
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0
    lines = errors.splitlines()
    assert lines[-1] == "stopped"
    assert [line.split(":")[0] for line in lines if line.startswith("loaded ")] == ["loaded first", "loaded two"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_model_loads_ends_the_command(number: signal.Signals, tmp_path: Path) -> None:
    path = write(tmp_path / "large.gguf", Shape(dim=512, layers=8, heads=8, kv_heads=8, ffn=2048))
    process = subprocess.Popen((*COMMAND, "serve", "--port", "0", str(path)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline() == "checking large.gguf\n"
    process.send_signal(number)
    answered, errors = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, answered, errors) == (128 + number, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_right_after_the_listening_line_drains(number: signal.Signals) -> None:
    with server() as (process, _):
        process.send_signal(number)
        _, errors = process.communicate(timeout=TIMEOUT_S)
        assert (process.returncode, errors.splitlines()[-1]) == (0, "stopped")


def test_ctrl_c_stops_an_answer(tmp_path: Path) -> None:
    path = write(tmp_path / "slow.gguf", Shape(dim=256, layers=8, heads=4, kv_heads=4, ffn=768, context=16384, endless=True))
    with server(str(path), "--threads", "1", "--slots", "2", "--context-tokens", "32768") as (_, address):
        process = subprocess.Popen(
            (*COMMAND, "chat", "--server", address, "--temperature", "0", "Hello"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=TIMEOUT_S)
        assert (process.returncode, errors) == (130, "")
