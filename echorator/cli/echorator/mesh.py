"""`echorator mesh ...`: shows what a controller knows, and changes it."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from grpc import aio

from echorator.cli.output.model_standing import mesh_condition
from echorator.cli.output.tables import print_table
from echorator.host.connection import channel_to
from echorator.host.exits import CommandError, Exit
from echorator.host.failure import of_status
from echorator.host.running_file import controller_of
from echorator.host.server_roles import Needed
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.rpc.v1.controller_pb2_grpc import ControllerServiceStub

POLL_S = 0.1


def run(arguments: argparse.Namespace) -> int:
    """Call the controller, print the result and return the exit code. Raises CommandError."""
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    controller = controller_of(arguments.controller)
    async with channel_to(controller) as channel:
        stub = ControllerServiceStub(channel)
        try:
            shown = await _COMMANDS[arguments.mesh_command](stub, arguments)
        except aio.AioRpcError as error:
            raise await of_status(error, controller, Needed.CONTROLLER) from error
    if arguments.output == "json":
        print(json.dumps([_dict(message) for message in shown], ensure_ascii=False, indent=2))
    elif arguments.mesh_command in ("agents", "drain"):
        print_table(("id", "state", "address", "zone", "models", "busy", "free MiB"), [_agent_row(m) for m in shown])
    elif arguments.mesh_command != "delete":
        print_table(("name", "ready", "asked", "slots", "busy", "generation", "source", "says"), [_model_row(m) for m in shown])
    return Exit.OK


async def _models(stub: ControllerServiceStub, _: argparse.Namespace) -> Sequence[Any]:
    return (await stub.ListModels(pb.ListMeshModelsRequest())).models


async def _agents(stub: ControllerServiceStub, _: argparse.Namespace) -> Sequence[Any]:
    return (await stub.ListAgents(pb.ListAgentsRequest())).agents


async def _apply(stub: ControllerServiceStub, arguments: argparse.Namespace) -> Sequence[Any]:
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
    return [await _ready(stub, applied, arguments.wait)]


async def _scale(stub: ControllerServiceStub, arguments: argparse.Namespace) -> Sequence[Any]:
    scaled = await stub.ScaleModel(pb.ScaleModelRequest(name=arguments.name, replicas=arguments.replicas))
    return [await _ready(stub, scaled, arguments.wait)]


async def _delete(stub: ControllerServiceStub, arguments: argparse.Namespace) -> Sequence[Any]:
    await stub.DeleteModel(pb.DeleteModelRequest(name=arguments.name))
    return []


async def _drain(stub: ControllerServiceStub, arguments: argparse.Namespace) -> Sequence[Any]:
    return [await stub.DrainAgent(pb.DrainAgentRequest(id=arguments.id, undo=arguments.undo))]


_COMMANDS = {"models": _models, "agents": _agents, "apply": _apply, "scale": _scale, "delete": _delete, "drain": _drain}


async def _ready(stub: ControllerServiceStub, model: pb.MeshModel, wait_s: float) -> pb.MeshModel:
    """Return the model once all of its replicas serve it; as it is if `wait_s` is 0. Raises CommandError."""
    deadline_s = time.monotonic() + wait_s
    while wait_s:
        model = await stub.GetModel(pb.GetMeshModelRequest(name=model.spec.name))
        conditions = {c.type: c for c in model.status.conditions}
        if model.status.observed_generation >= model.generation:
            if conditions["Ready"].status == pb.CONDITION_STATUS_TRUE:
                break
            if conditions["Degraded"].reason == "ConfigurationError":
                raise CommandError(conditions["Degraded"].message)
        if time.monotonic() > deadline_s:
            raise CommandError(f"{model.spec.name} was not ready within {wait_s:g} s: {mesh_condition(model)}", Exit.UNAVAILABLE)
        await asyncio.sleep(POLL_S)
    return model


def _model_row(model: pb.MeshModel) -> list[object]:
    status, spec = model.status, model.spec
    return [spec.name, status.ready, spec.replicas, status.slots, status.busy, model.generation, spec.source, mesh_condition(model)]


def _agent_row(agent: pb.Agent) -> list[object]:
    models = ", ".join(f"{m.name} ({pb.AgentModelState.Name(m.state).removeprefix('AGENT_MODEL_STATE_').lower()})" for m in agent.models)
    state = pb.AgentState.Name(agent.state).removeprefix("AGENT_STATE_").lower()
    busy = f"{sum(m.busy for m in agent.models)}/{sum(m.slots for m in agent.models)}"
    return [agent.id, state, agent.address, agent.zone, models or "none", busy, agent.memory_free_bytes >> 20]


def _dict(message: Message) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
