"""`echorator mesh ...`: shows what a controller knows, and changes it."""

from __future__ import annotations

import argparse
import asyncio
import time
from datetime import UTC, datetime

from google.protobuf.message import Message
from grpc import aio

from echorator.cli.output.model_standing import failed_for_good, mesh_condition
from echorator.cli.output.model_tables import mesh_line, models_table, size_of
from echorator.cli.output.rendering import document_of, show
from echorator.cli.output.tables import Column, Table
from echorator.host.connection import channel_to
from echorator.host.exits import CommandError, Exit
from echorator.host.failure import of_status
from echorator.host.running_file import controller_of
from echorator.host.server_roles import CLUSTER_SERVICE, CONTROLLER_SERVICE, Needed, services_of
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1.controller_pb2_grpc import ControllerServiceStub

POLL_S = 0.1


def run(arguments: argparse.Namespace) -> int:
    """Call the controller, print the result and return the exit code. Raises CommandError."""
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    controller = controller_of(arguments.server)
    async with channel_to(controller) as channel:
        stub = ControllerServiceStub(channel)
        try:
            if arguments.mesh_command in _OWN_COMMANDS:
                await _refuse_of_up(controller, arguments)
            shown = await _COMMANDS[arguments.mesh_command](stub, arguments)
        except aio.AioRpcError as error:
            raise await of_status(error, controller, Needed.CONTROLLER) from error
    _print(shown, arguments)
    return Exit.OK


def _print(shown: Message, arguments: argparse.Namespace) -> None:
    """Print the answer: a model, an agent, a list of either, or that a model was deleted."""
    form, wide, document = arguments.output, arguments.output == "wide", document_of(shown)
    match shown:
        case pb.DeleteModelResponse():
            show(form, document, [arguments.name], f"model/{arguments.name} deleted; its agents unload it once their requests have ended")
        case pb.ListAgentsResponse() | pb.Agent():
            agents = shown.agents if isinstance(shown, pb.ListAgentsResponse) else [shown]
            parts = [Table(_AGENT_COLUMNS, [_agent_row(agent) for agent in agents], wide)] if agents else []
            nothing = "no agent is known; echorator serve --controller HOST:PORT joins one"
            show(form, document, [agent.id for agent in agents], *parts, nothing=nothing)
        case pb.ListMeshModelsResponse() | pb.MeshModel():
            models = shown.models if isinstance(shown, pb.ListMeshModelsResponse) else [shown]
            now = datetime.now(UTC)
            tables = [models_table([mesh_line(model, now) for model in models], wide)] if models else []
            nothing = "no model was applied; echorator mesh apply NAME --source SOURCE"
            show(form, document, [model.spec.name for model in models], *tables, nothing=nothing)


async def _refuse_of_up(controller: str, arguments: argparse.Namespace) -> None:
    """Raise CommandError where the controller belongs to a local cluster, whose Models it would contradict."""
    if not {CONTROLLER_SERVICE, CLUSTER_SERVICE} <= (await services_of(controller) or frozenset()):
        return
    at = f" --server {arguments.server}" if arguments.server else ""
    do = {
        "apply": f"write a Model into a file, and echorator apply -f FILE{at}",
        "scale": f"echorator scale model {arguments.name} {getattr(arguments, 'replicas', '')}{at}",
        "delete": f"echorator delete model {arguments.name}{at}",
    }[arguments.mesh_command]
    raise CommandError(f"this controller belongs to an `echorator up`, which keeps its models itself: {do}")


async def _models(stub: ControllerServiceStub, _: argparse.Namespace) -> Message:
    reply: Message = await stub.ListModels(pb.ListMeshModelsRequest())
    return reply


async def _agents(stub: ControllerServiceStub, _: argparse.Namespace) -> Message:
    reply: Message = await stub.ListAgents(pb.ListAgentsRequest())
    return reply


