"""Which fact ends which, and what a dialogue leaves in force."""

from __future__ import annotations

from dataclasses import replace

import pytest

from echorator.cognition.reading.comparing import refines, same_value, value_words, within
from echorator.cognition.reading.ending import ends
from echorator.cognition.reading.facts import facts_of
from echorator.cognition.reading.sentences import sentences
from echorator.cognition.reading.values import Claim, Fact, FactType
from tests.cognition.reading.labels import labels

CERTAIN = 0.7  # what is less certain ends nothing


def remembered(turns: list[str]) -> list[Fact]:
    """Return the facts of the turns in their order; those that a later one ended have an end."""
    known: list[Fact] = []
    for turn in turns:
        told: list[Fact] = []
        for sentence in sentences(turn):
            told += facts_of(sentence, "", (*reversed(told), *reversed(known[-12:])))
        for new in told:
            known = [replace(old, to_s=1.0) if new.certainty >= CERTAIN and ends(old, new) else old for old in known]
            known.append(new)
    return known


@pytest.mark.parametrize("dialogue", labels("dialogues"), ids=lambda dialogue: " / ".join(dialogue["turns"]))
def test_a_dialogue_ends_what_it_takes_back_and_nothing_else(dialogue: dict[str, list[str]]) -> None:
    claimed = [fact for fact in remembered(dialogue["turns"]) if fact.claim is Claim.HOLDS]
    for value in dialogue["holds"]:
        facts = [fact for fact in claimed if value.lower() in fact.value.lower()]
        assert facts
        assert all(fact.to_s == 0 for fact in facts)
    for value in dialogue["ended"]:
        facts = [fact for fact in claimed if value.lower() in fact.value.lower()]
        assert facts
        assert any(fact.to_s > 0 for fact in facts)


CITY = Fact("user", "home city", "Oslo")
PETS = Fact("user", "pet", "dog called Rex", FactType.MANY)


@pytest.mark.parametrize(
    ("old", "new", "over"),
    [
        (CITY, replace(CITY, value="Rome"), True),
        (CITY, replace(CITY, value="oslo"), False),
        (CITY, replace(CITY, value="Rome", subject="user's sister"), False),
        (CITY, replace(CITY, value="Rome", attribute="birthplace"), False),
        (CITY, replace(CITY, value="Rome", type=FactType.STATE), False),
        (CITY, replace(CITY, value="Rome", claim=Claim.PAST), False),
        (CITY, replace(CITY, claim=Claim.PAST), True),
        (CITY, replace(CITY, claim=Claim.DENIES), True),
        (CITY, replace(CITY, value="", claim=Claim.DENIES), True),
        (CITY, replace(CITY, value="Rome", claim=Claim.DENIES), False),
        (replace(CITY, value="York"), replace(CITY, value="New York"), True),
        (PETS, replace(PETS, value="cat"), False),
        (PETS, replace(PETS, value="dog", claim=Claim.DENIES), True),
        (PETS, replace(PETS, value="cat", claim=Claim.DENIES), False),
        (PETS, replace(PETS, value="", claim=Claim.DENIES), True),
        (Fact("user", "car", "red Volvo"), Fact("user", "car", "Volvo"), False),
        (Fact("user", "car", "red Volvo"), Fact("user", "car", "Tesla"), True),
        (Fact("user", "pin", "44"), Fact("user", "pin", "4431"), True),
        (replace(CITY, type=FactType.EVENT), replace(CITY, value="Rome"), False),
        (replace(CITY, to_s=1.0), replace(CITY, value="Rome"), False),
    ],
)
def test_only_another_value_of_the_same_thing_or_a_denial_ends_a_fact(old: Fact, new: Fact, over: bool) -> None:
    assert ends(old, new) is over


def test_values_are_compared_without_case_articles_spelling_and_order() -> None:
    assert same_value("the Red Volvo", "red volvo")
    assert same_value("May 3rd", "3 May")
    assert same_value("two cats", "2 cats")
    assert same_value("+49 170 123", "+49-170-123")
    assert same_value("gray", "grey")
    assert not same_value("4431", "4433")
    assert within("dog", "two dogs called Tom")
    assert not within("", "dog")
    assert refines("Anna", "Anna Smith")
    assert not refines("York", "New York")
    assert not refines("10", "10 30")
    assert value_words("the") == ("the",)
