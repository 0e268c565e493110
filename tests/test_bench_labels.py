"""The labelled sets of the memory's benchmarks keep their rules, and the scorer counts what they mean."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bench.memory.labelled import faults, load
from bench.memory.matching import (
    ReadFact,
    auroc,
    facts_match,
    facts_of_memory,
    holds_sentence,
    presented_as_current,
    says,
    types_match,
    values_match,
)

SISTER = {"subject": "user's sister", "subjects": ["ada"], "attribute": "name", "value": "ada", "type": "single", "claim": "holds"}
MEAT = {"subject": "user", "attribute": "dislikes", "opposite": ["likes"], "value": "meat", "type": "many", "claim": "holds"}
HOME = {"subject": "user", "attribute": "home city", "value": "oslo", "type": "single", "claim": "past"}
SYNONYMS = {"home city": ["lives in"], "likes": ["enjoys"]}


def read(subject: str, attribute: str, value: str, claim: str = "holds") -> ReadFact:
    return ReadFact(subject, attribute, value, "single", claim, False)


def test_sets_keep_their_rules() -> None:
    assert faults() == []


def test_statements_have_the_promised_mix() -> None:
    items = load("statements")["statements"]
    assert len(items) == 300
    assert 0.42 <= sum(not s["facts"] for s in items) / 300 <= 0.48


@pytest.mark.parametrize(
    ("fact", "label", "matches"),
    [
        (read("user's sister", "name", "Ada"), SISTER, True),
        (read("user", "sister", "Ada"), SISTER, True),
        (read("user", "name", "Ada"), SISTER, False),
        (read("user's brother", "name", "Ada"), SISTER, False),
        (read("user's sister", "name", "Ida"), SISTER, False),
        (read("user", "enjoys", "meat", "denies"), MEAT, True),
        (read("user", "likes", "meat"), MEAT, False),
        (read("user", "dislikes", "the meat"), MEAT, True),
        (read("user", "lives in", "Oslo", "past"), HOME, True),
        (read("user", "lives in", "Oslo"), HOME, False),
        (read("user", "job", "Oslo", "past"), HOME, False),
    ],
)
def test_facts_match(fact: ReadFact, label: dict[str, object], matches: bool) -> None:
    assert facts_match(fact, label, SYNONYMS) is matches


def test_words_may_stand_in_the_subject_or_the_attribute() -> None:
    colour = {"subject": "user's car", "attribute": "colour", "value": "red", "type": "single", "claim": "holds"}
    assert facts_match(read("user", "car color", "red"), colour, {})
    assert not facts_match(read("user", "colour", "red"), colour, {})


@pytest.mark.parametrize(
    ("got", "wanted", "matches"),
    [
        ("a red Volvo", "volvo", True),
        ("volvo", "old red volvo", False),
        ("two cats", "cat", True),
        ("volvo that I bought from my uncle in spring", "volvo", False),
        ("", "", True),
        ("", "volvo", False),
    ],
)
def test_values_match(got: str, wanted: str, matches: bool) -> None:
    assert values_match(got, wanted) is matches


def test_types_match_takes_alternatives() -> None:
    label = {"type": "state", "types": ["event"]}
    assert types_match(ReadFact("user", "a", "b", "event", "holds", False), label)
    assert not types_match(ReadFact("user", "a", "b", "single", "holds", False), label)


def test_facts_of_memory_reads_both_forms() -> None:
    one = SimpleNamespace(subject="user", attribute="name", value="Ada", exclusive=True, holds=True)
    fact = SimpleNamespace(subject="user", attribute="name", value="Ada", type="single", claim="holds", to_s=5.0)
    assert facts_of_memory(one) == [ReadFact("user", "name", "Ada", "single", "holds", False)]
    assert facts_of_memory(SimpleNamespace(facts=(fact, fact))) == [ReadFact("user", "name", "Ada", "single", "holds", True)] * 2
    assert facts_of_memory(SimpleNamespace(attribute="", holds=True)) == []


def test_a_prompt_holds_a_sentence_by_its_words() -> None:
    assert holds_sentence("2026-03-02: We live in Oslo, by the sea.", "we live in Oslo by the sea")
    assert not holds_sentence("We live in Bergen", "we moved to Oslo in May")
    assert holds_sentence("- 我住在上海。", "我住在上海。")
    assert not holds_sentence("- 上海在我住。", "我住在上海。")
    assert says("Your code is AB型", "AB")
    assert not says("1988", "198")


def test_an_ended_value_may_stand_with_a_mark() -> None:
    assert presented_as_current(["- I live in Oslo."], "Oslo", ["Bergen"])
    assert not presented_as_current(["- I moved from Oslo to Bergen."], "Oslo", ["Bergen"])
    assert not presented_as_current(["- (no longer) I live in Oslo."], "Oslo", ["Bergen"])


def test_auroc() -> None:
    assert auroc([0.9, 0.5], [0.5, 0.1]) == 0.875