async def _apply(stub: ControllerServiceStub, arguments: argparse.Namespace) -> Message:
    known = {model.spec.name: model for model in (await stub.ListModels(pb.ListMeshModelsRequest())).models}
    spec = pb.ModelSpec(name=arguments.name, replicas=1)
    generation = 0
    if arguments.name in known:
        spec.CopyFrom(known[arguments.name].spec)
        generation = known[arguments.name].generation
    elif not arguments.source:
        raise CommandError(f"{arguments.name} is new: say which file with --source", Exit.USAGE)
    if arguments.source:
        spec.source = arguments.source
    if arguments.replicas is not None:
        spec.replicas = arguments.replicas
    for option in ("slots", "context_tokens"):
        if getattr(arguments, option) is not None:
            setattr(spec.options, option, getattr(arguments, option))
    if arguments.by_session is not None:
        spec.routing.load_balancing = pb.LOAD_BALANCING_SESSION if arguments.by_session else pb.LOAD_BALANCING_WEIGHTED
    applied = await stub.ApplyModel(pb.ApplyModelRequest(spec=spec, generation=generation))
    return await _ready(stub, applied, arguments.wait)


async def _scale(stub: ControllerServiceStub, arguments: argparse.Namespace) -> Message:
    scaled = await stub.ScaleModel(pb.ScaleModelRequest(name=arguments.name, replicas=arguments.replicas))
    return await _ready(stub, scaled, arguments.wait)


async def _delete(stub: ControllerServiceStub, arguments: argparse.Namespace) -> Message:
    reply: Message = await stub.DeleteModel(pb.DeleteModelRequest(name=arguments.name))
    return reply


async def _drain(stub: ControllerServiceStub, arguments: argparse.Namespace) -> Message:
    reply: Message = await stub.DrainAgent(pb.DrainAgentRequest(id=arguments.id, undo=arguments.undo))
    return reply


_COMMANDS = {"models": _models, "agents": _agents, "apply": _apply, "scale": _scale, "delete": _delete, "drain": _drain}
_OWN_COMMANDS = ("apply", "scale", "delete")  # what only a controller alone may be told, since the local cluster of an `up` has Models


async def _ready(stub: ControllerServiceStub, model: pb.MeshModel, wait_s: float) -> pb.MeshModel:
    """Return the model once all of its replicas serve it; as it is if `wait_s` is 0. Raises CommandError."""
    deadline_s = time.monotonic() + wait_s
    while wait_s:
        model = await stub.GetModel(pb.GetMeshModelRequest(name=model.spec.name))
        conditions = {c.type: c for c in model.status.conditions}
        if model.status.observed_generation >= model.generation:
            if conditions["Ready"].status == pb.CONDITION_STATUS_TRUE:
                break
            if failed_for_good(model):
                raise CommandError(conditions["Degraded"].message)
        if time.monotonic() > deadline_s:
            raise CommandError(f"{model.spec.name} was not ready within {wait_s:g} s: {mesh_condition(model)}", Exit.UNAVAILABLE)
        await asyncio.sleep(POLL_S)
    return model


_AGENT_COLUMNS = (
    "ID",
    "STATE",
    Column("SLOTS", right=True),
    Column("FREE", right=True),
    "ADDRESS",
    Column("ZONE", spare=True),
    Column("VERSION", wide=True),
    Column("MEMORY", right=True, wide=True),
    Column("MEMORY-AT", wide=True),
    "MODELS",
)


def _agent_row(agent: pb.Agent) -> list[object]:
    models = ", ".join(f"{m.name} ({pb.AgentModelState.Name(m.state).removeprefix('AGENT_MODEL_STATE_').lower()})" for m in agent.models)
    state = pb.AgentState.Name(agent.state).removeprefix("AGENT_STATE_").capitalize()
    busy = f"{sum(m.busy for m in agent.models)}/{sum(m.slots for m in agent.models)}"
    free, memory = size_of(agent.memory_free_bytes), size_of(agent.memory_bytes)
    return [agent.id, state, busy, free, agent.address, agent.zone, agent.version, memory, agent.memory.address, models]
