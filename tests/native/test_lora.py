"""LoRA adapters: a model with one answers as the model whose weights have the change in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from echorator._native.engine import Embedder, Model
from echorator.errors import InvalidRequestError, ModelFileError
from echorator.settings import MOST_ADAPTERS, EngineSettings, Lora
from tests.support.engines import ECHO_NANO, Start
from tests.support.models.lora_files import merge_lora, write_lora
from tests.support.models.random_gguf import Shape, write

TEXT = "the cat and the dog are in the garden, and one of them"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("lora") / "m.gguf", Shape())


@pytest.fixture(scope="module")
def lora(model: Path) -> Path:
    return write_lora(model.with_name("a.gguf"), model)


def logprobs(start: Start, path: Path, lora: tuple[Lora, ...] = ()) -> list[list[tuple[int, float]]]:
    running = start(path, lora=lora, kv_type_k="f32", kv_type_v="f32", flash_attention="off")
    return running.ask(running.model.tokenize(TEXT), max_tokens=12, ignore_eos=True, logprobs=5).logprobs


def same(one: list[list[tuple[int, float]]], other: list[list[tuple[int, float]]]) -> bool:
    if [[token for token, _ in row] for row in one] != [[token for token, _ in row] for row in other]:
        return False
    return bool(np.allclose([[p for _, p in row] for row in one], [[p for _, p in row] for row in other], atol=1e-3))


@pytest.mark.parametrize("scale", [1.0, 0.5, -0.75])
def test_an_adapter_is_as_if_it_were_in_the_weights(start: Start, model: Path, lora: Path, tmp_path: Path, scale: float) -> None:
    adapted = logprobs(start, model, (Lora(lora, scale),))
    assert same(adapted, logprobs(start, merge_lora(tmp_path / "merged.gguf", model, lora, scale)))
    assert not same(adapted, logprobs(start, model))


def test_several_adapters_add_up(start: Start, model: Path, lora: Path, tmp_path: Path) -> None:
    other = write_lora(tmp_path / "b.gguf", model, seed=6)
    both = merge_lora(tmp_path / "both.gguf", merge_lora(tmp_path / "one.gguf", model, lora), other, 0.5)
    assert same(logprobs(start, model, (Lora(lora), Lora(other, 0.5))), logprobs(start, both))


def test_an_adapter_of_scale_zero_changes_nothing(start: Start, model: Path, lora: Path) -> None:
    assert same(logprobs(start, model, (Lora(lora, 0.0),)), logprobs(start, model))


def test_prompts_share_their_prefix_with_an_adapter_too(start: Start, model: Path, lora: Path) -> None:
    running = start(model, lora=(Lora(lora),))
    prompt = running.model.tokenize(TEXT * 4)
    first = running.ask(prompt, max_tokens=8, ignore_eos=True)
    again = running.ask(prompt, max_tokens=8, ignore_eos=True)
    assert again.tokens == first.tokens
    assert again.end is not None
    assert again.end.cached_tokens == len(prompt) - 1


def test_a_quantised_model_takes_one(start: Start, tmp_path: Path) -> None:
    lora = write_lora(tmp_path / "nano.gguf", ECHO_NANO)
    assert not same(logprobs(start, ECHO_NANO, (Lora(lora),)), logprobs(start, ECHO_NANO))


def test_embeddings_are_those_of_the_adapted_model(model: Path, lora: Path, tmp_path: Path) -> None:
    def embedded(path: Path, *adapters: Lora) -> np.ndarray:
        settings = EngineSettings(path, lora=adapters, flash_attention="off")
        loaded = Model(settings)
        return Embedder(loaded, settings, "mean").embed([loaded.tokenize(TEXT)])

    merged = merge_lora(tmp_path / "merged.gguf", model, lora)
    assert np.allclose(embedded(model, Lora(lora)), embedded(merged), atol=1e-3)
    assert not np.allclose(embedded(model, Lora(lora)), embedded(model), atol=1e-3)


def test_files_that_are_no_adapter_of_the_model_are_refused_in_words(model: Path, lora: Path, tmp_path: Path) -> None:
    def refused(path: Path, of: Path = model) -> str:
        with pytest.raises(ModelFileError) as error:
            Model(EngineSettings(of, lora=(Lora(path),)))
        return str(error.value)

    assert "no such file; it was to be a LoRA adapter" in refused(tmp_path / "absent.gguf")
    assert f"{model} is no LoRA adapter of this model" in refused(model)
    other = write(tmp_path / "wide.gguf", Shape(dim=128, heads=8))
    assert f"{lora} is no LoRA adapter of this model" in refused(lora, other)
    text = tmp_path / "text.gguf"
    text.write_text("an adapter")
    assert f"{text} is no LoRA adapter of this model" in refused(text)
    activated = write_lora(tmp_path / "activated.gguf", model, activated=True)
    assert "only plain LoRA is taken" in refused(activated)


def test_bounds_are_said() -> None:
    with pytest.raises(InvalidRequestError, match=r"a scale must be -100\.\.100, not 1000"):
        Lora(Path("a.gguf"), 1000)
    with pytest.raises(InvalidRequestError, match="not nan"):
        Lora(Path("a.gguf"), float("nan"))
    with pytest.raises(InvalidRequestError, match=f"at most {MOST_ADAPTERS} adapters, not 17"):
        EngineSettings(Path("m.gguf"), lora=(Lora(Path("a.gguf")),) * 17)
