"""The details that a client gets with an error, without the choice of the code: message, ErrorInfo, RetryInfo and pushback.

Pure. `service` chooses the gRPC code and sends the trailers that are built here.
"""

from __future__ import annotations

from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from echorator.errors import ContextOverflowError, EchoratorError, QueueFullError

DOMAIN = "echorator"
MAX_MESSAGE_CHARS = 1500  # statuses travel in headers, and peers bound those (8 KiB with details)
PUSHBACK = "grpc-retry-pushback-ms"
DETAILS = "grpc-status-details-bin"
LENGTHS = ("prompt_tokens", "context_tokens")  # what ErrorInfo says of a prompt that does not fit

Trailers = tuple[tuple[str, str | bytes], ...]


def message_of(error: EchoratorError) -> str:
    """Return the error's text, cut to what fits into a header."""
    text = str(error) or type(error).__name__
    return text if len(text) <= MAX_MESSAGE_CHARS else f"{text[: MAX_MESSAGE_CHARS - 4]} ..."


def reason_of(error: EchoratorError) -> str:
    """Return the machine-readable reason of an error: `ContextOverflowError` becomes CONTEXT_OVERFLOW."""
    name = type(error).__name__.removesuffix("Error")
    return "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(name)).upper()


def reason_in(trailers: Trailers) -> str:
    """Return the reason that another server's trailers name, as `trailers_of` writes it; "" for none."""
    return str(_info_in(trailers).reason)


def lengths_in(trailers: Trailers) -> dict[str, int]:
    """Return the `LENGTHS` of a CONTEXT_OVERFLOW that another server's trailers name; {} where they do not say both."""
    known = _info_in(trailers).metadata
    return {name: int(known[name]) for name in LENGTHS} if all(known.get(name, "").isdecimal() for name in LENGTHS) else {}


def _info_in(trailers: Trailers) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    for key, value in trailers:
        if key == DETAILS and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                if detail.Unpack(info):
                    return info
    return info


def trailers_of(error: EchoratorError, code: int, message: str, trace_id: str = "") -> Trailers:
    """Return trailing metadata: google.rpc.Status with ErrorInfo and the trace id, and the time of a retry where the error has one."""
    status = status_pb2.Status(code=code, message=message)
    known = {"trace_id": trace_id} if trace_id else {}
    if isinstance(error, ContextOverflowError) and error.context_tokens:
        known |= {name: str(getattr(error, name)) for name in LENGTHS}
    _pack(status, error_details_pb2.ErrorInfo(reason=reason_of(error), domain=DOMAIN, metadata=known))
    if not isinstance(error, QueueFullError):
        return ((DETAILS, status.SerializeToString()),)
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(int(error.retry_after_s * 1000))
    _pack(status, retry)
    return ((DETAILS, status.SerializeToString()), (PUSHBACK, str(int(error.retry_after_s * 1000))))


def _pack(status: status_pb2.Status, detail: error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo) -> None:
    packed = any_pb2.Any()
    packed.Pack(detail)
    status.details.append(packed)
