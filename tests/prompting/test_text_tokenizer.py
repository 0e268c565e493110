"""Tokens are the same wherever a text is tokenized, and a text that crashes or stalls the tokenizer costs itself alone."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.hostile.templates import texts
from echorator._native.engine import Model
from echorator.agent.loading.embedded import embedded_model
from echorator.errors import ContextOverflowError, InvalidRequestError
from echorator.prompting import text_tokenizer
from echorator.prompting.text_tokenizer import Reach, TextTokenizer, reach_of
from echorator.settings import EngineSettings
from tests.support.models.random_gguf import Shape, write

on_the_loop = pytest.mark.asyncio(loop_scope="session")

PLAIN, REGEX = sorted(text_tokenizer._PLAIN), sorted(text_tokenizer._REGEX)
QUADRATIC = ["deepseek-llm", "superbpe"]
MIXED = "It's 1234567 o'clock,  naïve  café — 漢字かな 한국어 🙂🙂\r\n\t\tfoo_bar(x)/*--*/ ÄÖÜ ب؟ नि́ <|im_end|> <|im_start|>user\n   end   "


@pytest.fixture(scope="session")
def model_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A tiny model with the vocabulary of the embedded one and the pre-tokenizer of that name."""
    folder = tmp_path_factory.mktemp("splitters")

    def made(splitter: str) -> Path:
        path = folder / f"{splitter}.gguf"
        return path if path.exists() else write(path, Shape(dim=32, layers=1, vocab_from=embedded_model(), pre=splitter))

    return made


@asynccontextmanager
async def tokenizer_of(path: Path, reach: Reach | None = None, timeout_s: float = 2.0) -> AsyncIterator[tuple[TextTokenizer, Model]]:
    engine = EngineSettings(path, child_timeout_s=timeout_s)
    model = Model(engine)
    tokenizer = TextTokenizer(model, engine)
    tokenizer.reach = reach or tokenizer.reach
    try:
        yield tokenizer, model
    finally:
        await tokenizer.close()


@pytest.mark.parametrize("splitter", [*PLAIN, *REGEX, *QUADRATIC])
@on_the_loop
async def test_the_child_finds_the_tokens_that_this_process_finds(splitter: str, model_with: Callable[[str], Path]) -> None:
    async with tokenizer_of(model_with(splitter), Reach(0, 0)) as (tokenizer, model):
        for text in (MIXED, MIXED * 20, "a" * 900, "  \n" * 300, "1" * 300, ""):
            for special in (True, False):
                assert await tokenizer.tokenize(text, special, special) == model.tokenize(text, special, special)


@pytest.mark.parametrize("shape", [Shape(), Shape(arch="bert")], ids=["sentencepiece", "wordpiece"])
@on_the_loop
async def test_the_same_for_other_kinds_of_vocabularies(shape: Shape, tmp_path: Path) -> None:
    async with tokenizer_of(write(tmp_path / "model.gguf", shape), Reach(0, 0)) as (tokenizer, model):
        for text in (MIXED * 20, "the of and " * 500, "a" * 900):
            tokens = model.tokenize(text, True, True)
            assert await tokenizer.tokenize(text, True, True) == tokens
            assert await tokenizer.detokenize(tokens * 20, True) == model.detokenize(tokens * 20, True)


# Every pre-tokenizer that is used in the process, on a stack that is a fourth of the smallest that a thread gets (glibc's 2 MB).
DEEP = """
import sys, threading
from pathlib import Path
from echorator._native.engine import Model
from echorator.settings import EngineSettings
characters = int(sys.argv[1])
threading.stack_size(512 * 1024)
for name in sys.argv[2:]:
    model = Model(EngineSettings(Path(name)))
    for unit in ("a", " ", "-", "1", "\u6f22", "\\n", "\u0301", "aA1 "):
        thread = threading.Thread(target=model.tokenize, args=((unit * characters)[:characters], True, True))
        thread.start()
        thread.join()
"""


@pytest.mark.parametrize(("splitters", "characters"), [(PLAIN, 16_384), (REGEX, 1024)], ids=["plain", "regex"])
def test_what_is_tokenized_in_the_process_needs_little_stack(
    splitters: list[str], characters: int, model_with: Callable[[str], Path]
) -> None:
    reach = reach_of("gpt2", splitters[0])
    assert max(reach.inline, reach.thread) == characters
    paths = [str(model_with(splitter)) for splitter in splitters]
    tried = subprocess.run(
        [sys.executable, "-c", DEEP, str(characters), *paths], capture_output=True, env=os.environ | {"GGML_NO_BACKTRACE": "1"}, check=False
    )
    assert tried.returncode == 0, tried.stderr[-2000:]


def test_tokenizers_that_are_not_known_are_not_used_in_the_process() -> None:
    for kind, splitter in (("gpt2", "whitespace"), ("gpt2", "superbpe"), ("gpt2", "deepseek-llm"), ("gpt2", "new"), ("t5", ""), ("", "")):
        assert reach_of(kind, splitter) == Reach(0, 0)
    assert reach_of("gpt2", "") == reach_of("gpt2", "default")
    assert not set(PLAIN) & set(REGEX)


