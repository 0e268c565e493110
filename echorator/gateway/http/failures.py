"""Errors as OpenAI's clients read them: a status, and {"error": {message, type, param, code}}."""

from __future__ import annotations

import math
from typing import Any

import grpc
from starlette.responses import JSONResponse

from echorator.errors import EchoratorError, InvalidRequestError, ModelNotFoundError, QueueFullError
from echorator.gateway.forwarding import StatusError
from echorator.serving.statuses import PUSHBACK
from echorator.telemetry import tracing

_STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: (400, "invalid_request_error"),
    grpc.StatusCode.OUT_OF_RANGE: (400, "invalid_request_error"),
    grpc.StatusCode.FAILED_PRECONDITION: (400, "invalid_request_error"),
    grpc.StatusCode.NOT_FOUND: (404, "invalid_request_error"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (429, "rate_limit_error"),
    grpc.StatusCode.UNAVAILABLE: (503, "server_error"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (504, "server_error"),
    grpc.StatusCode.UNIMPLEMENTED: (501, "server_error"),
}


class BodyError(InvalidRequestError):
    """The body is not one that can be served; `param` is the field."""

    def __init__(self, message: str, param: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.status = status


def body_of(error: EchoratorError, code: grpc.StatusCode, produced: str = "") -> dict[str, Any]:
    """The JSON of an error; `produced` is the text that had come before it."""
    _, kind = _STATUSES.get(code, (500, "server_error"))
    found: dict[str, Any] = {"message": str(error), "type": kind, "param": None, "code": code.name.lower()}
    if isinstance(error, BodyError):
        found["param"] = error.param or None
    if isinstance(error, ModelNotFoundError):
        found["param"], found["code"] = "model", "model_not_found"
    if produced:
        found["produced"] = produced
    trace_id = tracing.current_id()
    return {"error": found | ({"trace_id": trace_id} if trace_id else {})}


def response_of(error: EchoratorError, code: grpc.StatusCode, produced: str = "") -> JSONResponse:
    """The whole response."""
    status, _ = _STATUSES.get(code, (500, "server_error"))
    if isinstance(error, BodyError):
        status = error.status
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
