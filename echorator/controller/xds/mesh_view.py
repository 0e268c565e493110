"""The mesh as xDS clients are to see it, in plain values: one `Route` a model. Reads fleet and models; feeds `snapshot` and `resources`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from echorator.controller.fleet import AgentRecord
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.serving.address import host_port

QUEUE_PER_AGENT = 16
RETRIES = 1  # at most: the call itself may have ended the agent, and clients do not know of each other's attempts
EJECTION_FAILURES = 5


@dataclass(frozen=True, order=True)
class Endpoint:
    """A ready agent as an endpoint of a model, ordered by priority and zone."""

    priority: int
    zone: str
    host: str
    port: int
    slots: int


@dataclass(frozen=True)
class Route:
    """One model: its endpoints, and how clients choose among them."""

    name: str
    endpoints: tuple[Endpoint, ...]
    by_session: bool = False
    queue_per_agent: int = QUEUE_PER_AGENT
    retries: int = RETRIES
    ejection_failures: int = EJECTION_FAILURES


@dataclass(frozen=True)
class MeshView:
    """All models by name, and the addresses of the gateways, which take calls that no agent can take."""

    routes: tuple[Route, ...]
    gateways: tuple[tuple[str, int], ...]


def view_of(records: Sequence[AgentRecord], models: Iterable[pb.MeshModel], gateways: Sequence[str]) -> MeshView:
    """Return the view; a model without a ready agent has a route too, so that calls wait at a gateway or fail at once, not after 15 s."""
    specs = {model.spec.name: model.spec for model in models}
    names = sorted(specs.keys() | {name for record in records for name in record.models})
    return MeshView(tuple(_route(name, specs.get(name), records) for name in names), tuple(host_port(a, "gateway") for a in gateways))


def _route(name: str, spec: pb.ModelSpec | None, records: Sequence[AgentRecord]) -> Route:
    endpoints = []
    for record in records:
        if record.serves(name):
            host, port = host_port(record.agent.address, "agent")
            endpoints.append(Endpoint(record.agent.priority, record.agent.zone, host, port, max(1, record.models[name].slots)))
    routing = spec.routing if spec is not None else pb.Routing()
    return Route(
        name,
        tuple(sorted(endpoints)),
        routing.load_balancing == pb.LOAD_BALANCING_SESSION,
        routing.queue_per_agent if routing.HasField("queue_per_agent") else QUEUE_PER_AGENT,
        min(routing.retries, RETRIES) if routing.HasField("retries") else RETRIES,
        routing.ejection_failures if routing.HasField("ejection_failures") else EJECTION_FAILURES,
    )
