"""Assigns requests to agents: a slot at once where one is free, a place in the buffer where none is.

A buffered request is assigned when a slot becomes free, when an agent becomes ready, or when an agent's circuit breaker turns half-open
(`Pool.pump`). The first request for a model that is scaled to zero asks the controller for an agent (`waking`). Fed by `forwarding`;
`fleet` owns the pools, and `balancer` makes the decisions. Runs on one event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from echorator.errors import DrainingError, EchoratorError
from echorator.gateway.balancing.agents import Place
from echorator.gateway.balancing.balancer import Want, assign
from echorator.gateway.balancing.buffer import Room, Waiting, WaitTimeoutError
from echorator.gateway.balancing.fair_queue import Flow
from echorator.gateway.balancing.pool import Pool
from echorator.gateway.balancing.quarantine import Asked
from echorator.gateway.fleet import Fleet
from echorator.gateway.request_keys import Destination
from echorator.gateway.settings import GatewaySettings
from echorator.gateway.waking import Waking
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.telemetry import gateway_metrics as metrics


class NoAgentError(EchoratorError):
    """No agent takes calls for the model, and none became ready in time."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Applicant:
    """A request that asks for a slot."""

    to: Destination  # its affinity key, and its priority: a higher one is served first
    size: int  # its bytes, which count towards the room while it waits
    caller: tuple[str, str] = ("", "")  # the address and the connection of the client; clients are served in turn


