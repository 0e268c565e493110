"""Validates the messages that the controller receives: model specs, registrations of agents, reports of gateways.

Pure; used by `service` and `sessions`.
"""

from __future__ import annotations

import re

from echorator.errors import EchoratorError, InvalidRequestError
from echorator.ranged import within
from echorator.rpc import SESSION_PROTOCOL
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.serving.address import host_port
from echorator.settings import MOST_REPLICAS

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
_AGENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}")


class ProtocolError(EchoratorError):
    """An agent speaks another version of the Session protocol, or violates the protocol."""


def check_spec(spec: pb.ModelSpec) -> None:
    """Check a model's spec; raises InvalidRequestError that names the field and its valid values."""
    if not _MODEL.fullmatch(spec.name):
        raise InvalidRequestError(f"spec.name {spec.name[:140]!r} is not fit: 1..128 letters, digits or -_.:/ and a letter or digit first")
    if not spec.source:
        raise InvalidRequestError('spec.source is empty; name a GGUF file on the agents\' machines, or "echo-nano", the embedded model')
    if "\0" in spec.source or len(spec.source) > 4096:
        raise InvalidRequestError("spec.source must be a path of at most 4096 characters without NUL")
    check_replicas(spec.replicas, "spec.replicas")
    routing = spec.routing
    for field, high in (("queue_per_agent", 100_000), ("retries", 1), ("ejection_failures", 10_000)):
        if routing.HasField(field):
            within(getattr(routing, field), 0, high, f"spec.routing.{field}")


def check_replicas(replicas: int, field: str = "replicas") -> None:
    """Check a number of replicas; raises InvalidRequestError outside 0..`MOST_REPLICAS`."""
    within(replicas, 0, MOST_REPLICAS, field)


def check_register(asked: mesh_pb2.Register) -> None:
    """Check a registration; raises ProtocolError for another protocol version, InvalidRequestError that names a wrong field."""
    if asked.protocol != SESSION_PROTOCOL:
        raise ProtocolError(
            f"this controller speaks version {SESSION_PROTOCOL} of the session protocol, the agent {asked.protocol} "
            f"(Echorator {asked.version or '?'}); update the older of the two"
        )
    if not _AGENT.fullmatch(asked.id):
        raise InvalidRequestError(f"agent id {asked.id[:140]!r} is not fit: 1..128 letters, digits or -_.:@/ and a letter or digit first")
    if not asked.instance:
        raise InvalidRequestError("register.instance is empty; it tells two processes with one id apart")
    host_port(asked.address, "register.address")
    if asked.for_model and not _MODEL.fullmatch(asked.for_model):
        raise InvalidRequestError(f"register.for_model {asked.for_model[:140]!r} is no name of a model")
    within(asked.priority, 0, 127, "register.priority")


def check_gateway(report: mesh_pb2.GatewayReport) -> None:
    """Check a gateway's report; raises InvalidRequestError where its address is neither empty nor HOST:PORT."""
    if report.address:
        host_port(report.address, "address")


def loads_again(before: pb.ModelSpec, after: pb.ModelSpec) -> bool:
    """Tell whether agents have to load the model again: its file or engine options changed; replicas and routing do not matter."""
    return before.source != after.source or before.options != after.options
