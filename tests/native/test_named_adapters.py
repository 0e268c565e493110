"""Named adapters: requests of several adapters at once answer as each does alone, and no computed prefix passes between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from echorator._native.engine import Embedder, Model
from echorator.errors import InvalidRequestError
from echorator.settings import EngineSettings, Lora
from tests.support.engines import Answer, Running, Start
from tests.support.models.lora_files import merge_lora, write_lora
from tests.support.models.random_gguf import Shape, write

EXACT = {"kv_type_k": "f32", "kv_type_v": "f32", "flash_attention": "off"}
NAMES = ("", "a", "b")
TEXTS = ("the cat and the dog are in the garden", "the cat and the dog are on the roof", "one of them is here and", "that was he")


@pytest.fixture(scope="module", params=["llama", "gemma3", "jamba"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    arch = request.param
    return write(tmp_path_factory.mktemp("lora") / f"{arch}.gguf", Shape(arch=arch, layers=6 if arch == "gemma3" else 4))


def named(model: Path) -> tuple[Lora, ...]:
    return tuple(Lora(write_lora(model.with_name(f"{name}-{model.name}"), model, seed=ord(name)), name=name) for name in "ab")


def ask(running: Running, text: str, adapter: str) -> int:
    return running.submit(running.model.tokenize(text), max_tokens=12, ignore_eos=True, adapter=adapter)


def alone(start: Start, model: Path, lora: tuple[Lora, ...]) -> list[list[int]]:
    running = start(model, lora=lora, slots=1, prefix_cache=False, **EXACT)
    return [running.ask(running.model.tokenize(text), max_tokens=12, ignore_eos=True).tokens for text in TEXTS]


@pytest.mark.parametrize("kv_layout", ["unified", "separate"])
def test_mixed_requests_answer_as_each_alone(start: Start, model: Path, kv_layout: str) -> None:
    a, b = named(model)
    expected = {name: alone(start, model, lora) for name, lora in (("", ()), ("a", (Lora(a.path),)), ("b", (Lora(b.path),)))}
    assert expected[""] != expected["a"] != expected["b"] != expected[""], "the adapters change nothing; the test shows nothing"
    running = start(model, lora=(a, b), slots=6, kv_layout=kv_layout, context_tokens=6 * 256, **EXACT)
    for _ in range(2):  # the second time from the prefix cache
        asked = [(name, i, ask(running, text, name)) for i, text in enumerate(TEXTS) for name in NAMES]
        for name, i, request in asked:
            assert running.answer(request)[0].tokens == expected[name][i], (name, i)
    assert running.engine.stats()["cached_tokens"] > 0


def test_a_prefix_is_shared_with_the_same_adapter_only(start: Start, model: Path) -> None:
    running = start(model, lora=named(model), **EXACT)

    def cached(name: str) -> int:
        end = running.answer(ask(running, TEXTS[0] * 4, name))[0].end
        assert end is not None
        return end.cached_tokens

    assert [cached(name) for name in ("a", "b", "")] == [0, 0, 0]
    assert all(cached(name) > 0 for name in ("a", "b", ""))


def test_adapters_without_a_name_are_in_every_request(start: Start, tmp_path: Path) -> None:
    model = write(tmp_path / "m.gguf", Shape())
    a, b = named(model)
    always = Lora(write_lora(tmp_path / "always.gguf", model, seed=9), 0.5)
    running = start(model, lora=(a, always, b), **EXACT)
    for name, lora in (("", ()), ("a", (a,)), ("b", (b,))):
        merged = merge_lora(tmp_path / f"always-{name}.gguf", model, always.path, 0.5)
        for one in lora:
            merged = merge_lora(tmp_path / f"both-{name}.gguf", merged, one.path)
        expected = start(merged, **EXACT).ask(running.model.tokenize(TEXTS[0]), max_tokens=12, ignore_eos=True, logprobs=3)
        got = running.ask(running.model.tokenize(TEXTS[0]), max_tokens=12, ignore_eos=True, logprobs=3, adapter=name)
        assert same(got, expected), name


def same(one: Answer, other: Answer) -> bool:
    mine, others = ([[p for _, p in row] for row in answer.logprobs] for answer in (one, other))
    return one.tokens == other.tokens and bool(np.allclose(mine, others, atol=1e-3))


def test_embeddings_have_the_adapter_that_is_named(tmp_path: Path) -> None:
    model = write(tmp_path / "m.gguf", Shape())
    a, b = named(model)
    settings = EngineSettings(model, lora=(a, b), flash_attention="off")
    loaded = Model(settings)
    embedder = Embedder(loaded, settings, "mean")
    inputs = [loaded.tokenize(TEXTS[0])]
    for name, lora in (("", ()), ("a", (a,)), ("b", (b,)), ("", ()), ("a", (a,))):
        path = merge_lora(tmp_path / f"{name}.merged", model, lora[0].path) if lora else model
        own = EngineSettings(path, flash_attention="off")
        assert np.allclose(embedder.embed(inputs, adapter=name), Embedder(Model(own), own, "mean").embed(inputs), atol=1e-3), name


def test_an_adapter_that_is_not_loaded_is_refused(start: Start, tmp_path: Path) -> None:
    model = write(tmp_path / "m.gguf", Shape())
    running = start(model, lora=named(model))
    with pytest.raises(InvalidRequestError, match="no adapter 'c' is loaded; loaded: a, b"):
        ask(running, TEXTS[0], "c")
    with pytest.raises(InvalidRequestError, match="no adapter 'c' is loaded; loaded: none"):
        ask(start(model), TEXTS[0], "c")


def test_names_are_checked() -> None:
    for name in ("a:b", "a b", "-a", "a" * 65, "ä"):
        with pytest.raises(InvalidRequestError, match=r"lora: a name must be 1\.\.64 letters"):
            Lora(Path("a.gguf"), name=name)
    with pytest.raises(InvalidRequestError, match="must not be 'latest'"):
        Lora(Path("a.gguf"), name="latest")
    with pytest.raises(InvalidRequestError, match="two adapters have the name 'a'"):
        EngineSettings(Path("m.gguf"), lora=(Lora(Path("a.gguf"), name="a"),) * 2)
