"""What a sentence does."""

from __future__ import annotations

from dataclasses import dataclass

from echorator.cognition.learning import facts as rules
from echorator.cognition.reading.values import Act


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the memory."""

    kind: str  # "remember" or "forget"
    what: str  # the content to keep, or what is to be forgotten; empty: what was said last
    everything: bool = False  # all that is known of the user


def act_of(sentence: str) -> Act:
    """Return what a sentence does."""
    return Act.TELLS if rules.is_statement(sentence) else Act.ASKS


def request_of(sentence: str) -> Request | None:
    """Return the request to remember or to forget that a sentence makes, or None."""
    return None
