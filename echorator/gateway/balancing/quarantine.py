"""Limits where a request may run that might end agents, so that it ends at most one more agent and never the last one.

Suspected requests (`suspects` decides which): an agent computes at most one of them at a time, one agent that serves the model computes
none, and of equal requests one is tried at a time while the others wait for its outcome. Suspected requests go before the buffer, for there
are few of them.

Requests that no agent has answered yet: equal ones that arrive at the same time run on all agents but one at most, until one of them is
answered. Fed by `forwarding`; `pool` has one quarantine for each model, which calls `offer` when agents become free.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NoReturn

from echorator.errors import EchoratorError
from echorator.gateway.balancing.agents import Place

LOOK_S = 0.5  # a waiting request checks this often whether agents live and whether it is convicted


class LastAgentError(EchoratorError):
    """A request is not tried, because too few agents would be left: fewer than two live, or equal requests run unanswered on the others."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Asked:
    """The fields of a request that a decision reads."""

    digest: bytes  # identifies the request and its equals
    suspected: bool  # else its equals run unanswered
    slot: bool  # it takes a slot
    without: Collection[str] = ()  # names of the agents that failed it


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A request that waits in the quarantine; its future resolves to a place."""

    asked: Asked
    future: asyncio.Future[Place]


class Quarantine:
    """The quarantine of one model. Runs on one event loop."""

    def __init__(self, places: Mapping[str, Place], hold_s: float) -> None:
        """Create the quarantine of `places` (by agent id); a suspected request waits at most `hold_s` for a second agent."""
        self._places = places
        self._hold_s = hold_s
        self._tried: dict[Place, bytes] = {}  # where suspected requests run, with their digests
        self._unproved: dict[bytes, Counter[Place]] = {}  # by digest: where unanswered requests run, and how many of them (1 or more)
        self._waiting: list[_Waiting] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def _living(self) -> list[Place]:
        return [place for place in self._places.values() if place.ready and not place.connection.dead]

    # Requests that no agent has answered yet

    def may_begin(self, digest: bytes, place: Place) -> bool:
        """Tell whether an unanswered request may run at `place` so that one agent stays free of its equals."""
        there = self._unproved.get(digest)
        if there is None or place in there:
            return True
        living = self._living()
        return len(living) < 2 or len(there) + 1 < len(living)

    def begin(self, digest: bytes, place: Place) -> None:
        """Record that an unanswered request runs at `place`; the caller must `end` it."""
        self._unproved.setdefault(digest, Counter())[place] += 1

    def end(self, digest: bytes, place: Place) -> None:
        """Undo one `begin`: the request was answered or has left `place`; its equals get their chance."""
        there = self._unproved[digest]
        there[place] -= 1
        if not there[place]:
            del there[place]
        if not there:
            del self._unproved[digest]
        self.offer()

    # Waiting

    def _choose(self, asked: Asked) -> Place | None:
        living = self._living()
        fit = [p for p in living if p.open and p.name not in asked.without and (not asked.slot or p.taken < p.slots)]
        if asked.suspected:
            if asked.digest in self._unproved or asked.digest in self._tried.values() or len(living) < len(self._tried) + 2:
                return None
            fit = [p for p in fit if p not in self._tried]
        else:
            fit = [p for p in fit if self.may_begin(asked.digest, p)]
        return min(fit, key=lambda p: p.taken / p.slots if asked.slot else p.light) if fit else None

    def offer(self) -> None:
        """Give places to the waiting requests that may run now; called when agents may have become free."""
        for waiting in list(self._waiting):
            asked = waiting.asked
            place = None if waiting.future.done() else self._choose(asked)
            if place is not None:
                self._waiting.remove(waiting)
                if asked.suspected:
                    self._tried[place] = asked.digest
                if asked.slot:
                    place.take()
                waiting.future.set_result(place)

    async def take(self, asked: Asked, wait_s: float, check: Callable[[], None]) -> Place:
        """Take a place for a request, with its slot where it needs one; the caller must `release` a suspected request once it is answered.

        Args:
            asked: the request.
            wait_s: the longest wait.
            check: called every `LOOK_S`; raises where the request was convicted while it waited, and that exception is passed on.

        Raises:
            LastAgentError: no place was allowed in time; a suspected request waits for a second agent for `hold_s` only.
        """
        begin_s = lone_s = time.monotonic()
        future: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(asked, future)
        self._waiting.append(waiting)
        self.offer()
        try:
            while not future.done():
                check()
                now_s = time.monotonic()
                if not asked.suspected or len(self._living()) > 1:
                    lone_s = now_s
                left_s = min(begin_s + wait_s, lone_s + self._hold_s) - now_s
                if left_s <= 0.0:
                    self._refuse(asked.suspected)
                await asyncio.wait((future,), timeout=min(LOOK_S, left_s))
                self.offer()
            return future.result()
        except BaseException:
            if future.done() and not future.cancelled() and future.exception() is None:
                place = future.result()
                self.release(place, asked.digest)
                if asked.slot:
                    place.give_back()
            raise
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    def _refuse(self, suspected: bool) -> NoReturn:
        if not suspected:
            raise LastAgentError("equal requests run, and none of them was answered in time; try again later")
        raise LastAgentError(
            f"an agent ended while it computed this very request; {len(self._living())} are left that serve the model, and the last one "
            "is not tried with it. Try again once there are more, or change the request"
        )

    def release(self, place: Place, digest: bytes) -> None:
        """Let `place` take the next suspected request, as this one was answered or has ended; has no effect the second time."""
        if self._tried.get(place) == digest:
            del self._tried[place]
            self.offer()

    def fail_all(self, error: Callable[[], EchoratorError]) -> int:
        """Fail every waiting request with an error of its own; return how many there were."""
        failed = [waiting for waiting in self._waiting if not waiting.future.done()]
        for waiting in failed:
            waiting.future.set_exception(error())
        return len(failed)
