"""The form in which each API writes its errors, chosen by the path of the request.

`failures` has the statuses and OpenAI's form. Anthropic's clients read {"type": "error", "error": {type, message}}, and know 529 for a
server that is overloaded, where others have 503. Fed by `door`, `protocol`, `api` and the streams.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

import grpc
from starlette.responses import JSONResponse

from echorator.errors import EchoratorError
from echorator.gateway.http import failures
from echorator.gateway.http.failures import BodyError
from echorator.telemetry import tracing

OVERLOADED = 529
_PHRASES = {OVERLOADED: "Overloaded", 499: "Client Closed Request"}
_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    OVERLOADED: "overloaded_error",
}


class ErrorBody(Protocol):
    """Builds the JSON of an error."""

    def __call__(self, error: EchoratorError, code: grpc.StatusCode, produced: str = "") -> dict[str, Any]:
        """Return the JSON of an exception; `produced` is the text that was generated before it."""
        ...


class RefusalBody(Protocol):
    """Builds the JSON of an error that has no exception."""

    def __call__(self, status: int, message: str, code: str = "", request_id: str = "") -> dict[str, Any]:
        """Return the JSON of a refusal; `request_id` names the request where no call has begun."""
        ...


@dataclass(frozen=True)
class Form:
    """The form of one API's errors."""

    body_of: ErrorBody
    refusal_of: RefusalBody
    overloaded: int = 503  # the HTTP status of a server that cannot take the request now
    dotted: bool = False  # places in lists are written as "messages.0", not as "messages[0]"

    def status_of(self, status: int) -> int:
        """Return the HTTP status of this API that stands for `status`."""
        return self.overloaded if status == HTTPStatus.SERVICE_UNAVAILABLE else status

    def response_of(self, error: EchoratorError, code: grpc.StatusCode, produced: str = "") -> JSONResponse:
        """Return the response to an error, with `retry-after` (in seconds) for 429 and an overloaded server."""
        status, headers = failures.status_and_headers(error, code)
        return JSONResponse(self.body_of(error, code, produced), self.status_of(status), headers)

    def refusal(self, status: int, message: str, code: str = "") -> JSONResponse:
        """Return the response of a refusal, with the id by which the server's log names the request."""
        request_id = tracing.current_id() or uuid.uuid4().hex
        made = self.refusal_of(status, message, code, request_id)
        return JSONResponse(made, self.status_of(status), {"x-request-id": request_id})

    def failed(self) -> JSONResponse:
        """Return the response to a failure of the gateway itself."""
        return self.refusal(500, failures.FAILED, "internal")

    def raw_response(self, status: int, message: str, request_id: str) -> bytes:
        """Return the bytes of a whole HTTP/1.1 error response, which announces the end of the connection."""
        text = json.dumps(self.refusal_of(status, message, request_id=request_id)).encode()
        status = self.status_of(status)
        phrase = _PHRASES.get(status) or HTTPStatus(status).phrase
        head = f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n"
        if status == self.overloaded:
            head += "retry-after: 1\r\n"
        return f"{head}x-request-id: {request_id}\r\nconnection: close\r\n\r\n".encode() + text


def _anthropic_body(error: EchoratorError, code: grpc.StatusCode, produced: str = "") -> dict[str, Any]:
    status, _ = failures.status_and_headers(error, code)
    made = _anthropic_refusal(status, str(error))
    if isinstance(error, BodyError) and error.details:
        made["error"]["details"] = error.details
    if produced:
        made["error"]["produced"] = produced
    return made


def _anthropic_refusal(status: int, message: str, code: str = "", request_id: str = "") -> dict[str, Any]:  # noqa: ARG001 it has no codes
    status = ANTHROPIC.status_of(status)
    kind = _KINDS.get(status) or ("api_error" if status >= 500 else "invalid_request_error")
    trace_id = request_id or tracing.current_id()
    return {"type": "error", "error": {"type": kind, "message": message}} | ({"request_id": trace_id} if trace_id else {})


def _ollama_body(error: EchoratorError, code: grpc.StatusCode, produced: str = "") -> dict[str, Any]:  # noqa: ARG001 it has a text alone
    return {"error": str(error)}


def _ollama_refusal(status: int, message: str, code: str = "", request_id: str = "") -> dict[str, Any]:  # noqa: ARG001 it has a text alone
    return {"error": message}


OPENAI = Form(failures.body_of, failures.refusal_of)
ANTHROPIC = Form(_anthropic_body, _anthropic_refusal, OVERLOADED, dotted=True)
OLLAMA = Form(_ollama_body, _ollama_refusal)


def form_of(path: str) -> Form:
    """Return the form of the API to which a path belongs; OpenAI's where it belongs to none."""
    if path.startswith("/api/"):
        return OLLAMA
    return ANTHROPIC if path == "/v1/messages" or path.startswith("/v1/messages/") else OPENAI
