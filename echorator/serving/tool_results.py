"""Checks that each result of a tool answers a call before it, and that no two calls or results share an id. Pure.

A gateway checks before a request waits for a slot, an agent checks what comes over gRPC: a result that answers nothing would reach the
template as if it answered the last call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Turn(NamedTuple):
    """What a message of a conversation has of tools."""

    calls: Sequence[str] = ()  # the ids of its calls; "" for one without an id
    result: str | None = None  # the id of the call that it answers, "" where it names none; None where it is no result


class WrongId(NamedTuple):
    """The first call or result of a conversation that has a wrong id."""

    turn: int  # the index of its message
    call: int  # its index among the message's calls; -1 for a result
    why: str


def wrong_id(turns: Iterable[Turn]) -> WrongId | None:
    """Return the first call or result with a wrong id; None where all fit.

    An id may be used again once its call has a result. Calls without ids are answered by results without ids.
    """
    waiting: list[str] = []  # ids of calls without a result, the oldest first
    answered: set[str] = set()
    for index, turn in enumerate(turns):
        for number, name in enumerate(turn.calls):
            if name and name in waiting:
                return WrongId(index, number, f"a call before it has the id {name[:80]!r} too, and no result yet")
            waiting.append(name)
        if turn.result is None:
            continue
        if turn.result not in waiting:
            return WrongId(index, -1, _why(turn.result, waiting, answered))
        waiting.remove(turn.result)
        answered.add(turn.result)
    return None


def _why(name: str, waiting: Sequence[str], answered: set[str]) -> str:
    if not name and any(waiting):
        return f"it is missing; the oldest call without a result has the id {waiting[0][:80]!r}"
    if not name:
        return "no call before it is without a result"
    return f"the call with the id {name[:80]!r} has a result already" if name in answered else f"no call before it has the id {name[:80]!r}"
