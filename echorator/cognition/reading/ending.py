"""Which fact ends which: only another value of the same thing, or its denial. Pure; `coherence` decides by it."""

from __future__ import annotations

from echorator.cognition.reading.comparing import refines, same_value, within
from echorator.cognition.reading.values import Claim, Fact, FactType


def ends(old: Fact, new: Fact) -> bool:
    """Return whether `new`, said no earlier than `old`, ends it.

    Both are of the same topic. A denial ends what it denies, or every value where it names none; "was" ends an equal value; another value
    ends one of which there is only one at a time. A value that only says more or less of the same thing ends nothing, and neither does
    a state or an event.
    """
    if old.topic != new.topic or not old.holds or FactType.EVENT in (old.type, new.type):
        return False
    if new.claim is Claim.DENIES:
        return not new.value or same_value(old.value, new.value) or within(new.value, old.value)
    if new.claim is Claim.PAST:
        return bool(new.value) and (same_value(old.value, new.value) or within(new.value, old.value))
    if old.type is not FactType.SINGLE or new.type is not FactType.SINGLE:
        return False
    return not same_value(old.value, new.value) and not refines(old.value, new.value)
