"""The agents and models that this gateway knows: a connection for each agent, and a pool for each model.

Only this module adds and removes agents, connections, places and pools, as the controller reports them. Fed by `fleet_view` (through
`model_health`); `dispatcher` takes slots from the pools. Runs on one event loop.
"""

from __future__ import annotations

import asyncio

from echorator.errors import ModelNotFoundError
from echorator.gateway.balancing.agents import Connection, Place
from echorator.gateway.balancing.buffer import Room
from echorator.gateway.balancing.circuit_breaker import State
from echorator.gateway.balancing.pool import Pool
from echorator.gateway.settings import GatewaySettings
from echorator.gateway.waking import Waking
from echorator.model_names import no_adapter, parts_of
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.telemetry import gateway_metrics as metrics


class Fleet:
    """The pools of all models and the connections to all agents of this gateway; a `fleet_view.Listener`."""

    def __init__(self, settings: GatewaySettings, gateway_id: str, waking: Waking) -> None:
        self.room = Room(settings.buffer_requests, settings.buffer_bytes)  # all buffers share it; bodies that HTTP is reading count, too
        self._settings = settings
        self._id = gateway_id
        self._waking = waking
        self._pools: dict[str, Pool] = {}  # Invariant: each pool has a place, or its model is wanted
        self._connections: dict[str, Connection] = {}  # Invariant: has the same ids as `_agents`
        self._agents: dict[str, pb.Agent] = {}
        self._closing: set[asyncio.Task[None]] = set()

    # Reports of the controller, see `fleet_view.Listener`

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
            place = Place(connection, pool.pump)
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
            pool.pump()

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
                place.withdraw()
                pool.turn_ring()
                self._forget_empty(pool)
        closing = connection.close()
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def model_changed(self, model: pb.MeshModel) -> None:
        """Adopt a model's spec and status; asks for an agent where requests wait for a model that is scaled to zero."""
        pool = self._pool(model.spec.name)
        pool.wanted = model
        self._waking.model_changed(pool)

    def model_removed(self, name: str) -> None:
        """Forget a model's spec; its waiting requests fail with ModelNotFoundError where no agent has the model."""
        pool = self._pools.get(name)
        if pool is not None:
            pool.wanted = None
            self._forget_empty(pool)

    def _pool(self, name: str) -> Pool:
        pool = self._pools.get(name)
        if pool is None:
            pool = self._pools[name] = Pool(name, self.room, self._settings)
        return pool

    def _forget_empty(self, pool: Pool) -> None:
        if not pool.places and pool.wanted is None:
            self._pools.pop(pool.name, None)
            pool.buffer.fail_all(lambda: ModelNotFoundError(f"the model {pool.name!r} was deleted while the request waited for it"))

    def held(self) -> dict[str, int]:
        """Return the number of requests that wait for a slot, by model; models without any are left out."""
        return {name: len(pool.buffer) for name, pool in self._pools.items() if len(pool.buffer)}

    # Queries

    def agents(self) -> list[pb.Agent]:
        """Return all agents, each as the controller reported it last."""
        return list(self._agents.values())

    def pools(self) -> list[Pool]:
        """Return the pools of all models."""
        return list(self._pools.values())

    def models(self) -> list[str]:
        """Return the names of all models that a request may name, sorted."""
        return sorted(self._pools)

    def find(self, name: str) -> Pool:
        """Return the pool of a model, which is named alone or as MODEL:ADAPTER, for "" the only pool.

        Raises:
            ModelNotFoundError: there is none, or the model's spec does not have the adapter; the message has the known names (at most 20).
        """
        model, adapter = parts_of(name, self._pools)
        pool = self._pools.get(model)
        if pool is not None:
            if adapter and pool.wanted is not None and adapter not in pool.adapters:
                raise ModelNotFoundError(no_adapter(model, adapter, pool.adapters))
            return pool
        if not name and len(self._pools) == 1:
            return next(iter(self._pools.values()))
        known = ", ".join(self.models()[:20]) or "none"
        if name:
            raise ModelNotFoundError(f"no model {name[:128]!r} is served here; served: {known}")
        raise ModelNotFoundError(f"name one of the models that are served: {known}")

    def observe(self) -> None:
        """Set the gauges of waiting requests, agents and open circuit breakers."""
        metrics.waiting.set(self.room.requests)
        metrics.waiting_bytes.set(self.room.bytes)
        metrics.agents.set(len(self._connections))
        metrics.open_breakers.set(sum(c.breaker.state is not State.CLOSED for c in self._connections.values()))

    async def close(self) -> None:
        """Close the connections to all agents."""
        for name in list(self._connections):
            self._drop(name)
        await asyncio.gather(*self._closing, return_exceptions=True)
