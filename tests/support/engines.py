"""An engine without a server around it: its requests, and what each of them has got so far."""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from echorator._native import engine as native
from echorator.settings import EngineSettings, Sampling
from tests.support.waiting import looks

ECHO_NANO = Path(__file__).parents[2] / "echorator" / "data" / "echo-nano.q8_0.gguf"
GREEDY = Sampling(temperature=0)


@dataclass
class Answer:
    text: str = ""
    tokens: list[int] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    logprobs: list[list[tuple[int, float]]] = field(default_factory=list)
    prompt_logprobs: list[list[tuple[int, float]]] = field(default_factory=list)
    end: native.Event | None = None


class Running:
    """An engine and what its requests have got so far."""

    def __init__(self, settings: EngineSettings) -> None:
        self.model = native.Model(settings)
        self.engine = native.Engine(self.model, settings)
        self.answers: dict[int, Answer] = {}

    def submit(self, prompt: Sequence[int], sampling: Sampling = GREEDY, **options: object) -> int:
        request = self.engine.submit(prompt, sampling, **options)  # type: ignore[arg-type]
        self.answers[request] = Answer()
        return request

    def poll(self, timeout_s: float = 1.0) -> None:
        select.select([self.engine.event_fd], [], [], timeout_s)
        for event in self.engine.drain():
            answer = self.answers[event.request]
            answer.text += event.text
            answer.pieces.append(event.text)
            answer.tokens += event.tokens
            answer.logprobs += event.logprobs
            answer.prompt_logprobs += event.prompt_logprobs
            if event.finish:
                answer.end = event

    def wait(self, done: Callable[[], bool], timeout_s: float = 60.0) -> None:
        for _ in looks(timeout_s):
            if done():
                return
            self.poll(0.05)
        raise AssertionError(f"still waiting: {self.engine.stats()}")

    def answer(self, *requests: int) -> list[Answer]:
        self.wait(lambda: all(self.answers[r].end for r in requests))
        return [self.answers[r] for r in requests]

    def ask(self, prompt: Sequence[int], sampling: Sampling = GREEDY, **options: object) -> Answer:
        return self.answer(self.submit(prompt, sampling, **options))[0]

    def chat(self, question: str, *facts: str) -> list[int]:
        memory = "\nMemory:\n" + "\n".join(f"- {f}" for f in facts) if facts else ""
        text = (
            f"<|im_start|>system\nYou are Echo, a helpful assistant with a memory.{memory}<|im_end|>\n"
            f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
        )
        return self.model.tokenize(text, False, True)

    def idle(self) -> bool:
        stats = self.engine.stats()
        return stats["busy"] == 0 and stats["queued"] == 0


Start = Callable[..., Running]
