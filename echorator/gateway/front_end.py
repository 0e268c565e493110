"""The common base of the gateway's gRPC and HTTP servers: it counts the calls, forwards them, and maps errors to status codes.

It is the only place of the gateway that chooses gRPC status codes. `passthrough` and `http.api` use it to answer clients.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import grpc

from echorator.errors import DrainingError, EchoratorError, InvalidRequestError, ModelNotFoundError, QueueFullError
from echorator.gateway.balancing.buffer import WaitTimeoutError
from echorator.gateway.balancing.quarantine import LastAgentError
from echorator.gateway.dispatcher import NoAgentError
from echorator.gateway.fleet import Fleet
from echorator.gateway.forwarding import AgentLostError, Call, Forwarding, StatusError
from echorator.gateway.memory_route import MemoryRoute, NoMemoryError
from echorator.gateway.request_keys import Destination
from echorator.gateway.stopwatch import Measured, Stopwatch
from echorator.model_names import aliases_of, no_adapter
from echorator.rpc.v1 import model_pb2
from echorator.serving.calls import Calls, Codes, DeadlineError
from echorator.serving.statuses import Trailers

MODEL_SERVICE = model_pb2.DESCRIPTOR.services_by_name["ModelService"].full_name
DESCRIBED_WITHIN_S = 5.0


class NotHereError(EchoratorError):
    """A method that a gateway does not offer, because an agent or the controller does."""


class FrontEnd(Calls):
    """The calls of one gateway; gRPC and HTTP both count theirs here, so that a drain waits for all of them."""

    codes: ClassVar[Codes] = (
        (InvalidRequestError, grpc.StatusCode.INVALID_ARGUMENT),
        (ModelNotFoundError, grpc.StatusCode.NOT_FOUND),
        (NotHereError, grpc.StatusCode.UNIMPLEMENTED),
        (QueueFullError, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (DeadlineError, grpc.StatusCode.DEADLINE_EXCEEDED),
        (NoMemoryError, grpc.StatusCode.FAILED_PRECONDITION),
        (NoAgentError, grpc.StatusCode.UNAVAILABLE),
        (WaitTimeoutError, grpc.StatusCode.UNAVAILABLE),
        (AgentLostError, grpc.StatusCode.UNAVAILABLE),
        (LastAgentError, grpc.StatusCode.UNAVAILABLE),
        (DrainingError, grpc.StatusCode.UNAVAILABLE),
    )

    def __init__(self, forwarding: Forwarding, fleet: Fleet, memory: MemoryRoute) -> None:
        super().__init__()
        self.forwarding = forwarding
        self.fleet = fleet
        self.memory = memory

    def code_of(self, error: EchoratorError) -> grpc.StatusCode:
        """Return the gRPC status code of an error; an agent's own code is passed on."""
        return error.code if isinstance(error, StatusError) else super().code_of(error)

    def trailers_of(self, error: EchoratorError, code: grpc.StatusCode, message: str, trace_id: str) -> Trailers:
        """Return the trailers of an error; an agent's own, with the details, are passed on."""
        return error.trailers if isinstance(error, StatusError) else super().trailers_of(error, code, message, trace_id)

    @contextmanager
    def measured(self, call: Measured) -> Iterator[Stopwatch]:
        """Measure the block as one call in the metrics of its method and model; an exception in the block gives the call its status."""
        watch = Stopwatch(call)
        try:
            yield watch
        except BaseException as error:
            watch.failed(self.status_of(error))
            raise
        finally:
            watch.end()

    async def models(self) -> model_pb2.ListModelsResponse:
        """Return one entry a model, as an agent describes it; a model that no agent serves now has its names only."""
        described = [self.described(name) for name in self.fleet.models()]
        return model_pb2.ListModelsResponse(models=await asyncio.gather(*described))

    async def asked_for(self) -> list[model_pb2.Model]:
        """Return one entry for each name that a request may give: as `models`, and for each alias its model under that name."""
        models = (await self.models()).models
        own = {model.name for model in models}
        return [one for model in models for one in (model, *(_named(model, alias) for alias in model.aliases if alias not in own))]

    async def model(self, name: str) -> model_pb2.Model:
        """Return the model that a request means by `name`, under that name; "" stands for the only one. Raises ModelNotFoundError."""
        pool = self.fleet.find(name)
        model = await self.described(pool.name)
        if name in ("", pool.name):
            return model
        if model.state and name not in model.aliases:  # else no agent could describe it, and `find` has seen its spec
            adapters = [alias.removeprefix(f"{pool.name}:") for alias in model.aliases]
            raise ModelNotFoundError(no_adapter(pool.name, name.removeprefix(f"{pool.name}:"), adapters))
        return _named(model, name)

    async def described(self, name: str) -> model_pb2.Model:
        """Return a model as an agent describes it; its names only where none does in time."""
        pool = self.fleet.find(name)
        slots = sum(place.slots for place in pool.places.values() if place.open)
        model = model_pb2.Model(name=name, aliases=aliases_of(name, pool.adapters))
        if slots:
            body = model_pb2.GetModelRequest(model=name).SerializeToString()
            deadline_s = time.monotonic() + DESCRIBED_WITHIN_S
            call = Call(f"/{MODEL_SERVICE}/GetModel", body, Destination(name), deadline_s=deadline_s, slot=False)
            try:
                model = model_pb2.Model.FromString(await self.forwarding.unary(call))
            except EchoratorError:
                return model  # no agent could describe the model in time: its names alone are still true
            model.slots = slots
            model.ClearField("path")
        return model


def _named(model: model_pb2.Model, name: str) -> model_pb2.Model:
    made = model_pb2.Model()
    made.CopyFrom(model)
    made.name = name
    return made
