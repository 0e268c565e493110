"""The state of the whole mesh as plain values, read from the controller, the cluster and the gateway's metrics. Feeds `status_view`."""

from __future__ import annotations

import asyncio
import urllib.request
from dataclasses import dataclass
from typing import Any

import grpc
from grpc import aio
from prometheus_client.parser import text_string_to_metric_families

from echorator.cli.output.model_standing import ModelStanding, standing_in_mesh, standing_of
from echorator.cluster.messages import document_of_message
from echorator.cluster.resources import ContainerPhase, Kind
from echorator.rpc.v1 import cluster_pb2, controller_pb2
from echorator.rpc.v1.cluster_pb2_grpc import ClusterServiceStub
from echorator.rpc.v1.controller_pb2_grpc import ControllerServiceStub

METRICS_S = 2.0
WAITING = "echorator_gateway_buffer_requests"
CALL_S = 5.0


@dataclass(frozen=True)
class ModelLine:
    """The state of one model, with the load of all agents that serve it."""

    name: str
    stands: ModelStanding
    busy: int
    slots: int
    queued: int
    tokens_per_s: float


@dataclass(frozen=True)
class AgentLine:
    """The state of one agent. `served` names its models; `says` is its last error while it is not ready."""

    name: str
    state: str
    served: tuple[str, ...]
    busy: int
    slots: int
    queued: int
    tokens_per_s: float
    restarts: int
    says: str

    @property
    def models(self) -> str:
        """Return the names of its models in words."""
        return ", ".join(self.served) or "-"


@dataclass(frozen=True)
class MeshStatus:
    """The state of the mesh. `waiting` is the number of requests in the gateway's buffer, None if the gateway cannot be asked."""

    models: tuple[ModelLine, ...]
    agents: tuple[AgentLine, ...]
    waiting: int | None


async def read_status(channel: aio.Channel, http: str) -> MeshStatus:
    """Read the state of the mesh. `http` is the gateway's HTTP address, "" for none. Raises aio.AioRpcError."""
    controller, cluster = ControllerServiceStub(channel), ClusterServiceStub(channel)
    mesh_models = (await controller.ListModels(controller_pb2.ListMeshModelsRequest(), timeout=CALL_S)).models
    agents = (await controller.ListAgents(controller_pb2.ListAgentsRequest(), timeout=CALL_S)).agents
    try:
        listed = (await cluster.List(cluster_pb2.ListResourcesRequest(), timeout=CALL_S)).resources
    except aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
            raise
        listed = []  # type: ignore[assignment]  # a controller without a local cluster has no resources
    return status_of(list(mesh_models), list(agents), [document_of_message(r) for r in listed], await _waiting(http))


async def _waiting(http: str) -> int | None:
    def read() -> int | None:
        try:
            with urllib.request.urlopen(f"http://{http}/metrics?name[]={WAITING}", timeout=METRICS_S) as answer:
                text = answer.read().decode()
        except OSError:
            return None
        for family in text_string_to_metric_families(text):
            if family.name == WAITING:
                return int(sum(sample.value for sample in family.samples))
        return None

    return await asyncio.to_thread(read) if http else None


def status_of(
    mesh_models: list[controller_pb2.MeshModel],
    agents: list[controller_pb2.Agent],
    resources: list[dict[str, Any]],
    waiting: int | None,
) -> MeshStatus:
    """Combine the answers of controller and cluster with the gateway's number of waiting requests. Pure."""
    by_name = {model.spec.name: model for model in mesh_models}
    documents = {(r["kind"], r["metadata"]["name"]): r for r in resources}
    named = sorted(by_name.keys() | {name for kind, name in documents if kind == Kind.MODEL.value})
    models = tuple(_model(name, by_name.get(name), documents.get((Kind.MODEL.value, name)), agents) for name in named)
    known = {agent.id: agent for agent in agents}
    containers = {name: r for (kind, name), r in documents.items() if kind == Kind.CONTAINER.value and "agent" in r["spec"]}
    return MeshStatus(models, tuple(_agent(n, known.get(n), containers.get(n)) for n in sorted(known.keys() | containers.keys())), waiting)


def _model(
    name: str, mesh: controller_pb2.MeshModel | None, document: dict[str, Any] | None, agents: list[controller_pb2.Agent]
) -> ModelLine:
    """Return the state of a model of which at least one of `mesh` and `document` is there; the document knows more."""
    served = [m for agent in agents for m in agent.models if m.name == name]
    return ModelLine(
        name,
        standing_of(document) if document is not None else standing_in_mesh(mesh or controller_pb2.MeshModel()),
        sum(m.busy for m in served),
        sum(m.slots for m in served),
        sum(m.queued for m in served),
        sum(m.tokens_per_s for m in served),
    )


def _agent(name: str, agent: controller_pb2.Agent | None, container: dict[str, Any] | None) -> AgentLine:
    status = container["status"] if container is not None else {}
    says = str(status.get("lastError", "")) if not status.get("ready") else ""
    if agent is None:
        served = (str(container["spec"]["agent"]["model"]),) if container else ()
        return AgentLine(name, _short(str(status.get("phase", ""))), served, 0, 0, 0, 0.0, 0, says)
    state = controller_pb2.AgentState.Name(agent.state).removeprefix("AGENT_STATE_").capitalize()
    models = agent.models
    return AgentLine(
        name,
        state,
        tuple(m.name for m in models),
        sum(m.busy for m in models),
        sum(m.slots for m in models),
        sum(m.queued for m in models),
        sum(m.tokens_per_s for m in models),
        int(status.get("restarts", 0)),
        says,
    )


def _short(phase: str) -> str:
    """Shorten CrashLoopBackOff for a narrow column."""
    return "BackOff" if phase == ContainerPhase.BACKING_OFF else phase
