"""What a request says about where it should go: its model, its key for prefix affinity, its priority. Pure.

Headers say it without a look into the message: `x-echorator-model`, `x-echorator-session`, `x-echorator-priority`. Where they do not,
the message is decoded, once; what is sent on is always the client's own bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError, Message

from echorator.errors import InvalidRequestError
from echorator.gateway.hash_ring import hash64
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving.headers import MODEL, PRIORITY, SESSION

LEADING_CHARACTERS = 1024  # of a prompt: two that begin with the same ones have a prefix worth to be found again


@dataclass(frozen=True, slots=True)
class Destination:
    """`key` is None where any agent is as good as another."""

    model: str
    key: int | None = None
    priority: int = 0


def destination_of(body: bytes, kind: type[Message], headers: dict[str, str]) -> Destination:
    """Of a call whose request is a message of `kind`. Raises InvalidRequestError for bytes that are none."""
    model, session = headers.get(MODEL, ""), headers.get(SESSION, "")
    priority = _priority(headers.get(PRIORITY, ""))
    generates = kind in (pb.GenerateRequest, pb.ChatRequest)
    key = hash64(session.encode()) if session else None
    if model and (key is not None or not generates):
        return Destination(model, key, priority)
    try:
        message = kind.FromString(body)
    except DecodeError as error:
        raise InvalidRequestError(f"the request is not a {kind.DESCRIPTOR.full_name}: {error}") from error
    model = model or getattr(message, "model", "")
    if isinstance(message, pb.ChatRequest):
        return Destination(model, key if key is not None else chat_key(message), priority or message.limits.priority)
    if isinstance(message, pb.GenerateRequest):
        return Destination(model, key if key is not None else prompt_key(message), priority or message.limits.priority)
    return Destination(model, key, priority)


def _priority(text: str) -> int:
    if not text:
        return 0
    try:
        priority = int(text)
    except ValueError:
        priority = 1000
    if not -100 <= priority <= 100:
        raise InvalidRequestError(f"{PRIORITY} must be -100..100, not {text[:20]!r}")
    return priority


def chat_key(request: pb.ChatRequest) -> int | None:
    """Of the memory's session, else of the messages up to the first of the user: all turns of a conversation begin with those."""
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
    """Of the prompt's leading block; None for a prompt shorter than one, which is computed as fast as it is found."""
    if request.WhichOneof("input") == "tokens":
        ids = request.tokens.ids[: LEADING_CHARACTERS // 4]
        return hash64(b"".join(i.to_bytes(4, "little", signed=True) for i in ids)) if len(ids) >= LEADING_CHARACTERS // 4 else None
    leading = request.prompt[:LEADING_CHARACTERS]
    return hash64(leading.encode()) if len(leading) >= LEADING_CHARACTERS else None
