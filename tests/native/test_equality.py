"""Whatever shares, preempts or cancels around it: a greedy stream is what llama-cpp-python gives for its prompt alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import llama_cpp
import numpy as np
import pytest

from echorator._native import engine as native
from echorator.settings import EngineSettings
from tests.support.engines import ECHO_NANO, Running, Start
from tests.support.models.random_gguf import Shape, write

TOKENS = 24
ARCHITECTURES = ("echo-nano", "llama", "gemma3", "mamba", "jamba")


def reference(path: Path, prompts: list[list[int]], margin: float = 0.0) -> list[list[int] | None]:
    """Greedy answers of llama-cpp-python, one prompt after the other; None where two tokens came closer than `margin`.

    Batches of another shape add floating-point numbers in another order, so where the two largest logits are nearly
    equal either token is right.
    """
    llama = llama_cpp.Llama(str(path), n_ctx=1024, n_threads=1, verbose=False, swa_full=True)
    vocab = llama_cpp.llama_model_get_vocab(llama._model.model)
    out: list[list[int] | None] = []
    for prompt in prompts:
        answer: list[int] = []
        llama.reset()
        llama.eval(prompt)
        clear = True
        while True:
            logits = np.ctypeslib.as_array(llama._ctx.get_logits(), (llama.n_vocab(),))
            second, first = np.partition(logits, -2)[-2:]
            clear = clear and bool(first - second >= margin)
            token = int(np.argmax(logits))
            answer.append(token)
            if llama_cpp.llama_vocab_is_eog(vocab, token) or len(answer) == TOKENS:
                break
            llama.eval([token])
        out.append(answer if clear else None)
    llama.close()
    return out


@pytest.fixture(scope="session")
def cases(random_model: Callable[[str], Path]) -> Callable[[str], tuple[Path, list[list[int]], list[list[int]]]]:
    """cases(arch) → file, 32 prompts of mixed length that share prefixes, and the answers to each alone."""

    @cache
    def make(arch: str) -> tuple[Path, list[list[int]], list[list[int]]]:
        path = ECHO_NANO if arch == "echo-nano" else random_model(arch)
        rng = random.Random(7)
        if arch == "echo-nano":
            model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
            questions = ["hello", "What is my dog called?", "Tell me a story about a fox.", "Where do I live?", "count to five"]
            prompts = [
                model.tokenize(
                    f"<|im_start|>system\nYou are Echo, a helpful assistant with a memory.\nMemory:\n- I live in Oslo.\n"
                    f"- My dog is called {rng.choice(['Pixel', 'Rex', 'Luna'])}.<|im_end|>\n<|im_start|>user\n"
                    f"{rng.choice(questions)}<|im_end|>\n<|im_start|>assistant\n".encode(),
                    add_bos=False,
                    special=True,
                )
                for _ in range(100)
            ]
            model.close()
        else:
            base = [rng.randrange(5, 300) for _ in range(60)]
            tails = [[rng.randrange(5, 300) for _ in range(rng.randrange(1, 40))] for _ in range(160)]
            prompts = [[1, *base[: rng.choice([10, 30, 60])], *tail] for tail in tails]
        clear = [(p, a) for p, a in zip(prompts, reference(path, prompts, margin=0.02), strict=True) if a is not None][:32]
        assert len(clear) == 32, "too few prompts without a near tie"
        return path, [p for p, _ in clear], [a for _, a in clear]

    return make


Cases = Callable[[str], tuple[Path, list[list[int]], list[list[int]]]]


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize(
    ("layout", "cells", "cached"),
    [("unified", 4096, True), ("unified", 4096, False), ("unified", 256, True), ("unified", 256, False), ("separate", 4096, True)],
    ids=["cache", "no-cache", "tiny-cache", "tiny", "separate"],
)
def test_32_at_once(start: Start, cases: Cases, arch: str, layout: str, cells: int, cached: bool) -> None:
    path, prompts, expected = cases(arch)
    running = start(path, slots=8, context_tokens=cells, kv_layout=layout, prefix_cache=cached, batch_tokens=128)
    answers = running.answer(*[running.submit(p, max_tokens=TOKENS) for p in prompts])
    assert [a.tokens for a in answers] == expected
    stats = running.engine.stats()
    assert stats["cells_used"] <= stats["cells"]
    if cells == 256 and not cached:
        assert stats["preemptions"] > 0
    if cached and arch in ("echo-nano", "llama") and cells == 4096:
        assert stats["cached_tokens"] > 400
    if not cached:
        assert stats["cached_tokens"] == stats["cells_used"] == 0


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_with_others_cancelled_around(start: Start, cases: Cases, arch: str) -> None:
    path, prompts, expected = cases(arch)
    running = start(path, slots=6, context_tokens=2048, kv_layout="unified", batch_tokens=64)
    rng = random.Random(3)
    kept, doomed = [], []
    for i, prompt in enumerate(prompts):
        kept.append(running.submit(prompt, max_tokens=TOKENS))
        doomed.append(running.submit(rng.choice(prompts)[: rng.randrange(1, 30)], max_tokens=500, ignore_eos=True))
        if i % 3 == 2:
            running.poll(0.01)
            running.engine.cancel(rng.choice(doomed))
    for request in doomed:
        running.engine.cancel(request)
    assert [a.tokens for a in running.answer(*kept)] == expected
    assert {a.end.finish for a in running.answer(*doomed) if a.end} <= {"cancelled", "length"}
    running.wait(running.idle)


@pytest.mark.parametrize("arch", ["llama", "gemma3", "mamba", "jamba"])
def test_a_chat_goes_on_from_its_own_state(start: Start, cases: Cases, arch: str) -> None:
    path, prompts, _ = cases(arch)
    running = start(path, slots=2, context_tokens=2048)
    first = running.ask(prompts[0], max_tokens=TOKENS, ignore_eos=True)
    longer = [*prompts[0], *first.tokens, 7, 8, 9]
    second = running.ask(longer, max_tokens=TOKENS)
    assert second.end is not None
    assert second.end.cached_tokens == len(prompts[0]) + len(first.tokens) - 1
    assert second.tokens == reference(path, [longer])[0]


@pytest.mark.parametrize("arch", ["mamba", "jamba", "gemma3"])
def test_whole_states_of_a_burst_part_from_one_prefill(start: Start, cases: Cases, arch: str) -> None:
    path, _, _ = cases(arch)
    rng = random.Random(5)
    shared = [1, *[rng.randrange(5, 300) for _ in range(150)]]
    prompts = [[*shared, 10 + i, 20 + i] for i in range(8)]
    running = start(path, slots=8, context_tokens=4096)
    assert running.engine.whole_state
    answers = running.answer(*[running.submit(p, max_tokens=TOKENS) for p in prompts])
    assert [a.tokens for a in answers] == reference(path, prompts)
    assert sum(a.end.cached_tokens for a in answers if a.end) >= 6 * len(shared)


def test_a_prefix_held_by_a_generating_sequence_is_not_computed_again(start: Start, slow_model: Path) -> None:
    running = start(slow_model, slots=4, context_tokens=16384, kv_layout="unified")
    rng = random.Random(5)
    prompt = [1, *[rng.randrange(5, 300) for _ in range(150)]]
    generating = running.submit(prompt, max_tokens=12000, ignore_eos=True)
    running.wait(lambda: bool(running.answers[generating].tokens))
    other = running.ask([*prompt, 11, 12], max_tokens=4)
    assert running.answers[generating].end is None, "the first request ended too early for the test to say anything"
    assert other.end is not None
    assert other.end.cached_tokens >= len(prompt) * 0.95
    running.engine.cancel(generating)


def test_several_models_in_one_process(start: Start, cases: Cases) -> None:
    started: list[tuple[Running, list[int], list[list[int]]]] = []
    for arch in ("llama", "mamba", "echo-nano"):
        path, prompts, expected = cases(arch)
        running = start(path, slots=4, context_tokens=2048)
        started.append((running, [running.submit(p, max_tokens=TOKENS) for p in prompts[:8]], expected[:8]))
    for running, requests, expected in started:
        assert [a.tokens for a in running.answer(*requests)] == expected


def test_a_long_input_is_embedded_as_llama_cpp_python_embeds_it(tmp_path: Path) -> None:
    path = write(tmp_path / "encoder.gguf", Shape(arch="bert", context=8192, layers=1))
    settings = EngineSettings(path, threads=1)
    model = native.Model(settings)
    text = "the quick brown fox " * 250
    tokens = model.tokenize(text, True, False)
    assert len(tokens) > 4000
    llama = llama_cpp.Llama(
        str(path), embedding=True, pooling_type=llama_cpp.LLAMA_POOLING_TYPE_MEAN, n_ctx=8192, n_batch=8192, n_ubatch=8192, verbose=False
    )
    expected = np.array(llama.embed(text, normalize=True), np.float32)
    assert np.allclose(native.Embedder(model, settings, "mean", 8192).embed([tokens])[0], expected, atol=1e-4)
