"""Thoughts and triggers in an answer: what wakes a grammar, where a thought of its budget ends, which control tokens are written out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator._native.engine import Watch
from echorator._native.grammar_harness import AnswerWatch
from echorator.settings import Sampling
from tests.support.engines import GREEDY, Running, Start
from tests.support.rounds import rounds

THOUGHT = ("<think>", "</think>")
TRIGGERS = ("<call>", "<c>", "{")
TEXTS = st.lists(st.sampled_from(["<think>", "</think>", "<call>", "<c>", "{", "<", "<th", "a", "é", "</", ">"]), max_size=12).map("".join)


@pytest.fixture
def echo(start: Start) -> Running:
    return start(slots=4, context_tokens=4096)


def expected(text: str, in_thought: bool, triggers: tuple[str, ...], wakes: bool) -> tuple[str | None, bool]:
    """What the watch finds, by reading the whole text: where the grammar wakes, and whether the text ends in a thought."""
    asleep, woken = bool(triggers) or wakes, None
    while True:
        if in_thought:
            _, close, text = text.partition(THOUGHT[1])
            if not close:
                return woken, True
            in_thought = False
            if asleep and wakes:
                asleep, woken = False, text
            continue
        begins = [(text.find(t), -1, t) for t in triggers if asleep and t in text]
        if THOUGHT[0] in text:
            begins.append((text.find(THOUGHT[0]), 0, THOUGHT[0]))
        if not begins:
            return woken, False
        place, _, found = min(begins)
        if found == THOUGHT[0]:
            text, in_thought = text[place + len(found) :], True
        else:
            asleep, woken, text = False, text[place:], text[place + len(found) :]


@given(TEXTS, st.lists(st.integers(1, 9), min_size=1), st.booleans(), st.sampled_from([(), TRIGGERS]))
@settings(max_examples=rounds(500))
def test_any_split_of_a_text_wakes_the_grammar_at_the_same_place(
    text: str, sizes: list[int], in_thought: bool, triggers: tuple[str, ...]
) -> None:
    wakes = in_thought and not triggers
    data, woken, place = text.encode(), None, 0
    watch = AnswerWatch(THOUGHT, in_thought, triggers, wakes)
    for i in range(len(data)):
        part = data[place : place + sizes[i % len(sizes)]]
        place += len(part)
        if (found := watch.feed(part)) is not None:
            assert woken is None
            woken = found + data[place:]
            break
    known, ends_in_thought = expected(text, in_thought, triggers, wakes)
    assert (woken.decode() if woken is not None else None) == known
    if known is None:
        assert watch.asleep == (bool(triggers) or wakes)
        assert watch.in_thought == ends_in_thought


def test_a_grammar_sleeps_until_its_trigger(echo: Running) -> None:
    prompt = echo.chat("Tell me a story.")
    told = echo.ask(prompt, max_tokens=60)
    free, trigger = told.text, echo.model.detokenize(told.tokens[20:23])
    before = free[: free.index(trigger)]
    grammar = Sampling(temperature=0, grammar=f'root ::= "{trigger}" "{{" [0-9] "}}"')
    answer = echo.ask(prompt, grammar, max_tokens=60, watch=Watch(triggers=("@@@@", trigger)))
    assert answer.text[: len(before) + len(trigger) + 1] == before + trigger + "{"
    assert answer.text[-1] == "}"
    never = echo.ask(prompt, grammar, max_tokens=60, watch=Watch(triggers=("@@@@",)))
    assert never.text == free


def test_what_a_token_has_behind_its_trigger_follows_the_grammar_too(echo: Running) -> None:
    prompt = echo.chat("Tell me a story.")
    free = echo.ask(prompt, max_tokens=40)
    token = next(t for t in free.tokens[5:] if len(echo.model.token_bytes(t).strip()) >= 3)
    text = echo.model.token_bytes(token).decode()
    trigger = text.strip()[:1]
    grammar = Sampling(temperature=0, grammar=f'root ::= "{trigger}" "#"')
    answer = echo.ask(prompt, grammar, max_tokens=60, watch=Watch(triggers=(trigger,)))
    assert answer.text.endswith(trigger + "#")
    assert answer.text.index(trigger) == len(answer.text) - 2


def test_what_is_thought_wakes_nothing(echo: Running) -> None:
    prompt = echo.chat("Tell me a story.")
    free = echo.ask(prompt, max_tokens=60)
    trigger, close = free.text[20:26], free.text[50:58]
    grammar = Sampling(temperature=0, grammar=f'root ::= "{trigger}" "#"')
    watch = Watch(thought_close=close, in_thought=True, triggers=(trigger,))
    answer = echo.ask(prompt, grammar, max_tokens=60, watch=watch)
    thought_end = free.text.index(close) + len(close)
    assert answer.text[:thought_end] == free.text[:thought_end]
    assert answer.end is not None
    assert 0 < answer.end.thought_tokens < len(free.tokens)
    forced = echo.ask(
        prompt, Sampling(temperature=0, grammar='root ::= "{" [0-9] "}"'), max_tokens=60, watch=Watch("", close, True, wakes=True)
    )
    assert forced.text[: thought_end + 1] == free.text[:thought_end] + "{"
    assert forced.text[-1] == "}"


@pytest.mark.parametrize("budget", [0, 1, 7])
def test_a_thought_of_its_budget_is_brought_to_its_end(echo: Running, budget: int) -> None:
    prompt = echo.chat("Tell me a story.")
    free = echo.ask(prompt, max_tokens=40)
    close = echo.model.tokenize("</t>", False, False)
    watch = Watch("<t>", "</t>", True, thought_end=close, thought_budget=budget)
    answer = echo.ask(prompt, GREEDY, max_tokens=40, watch=watch)
    assert answer.tokens[:budget] == free.tokens[:budget]
    assert answer.tokens[budget : budget + len(close)] == close
    assert answer.text.count("</t>") == 1
    assert answer.end is not None
    assert answer.end.thought_tokens == budget + len(close)
    assert len(answer.tokens) > budget + len(close)


def test_stop_texts_apply_neither_to_thoughts_nor_behind_a_trigger(echo: Running) -> None:
    prompt = echo.chat("Tell me a story.")
    told = echo.ask(prompt, max_tokens=60)
    thought, close = told.text[20:26], told.text[50:58]
    answer = echo.ask(prompt, GREEDY, max_tokens=60, stop=(thought,), watch=Watch(thought_close=close, in_thought=True))
    assert answer.text[:58] == told.text[:58]
    trigger = echo.model.detokenize(told.tokens[20:23])
    grammar = Sampling(temperature=0, grammar=f'root ::= "{trigger}" "{{" [0-9] "}}"')
    called = echo.ask(prompt, grammar, max_tokens=60, stop=("{", "}"), watch=Watch(triggers=(trigger,)))
    assert called.text.endswith("}")
    before = echo.ask(prompt, grammar, max_tokens=60, stop=(told.text[8:12],), watch=Watch(triggers=(trigger,)))
    assert before.text == told.text[: told.text.index(told.text[8:12])]


def test_control_tokens_that_are_asked_for_are_written_out(echo: Running) -> None:
    control = next(t for t in echo.model.special_tokens() if t.control and "start" in t.text)
    prompt = echo.chat("hello")
    bias = ((control.id, 100.0),)
    shown = echo.ask(prompt, Sampling(temperature=0, logit_bias=bias), max_tokens=2, watch=Watch(spelled=(control.id,)))
    assert (shown.text, shown.tokens) == (control.text * 2, [control.id] * 2)
    assert echo.ask(prompt, Sampling(temperature=0, logit_bias=bias), max_tokens=2).text == ""
    grammar = echo.model.compile_grammar(f'root ::= "{control.text}" "a"', (control.id,))
    followed = echo.ask(prompt, Sampling(temperature=0, logit_bias=bias), max_tokens=9, grammar=grammar, watch=Watch(spelled=(control.id,)))
    assert followed.text == control.text + "a"
    assert followed.tokens[0] == control.id
