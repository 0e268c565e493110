"""ModelService on the controller, which refuses every call with the reason why the model is not served here.

The calls come from xDS clients of an unknown model, which `unknown_model` directs here, and from clients that took the controller for a
gateway. The only place of the xDS control plane that chooses gRPC status codes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, ClassVar

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from echorator.errors import DrainingError, EchoratorError, ModelNotFoundError
from echorator.rpc.v1 import model_pb2
from echorator.serving.calls import Calls, Codes, Context, rpc

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]

NAMED = 20  # models that a message lists at most


class ServedElsewhereError(EchoratorError):
    """A call for a known model, which agents serve and the controller does not; retryable, as an xDS client is about to learn of them."""

    retryable = True


class Refusals(Calls, grpc.GenericRpcHandler):
    """The refusing handlers by path; `known` returns the names of the mesh's models."""

    services = (model_pb2.DESCRIPTOR.services_by_name["ModelService"].full_name,)
    codes: ClassVar[Codes] = (
        (ModelNotFoundError, grpc.StatusCode.NOT_FOUND),
        (ServedElsewhereError, grpc.StatusCode.UNAVAILABLE),
        (DrainingError, grpc.StatusCode.UNAVAILABLE),
    )

    def __init__(self, known: Callable[[], Collection[str]]) -> None:
        super().__init__()
        self._known = known
        service = model_pb2.DESCRIPTOR.services_by_name["ModelService"]
        self._handlers = {f"/{service.full_name}/{method.name}": self._handler(method) for method in service.methods}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Return the handler of a path; None for one that is not served here."""
        return self._handlers.get(handler_call_details.method)

    def _handler(self, method: MethodDescriptor) -> Handler:
        async def refuse(service: Refusals, request: Message, _context: Context) -> Message:
            raise why(getattr(request, "model", ""), service._known())

        answer, kind = rpc(refuse, method.name), GetMessageClass(method.input_type)

        async def unary(request: Message, context: Context) -> Message:
            return await answer(self, request, context)

        make = grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
        return make(unary, request_deserializer=kind.FromString)


def why(model: str, known: Collection[str]) -> EchoratorError:
    """Return the error for a call that asks for `model`; "" where the request relies on the address that it called."""
    if model in known:
        return ServedElsewhereError(f"the controller serves no models: call xds:///{model}, or a gateway")
    names = sorted(known)
    listed = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    named = f"model {model[:200]!r}" if model else "model of the name that was called (xds:///NAME)"
    return ModelNotFoundError(f"no {named} is known to this mesh; known: {listed or 'none'}")
