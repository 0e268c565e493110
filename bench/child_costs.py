"""Measures what an ordinary request pays for a child process that renders its template and tokenizes a long text.

    python -m bench.child_costs

Prints medians in milliseconds: the step in this process, the same step through the child, and the difference, which is added to
the time to the first token. One request at a time on a machine that does nothing else.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from echorator._native.engine import Model
from echorator.agent.loading.embedded import embedded_model
from echorator.prompting.chat_template import ChatTemplate
from echorator.prompting.model_template import ModelTemplate
from echorator.prompting.text_tokenizer import Reach, TextTokenizer
from echorator.settings import EngineSettings
from tests.support.models.random_gguf import CHATML, Shape, write

ROUNDS = 500
TEXT = "It's the 3rd quick brown fox, and 1234 lazy dogs (or more) jump over it.\n"


async def _median_ms(step: Callable[[], Awaitable[object]]) -> float:
    times = []
    for _ in range(ROUNDS):
        begun_s = time.perf_counter()
        await step()
        times.append(time.perf_counter() - begun_s)
    return statistics.median(times) * 1e3


def _row(what: str, here_ms: float, child_ms: float) -> None:
    print(f"{what:48} {here_ms:8.3f} {child_ms:8.3f} {child_ms - here_ms:8.3f}")


async def _templates() -> None:
    here, child = ChatTemplate(CHATML, "<s>", "</s>"), ModelTemplate(CHATML, "", "<s>", "</s>", 2.0)
    for turns, words in ((1, 20), (20, 50), (20, 1000)):
        messages = [{"role": "user", "content": "word " * words}] * turns

        async def rendered(messages: list[dict[str, str]] = messages) -> str:
            return here.render(messages, {})

        async def rendered_by_child(messages: list[dict[str, str]] = messages) -> str:
            return await child.render(messages, {})

        assert await rendered() == await rendered_by_child()
        _row(f"template, {turns} messages of {words} words", await _median_ms(rendered), await _median_ms(rendered_by_child))
    await child.close()


async def _texts(folder: Path) -> None:
    path = write(folder / "regex.gguf", Shape(vocab_from=embedded_model(), pre="tekken"))
    settings = EngineSettings(path)
    model = Model(settings)
    tokenizer = TextTokenizer(model, settings)
    tokenizer.reach = Reach(0, 0)
    for lines in (15, 60, 250):
        text = TEXT * lines

        async def tokenized(text: str = text) -> list[int]:
            return model.tokenize(text, True, True)

        async def tokenized_by_child(text: str = text) -> list[int]:
            return await tokenizer.tokenize(text, True, True)

        assert await tokenized() == await tokenized_by_child()
        _row(f"std::regex pre-tokenizer, {len(text)} characters", await _median_ms(tokenized), await _median_ms(tokenized_by_child))
    await tokenizer.close()


async def _run() -> None:
    print(f"{'median of ' + str(ROUNDS) + ', ms':48} {'here':>8} {'child':>8} {'added':>8}")
    await _templates()
    with tempfile.TemporaryDirectory() as folder:
        await _texts(Path(folder))


def main() -> None:
    """Run the benchmark from the command line."""
    asyncio.run(_run())


if __name__ == "__main__":
    main()
