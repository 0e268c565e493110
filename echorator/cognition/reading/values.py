"""The values that reading a text yields: what a sentence does, and the facts that it states. Frozen; all times in seconds since 1970."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

Topic = tuple[str, str]
"""The subject and the attribute of a fact."""


class Act(enum.StrEnum):
    """What a sentence does."""

    TELLS = "tells"
    ASKS = "asks"
    ORDERS = "orders"
    CHATS = "chats"  # small talk
    SUPPOSES = "supposes"
    QUOTES = "quotes"


class FactType(enum.StrEnum):
    """How many values an attribute has at a time, and whether they last."""

    SINGLE = "single"  # one value: another one ends it
    MANY = "many"  # several values beside each other
    STATE = "state"  # it passes by itself
    EVENT = "event"  # it happened, or will


class Claim(enum.StrEnum):
    """What a sentence claims of a value."""

    HOLDS = "holds"
    DENIES = "denies"  # it does not, or no longer, hold
    PAST = "past"  # it held once


@dataclass(frozen=True, slots=True)
class Fact:
    """A value that a sentence states, denies or remembers for an attribute of a subject.

    An empty value of a denial means every value of the topic. `subject` and `attribute` are in lower case; the first person is "user".
    """

    subject: str
    attribute: str
    value: str
    type: FactType = FactType.SINGLE
    claim: Claim = Claim.HOLDS
    certainty: float = 1.0  # 0..1
    corrects: bool = False  # it takes back the last value that was told for its topic
    from_s: float = 0.0  # since when it holds; 0: since the memory was told
    to_s: float = 0.0  # until when it held; 0: it holds still

    @property
    def topic(self) -> Topic:
        """Return the subject and the attribute."""
        return self.subject, self.attribute

    @property
    def holds(self) -> bool:
        """Whether the fact is claimed to hold and has not ended."""
        return self.claim is Claim.HOLDS and self.to_s == 0.0


_DEFAULTS = Fact("", "", "")
_OPTIONAL = tuple(f.name for f in fields(Fact) if f.name not in ("subject", "attribute", "value"))


def fact_object(fact: Fact) -> dict[str, Any]:
    """Return a fact as a JSON object, without the optional fields that have their default."""
    rest = {name: value for name in _OPTIONAL if (value := getattr(fact, name)) != getattr(_DEFAULTS, name)}
    return {"subject": fact.subject, "attribute": fact.attribute, "value": fact.value} | rest


def fact_of_object(said: Mapping[str, Any]) -> Fact:
    """Return the fact of an object that `fact_object` made. Raises KeyError, TypeError or ValueError for any other."""
    rest = {name: type(getattr(_DEFAULTS, name))(said[name]) for name in _OPTIONAL if name in said}
    return Fact(str(said["subject"]), str(said["attribute"]), str(said["value"]), **rest)
