"""Assigns requests to agents: a slot at once where one is free, a place in the buffer where none is.

A buffered request is assigned when a slot becomes free, when an agent becomes ready, or when an agent's circuit breaker turns half-open.
The first request for a model that is scaled to zero asks the controller for an agent. Fed by `fleet_view` (through `model_health`) and by
`forwarding`; `balancer` makes the decisions. Runs on one event loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection

from grpc import aio

from echorator.errors import DrainingError, EchoratorError, ModelNotFoundError
from echorator.gateway.balancing.agents import Connection, Place
from echorator.gateway.balancing.balancer import Want, assign
from echorator.gateway.balancing.buffer import Room, Waiting, WaitTimeoutError
from echorator.gateway.balancing.circuit_breaker import State
from echorator.gateway.balancing.fair_queue import Flow
from echorator.gateway.balancing.pool import Pool
from echorator.gateway.request_keys import Destination
from echorator.gateway.settings import GatewaySettings
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.telemetry import gateway_metrics as metrics

_log = logging.getLogger(__name__)

WAKE_AGAIN_S = 2.0  # least time between two requests to the controller to scale the same model from zero


class NoAgentError(EchoratorError):
    """No agent takes calls for the model, and none became ready in time."""

    retryable = True


class Dispatcher:
    """The pools of all models and the connections to all agents of this gateway; a `fleet_view.Listener`."""

    def __init__(self, settings: GatewaySettings, gateway_id: str) -> None:
        self._settings = settings
        self._id = gateway_id
        self._room = Room(settings.buffer_requests, settings.buffer_bytes)
        self._pools: dict[str, Pool] = {}
        self._connections: dict[str, Connection] = {}
        self._agents: dict[str, pb.Agent] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._asking: set[asyncio.Task[None]] = set()
        self._draining = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = float("inf")
        self.scale_from_zero: Callable[[str], Awaitable[None]] | None = None

    # Reports of the controller, through `fleet_view.Listener`

    def agent_changed(self, agent: pb.Agent) -> None:
        """Adopt a new or changed agent into its models' pools; a new address makes a new connection."""
        known = self._connections.get(agent.id)
        back = known is not None and known.state == pb.AGENT_STATE_LOST and agent.state != pb.AGENT_STATE_LOST
        if known is not None and (known.address != agent.address or (back and not known.attempts)):
            self._drop(agent.id)  # most likely a new process: a new connection starts without the old one's backoff
            known = None
        connection = known
        if connection is None:
            connection = self._connections[agent.id] = Connection(agent, self._settings)
        connection.become(agent.state)
        self._agents[agent.id] = agent
        models = {model.name: model for model in agent.models}
        for place_name in [name for name, pool in self._pools.items() if agent.id in pool.places and name not in models]:
            self._update(self._pools[place_name], connection, agent, None)
        for name, model in models.items():
            self._update(self._pool(name), connection, agent, model)

    def _update(self, pool: Pool, connection: Connection, agent: pb.Agent, model: pb.AgentModel | None) -> None:
        place = pool.places.get(agent.id)
        if place is None or place.connection is not connection:
            place = Place(connection, lambda: self._pump(pool))
            connection.places.append(place)
            pool.places[agent.id] = place
        before = (place.ready, place.slots, place.failover)
        place.update(agent, model, self._id)
        if before != (place.ready, place.slots, place.failover):
            pool.turn_ring()
        if model is None and not place.mine:
            del pool.places[agent.id]
            connection.places.remove(place)
            self._forget_empty(pool)
        if place.open:
            self._pump(pool)

    def agent_removed(self, agent_id: str) -> None:
        """Drop an agent from all pools, which cancels its calls and closes its connection."""
        self._drop(agent_id)
        self._agents.pop(agent_id, None)

    def _drop(self, agent_id: str) -> None:
        connection = self._connections.pop(agent_id, None)
        if connection is None:
            return
        for pool in list(self._pools.values()):
            place = pool.places.get(agent_id)
            if place is not None and place.connection is connection:
                del pool.places[agent_id]
                place.ready = place.open = False
                pool.turn_ring()
                self._forget_empty(pool)
        closing = connection.close()
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def model_changed(self, model: pb.MeshModel) -> None:
        """Adopt a model's spec and status; asks for an agent where requests wait for a model that is scaled to zero."""
        pool = self._pool(model.spec.name)
        pool.wanted = model
        if model.spec.replicas:
            pool.woken_s = float("-inf")  # scaled up: ask at once when it is at zero again
        elif len(pool.buffer) or pool.light:
            self._wake(pool)

    def model_removed(self, name: str) -> None:
        """Forget a model's spec; its waiting requests fail with ModelNotFoundError where no agent has the model."""
        pool = self._pools.get(name)
        if pool is not None:
            pool.wanted = None
            self._forget_empty(pool)

    def _pool(self, name: str) -> Pool:
        pool = self._pools.get(name)
        if pool is None:
            pool = self._pools[name] = Pool(name, self._room, self._settings)
        return pool

    def _forget_empty(self, pool: Pool) -> None:
        if not pool.places and pool.wanted is None:
            self._pools.pop(pool.name, None)
            pool.buffer.fail_all(lambda: ModelNotFoundError(f"the model {pool.name!r} was deleted while the request waited for it"))

    # Queries

    def agents(self) -> list[pb.Agent]:
        """Return all agents, each as the controller reported it last."""
        return list(self._agents.values())

    def models(self) -> list[str]:
        """Return the names of all models that a request may name, sorted."""
        return sorted(self._pools)

    def find(self, name: str) -> Pool:
        """Return the pool of a model, for "" the only pool. Raises ModelNotFoundError with the known names (at most 20)."""
        pool = self._pools.get(name)
        if pool is not None:
            return pool
        if not name and len(self._pools) == 1:
            return next(iter(self._pools.values()))
        known = ", ".join(self.models()[:20]) or "none"
        if name:
            raise ModelNotFoundError(f"no model {name[:128]!r} is served here; served: {known}")
        raise ModelNotFoundError(f"name one of the models that are served: {known}")

    @property
    def room(self) -> Room:
        """The room that all buffers share; the bytes of bodies that HTTP is reading count towards it too."""
        return self._room

    @property
    def waiting(self) -> int:
        """The number of requests that wait for a slot, of all models together."""
        return self._room.requests

    def held(self) -> dict[str, int]:
        """Return the number of requests that wait for a slot, by model; models without any are left out."""
        return {name: len(pool.buffer) for name, pool in self._pools.items() if len(pool.buffer)}

    # Slots

    def take_now(self, pool: Pool, key: int | None, without: Collection[str] = ()) -> Place | None:
        """Take a slot if one is free and no request waits; None otherwise."""
        if len(pool.buffer):
            return None
        chosen = assign((Want(key, without, pool.warm.where(key)),), pool.candidates, pool.ring, self._settings.load_factor)
        return self._sent(pool, pool.places[chosen[0]], key) if chosen else None

    async def take(
        self,
        pool: Pool,
        to: Destination,
        size: int,
        wait_s: float,
        without: Collection[str] = (),
        again: bool = False,
        caller: tuple[str, str] = ("", ""),
    ) -> Place:
        """Take a slot, waiting for one where none is free; the caller must `give_back` it.

        Args:
            pool: the pool of the model.
            to: the affinity key and the priority of the request; a higher priority is served first.
            size: bytes of the request, which count towards the room while it waits.
            wait_s: the longest wait.
            without: names of the agents that failed the request.
            again: the request comes back from a failed attempt and goes before all others of its priority.
            caller: the address and the connection of the client; clients are served in turn.

        Raises:
            QueueFullError: the room, or the client's share of it, is full.
            NoAgentError: no agent takes calls when the wait ends.
            WaitTimeoutError: all slots were taken for the whole wait.
            DrainingError: the gateway shuts down.
        """
        if self._draining:
            raise _shutting_down()
        key = to.key
        at_once = self.take_now(pool, key, without)
        if at_once is not None:
            return at_once
        now_s = time.monotonic()
        flow = Flow(*caller, key or 0)
        waiting = Waiting(asyncio.get_running_loop().create_future(), key, to.priority, size, without, now_s, flow)
        pool.buffer.add(waiting, now_s + wait_s, first=again)
        metrics.buffered.inc()
        self._set_timer(now_s + wait_s)
        self._wake(pool)
        place: Place
        try:
            place = await waiting.future
        except WaitTimeoutError as error:
            if not pool.any_open:
                raise NoAgentError(self._why_no_agent(pool, time.monotonic() - now_s)) from error
            raise
        except asyncio.CancelledError:
            if waiting.future.done() and not waiting.future.cancelled() and waiting.future.exception() is None:
                self._free(pool, waiting.future.result())
            raise
        finally:
            pool.buffer.leave(waiting)
            metrics.wait_seconds.observe(time.monotonic() - now_s)
        if pool.places.get(place.name) is place:
            return self._sent(pool, place, key)
        left_s = wait_s - (time.monotonic() - now_s)
        return await self.take(pool, to, size, left_s, without, again=True, caller=caller)  # the agent was dropped after it was given

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
            self._pump(pool)

    def _pump(self, pool: Pool) -> None:
        """Assign waiting requests to free slots: calls without a slot first, then the quarantine, then the buffer."""
        for future in pool.light:
            if not future.done():
                future.set_result(None)
        pool.light.clear()
        pool.quarantine.offer()
        while len(pool.buffer):
            agents = pool.candidates
            free = sum(p.slots - p.taken for p in agents.values() if p.open and p.taken < p.slots)
            batch = pool.buffer.take(free, time.monotonic())
            keys = Counter(w.key for w in batch)  # a key that several have is a shared prompt beginning, not one conversation: spread it
            wants = [Want(w.key, w.without, pool.warm.where(w.key) if keys[w.key] == 1 else None) for w in batch]
            chosen = assign(wants, agents, pool.ring, self._settings.load_factor)
            for waiting, name in zip(batch, chosen, strict=False):
                pool.buffer.give(waiting, pool.places[name])
            pool.buffer.put_back(batch[len(chosen) :])
            if len(chosen) < free or not chosen:
                break

    # Requests that may end an agent

    async def take_with_care(
        self,
        pool: Pool,
        digest: bytes,
        suspected: bool,
        key: int | None,
        slot: bool,
        wait_s: float,
        without: Collection[str],
        check: Callable[[], None],
    ) -> Place:
        """Take an agent for a suspected request, or for one whose equals run unanswered so far; `quarantine.take` explains the arguments.

        Raises:
            LastAgentError: fewer than two agents live, or no equal request was answered, within the wait.
            DrainingError: the gateway shuts down.
            PoisonError: from `check`, where the request was convicted while it waited.
        """
        if self._draining:
            raise _shutting_down()
        place = await pool.quarantine.take(digest, suspected, slot, without, wait_s, check)
        return self._sent(pool, place, key if slot else None)

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
            self._wake(pool)
            try:
                async with asyncio.timeout(begin_s + wait_s - time.monotonic()):
                    await future
            except TimeoutError:
                raise NoAgentError(self._why_no_agent(pool, time.monotonic() - begin_s)) from None

    # Waiting

    def _wake(self, pool: Pool) -> None:
        """Ask the controller for one agent where the model is scaled to zero, at most once in `WAKE_AGAIN_S`."""
        wanted, now_s = pool.wanted, time.monotonic()
        if wanted is None or wanted.spec.replicas > 0 or self.scale_from_zero is None or now_s - pool.woken_s < WAKE_AGAIN_S:
            return
        pool.woken_s = now_s
        task = asyncio.get_running_loop().create_task(self._ask(pool))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, pool: Pool) -> None:
        assert self.scale_from_zero is not None
        try:
            await self.scale_from_zero(pool.name)
            _log.info("asked for an agent", extra={"model": pool.name})
        except aio.AioRpcError as error:
            _log.warning("could not ask for an agent", extra={"model": pool.name, "error": error.details()})
        await asyncio.sleep(WAKE_AGAIN_S)
        if len(pool.buffer) or pool.light:
            self._wake(pool)

    def _why_no_agent(self, pool: Pool, waited_s: float) -> str:
        said = ""
        if pool.wanted is not None:
            conditions = {c.type: c for c in pool.wanted.status.conditions}
            for name in ("Degraded", "Placed", "Available"):
                condition = conditions.get(name)
                if condition is not None and (condition.status == pb.CONDITION_STATUS_TRUE) == (name == "Degraded"):
                    said = f": {condition.message}"
                    break
        return f"no agent serves {pool.name!r} now, and none came within {waited_s:.1f} s{said}"

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
        self._set_timer(min((pool.buffer.expire(now_s) for pool in self._pools.values()), default=float("inf")))

    def observe(self) -> None:
        """Set the gauges of waiting requests, agents and open circuit breakers."""
        metrics.waiting.set(self._room.requests)
        metrics.waiting_bytes.set(self._room.bytes)
        metrics.agents.set(len(self._connections))
        metrics.open_breakers.set(sum(c.breaker.state is not State.CLOSED for c in self._connections.values()))

    # Shutdown

    def stop_admission(self) -> None:
        """Refuse new requests with DrainingError; requests that wait already go on waiting."""
        self._draining = True

    def cancel_waiting(self) -> int:
        """Fail all waiting requests with DrainingError; return how many there were."""
        refused = 0
        for pool in self._pools.values():
            refused += pool.buffer.fail_all(_shutting_down) + pool.quarantine.fail_all(_shutting_down)
        return refused

    async def close(self) -> None:
        """Stop the timer and the scale-up tasks, and close the connections to all agents."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._asking:
            task.cancel()
        for name in list(self._connections):
            self._drop(name)
        await asyncio.gather(*self._closing, return_exceptions=True)


def _shutting_down() -> DrainingError:
    return DrainingError("the gateway is shutting down; try another one")
