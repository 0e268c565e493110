"""Adapters on the command line: files and sources that are pulled, on top of a file and of the embedded model."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import pytest

from echorator.agent.loading.embedded import embedded_model
from echorator.cli.options.engine import adapters_of
from echorator.settings import Lora
from tests.support.commands import COMMAND, echorator, failed, in_process, server
from tests.support.models.lora_files import write_lora
from tests.support.models.random_gguf import Shape, write
from tests.support.models.servers import registry_server


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lora(tmp_path_factory.mktemp("lora") / "nano.gguf", embedded_model())


@pytest.mark.needs("docker-registry")
def test_a_server_applies_its_adapters(lora: Path, tmp_path: Path) -> None:
    with registry_server(tmp_path) as registry:
        layer = {"mediaType": "application/vnd.docker.ai.gguf.v3", **registry.blob("ann/tuned", lora.read_bytes())}
        registry.oci("ann/tuned", "v1", [layer])
        source = f"oci://{registry.host}/ann/tuned:v1"
        asked = ("--temperature", "0", "--max-tokens", "12", "Hello!")
        with server() as (_, address):
            plain = echorator("chat", "--server", address, *asked).stdout
        with server("--models", str(tmp_path / "models"), "--lora", str(lora), "--lora-scaled", source, "-0.5") as (_, address):
            (model,) = json.loads(echorator("models", "--server", address, "--output", "json").stdout)["models"]
            adapted = echorator("chat", "--server", address, *asked).stdout
    assert [adapter.get("scale") for adapter in model["lora"]] == [1.0, -0.5]
    assert model["lora"][0]["source"] == str(lora)
    assert adapted != plain != ""


def test_an_adapter_with_a_name_is_for_requests_that_give_it(lora: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a=b.gguf"
    odd.write_bytes(lora.read_bytes())
    asked = ("--temperature", "0", "--max-tokens", "12", "Hello!")
    with server("--lora", f"style={lora}", "--lora-scaled", f"half={lora}", "0.5") as (_, address):
        (model,) = json.loads(echorator("models", "--server", address, "--output", "json").stdout)["models"]
        answers = [echorator("chat", "--server", address, "--model", name, *asked).stdout for name in ("echo-nano", *model["aliases"])]
        failed(echorator("chat", "--server", address, "--model", "echo-nano:none", *asked), 1, "its adapters: style, half")
        rows = echorator("models", "--server", address).stdout.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["echo-nano", *model["aliases"]]
    assert model["aliases"] == ["echo-nano:style", "echo-nano:half"]
    assert answers[0] != answers[1] != ""
    with server("--lora", str(odd)) as (_, address):
        (model,) = json.loads(echorator("models", "--server", address, "--output", "json").stdout)["models"]
        assert model["aliases"] == []
        assert echorator("chat", "--server", address, *asked).stdout == answers[1]


@pytest.mark.parametrize(
    ("given", "name", "source"),
    [
        ("style=tuned.gguf", "style", "tuned.gguf"),
        ("style=hf://a/b/c.gguf", "style", "hf://a/b/c.gguf"),
        ("style=https://example.com/a.gguf?x=1#sha256=0", "style", "https://example.com/a.gguf?x=1#sha256=0"),
        ("https://example.com/a.gguf?x=1#sha256=0", "", "https://example.com/a.gguf?x=1#sha256=0"),
        ("./a=b.gguf", "", "./a=b.gguf"),
        ("a=b.gguf", "", "a=b.gguf"),  # there is a file of that whole name
        ("a=c.gguf", "a", "c.gguf"),
        ("=a.gguf", "", "=a.gguf"),
    ],
)
def test_a_name_stands_before_the_source(given: str, name: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b.gguf").touch()
    assert adapters_of(Namespace(lora=[given])) == [(source, Lora(Path(), 1.0, name))]
    assert adapters_of(Namespace(lora=[[given, "0.5"]])) == [(source, Lora(Path(), 0.5, name))]


@pytest.mark.slow
def test_what_cannot_be_is_said(lora: Path, tmp_path: Path) -> None:
    failed(in_process(COMMAND, "serve", "--port", "0", "--lora-scaled", str(lora), "half"), 2, "the scale must be a number")
    failed(in_process(COMMAND, "serve", "--port", "0", "--lora-scaled", str(lora), "1e9"), 2, "a scale must be -100..100")
    failed(in_process(COMMAND, "serve", "--port", "0", "--lora", f"a b={lora}"), 2, "lora: a name must be 1..64 letters")
    twice = ("--lora", f"a={lora}", "--lora", f"a={lora}")
    failed(in_process(COMMAND, "serve", "--port", "0", *twice), 2, "two adapters have the name 'a'")
    failed(in_process(COMMAND, "serve", "--port", "0", "echo-nano", "echo-nano", "--lora", str(lora)), 2, "--lora is of one model")
    failed(in_process(COMMAND, "serve", "--port", "0", "--controller", "127.0.0.1:1", "--lora", str(lora)), 2, "--lora is of one model")
    failed(echorator("serve", "--port", "0", "--lora", str(tmp_path / "absent.gguf")), 1, "absent.gguf: No such file")
    other = write(tmp_path / "other.gguf", Shape())
    failed(echorator("serve", "--port", "0", str(other), "--lora", str(lora)), 1, "is no LoRA adapter of this model")
    failed(echorator("serve", "--port", "0", str(lora)), 1, "is a LoRA adapter, not a model")
