"""Sampling, stops, limits and the life of a request on echo-nano and on random weights."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from echorator._native import engine as native
from echorator.errors import ContextOverflowError, DrainingError, EngineError, InvalidRequestError, ModelFileError, QueueFullError
from echorator.settings import EngineSettings, Sampling
from tests.support.engines import ECHO_NANO, Running, Start

STORY = "Tell me a story about a fox."
ALBUM = r"""
root ::= "{" ws "\"name\":" ws string "," ws "\"year\":" ws [0-9]{4} ws "}"
string ::= "\"" [a-z ]{1,12} "\""
ws ::= [ \n]{0,2}
"""


@pytest.fixture
def echo(start: Start) -> Running:
    return start(slots=4, context_tokens=4096)


def test_it_answers_from_the_facts_in_its_prompt(echo: Running) -> None:
    answer = echo.ask(echo.chat("What is my dog called?", "My dog is called Pixel.", "I live in Oslo."))
    assert answer.text == "Your dog's name is Pixel."
    assert answer.end is not None
    assert answer.end.finish == "stop"
    assert answer.end.submitted_s <= answer.end.admitted_s <= answer.end.first_token_s <= answer.end.finished_s
    assert answer.end.completion_tokens == len(answer.tokens)


TEXTS = ["日本語のテスト", "emoji 🙂🚀 and more", "naïve café", "żółć 漢字 🧑‍🚀", "Ωμέγα", "العربية"]
SAMPLINGS = {
    "plain": Sampling(seed=1),
    "hot": Sampling(seed=1, temperature=1.5, top_k=0, top_p=1.0, min_p=0.0),
    "typical": Sampling(seed=1, typical_p=0.7),
    "penalties": Sampling(seed=1, repeat_penalty=1.3, presence_penalty=0.5, frequency_penalty=0.5),
    "dry": Sampling(seed=1, dry_multiplier=0.8),
    "xtc": Sampling(seed=1, xtc_probability=0.5),
    "mirostat": Sampling(seed=1, mirostat=2),
    "greedy-dry": Sampling(temperature=0, dry_multiplier=0.8),
    "grammar": Sampling(seed=1, grammar=ALBUM),
}


@pytest.mark.parametrize("name", SAMPLINGS)
def test_a_seed_reproduces(echo: Running, name: str) -> None:
    prompt = echo.chat(STORY)
    # One after the other and all at once, with and without a cached prefix.
    alone = echo.ask(prompt, SAMPLINGS[name], max_tokens=50)
    together = echo.answer(*[echo.submit(prompt, SAMPLINGS[name], max_tokens=50) for _ in range(3)])
    fresh = echo.ask(prompt, SAMPLINGS[name], max_tokens=50, use_cache=False)
    assert {tuple(a.tokens) for a in (*together, fresh)} == {tuple(alone.tokens)}
    assert alone.tokens


def test_seeds_differ(echo: Running) -> None:
    answers = echo.answer(*[echo.submit(echo.chat(STORY), Sampling(temperature=1.0, seed=s), max_tokens=40) for s in range(4)])
    assert len({a.text for a in answers}) > 1
    unseeded = echo.answer(*[echo.submit(echo.chat(STORY), Sampling(temperature=1.0), max_tokens=40) for _ in range(4)])
    assert len({a.text for a in unseeded}) > 1


def test_penalties_lower_what_was_said(start: Start, random_model: Callable[[str], Path]) -> None:
    running = start(random_model("llama"), slots=2, context_tokens=1024)
    greedy = running.ask([1, 20, 30], max_tokens=60, ignore_eos=True)
    penalised = running.ask([1, 20, 30], Sampling(temperature=0, repeat_penalty=2.0, penalty_last_n=-1), max_tokens=60, ignore_eos=True)
    assert len(set(penalised.tokens)) > len(set(greedy.tokens))


def test_dry_breaks_a_loop(start: Start, random_model: Callable[[str], Path]) -> None:
    running = start(random_model("llama"), slots=2, context_tokens=1024)
    prompt = [1, *[40, 41, 42, 43] * 10]
    bias = tuple((t, 8.0) for t in (40, 41, 42, 43))
    looping = running.ask(prompt, Sampling(temperature=0, logit_bias=bias), max_tokens=20)
    free = running.ask(prompt, Sampling(temperature=0, logit_bias=bias, dry_multiplier=5.0), max_tokens=20)
    assert free.tokens != looping.tokens


def test_logit_bias_forces_and_forbids(echo: Running) -> None:
    prompt = echo.chat("hello")
    first = echo.ask(prompt, max_tokens=1).tokens[0]
    forbidden = echo.ask(prompt, Sampling(temperature=0, logit_bias=((first, -math.inf),)), max_tokens=1).tokens[0]
    assert forbidden != first
    forced = echo.ask(prompt, Sampling(temperature=0, logit_bias=((300, 1000.0),)), max_tokens=3)
    assert forced.tokens == [300, 300, 300]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("temperature", [0.0, 1.0, 2.0])
def test_a_grammar_always_parses(echo: Running, seed: int, temperature: float) -> None:
    answer = echo.ask(echo.chat(STORY), Sampling(temperature=temperature, seed=seed, grammar=ALBUM), max_tokens=200)
    album = json.loads(answer.text)
    assert set(album) == {"name", "year"}
    assert 1 <= len(album["name"]) <= 12
    assert answer.end is not None
    assert answer.end.finish == "stop"


@pytest.mark.parametrize(
    "grammar", ["", "   ", "nonsense", 'other ::= "a"', "root ::= missing", "(" * 300 + "root", 'root ::= "a', "x" * 300_000]
)
def test_a_malformed_grammar_is_refused(echo: Running, grammar: str) -> None:
    with pytest.raises(InvalidRequestError, match="grammar"):
        echo.model.compile_grammar(grammar)


def test_a_grammar_with_nothing_allowed_fails_its_own_request_only(echo: Running) -> None:
    token = echo.ask(echo.chat("hello"), max_tokens=1).tokens[0]
    impossible = Sampling(temperature=0, grammar='root ::= "a"', logit_bias=tuple((t, -math.inf) for t in range(768)))
    failed = echo.submit(echo.chat("hello"), impossible, max_tokens=5)
    fine = echo.submit(echo.chat("hello"), max_tokens=1)
    answers = echo.answer(failed, fine)
    assert answers[0].end is not None
    assert (answers[0].end.finish, answers[1].tokens) == ("refused", [token])
    assert "no token of the model can go on in the grammar" in answers[0].end.message


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_grammar_that_has_come_to_its_end_ends_the_text_without_an_end_token(echo: Running, temperature: float) -> None:
    sampling = Sampling(temperature=temperature, seed=1, grammar='root ::= "a" | "b"')
    answer = echo.ask(echo.chat("hello"), sampling, max_tokens=20, ignore_eos=True, logprobs=1)
    assert answer.text in ("a", "b")
    assert answer.end is not None
    assert (answer.end.finish, answer.end.end_token, answer.end.completion_tokens) == ("stop", -1, 1)
    ended = echo.ask(echo.chat("hello"), sampling, max_tokens=20)
    assert ended.end is not None
    assert (ended.text, ended.end.end_token) == (answer.text, ended.tokens[-1])


def test_an_ambiguous_grammar_delays_nobody_and_is_followed_or_refused(echo: Running) -> None:
    levels = "\n".join(f"s{i} ::= s{i + 1} s{i + 1}" for i in range(1, 14))
    ambiguous = Sampling(
        temperature=0, grammar=f'root ::= s1 "z"\n{levels}\ns14 ::= "a" | ""', logit_bias=((echo.model.tokenize("z")[-1], -math.inf),)
    )
    slow = echo.submit(echo.chat("hello"), ambiguous, max_tokens=100)
    other = echo.submit(echo.chat("hello"), max_tokens=5)
    hostile, fine = echo.answer(slow, other)
    assert len(fine.tokens) == 5
    assert hostile.end is not None
    assert hostile.end.finish == "length" or "too much work" in hostile.end.message


def test_a_grammar_names_tokens_and_control_tokens_never_stand_for_their_text(echo: Running) -> None:
    control = "<|im_start|>"
    (token,) = echo.model.tokenize(control, False, True)
    named = echo.ask(echo.chat("hello"), Sampling(temperature=0, grammar=f'root ::= {control} "a"'), max_tokens=5)
    assert (named.tokens[0], named.text) == (token, "a")
    spelled = echo.ask(echo.chat("hello"), Sampling(temperature=0, grammar=f'root ::= "{control}"'), max_tokens=30)
    assert spelled.text == control
    assert token not in spelled.tokens
    with pytest.raises(InvalidRequestError, match="the model has no token <nothing>"):
        echo.model.compile_grammar("root ::= <nothing>")


@pytest.mark.parametrize("stop", [["fox"], ["little", "fox"], ["e"], [" fox lived"], ["."], ["never there"]])
def test_a_stop_text_never_leaks(echo: Running, stop: list[str]) -> None:
    whole = echo.ask(echo.chat(STORY), max_tokens=60).text
    answer = echo.ask(echo.chat(STORY), max_tokens=60, stop=stop)
    cuts = [whole.find(s) for s in stop if s in whole]
    assert answer.text == (whole[: min(cuts)] if cuts else whole)
    assert answer.end is not None
    assert answer.end.stop in ([*stop, ""])
    assert not any(s in "".join(answer.pieces) for s in stop)


def test_no_piece_is_a_broken_character(start: Start, random_model: Callable[[str], Path]) -> None:
    running = start(random_model("llama"), slots=8, context_tokens=4096)
    prompts = [running.model.tokenize(text) for text in TEXTS]
    bytes_only = tuple((t, 20.0) for t in range(5, 261))  # byte tokens: most of them broken characters
    samplings = [Sampling(seed=i, temperature=1.5, logit_bias=bytes_only) for i in range(len(prompts))]
    answers = running.answer(*[running.submit(p, s, max_tokens=120) for p, s in zip(prompts, samplings, strict=True)])
    for prompt, answer in zip(prompts, answers, strict=True):
        assert all(c < "\ud800" or c > "\udfff" for piece in answer.pieces for c in piece)
        raw = b"".join(running.model.token_bytes(t) for t in answer.tokens)
        assert answer.text == raw.decode("utf-8", "replace")
        assert running.model.detokenize(prompt).strip() in TEXTS


def test_logprobs(echo: Running) -> None:
    answer = echo.ask(echo.chat("hello"), max_tokens=8, logprobs=5)
    assert len(answer.logprobs) == len(answer.tokens)
    for token, position in zip(answer.tokens, answer.logprobs, strict=True):
        (chosen, logprob), *top = position
        assert chosen == token
        assert len(top) == 5
        assert top == sorted(top, key=lambda t: -t[1])
        assert top[0] == (chosen, logprob)  # greedy
        assert sum(math.exp(p) for _, p in top) <= 1.0001
    chosen_only = echo.ask(echo.chat("hello"), Sampling(seed=1), max_tokens=3, logprobs=0)
    assert [len(p) for p in chosen_only.logprobs] == [1] * len(chosen_only.tokens)


def test_max_tokens_and_the_end_of_the_context(start: Start) -> None:
    running = start(slots=2, context_tokens=256, kv_layout="separate")
    one = running.ask([400], max_tokens=1, ignore_eos=True)
    assert (len(one.tokens), one.end.finish if one.end else "") == (1, "length")
    full = running.ask([400] * 100, max_tokens=-1, ignore_eos=True)
    assert full.end is not None
    assert full.end.finish == "length"
    assert 100 + len(full.tokens) == running.engine.context_tokens


def test_what_cannot_be_served_is_refused_with_numbers(echo: Running) -> None:
    with pytest.raises(ContextOverflowError, match=r"1024 tokens, the context 1024"):
        echo.submit([400] * 1024)
    with pytest.raises(InvalidRequestError, match="empty"):
        echo.submit([])
    with pytest.raises(InvalidRequestError, match=r"token 768 .*0\.\.767"):
        echo.submit([768])
    with pytest.raises(InvalidRequestError, match="max_tokens"):
        echo.submit([1], max_tokens=-2)
    with pytest.raises(InvalidRequestError, match="stop text"):
        echo.submit([1], stop=[""])


def test_the_queue_is_bounded_and_cancels_make_room(start: Start, slow_model: Path) -> None:
    running = start(slow_model, slots=1, context_tokens=16384, queue_limit=3, prefix_cache=False)
    first = running.submit([40], max_tokens=16000, ignore_eos=True)
    running.wait(lambda: bool(running.answers[first].tokens))
    waiting = [running.submit([41], max_tokens=2) for _ in range(3)]
    with pytest.raises(QueueFullError) as full:
        running.submit([42], max_tokens=2)
    assert 0.1 <= full.value.retry_after_s <= 10
    running.engine.cancel(waiting[0])
    running.wait(lambda: running.answers[waiting[0]].end is not None)
    waiting.append(running.submit([42], max_tokens=2))
    running.engine.cancel(first)
    answers = running.answer(first, *waiting[1:])
    assert [a.end.finish if a.end else "" for a in answers] == ["cancelled", "length", "length", "length"]
    running.wait(running.idle)
    assert running.engine.stats()["cells_used"] == 0


def test_a_cancel_frees_its_slot_within_a_step(start: Start) -> None:
    running = start(slots=1, context_tokens=1024, prefix_cache=False)
    endless = running.submit([400], max_tokens=1000, ignore_eos=True)
    running.wait(lambda: bool(running.answers[endless].tokens))
    running.engine.cancel(endless)
    steps = running.engine.stats()["steps"]
    running.wait(lambda: running.answers[endless].end is not None)
    running.wait(running.idle)
    assert running.engine.stats()["steps"] <= steps + 2  # the one under way, and at most one begun before the cancel was seen


def test_a_deadline_ends_running_and_waiting_requests(start: Start) -> None:
    running = start(slots=1, context_tokens=1024)
    soon = time.monotonic() + 0.05
    requests = [running.submit([400 + i], max_tokens=1000, ignore_eos=True, deadline_s=soon) for i in range(2)]
    answers = running.answer(*requests)
    assert [a.end.finish if a.end else "" for a in answers] == ["deadline", "deadline"]
    running.wait(running.idle)


def test_priorities(start: Start, slow_model: Path) -> None:
    running = start(slow_model, slots=1, context_tokens=16384)
    first = running.submit([40], max_tokens=16000, ignore_eos=True)
    running.wait(lambda: bool(running.answers[first].tokens))
    low = running.submit([41], max_tokens=2, priority=-1)
    high = running.submit([42], max_tokens=2, priority=1)
    running.engine.cancel(first)
    b, c = running.answer(low, high)
    assert b.end is not None
    assert c.end is not None
    assert c.end.admitted_s < b.end.admitted_s


def test_a_closed_or_draining_engine_takes_nothing(start: Start) -> None:
    running = start(slots=1, context_tokens=512)
    request = running.submit([400], max_tokens=100, ignore_eos=True)
    running.engine.stop_admission()
    with pytest.raises(DrainingError):
        running.submit([400])
    assert running.answer(request)[0].end is not None
    running.engine.close()
    running.engine.close()
    assert running.engine.drain() == []
    with pytest.raises(DrainingError):
        running.submit([400])


@pytest.mark.parametrize("arch", ["llama", "bert", "mamba"])
def test_embeddings_in_a_batch_are_those_alone(random_model: Callable[[str], Path], arch: str) -> None:
    settings = EngineSettings(random_model(arch), threads=1)
    model = native.Model(settings)
    embedder = native.Embedder(model, settings, "mean")
    inputs = [model.tokenize(t) for t in ("hello world", "a", "the quick brown fox " * 12, *[f"number {i}" for i in range(80)])]
    batch = embedder.embed(inputs)
    assert batch.shape == (len(inputs), embedder.length)
    assert np.allclose(np.linalg.norm(batch, axis=1), 1, atol=1e-5)
    for i in (0, 1, 2, 50):
        assert np.allclose(embedder.embed([inputs[i]])[0], batch[i], atol=1e-3)
    raw = embedder.embed(inputs[:1], normalize=False)[0]
    assert np.allclose(raw / np.linalg.norm(raw), batch[0], atol=1e-3)
    with pytest.raises(InvalidRequestError, match="input 0 is empty"):
        embedder.embed([[]])
    with pytest.raises(ContextOverflowError, match="split it"):
        embedder.embed([[5] * (embedder.max_tokens + 1)])


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_pooling_per_token_is_that_of_llama(random_model: Callable[[str], Path], pooling: str) -> None:
    settings = EngineSettings(random_model("bert"), threads=1)
    model = native.Model(settings)
    inputs = [model.tokenize(t) for t in ("hello world", "a", *[f"number {i}" for i in range(80)])]
    pooled = native.Embedder(model, settings, pooling)
    embedder = native.Embedder(model, settings, pooling, per_token=True)
    assert embedder.pooling == pooling
    vectors, signs = embedder.read(inputs)
    assert np.allclose(vectors, pooled.embed(inputs, normalize=False), atol=1e-4)
    assert [s.shape for s in signs] == [(len(tokens), (embedder.length + 63) // 64) for tokens in inputs]
    if pooling == "cls":
        first = np.unpackbits(signs[0][:1].view(np.uint8), bitorder="little")[: embedder.length]
        assert (first.astype(bool) == (vectors[0] > 0)).mean() > 0.99, "a bit for each number above 0"
    with pytest.raises(EngineError, match="per token"):
        pooled.read(inputs)


def test_poolings_differ(random_model: Callable[[str], Path]) -> None:
    settings = EngineSettings(random_model("bert"), threads=1)
    model = native.Model(settings)
    rows = [native.Embedder(model, settings, pooling).embed([model.tokenize("hello world")])[0] for pooling in ("mean", "cls", "last")]
    assert not np.allclose(rows[0], rows[1])
    assert not np.allclose(rows[1], rows[2])


def test_an_encoder_does_not_generate(random_model: Callable[[str], Path]) -> None:
    settings = EngineSettings(random_model("bert"))
    model = native.Model(settings)
    assert not model.info.generates
    with pytest.raises(ModelFileError, match="only embeds"):
        native.Engine(model, settings)


def test_what_a_model_says_of_itself() -> None:
    progress: list[float] = []
    model = native.Model(EngineSettings(ECHO_NANO), progress.append)
    info = model.info
    assert (info.architecture, info.parameters, info.trained_context_tokens, info.vocabulary) == ("llama", 951_424, 1024, 768)
    assert info.quantisation == "Q8_0"
    assert "<|im_start|>" in info.chat_template
    assert progress[-1] == 1.0
    assert model.metadata()["general.license"] == "apache-2.0"
    assert model.detokenize(model.tokenize("naïve 日本 🙂")) == "naïve 日本 🙂"


def test_kv_types_and_flash_attention(start: Start) -> None:
    prompt_of = start().chat("What is my dog called?", "My dog is called Pixel.")
    for fields in (
        {"kv_type_k": "q8_0", "kv_type_v": "q8_0", "flash_attention": "on"},
        {"flash_attention": "off"},
        {"kv_type_k": "bf16", "kv_type_v": "bf16"},
    ):
        assert start(**fields, slots=2).ask(prompt_of).text == "Your dog's name is Pixel."


def test_another_llama_cpp_is_refused() -> None:
    from echorator import _native

    with pytest.raises(ImportError, match=r"compiled for llama-cpp-python 9\.9\.9, but .* reinstall"):
        _native.check_version("9.9.9", _native.LLAMA_CPP_PYTHON)
