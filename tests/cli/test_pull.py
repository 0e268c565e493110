"""Model files as a user of the commands has them: pulled, listed, verified, served, removed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from echorator.agent.loading.embedded import embedded_model
from tests.support.commands import ANSWER, COMMAND, MEMORY, QUESTION, echorator, failed, server
from tests.support.models.servers import RegistryServer, registry_server
from tests.support.programs import needing

NANO = embedded_model().read_bytes()


@pytest.fixture(scope="module")
@needing("docker-registry")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    with registry_server(tmp_path_factory.mktemp("registry")) as made:
        made.ollama("echo-nano", NANO)
        yield made


def test_a_model_from_its_registry_to_its_removal(registry: RegistryServer, tmp_path: Path) -> None:
    source = f"{registry.host}/echo-nano"
    models = ("--models", str(tmp_path / "models"))
    pulled = echorator("pull", source, "--into", str(tmp_path / "mine"), *models)
    assert pulled.returncode == 0, pulled.stderr
    assert Path(pulled.stdout.strip()) == tmp_path / "mine" / "echo-nano-latest.gguf"
    assert Path(pulled.stdout.strip()).read_bytes() == NANO
    assert re.search(rf"ready {source}.* 100 %", pulled.stderr)
    listed = json.loads(echorator("models", "list", "--output", "json", *models).stdout)
    assert [row["source"] for row in listed["models"]] == [f"{source}:latest"]
    assert f"{source}:latest" in echorator("models", "list", *models).stdout
    shown = json.loads(echorator("models", "show", source, "--output", "json", *models).stdout)
    assert shown["metadata"]["general.architecture"] == "llama"
    assert echorator("models", "verify", *models).stdout == "1 models verified, 0 files are wrong\n"
    blob = tmp_path / "models" / "blobs" / shown["layers"][0]["digest"].replace(":", "-")
    os.chmod(blob, 0o644)
    with blob.open("r+b") as file:
        file.write(b"?")
    verified = echorator("models", "verify", source, *models)
    assert verified.returncode == 1
    assert "has another content than its digest says" in verified.stdout
    assert echorator("models", "remove", source, *models).returncode == 0
    assert echorator("models", "prune", *models).stdout.endswith("MiB freed\n")
    assert list((tmp_path / "models" / "blobs").iterdir()) == []
    failed(echorator("models", "show", source, *models), 1, "is not in the store; there are: none")
    failed(echorator("models", "show", "./x.gguf", *models), 2, "is a file of this machine")
    failed(echorator("pull", "a b", *models), 1, "is no part of a model's name")


def test_a_source_is_served(registry: RegistryServer, tmp_path: Path) -> None:
    with server(f"{registry.host}/echo-nano", "--models", str(tmp_path)) as (_, address):
        asked = echorator("chat", "--server", address, "--system", MEMORY, "--temperature", "0", QUESTION)
    assert asked.stdout == f"{ANSWER}\n"


def test_ollamas_own_store_is_read_where_it_lies_and_left_alone(registry: RegistryServer, tmp_path: Path) -> None:
    source = f"{registry.host}/echo-nano"
    assert echorator("pull", source, "--models", str(tmp_path / "ollama")).returncode == 0
    env = {**os.environ, "OLLAMA_MODELS": str(tmp_path / "ollama"), "ECHORATOR_MODELS": str(tmp_path / "own"), "ECHORATOR_OFFLINE": "1"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run((*COMMAND, *arguments), env=env, capture_output=True, text=True, timeout=60, check=False)

    assert str(tmp_path / "ollama") in run("models", "list", "-o", "wide").stdout
    assert run("pull", source).stdout.startswith(str(tmp_path / "ollama"))
    failed(run("models", "remove", source), 1, "which is not this program's; remove it there")
    failed(run("pull", f"{source}:other"), 1, "this machine is offline")
    assert not (tmp_path / "own" / "blobs").exists()