class Dispatcher:
    """The slots of all pools of a `Fleet`: taken, waited for and given back."""

    def __init__(self, settings: GatewaySettings, fleet: Fleet, waking: Waking) -> None:
        self._settings = settings
        self._fleet = fleet
        self._waking = waking
        self._draining = False
        self._timer: asyncio.TimerHandle | None = None  # runs `_expire` at `_timer_s`
        self._timer_s = float("inf")  # Invariant: no request that waits in a buffer has an earlier deadline

    @property
    def room(self) -> Room:
        """The room that all buffers share; the bytes of bodies that HTTP is reading count towards it too."""
        return self._fleet.room

    @property
    def waiting(self) -> int:
        """The number of requests that wait for a slot, of all models together."""
        return self.room.requests

    # Slots

    def take_now(self, pool: Pool, key: int | None, without: Collection[str] = ()) -> Place | None:
        """Take a slot if one is free and no request waits; None otherwise."""
        if len(pool.buffer):
            return None
        chosen = assign((Want(key, without, pool.warm.where(key)),), pool.candidates, pool.ring, self._settings.load_factor)
        return self._sent(pool, pool.places[chosen[0]], key) if chosen else None

    async def take(self, pool: Pool, applicant: Applicant, wait_s: float, without: Collection[str] = ()) -> Place:
        """Take a slot, waiting for one where none is free; the caller must `give_back` it.

        Args:
            pool: the pool of the model.
            applicant: the request.
            wait_s: the longest wait.
            without: names of the agents that failed the request; where there are any, it goes before all others of its priority.

        Raises:
            QueueFullError: the room, or the client's share of it, is full.
            NoAgentError: no agent takes calls when the wait ends.
            WaitTimeoutError: all slots were taken for the whole wait.
            DrainingError: the gateway shuts down.
        """
        key, first, deadline_s = applicant.to.key, bool(without), time.monotonic() + wait_s
        while True:
            if self._draining:
                raise _shutting_down()
            at_once = self.take_now(pool, key, without)
            if at_once is not None:
                return at_once
            place = await self._given(pool, applicant, deadline_s, without, first)
            if pool.places.get(place.name) is place:
                return self._sent(pool, place, key)
            first = True  # the agent was dropped after it was given: it did not fail the request, which has waited its turn

    async def _given(self, pool: Pool, applicant: Applicant, deadline_s: float, without: Collection[str], first: bool) -> Place:
        """Wait in the pool's buffer until `Pool.pump` gives a place; its slot is taken, unless its agent was dropped meanwhile."""
        now_s = time.monotonic()
        future: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        flow = Flow(*applicant.caller, applicant.to.key or 0)
        waiting = Waiting(future, applicant.to.key, applicant.to.priority, applicant.size, without, now_s, flow)
        pool.buffer.add(waiting, deadline_s, first)
        metrics.buffered.inc()
        self._set_timer(deadline_s)
        self._waking.wake(pool)
        try:
            return await future
        except WaitTimeoutError as error:
            if not pool.any_open:
                raise NoAgentError(_why_no_agent(pool, time.monotonic() - now_s)) from error
            raise
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._free(pool, future.result())
            raise
        finally:
            pool.buffer.leave(waiting)
            metrics.wait_seconds.observe(time.monotonic() - now_s)

    def _sent(self, pool: Pool, place: Place, key: int | None) -> Place:
        place.connection.sent()
        pool.warm.sent(key, place.name)
        return place

    def give_back(self, pool: Pool, place: Place, key: int | None) -> None:
        """Free the slot of a request that has ended or goes to another agent, and serve the requests that wait."""
        pool.warm.ended(key)
        self._free(pool, place)

    def _free(self, pool: Pool, place: Place) -> None:
        place.give_back()
        if len(pool.buffer) or len(pool.quarantine):
            pool.pump()

    # Requests that may end an agent

    async def take_with_care(self, pool: Pool, asked: Asked, key: int | None, wait_s: float, check: Callable[[], None]) -> Place:
        """Take an agent for a suspected request, or for one whose equals run unanswered so far; `quarantine.take` explains the arguments.

        Raises:
            LastAgentError: fewer than two agents live, or no equal request was answered, within the wait.
            DrainingError: the gateway shuts down.
            PoisonError: from `check`, where the request was convicted while it waited.
        """
        if self._draining:
            raise _shutting_down()
        place = await pool.quarantine.take(asked, wait_s, check)
        return self._sent(pool, place, key if asked.slot else None)

    # Calls that take no slot

    async def any_agent(self, pool: Pool, wait_s: float, without: Collection[str] = ()) -> Place:
        """Return the open agent with the fewest calls that take no slot, waiting until there is one. Raises NoAgentError, DrainingError."""
        begin_s = time.monotonic()
        while True:
            if self._draining:
                raise _shutting_down()
            open_places = [p for p in pool.candidates.values() if p.open]
            fresh = [p for p in open_places if p.name not in without] or open_places
            if fresh:
                return self._sent(pool, min(fresh, key=lambda p: p.light) if len(fresh) > 1 else fresh[0], None)
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            pool.light.append(future)
            self._waking.wake(pool)
            try:
                async with asyncio.timeout(begin_s + wait_s - time.monotonic()):
                    await future
            except TimeoutError:
                raise NoAgentError(_why_no_agent(pool, time.monotonic() - begin_s)) from None

    # Deadlines of what waits

    def _set_timer(self, due_s: float) -> None:
        if due_s < self._timer_s:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_s = due_s
            delay_s = max(0.0, due_s - time.monotonic()) + 0.001
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._expire)

    def _expire(self) -> None:
        self._timer, self._timer_s = None, float("inf")
        now_s = time.monotonic()
        self._set_timer(min((pool.buffer.expire(now_s) for pool in self._fleet.pools()), default=float("inf")))

    # Shutdown

    def stop_admission(self) -> None:
        """Refuse new requests with DrainingError; requests that wait already go on waiting."""
        self._draining = True

    def cancel_waiting(self) -> int:
        """Fail all waiting requests with DrainingError; return how many there were."""
        refused = 0
        for pool in self._fleet.pools():
            refused += pool.buffer.fail_all(_shutting_down) + pool.quarantine.fail_all(_shutting_down)
        return refused

    def stop(self) -> None:
        """Stop the timer: what waits fails no more when its wait ends."""
        if self._timer is not None:
            self._timer.cancel()


def _shutting_down() -> DrainingError:
    return DrainingError("the gateway is shutting down; try another one")


def _why_no_agent(pool: Pool, waited_s: float) -> str:
    said = ""
    if pool.wanted is not None:
        conditions = {c.type: c for c in pool.wanted.status.conditions}
        for name in ("Degraded", "Placed", "Available"):
            condition = conditions.get(name)
            if condition is not None and (condition.status == pb.CONDITION_STATUS_TRUE) == (name == "Degraded"):
                said = f": {condition.message}"
                break
    return f"no agent serves {pool.name!r} now, and none came within {waited_s:.1f} s{said}"
