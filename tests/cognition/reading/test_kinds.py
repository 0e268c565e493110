"""Examples of the kinds that a question asks for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from echorator.cognition.reading.kinds import examples_of
from echorator.cognition.text import stem, words


def test_a_kind_has_its_examples() -> None:
    found = examples_of(words("Which instruments did I play?"))
    assert ("instrument", stem("cello")) in found
    assert {kind for kind, _ in found} == {"instrument"}


def test_an_example_that_is_asked_for_is_none() -> None:
    assert ("instrument", stem("cello")) not in examples_of(words("Which instruments did I play, the cello?"))
    assert examples_of(words("When does the train leave?")) == []


@given(st.lists(st.text(max_size=8), max_size=8))
def test_examples_belong_to_words_that_are_there(stems: list[str]) -> None:
    for kind, example in examples_of(stems):
        assert kind in stems
        assert example not in stems
