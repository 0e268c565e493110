"""A model that still computes when it is looked at, for tests that break something in the middle of an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.random_gguf import Shape, write


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shape = Shape(dim=256, layers=8, heads=4, kv_heads=4, ffn=768, context=16384)
    return write(tmp_path_factory.mktemp("models") / "slow.gguf", shape)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("models") / "encoder.gguf", Shape(arch="bert", context=512))
