"""The fields of a memory that every store keeps as JSON, written and read back. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from echorator.cognition.reading.values import Fact, fact_object, fact_of_object

LISTS = frozenset({"derived_from", "entities", "categories"})
DOCUMENTS = LISTS | {"facts", "metadata"}


def dumped(name: str, value: Any) -> str:
    """Return the JSON of one of the fields `DOCUMENTS`."""
    if name == "facts":
        value = [fact_object(fact) for fact in value]
    elif name in LISTS:
        value = list(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def loaded(name: str, text: str | bytes) -> Any:
    """Return the value of one of the fields `DOCUMENTS` from its JSON. Raises KeyError, TypeError or ValueError where it is damaged."""
    if text in ("[]", b"[]"):  # most are; reading them is a good part of a recall
        return ()
    if text in ("{}", b"{}"):
        return {}
    value = json.loads(text)
    if name == "facts":
        return tuple(fact_of_object(said) for said in value)
    return tuple(value) if name in LISTS else dict(value)


def topics(facts: Iterable[Fact]) -> list[tuple[str, str]]:
    """Return the topics of facts, each once."""
    return list(dict.fromkeys(fact.topic for fact in facts))
