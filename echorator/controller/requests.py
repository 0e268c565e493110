"""From messages to values that hold: what may be a model's spec and an agent's registration. Pure; feeds `service`."""

from __future__ import annotations

import re

from echorator.errors import EchoratorError, InvalidRequestError
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.serving.address import host_port

PROTOCOL = 1
MAX_REPLICAS = 10_000

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
_AGENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}")


class ProtocolError(EchoratorError):
    """The other side speaks another version of the Session protocol, or not the Session protocol at all."""


def check_spec(spec: pb.ModelSpec) -> None:
    """Raises InvalidRequestError, naming the field and what it may be."""
    if not _MODEL.fullmatch(spec.name):
        raise InvalidRequestError(f"spec.name {spec.name[:140]!r} is not fit: 1..128 letters, digits or -_.:/ and a letter or digit first")
    if not spec.source:
        raise InvalidRequestError('spec.source is empty; name a GGUF file on the agents\' machines, or "echo-nano", the embedded model')
    if "\0" in spec.source or len(spec.source) > 4096:
        raise InvalidRequestError("spec.source must be a path of at most 4096 characters without NUL")
    check_replicas(spec.replicas, "spec.replicas")
    routing = spec.routing
    if routing.load_balancing not in pb.LoadBalancing.values():
        raise InvalidRequestError(f"spec.routing.load_balancing must be 1 (weighted) or 2 (session), not {routing.load_balancing}")
    for field, high in (("queue_per_agent", 100_000), ("retries", 4), ("ejection_failures", 10_000)):
        if routing.HasField(field) and not 0 <= getattr(routing, field) <= high:
            raise InvalidRequestError(f"spec.routing.{field} must be 0..{high}, not {getattr(routing, field)}")


def check_replicas(replicas: int, field: str = "replicas") -> None:
    """Raises InvalidRequestError when out of range."""
    if not 0 <= replicas <= MAX_REPLICAS:
        raise InvalidRequestError(f"{field} must be 0..{MAX_REPLICAS}, not {replicas}")


def check_register(asked: pb.Register) -> None:
    """Raises ProtocolError for another protocol version, InvalidRequestError naming the field."""
    if asked.protocol != PROTOCOL:
        raise ProtocolError(
            f"this controller speaks version {PROTOCOL} of the session protocol, the agent {asked.protocol} "
            f"(Echorator {asked.version or '?'}); update the older of the two"
        )
    if not _AGENT.fullmatch(asked.id):
        raise InvalidRequestError(f"agent id {asked.id[:140]!r} is not fit: 1..128 letters, digits or -_.:@/ and a letter or digit first")
    if not asked.instance:
        raise InvalidRequestError("register.instance is empty; it tells two processes with one id apart")
    host_port(asked.address, "register.address")
    if asked.for_model and not _MODEL.fullmatch(asked.for_model):
        raise InvalidRequestError(f"register.for_model {asked.for_model[:140]!r} is no name of a model")
    if not 0 <= asked.priority <= 127:
        raise InvalidRequestError(f"register.priority must be 0..127, not {asked.priority}")


def loads_again(before: pb.ModelSpec, after: pb.ModelSpec) -> bool:
    """Whether agents have to load the model again: another file or other engine options; replicas and routing do not matter."""
    return before.source != after.source or before.options != after.options
