"""Engines over real files: echo-nano, and random weights in every kind of model memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from echorator.settings import EngineSettings
from tests.support.engines import ECHO_NANO, Running, Start
from tests.support.models.random_gguf import Shape, write


@pytest.fixture
def start() -> Iterator[Start]:
    """start(path, **EngineSettings fields) → Running; all are closed at the end."""
    running: list[Running] = []

    def make(path: Path = ECHO_NANO, **fields: object) -> Running:
        running.append(Running(EngineSettings(path, threads=1, **fields)))  # type: ignore[arg-type]
        return running[-1]

    yield make
    for r in running:
        r.engine.close()


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """random_model(arch) → a file, made once: llama, gemma3 (sliding window), mamba, jamba (hybrid), bert."""
    folder = tmp_path_factory.mktemp("models")

    def make(arch: str) -> Path:
        path = folder / f"{arch}.gguf"
        return path if path.exists() else write(path, Shape(arch=arch, layers=6 if arch == "gemma3" else 4))

    return make
