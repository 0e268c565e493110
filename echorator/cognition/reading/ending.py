"""Which fact ends which: only another value of the same thing, or its denial. Pure; `coherence` decides by it."""

from __future__ import annotations

from echorator.cognition.reading.values import Claim, Fact, FactType
from echorator.cognition.text import plain


def ends(old: Fact, new: Fact) -> bool:
    """Return whether `new`, said no earlier than `old`, ends it."""
    if old.topic != new.topic or not old.holds:
        return False
    same = plain(old.value) == plain(new.value)
    if new.claim is Claim.DENIES:
        return same or not new.value
    if new.claim is Claim.PAST:
        return same
    return not same and old.type is FactType.SINGLE and new.type is FactType.SINGLE
