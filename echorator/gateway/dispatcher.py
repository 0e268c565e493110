"""Brings requests and agents together: a slot at once where one is free, a place in the buffer where none is.

A request is given to an agent when a slot becomes free, an agent becomes ready or its circuit breaker lets one through; a model at
zero is asked for at the controller when the first request for it comes. Fed by `fleet_view` (it is its listener) and `forwarding`;
decisions are `balancer`'s. Runs on one event loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection

from grpc import aio

from echorator.errors import DrainingError, EchoratorError, ModelNotFoundError
from echorator.gateway.agents import Connection, Place
from echorator.gateway.balancer import Want, assign
from echorator.gateway.buffer import Room, Waiting, WaitTimeoutError
from echorator.gateway.circuit_breaker import State
from echorator.gateway.pool import Pool
from echorator.gateway.settings import GatewaySettings
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.telemetry import gateway_metrics as metrics

_log = logging.getLogger(__name__)

WAKE_AGAIN_S = 2.0  # a controller that was asked for an agent is not asked again for this long


class NoAgentError(EchoratorError):
    """No agent serves the model, and none came in time."""

    retryable = True


class Dispatcher:
    """Pools by model."""

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

    # What the controller says

    def agent_changed(self, agent: pb.Agent) -> None:
        """See `fleet_view.Listener`."""
        known = self._connections.get(agent.id)
        back = known is not None and known.state == pb.AGENT_STATE_LOST and agent.state != pb.AGENT_STATE_LOST
        if known is not None and (known.address != agent.address or (back and not known.attempts)):
            self._drop(agent.id)  # another process, most likely: its connection begins without a backoff
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
        """See `fleet_view.Listener`."""
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
        """See `fleet_view.Listener`."""
        pool = self._pool(model.spec.name)
        pool.wanted = model
        if model.spec.replicas:
            pool.woken_s = float("-inf")  # it was heard
        elif len(pool.buffer) or pool.light:
            self._wake(pool)

    def model_removed(self, name: str) -> None:
        """See `fleet_view.Listener`."""
        pool = self._pools.get(name)
        if pool is not None:
            pool.wanted = None
            self._forget_empty(pool)

    def _pool(self, name: str) -> Pool:
        pool = self._pools.get(name)
        if pool is None:
            pool = self._pools[name] = Pool(name, self._room)
        return pool

    def _forget_empty(self, pool: Pool) -> None:
        if not pool.places and pool.wanted is None:
            self._pools.pop(pool.name, None)
            for waiting in pool.buffer.peek(len(pool.buffer)):
                pool.buffer.leave(waiting)
                waiting.future.set_exception(ModelNotFoundError(f"the model {pool.name!r} was deleted while the request waited for it"))

    # What clients see

    def agents(self) -> list[pb.Agent]:
        """As the controller said last."""
        return list(self._agents.values())

    def models(self) -> list[str]:
        """Names that may be asked for."""
        return sorted(self._pools)

    def find(self, name: str) -> Pool:
        """The pool of a model; the only one for an empty name. Raises ModelNotFoundError, naming those that are known."""
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
    def waiting(self) -> int:
        """Requests that wait for an agent."""
        return self._room.requests

    def held(self) -> dict[str, int]:
        """Those that wait for a slot, by model."""
        return {name: len(pool.buffer) for name, pool in self._pools.items() if len(pool.buffer)}

    # Slots

    def take_now(self, pool: Pool, key: int | None, without: Collection[str] = ()) -> Place | None:
        """A slot, if one is free and nobody waits for it."""
        if len(pool.buffer):
            return None
        chosen = assign((Want(key, without, pool.warm.where(key)),), pool.candidates, pool.ring, self._settings.load_factor)
        return self._sent(pool, pool.places[chosen[0]], key) if chosen else None

    async def take(
        self, pool: Pool, key: int | None, priority: int, size: int, wait_s: float, without: Collection[str] = (), again: bool = False
    ) -> Place:
        """A slot, waiting for one; the caller must `give_back` it.

        Args:
            pool: of the model.
            key: of the prefix, for affinity.
            priority: the higher is served first.
            size: bytes of the request, while it is held.
            wait_s: at most.
            without: agents that failed the request.
            again: an agent gave it back: it goes before all others of its priority.

        Raises:
            QueueFullError: there is no room for it.
            NoAgentError: no agent came in time.
            WaitTimeoutError: all agents were busy for all that time.
            DrainingError: the gateway shuts down.
        """
        if self._draining:
            raise DrainingError("the gateway is shutting down; try another one")
        at_once = self.take_now(pool, key, without)
        if at_once is not None:
            return at_once
        now_s = time.monotonic()
        waiting = Waiting(asyncio.get_running_loop().create_future(), key, priority, size, without, now_s)
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
        return await self.take(pool, key, priority, size, wait_s - (time.monotonic() - now_s), without, again=True)  # it has gone since

    def _sent(self, pool: Pool, place: Place, key: int | None) -> Place:
        place.connection.sent()
        pool.warm.sent(key, place.name)
        return place

    def give_back(self, pool: Pool, place: Place, key: int | None) -> None:
        """The request has ended, or goes elsewhere."""
        pool.warm.ended(key)
        self._free(pool, place)

    def _free(self, pool: Pool, place: Place) -> None:
        place.give_back()
        if len(pool.buffer):
            self._pump(pool)

    def _pump(self, pool: Pool) -> None:
        """Give what waits to whoever is free."""
        for future in pool.light:
            if not future.done():
                future.set_result(None)
        pool.light.clear()
        while len(pool.buffer):
            agents = pool.candidates
            free = sum(p.slots - p.taken for p in agents.values() if p.open and p.taken < p.slots)
            batch = pool.buffer.peek(free)
            keys = Counter(w.key for w in batch)  # one that several have is a common beginning, not a conversation
            wants = [Want(w.key, w.without, pool.warm.where(w.key) if keys[w.key] == 1 else None) for w in batch]
            chosen = assign(wants, agents, pool.ring, self._settings.load_factor)
            for waiting, name in zip(batch, chosen, strict=False):
                pool.buffer.give(waiting, pool.places[name])
            if len(chosen) < free or not chosen:
                break

    # Calls that take no slot

    async def any_agent(self, pool: Pool, wait_s: float, without: Collection[str] = ()) -> Place:
        """The agent with the fewest such calls, waiting until there is one. Raises NoAgentError, DrainingError."""
        begin_s = time.monotonic()
        while True:
            if self._draining:
                raise DrainingError("the gateway is shutting down; try another one")
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
        """A model at zero: ask for an agent."""
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
        self._set_timer_if_finite(min((pool.buffer.expire(now_s) for pool in self._pools.values()), default=float("inf")))

    def _set_timer_if_finite(self, due_s: float) -> None:
        if due_s != float("inf"):
            self._set_timer(due_s)

    def observe(self) -> None:
        """Bring the gauges up to date."""
        metrics.waiting.set(self._room.requests)
        metrics.waiting_bytes.set(self._room.bytes)
        metrics.agents.set(len(self._connections))
        metrics.open_breakers.set(sum(c.breaker.state is not State.CLOSED for c in self._connections.values()))

    # Leaving

    def stop_admission(self) -> None:
        """Take nothing more; what waits goes on waiting."""
        self._draining = True

    def cancel_waiting(self) -> int:
        """Refuse all that waits. Returns how many."""
        refused = 0
        for pool in self._pools.values():
            for waiting in pool.buffer.peek(len(pool.buffer)):
                pool.buffer.leave(waiting)
                waiting.future.set_exception(DrainingError("the gateway is shutting down; try another one"))
                refused += 1
        return refused

    async def close(self) -> None:
        """Close every connection."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._asking:
            task.cancel()
        for name in list(self._connections):
            self._drop(name)
        await asyncio.gather(*self._closing, return_exceptions=True)
