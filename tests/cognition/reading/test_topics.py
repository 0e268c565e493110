"""Which facts questions ask for."""

from __future__ import annotations

import pytest

from echorator.cognition.reading.facts import asked_of
from tests.cognition.reading.labels import labels


@pytest.mark.parametrize("label", labels("questions"), ids=lambda label: label["text"])
def test_a_question_asks_for_the_topic_as_facts_word_it(label: dict[str, object]) -> None:
    topic = label["topic"]
    assert asked_of(str(label["text"])) == (tuple(topic) if isinstance(topic, list) else None)
