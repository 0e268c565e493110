"""Errors as OpenAI's clients read them: an HTTP status, and {"error": {message, type, param, code}}.

The only place that maps errors and gRPC status codes to HTTP; all modules of the package answer errors with it.
"""

from __future__ import annotations

import json
import math
import uuid
from http import HTTPStatus
from typing import Any

import grpc
from starlette.responses import JSONResponse

from echorator.errors import EchoratorError, InvalidRequestError, ModelNotFoundError, QueueFullError
from echorator.gateway.forwarding import StatusError
from echorator.serving.statuses import PUSHBACK, reason_in
from echorator.telemetry import tracing

_STATUSES = {
    grpc.StatusCode.OK: (200, ""),  # never the status of an error
    grpc.StatusCode.INVALID_ARGUMENT: (400, "invalid_request_error"),
    grpc.StatusCode.OUT_OF_RANGE: (400, "invalid_request_error"),
    grpc.StatusCode.FAILED_PRECONDITION: (400, "invalid_request_error"),
    grpc.StatusCode.UNAUTHENTICATED: (401, "authentication_error"),
    grpc.StatusCode.PERMISSION_DENIED: (403, "permission_error"),
    grpc.StatusCode.NOT_FOUND: (404, "invalid_request_error"),
    grpc.StatusCode.ALREADY_EXISTS: (409, "conflict_error"),
    grpc.StatusCode.ABORTED: (409, "conflict_error"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (429, "rate_limit_error"),
    grpc.StatusCode.CANCELLED: (499, "server_error"),
    grpc.StatusCode.UNKNOWN: (500, "server_error"),
    grpc.StatusCode.INTERNAL: (500, "server_error"),
    grpc.StatusCode.DATA_LOSS: (500, "server_error"),
    grpc.StatusCode.UNIMPLEMENTED: (501, "server_error"),
    grpc.StatusCode.UNAVAILABLE: (503, "server_error"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (504, "server_error"),
}
"""The HTTP status and OpenAI's error type of every gRPC status, after the comments of google/rpc/code.proto; 499 is nginx's number."""


class BodyError(InvalidRequestError):
    """A body that cannot be served; `param` is the field, `status` the HTTP status."""

    def __init__(self, message: str, param: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.status = status


def status_of(code: grpc.StatusCode) -> int:
    """Return the HTTP status of a gRPC status."""
    return _STATUSES[code][0]


def body_of(error: EchoratorError, code: grpc.StatusCode, produced: str = "") -> dict[str, Any]:
    """Return the JSON of an error; `produced` is the text that was generated before it."""
    _, kind = _STATUSES[code]
    found: dict[str, Any] = {"message": str(error), "type": kind, "param": None, "code": code.name.lower()}
    if isinstance(error, BodyError):
        found["param"] = error.param or None
    if isinstance(error, ModelNotFoundError):
        found["param"], found["code"] = "model", "model_not_found"
    if isinstance(error, StatusError) and reason_in(error.trailers) == "CONTEXT_OVERFLOW":
        found["code"] = "context_length_exceeded"  # by which clients know that a shorter prompt helps
    if produced:
        found["produced"] = produced
    trace_id = tracing.current_id()
    return {"error": found | ({"trace_id": trace_id} if trace_id else {})}


def refusal_of(status: int, message: str, code: str = "") -> dict[str, Any]:
    """Return the JSON of an error that has no exception, such as one found before the request was parsed."""
    kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
    found = {"message": message, "type": kind, "param": None, "code": code or HTTPStatus(status).phrase.lower().replace(" ", "_")}
    trace_id = tracing.current_id()
    return {"error": found | ({"trace_id": trace_id} if trace_id else {})}


def raw_response(status: int, message: str) -> bytes:
    """Return the bytes of a whole HTTP/1.1 error response, which announces the end of the connection."""
    request_id = uuid.uuid4().hex
    body = refusal_of(status, message)
    body["error"]["trace_id"] = request_id
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n"
    if status == 503:
        head += "retry-after: 1\r\n"
    return f"{head}x-request-id: {request_id}\r\nconnection: close\r\n\r\n".encode() + text


def response_of(error: EchoratorError, code: grpc.StatusCode, produced: str = "") -> JSONResponse:
    """Return the response to an error, with `retry-after` (in seconds) for 429 and 503."""
    status = error.status if isinstance(error, BodyError) else status_of(code)
    headers = {}
    if status in (429, 503):
        headers["retry-after"] = str(max(1, math.ceil(_retry_after_s(error))))
    return JSONResponse(body_of(error, code, produced), status, headers)


def _retry_after_s(error: EchoratorError) -> float:
    if isinstance(error, QueueFullError):
        return error.retry_after_s
    if isinstance(error, StatusError):
        return next((int(value) / 1000 for key, value in error.trailers if key == PUSHBACK), 1.0)
    return 1.0
