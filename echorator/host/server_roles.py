"""Says which role a server has, for a command that was given the address of the wrong one. It asks the server's reflection.

A controller answers calls of ModelService itself, to refuse them to xDS clients in words, so that the status of a call does not tell.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from grpc import aio
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from echorator.host.connection import channel_to
from echorator.ports import AGENT_PORT, CONTROLLER_PORT, GATEWAY_PORT, MEMORY_PORT
from echorator.rpc.v1 import cluster_pb2, cognition_pb2, controller_pb2, model_pb2

ASK_S = 2.0  # time for the server to list its services
NO_GRPC = "Failed parsing HTTP/2"  # in the words of gRPC, where a server answers in another protocol

CLUSTER_SERVICE = cluster_pb2.DESCRIPTOR.services_by_name["ClusterService"].full_name
CONTROLLER_SERVICE = controller_pb2.DESCRIPTOR.services_by_name["ControllerService"].full_name
MEMORY_SERVICE = cognition_pb2.DESCRIPTOR.services_by_name["CognitionService"].full_name
MODEL_SERVICE = model_pb2.DESCRIPTOR.services_by_name["ModelService"].full_name


@dataclass(frozen=True)
class _Needed:
    service: str  # fully qualified
    started_by: str  # the command without `echorator`
    where: str


class Needed(enum.Enum):
    """The kind of server that a command needs."""

    MODELS = _Needed(MODEL_SERVICE, "serve", f"an agent (port {AGENT_PORT}) or a gateway (port {GATEWAY_PORT})")
    MEMORY = _Needed(MEMORY_SERVICE, "serve --with-memory", f"a memory (port {MEMORY_PORT}), or an agent or a gateway that has one")
    CONTROLLER = _Needed(CONTROLLER_SERVICE, "controller", f"a controller (port {CONTROLLER_PORT})")
    MESH = _Needed(CONTROLLER_SERVICE, "up", f"the controller of `echorator up` (port {CONTROLLER_PORT})")
    RESOURCES = _Needed(CLUSTER_SERVICE, "up", f"the controller of `echorator up` (port {CONTROLLER_PORT})")
    CONTAINERS = _Needed(CLUSTER_SERVICE, "cluster run", f"a local cluster, of `cluster run` or `up` (port {CONTROLLER_PORT})")


async def services_of(server: str) -> frozenset[str] | None:
    """Return the fully qualified names of the services of the server at HOST:PORT; None where it does not list them within ASK_S."""
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    async with channel_to(server) as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]), timeout=ASK_S)
        try:
            async for answer in call:
                return frozenset(service.name for service in answer.list_services_response.service)
        except aio.AioRpcError:
            return None
    return None


async def mistaken(server: str, needed: Needed) -> str:
    """Return what the server at HOST:PORT is and which one to name instead; "" where it is of the needed kind, or does not tell."""
    services = await services_of(server)
    if services is None or needed.value.service in services:
        return ""
    what, by = _role(services, server)
    return f"{server} is {what}, not {needed.value.where}; name such a server{f', or ask this one by {by}' if by else ''}"


def _role(services: frozenset[str], server: str) -> tuple[str, str]:
    """Return the role of a server with these services, and the command that asks it ("" for none). Pure."""
    if CONTROLLER_SERVICE in services and CLUSTER_SERVICE in services:
        return "the controller of an `echorator up`", f"`echorator get models --server {server}`"
    if CONTROLLER_SERVICE in services:
        return "a controller without a local cluster", f"`echorator mesh models --server {server}`"
    if CLUSTER_SERVICE in services:
        return "a local cluster without a mesh", f"`echorator get all --server {server}`"
    if MODEL_SERVICE in services:
        return "an agent or a gateway", f"`echorator models --server {server}`"
    if MEMORY_SERVICE in services:
        return "a memory", f"`echorator memory stats --server {server}`"
    return "a gRPC server, but none of Echorator", ""
