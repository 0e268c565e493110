"""The facts that a sentence states."""

from __future__ import annotations

from collections.abc import Sequence

from echorator.cognition.learning import facts as rules
from echorator.cognition.reading.values import Claim, Fact, FactType, Topic


def facts_of(sentence: str, speaker: str = "", earlier: Sequence[Fact] = ()) -> tuple[Fact, ...]:
    """Return the facts that a sentence states."""
    found = rules.fact_of(sentence, speaker)
    if found is None:
        return ()
    type_ = FactType.SINGLE if found.exclusive else FactType.MANY
    return (Fact(found.subject, found.attribute, found.value, type_, Claim.DENIES if found.negated else Claim.HOLDS),)


def asked_of(question: str, speaker: str = "") -> Topic | None:
    """Return the topic that a question asks about."""
    return rules.topic_asked(question, speaker)