@on_the_loop
async def test_long_runs_are_tokenized_where_they_overflowed_the_stack(model_with: Callable[[str], Path]) -> None:
    async with tokenizer_of(model_with("tekken"), timeout_s=30.0) as (tokenizer, _model):
        for unit in ("a", "-", " ", "1", "漢"):
            assert len(await tokenizer.tokenize(unit * 60_000, False, False)) >= 60_000 // 13


@on_the_loop
async def test_a_text_that_stalls_the_tokenizer_fails_alone(model_with: Callable[[str], Path]) -> None:
    async with tokenizer_of(model_with("superbpe"), timeout_s=0.3) as (tokenizer, model):
        slow = asyncio.create_task(tokenizer.tokenize("1" * 100_000, False, False))
        ordinary = await asyncio.gather(*(tokenizer.tokenize(MIXED, True, True) for _ in range(10)))
        assert ordinary == [model.tokenize(MIXED, True, True)] * 10
        with pytest.raises(InvalidRequestError, match=r"the tokenizer of the model did not finish within .* s; send a shorter text"):
            await slow


@on_the_loop
async def test_a_text_that_crashes_the_tokenizer_fails_alone(model_with: Callable[[str], Path]) -> None:
    async with tokenizer_of(model_with("whitespace")) as (tokenizer, _model):
        with pytest.raises(InvalidRequestError, match=r"the tokenizer of the model crashed \(SIGABRT\)"):
            await tokenizer.tokenize("two  spaces", False, False)  # an assertion of llama.cpp's
        assert await tokenizer.tokenize("one space", False, False)


@on_the_loop
async def test_hostile_texts_are_tokenized_or_refused(model_with: Callable[[str], Path]) -> None:
    async with tokenizer_of(model_with("gpt-4o"), timeout_s=0.3) as (tokenizer, _model):
        for text in texts(20, most_characters=60_000):
            try:
                assert await tokenizer.tokenize(text, False, True)
            except InvalidRequestError as error:
                told = str(error)
            else:
                told = "the tokenizer of the model did not finish"
            assert told.startswith("the tokenizer of the model did not finish")


@on_the_loop
async def test_what_cannot_fit_is_refused_before_it_is_tokenized() -> None:
    async with tokenizer_of(embedded_model()) as (tokenizer, model):
        longest, spells = model.token_sizes()
        assert (longest, spells) == (max(len(model.token_bytes(t, True)) for t in range(model.info.vocabulary)), True)
        text = "x" * (longest * 100 + 1)
        with pytest.raises(ContextOverflowError, match=f"the prompt has {len(text)} bytes and so at least 101 tokens, but at most 100 fit"):
            await tokenizer.tokenize(text, True, True, 100, "the prompt")
        assert tokenizer._short.pid == tokenizer._long.pid == 0
        assert len(await tokenizer.tokenize(text, True, True, 101)) >= 101


@pytest.fixture(scope="session")
def lossless(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[TextTokenizer, Model]]:
    """Of two kinds of vocabularies; texts of this length need no child."""
    other = write(tmp_path_factory.mktemp("vocabulary") / "model.gguf", Shape())
    engines = [EngineSettings(path) for path in (embedded_model(), other)]
    return [(TextTokenizer(model, engine), model) for engine in engines for model in [Model(engine)]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.text(max_size=400) | st.lists(st.sampled_from(["the", " ", "<|im_end|>", "\n", "a", "🙂", "   ", "é"]), max_size=100).map("".join)
)
def test_no_text_has_fewer_tokens_than_its_bytes_allow(lossless: list[tuple[TextTokenizer, Model]], text: str) -> None:
    for tokenizer, model in lossless:
        assert tokenizer.least_tokens(1) == 1
        for special in (True, False):
            assert len(model.tokenize(text, False, special)) >= tokenizer.least_tokens(len(text.encode()))


@on_the_loop
async def test_a_vocabulary_that_drops_characters_refuses_nothing_by_length(tmp_path: Path) -> None:
    async with tokenizer_of(write(tmp_path / "bert.gguf", Shape(arch="bert"))) as (tokenizer, _model):
        assert len(await tokenizer.tokenize(" " * 50_000 + "x", True, False, 16)) < 16


@on_the_loop
async def test_a_file_that_changed_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "model.gguf", Shape(dim=32, layers=1))
    async with tokenizer_of(path, Reach(0, 0)) as (tokenizer, _model):
        write(path, Shape(dim=64, layers=1))
        with pytest.raises(InvalidRequestError, match="has changed since the model was loaded"):
            await tokenizer.tokenize("text", True, True)


@on_the_loop
async def test_absurd_lengths_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_tokenizer, "LONGEST_TEXT_BYTES", 5000)
    monkeypatch.setattr(text_tokenizer, "LONGEST_TOKENS", 5000)
    async with tokenizer_of(embedded_model()) as (tokenizer, _model):
        for text in ("x" * 5001, "é" * 2501):
            with pytest.raises(InvalidRequestError, match="longer than 5000 bytes"):
                await tokenizer.tokenize(text, True, True)
        with pytest.raises(InvalidRequestError, match="at most 5000 in one call, not 5001"):
            await tokenizer.detokenize([1] * 5001, False)
