"""Derives the destination of a request: its model, its key for prefix affinity, and its priority. Pure.

The headers `x-echorator-model`, `x-echorator-session` and `x-echorator-priority` determine it without decoding the message. Where they do
not suffice the message is decoded once; the bytes that are forwarded are always the client's own. Fed by `passthrough` and `http`; feeds
`dispatcher`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from google.protobuf.message import DecodeError, Message

from echorator.errors import InvalidRequestError
from echorator.gateway.balancing.hash_ring import hash64
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving import bounds
from echorator.serving.decoding import fault_of
from echorator.serving.headers import MODEL, PRIORITY, SESSION
from echorator.settings import LEAST_PRIORITY, MOST_PRIORITY

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

LEADING_CHARACTERS = 1024  # of a prompt: prompts that agree in these share a prefix that is worth reusing from a cache


@dataclass(frozen=True, slots=True)
class Destination:
    """The model, affinity key and priority of a request; `key` is None where no agent has a warmer prefix cache than another."""

    model: str
    key: int | None = None
    priority: int = 0


def destination_of(body: bytes, kind: type[Message], headers: dict[str, str]) -> Destination:
    """Return the destination of a request whose body is a message of `kind`. Raises InvalidRequestError for bytes that are not."""
    model, session = headers.get(MODEL, ""), headers.get(SESSION, "")
    priority = priority_of(headers.get(PRIORITY, ""))
    generates = kind in (pb.GenerateRequest, pb.ChatRequest)
    key = hash64(session.encode()) if session else None
    if model and (key is not None or not generates):
        return Destination(model, key, priority)
    fault = fault_of(body, cast("Descriptor", kind.DESCRIPTOR))
    if fault:
        raise InvalidRequestError(f"{kind.DESCRIPTOR.full_name}: {fault}")
    try:
        message = kind.FromString(body)
    except DecodeError as error:
        raise InvalidRequestError(f"the request is not a {kind.DESCRIPTOR.full_name}: {error}") from error
    bounds.check(message)
    model = model or getattr(message, "model", "")
    if isinstance(message, pb.ChatRequest):
        return Destination(model, key if key is not None else chat_key(message), priority or message.limits.priority)
    if isinstance(message, pb.GenerateRequest):
        return Destination(model, key if key is not None else prompt_key(message), priority or message.limits.priority)
    return Destination(model, key, priority)


def priority_of(text: str) -> int:
    """Return the priority that the header x-echorator-priority names; 0 for "". Raises InvalidRequestError."""
    if not text:
        return 0
    try:
        priority = int(text)
    except ValueError:
        priority = MOST_PRIORITY + 1
    if not LEAST_PRIORITY <= priority <= MOST_PRIORITY:
        raise InvalidRequestError(f"{PRIORITY} must be {LEAST_PRIORITY}..{MOST_PRIORITY}, not {text[:20]!r}")
    return priority


def chat_key(request: pb.ChatRequest) -> int | None:
    """Return the affinity key of a chat; None for one without messages.

    The key is a digest of the memory's session, else of the messages up to the user's first, with which all turns of a conversation begin.
    """
    scope = request.memory.scope
    if scope.session:
        return hash64(f"{scope.tenant}\0{scope.agent}\0{scope.user}\0{scope.session}".encode())
    leading = ""
    for message in request.messages:
        leading += f"{message.role}\0{message.content[:LEADING_CHARACTERS]}\0"
        if message.role == "user":
            break
    return hash64(leading.encode()) if leading else None


def prompt_key(request: pb.GenerateRequest) -> int | None:
    """Return the digest of the prompt's leading block; None for a shorter prompt, whose prefill costs as little as finding its cache."""
    if request.HasField("parts"):
        leading_parts = request.parts.SerializeToString(deterministic=True)[:LEADING_CHARACTERS]
        return hash64(leading_parts) if len(leading_parts) >= LEADING_CHARACTERS else None
    if request.HasField("tokens"):
        ids = request.tokens.ids[: LEADING_CHARACTERS // 4]
        return hash64(b"".join(i.to_bytes(4, "little", signed=True) for i in ids)) if len(ids) >= LEADING_CHARACTERS // 4 else None
    leading = request.prompt[:LEADING_CHARACTERS]
    return hash64(leading.encode()) if len(leading) >= LEADING_CHARACTERS else None
