"""Log probabilities of a prompt's own tokens: the same that generating them tells, whole, once, and in bounded pieces."""

from __future__ import annotations

import pytest

from tests.support.engines import Running, Start


@pytest.fixture
def echo(start: Start) -> Running:
    return start(slots=4, context_tokens=4096)


def test_scoring_a_text_tells_what_generating_it_told(echo: Running) -> None:
    prompt = echo.chat("Tell me a story.")
    told = echo.ask(prompt, max_tokens=100, logprobs=3)
    scored = echo.ask([*prompt, *told.tokens], max_tokens=0, prompt_logprobs=3)
    assert [position[0][0] for position in scored.prompt_logprobs] == [*prompt, *told.tokens]
    for one, other in zip(scored.prompt_logprobs[len(prompt) :], told.logprobs, strict=True):
        assert [token for token, _ in one] == [token for token, _ in other]
        assert [p for _, p in one] == pytest.approx([p for _, p in other], abs=2e-3)
    assert scored.prompt_logprobs[0] == [(prompt[0], 0.0)]
    assert scored.end is not None
    assert (scored.tokens, scored.end.finish, scored.end.completion_tokens) == ([], "length", 0)


def test_a_cached_prompt_is_scored_whole(echo: Running) -> None:
    prompt = echo.chat("Where is the fox?")
    first = echo.ask(prompt, max_tokens=1, prompt_logprobs=0)
    again = echo.ask(prompt, max_tokens=1, prompt_logprobs=0)
    assert len(first.prompt_logprobs) == len(prompt)
    assert [t for ((t, _),) in again.prompt_logprobs] == prompt
    assert [p for ((_, p),) in again.prompt_logprobs] == pytest.approx([p for ((_, p),) in first.prompt_logprobs], abs=2e-3)
    assert first.tokens == again.tokens == echo.ask(prompt, max_tokens=1).tokens


def test_many_at_once_beside_streams_and_with_preemption(start: Start) -> None:
    running = start(slots=4, context_tokens=700, kv_layout="unified")
    story = running.ask(running.chat("Tell me a story."), max_tokens=300, ignore_eos=True).tokens
    prompts = [story[:n] for n in (1, 2, 31, 32, 33, 34, 200, 300)]
    alone = [running.ask(p, max_tokens=2, prompt_logprobs=1) for p in prompts]
    streams = [running.submit(story[i:40], max_tokens=150, ignore_eos=True) for i in range(2)]
    scored = running.answer(*[running.submit(p, max_tokens=2, prompt_logprobs=1) for p in prompts])
    running.answer(*streams)
    for prompt, one, other in zip(prompts, alone, scored, strict=True):
        assert [position[0][0] for position in other.prompt_logprobs] == prompt
        for a, b in zip(one.prompt_logprobs, other.prompt_logprobs, strict=True):
            assert a[0][1] == pytest.approx(b[0][1], abs=2e-2)
