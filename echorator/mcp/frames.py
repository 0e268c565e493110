"""Tells the frames, lines of stdin and bodies over HTTP, that are no message of JSON-RPC 2.0, and the error that answers each. Pure.

The SDK drops such frames, so that a client which made a mistake would wait for an answer for ever.
Fed and read by `transports` and `checked_bodies`.
"""

from __future__ import annotations

import json
from typing import Any

from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, jsonrpc_message_adapter
from pydantic import ValidationError

FRAME_BYTES = 8 << 20  # a longer line is dropped, so that a client without line ends takes no memory


def refusal_of(line: bytes) -> JSONRPCError | None:
    """Return the error that answers a frame, with its `id` where that can be used; None for a message that the SDK takes."""
    try:
        message = json.loads(line.decode())
    except (ValueError, RecursionError):
        return _error(PARSE_ERROR, f"a message must be JSON in UTF-8, of at most {FRAME_BYTES >> 20} MiB and not nested deeply", None)
    why = _mistake(message)
    if not why:
        try:
            jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValidationError:
            why = "a message must be one request, notification or answer of JSON-RPC, without halves of surrogate pairs"
    return _error(INVALID_REQUEST, why, _usable_id(message)) if why else None


def _mistake(message: Any) -> str:
    """Return what is wrong with a message in general; "" where no more than its type's own rules can be."""
    if isinstance(message, list):
        return "batches are not served: send each message by itself"
    if not isinstance(message, dict):
        return "a message must be a JSON object"
    if message.get("jsonrpc") != "2.0":
        return 'jsonrpc must be "2.0"'
    if "method" not in message:
        return "" if "result" in message or "error" in message else "a message needs a method"
    if not isinstance(message["method"], str):
        return "method must be a string"
    if not isinstance(message.get("params"), dict | None):
        return "params must be an object"
    if "id" in message and not _is_id(message["id"]):
        return "id must be a string or an integer; leave it out for a notification"
    return ""


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _usable_id(message: Any) -> int | str | None:
    """Return the id of a request; None where it has none that can be written, and for answers, whose ids are the server's."""
    if not isinstance(message, dict) or "result" in message or "error" in message or not _is_id(message.get("id")):
        return None
    value: int | str = message["id"]
    try:
        str(value).encode()
    except ValueError:  # half of a surrogate pair, or more digits than Python writes
        return None
    return value


def _error(code: int, says: str, number: int | str | None) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=number, error=ErrorData(code=code, message=says))
