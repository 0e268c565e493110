"""Decodes requests without an exception: bytes that do not parse, or have too many parts, reach the handler as `Undecodable`.

grpc.aio itself would end the call with UNKNOWN and log a traceback, so anybody could fill a log by sending such bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError
from grpc import aio

from echorator.serving.wire import MOST_PARTS, SMALL_BYTES, too_many_parts

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]


@dataclass(frozen=True)
class Undecodable:
    """A request that was not decoded, in place of a message whose full name is `kind`."""

    kind: str
    reason: str


def fault_of(data: bytes, kind: Descriptor) -> str:
    """Return why bytes of this size are not to be decoded; "" for nothing."""
    if len(data) > SMALL_BYTES and too_many_parts(data, kind):
        return f"it has more than {MOST_PARTS} messages and texts in it, so nothing of it is read; send several requests"
    return ""


def _decoding(decode: Callable[[bytes], Any], kind: Descriptor) -> Callable[[bytes], Any]:
    def decoded(data: bytes) -> Any:
        fault = fault_of(data, kind)
        if fault:
            return Undecodable(kind.full_name, fault)
        try:
            return decode(data)
        except DecodeError as error:
            return Undecodable(kind.full_name, str(error))

    return decoded


class _Decoded(grpc.GenericRpcHandler):
    """A wrapper of another handler, whose methods decode by `_decoding`."""

    def __init__(self, inner: grpc.GenericRpcHandler) -> None:
        self._inner = inner
        self._known: dict[str, Handler] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Return the handler of a path; None for a path that is not served here."""
        path = handler_call_details.method
        known = self._known.get(path)
        if known is None:
            found = self._inner.service(handler_call_details)
            decode = found.request_deserializer if found is not None else None
            kind = getattr(getattr(decode, "__self__", None), "DESCRIPTOR", None)  # the message that `FromString` belongs to
            if found is None or decode is None or kind is None:
                return found
            known = self._known[path] = found._replace(request_deserializer=_decoding(decode, kind))  # type: ignore[attr-defined]
        return known


class DecodingServer:
    """A stand-in for the server, with which generated code registers its handlers."""

    def __init__(self, server: aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Register the handlers with the server, each wrapped so that its requests are decoded here."""
        self._server.add_generic_rpc_handlers([_Decoded(handler) for handler in handlers])

    def add_registered_method_handlers(self, _service: str, _handlers: Any) -> None:
        """Ignore the handlers: grpc.aio only uses the generic ones."""
