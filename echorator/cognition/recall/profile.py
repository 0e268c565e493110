"""The profile: the facts of memories that hold, by subject and attribute, with what contradicts itself marked. Pure; feeds `api`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from echorator.cognition.memory import Memory
from echorator.cognition.reading.values import Claim, Fact, FactType
from echorator.cognition.text import plain

USER = "user"  # the subject of what is said in the first person
MOST_IDS = 100  # memories of one value that are named


@dataclass(frozen=True, slots=True)
class KnownValue:
    """One value of an attribute that is claimed or denied, as it was said last."""

    value: str
    claim: Claim
    certainty: float
    said_s: float
    memory_ids: tuple[int, ...]  # the latest first


@dataclass(frozen=True, slots=True)
class KnownAttribute:
    """An attribute of a subject with the values that stand, the one that was said last first."""

    attribute: str
    type: FactType
    values: tuple[KnownValue, ...]
    conflict: bool  # whether not all of the values can be true


@dataclass(frozen=True, slots=True)
class KnownSubject:
    """A subject with what is known of it, by attribute in alphabetical order."""

    subject: str
    attributes: tuple[KnownAttribute, ...]


def profile_of(memories: Iterable[Memory], at_s: float, subject: str = "") -> list[KnownSubject]:
    """Return what the memories state and deny at `at_s`: the user first, then the subjects with most values.

    Args:
        memories: active memories that state facts.
        at_s: the time at which the facts hold, in seconds since 1970.
        subject: the only subject to be shown; "" shows all.
    """
    by_topic: defaultdict[str, defaultdict[str, list[tuple[Memory, Fact]]]] = defaultdict(lambda: defaultdict(list))
    for memory in memories:
        for fact in memory.facts:
            if subject in ("", fact.subject) and stands_at(memory, fact, at_s):
                by_topic[fact.subject][fact.attribute].append((memory, fact))
    found = [
        KnownSubject(name, tuple(_attribute(attribute, stated) for attribute, stated in sorted(attributes.items())))
        for name, attributes in by_topic.items()
    ]
    return sorted(found, key=lambda one: (one.subject != USER, -sum(len(a.values) for a in one.attributes), one.subject))


def stands_at(memory: Memory, fact: Fact, at_s: float) -> bool:
    """Return whether a memory claims or denies something at a time."""
    begun = max(memory.valid_from_s, fact.from_s) <= at_s
    ended = 0 < memory.valid_to_s <= at_s or 0 < fact.to_s <= at_s
    return fact.claim is not Claim.PAST and begun and not ended and not memory.expired(at_s)


def _attribute(name: str, stated: Sequence[tuple[Memory, Fact]]) -> KnownAttribute:
    latest_first = sorted(stated, key=lambda one: (-one[0].said_s, -one[0].id))
    groups: dict[tuple[str, Claim], list[tuple[Memory, Fact]]] = {}
    for memory, fact in latest_first:
        groups.setdefault((plain(fact.value), fact.claim), []).append((memory, fact))
    values = tuple(
        KnownValue(
            group[0][1].value,
            claim,
            max(fact.certainty for _, fact in group),
            group[0][0].said_s,
            tuple(dict.fromkeys(memory.id for memory, _ in group))[:MOST_IDS],
        )
        for (_, claim), group in groups.items()
    )
    type_ = latest_first[0][1].type
    held = {value for value, claim in groups if claim is Claim.HOLDS}
    denied = {value for value, claim in groups if claim is Claim.DENIES}
    contradicted = bool(held & denied) or (bool(held) and "" in denied)
    return KnownAttribute(name, type_, values, contradicted or (type_ is FactType.SINGLE and len(held) > 1))
