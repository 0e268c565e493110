"""Requests to the memory itself: to remember something, and to forget something. Each language reads its own (`languages`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the memory."""

    kind: str  # "remember" or "forget"
    what: str  # the content to keep, or what is to be forgotten; empty: what was said last
    everything: bool = False  # all that is known of the user


def remember(what: str) -> Request:
    """Return the request to remember a content; a mere "this" or "that" is what was said last."""
    what = _bare(what)
    return Request("remember", "" if what.lower() in _POINTING else what)


def forget(what: str = "", everything: bool = False) -> Request:
    """Return the request to forget what the words mean; a mere "this" or "that" is what was said last."""
    what = _bare(what)
    return Request("forget", "" if everything or what.lower() in _POINTING else what, everything)


def _bare(what: str) -> str:
    return what.strip(" \t\n,;:-\u2013\u2014").rstrip(" ?!") if what.rstrip().endswith("?") else what.strip(" \t\n,;:-\u2013\u2014")


_POINTING = frozenset(
    """this|that|it|these|those|this one|that one|this please|that please|this for me|that for me|it for me|das|dies|es|dir das|das
        bitte|dies bitte|bitte|danke|por favor|porfa|gracias|s'il te plaît|stp|eso|esto|lo|ello| ça|cela|ceci|le""".replace("\n", "")
    .replace("    ", "")
    .split("|")
)
