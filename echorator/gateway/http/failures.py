"""Errors as OpenAI's clients read them: an HTTP status, and {"error": {message, type, param, code}}.

The only place that maps errors and gRPC status codes to HTTP. `forms` has the forms of the other APIs, and makes responses of all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import grpc

from echorator.errors import EchoratorError, InvalidRequestError, ModelNotFoundError, QueueFullError
from echorator.gateway.forwarding import StatusError
from echorator.serving.statuses import PUSHBACK, lengths_in, reason_in
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

FAILED = "the gateway failed; its log says why"


class BodyError(InvalidRequestError):
    """A body that cannot be served.

    `param` is the field, `status` the HTTP status, `code` OpenAI's code where there is one, `details` what Anthropic's clients read of it.
    """

    def __init__(
        self, message: str, param: str = "", status: int = 400, code: str = "", details: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        super().__init__(message)
        self.param = param
        self.status = status
        self.code = code
        self.details = dict(details)


def status_of(code: grpc.StatusCode) -> int:
    """Return the HTTP status of a gRPC status."""
    return _STATUSES[code][0]


def body_of(error: EchoratorError, code: grpc.StatusCode, produced: str = "") -> dict[str, Any]:
    """Return the JSON of an error; `produced` is the text that was generated before it."""
    _, kind = _STATUSES[code]
    found: dict[str, Any] = {"message": str(error), "type": kind, "param": None, "code": code.name.lower()}
    if isinstance(error, BodyError):
        found["param"], found["code"] = error.param or None, error.code or found["code"]
        if error.status == HTTPStatus.NOT_IMPLEMENTED:
            found["type"], found["code"] = "server_error", error.code or "not_served"
    if isinstance(error, ModelNotFoundError):
        found["param"], found["code"] = "model", "model_not_found"
    if isinstance(error, StatusError):
        found["param"] = error.param or None
    if isinstance(error, StatusError) and reason_in(error.trailers) == "CONTEXT_OVERFLOW":
        # By its code OpenAI's clients know that a shorter prompt helps, by its type and its numbers llama-server's.
        found["code"], found["type"] = "context_length_exceeded", "exceed_context_size_error"
        lengths = lengths_in(error.trailers)
        found |= {"n_prompt_tokens": lengths["prompt_tokens"], "n_ctx": lengths["context_tokens"]} if lengths else {}
    if produced:
        found["produced"] = produced
    trace_id = tracing.current_id()
    return {"error": found | ({"trace_id": trace_id} if trace_id else {})}


def refusal_of(status: int, message: str, code: str = "", request_id: str = "") -> dict[str, Any]:
    """Return the JSON of an error that has no exception, such as one found before the request was parsed."""
    kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
    found = {"message": message, "type": kind, "param": None, "code": code or HTTPStatus(status).phrase.lower().replace(" ", "_")}
    trace_id = request_id or tracing.current_id()
    return {"error": found | ({"trace_id": trace_id} if trace_id else {})}


def status_and_headers(error: EchoratorError, code: grpc.StatusCode) -> tuple[int, dict[str, str]]:
    """Return the HTTP status of an error, with `retry-after` (in seconds) for 429 and 503."""
    status = error.status if isinstance(error, BodyError) else status_of(code)
    return status, {"retry-after": str(max(1, math.ceil(_retry_after_s(error))))} if status in (429, 503) else {}


def _retry_after_s(error: EchoratorError) -> float:
    if isinstance(error, QueueFullError):
        return error.retry_after_s
    if isinstance(error, StatusError):
        return next((int(value) / 1000 for key, value in error.trailers if key == PUSHBACK), 1.0)
    return 1.0
