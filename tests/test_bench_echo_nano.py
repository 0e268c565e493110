"""The dialogues that echo-nano is trained on: words kept from them, statements said back, and answers that rest on what was said."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest

from bench.echo_nano import natural, skills
from bench.echo_nano.statements import second_person, sentence
from bench.echo_nano.talks import TALKS
from bench.echo_nano.words import OPEN, draw, kept_back, made_up


@pytest.mark.parametrize(
    ("said", "back"),
    [
        ("My sister Klara works as a nurse", "your sister Klara works as a nurse"),
        ("I lent my tent to Ada", "you lent your tent to Ada"),
        ("Last week we met our boss", "last week you met your boss"),
        ("I am tired and I was late", "you are tired and you were late"),
        ("I'm vegan, I've told you", "you are vegan, you have told you"),
        ("Klara gave me a mug of mine", "Klara gave you a mug of yours"),
        ("Don't call me before nine", "you said: Don't call me before nine"),
    ],
)
def test_statements_are_said_back_in_the_second_person(said: str, back: str) -> None:
    assert second_person(said) == back
    assert sentence(back).endswith(".")


def test_training_never_draws_the_words_that_are_kept_back() -> None:
    rng = random.Random(1)
    for kind, words in OPEN.items():
        listed = words.split("|") if "|" in words else words.split()
        drawn = {draw(rng, kind) for _ in range(300)}
        assert not any(kept_back(word if word in listed else word.removeprefix("a ")) for word in drawn)
    assert not any(kept_back(made_up(rng)) for _ in range(200))
    assert all(kept_back(made_up(rng, tests=True)) for _ in range(200))


def test_an_answer_rests_on_what_was_said_or_declines() -> None:
    rng = random.Random(2)
    answers = declined = 0
    for _ in range(300):
        turns, evidence, _ = natural.talk(rng)
        for place, where in evidence.items():
            role, answer = turns[place]
            assert role == "assistant"
            if where is None:
                declined += 1
                assert answer == natural.UNKNOWN
                continue
            turn, first, behind = where
            answers += 1
            assert turn < place
            said = turns[turn][1][first:behind]
            own = {"you", "your", "are", "have", "were", "said:"}
            assert set(second_person(said).lower().split()) >= set(answer.lower().rstrip(".").split()) - own
    assert answers > declined > 300


def test_the_later_of_two_statements_holds() -> None:
    rng = random.Random(3)
    revised = 0
    for _ in range(300):
        talk = natural.Talk(rng, tests=False)
        talk.line()
        old = talk.known[0]
        if talk.revised() is None:
            continue
        both = set(old[0].asks) & set(talk.known[1][0].asks)
        revised += bool(both)
        assert all(talk.holds(ask) == talk.known[1][1:] for ask in both)
    assert revised > 50


def test_the_talks_that_measure_it_are_not_in_training() -> None:
    kept = {natural.plain(text) for talk in TALKS.values() for text in (*talk.said, *(ask for ask, _, _ in talk.asks), *talk.unknown)}
    rng = random.Random(4)
    made = {natural.plain(text) for _ in range(3000) for role, text in natural.talk(rng, drill=rng.random() < 0.5).turns if role == "user"}
    assert not kept & made


def test_a_call_has_the_words_of_its_request() -> None:
    rng = random.Random(5)
    calls = 0
    for _ in range(200):
        turns = skills.tool_dialogue(rng, tests=False)
        for (_, asked), (role, answer) in pairwise(turns):
            if role == "assistant" and answer.startswith("<tool_call>"):
                calls += 1
                arguments = answer.split('"arguments": ')[1].removesuffix("}\n</tool_call>")
                assert all(str(value) in asked for value in json.loads(arguments).values())
    assert calls > 200
