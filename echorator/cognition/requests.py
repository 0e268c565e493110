"""From request messages to plain values; everything a client can get wrong is said here.

Pure: InvalidRequestError with the field and its range otherwise. Feeds `api`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from echorator.cognition.affect import Affect
from echorator.cognition.context import Message
from echorator.cognition.facts import Fact
from echorator.cognition.memory import NO_VECTOR, Filter, Goal, Kind, Lifecycle, Vector
from echorator.cognition.recalling import Asked, Owner
from echorator.cognition.settings import MAX_BATCH, MAX_GOALS, MAX_K, MAX_TEXT_BYTES, Weights
from echorator.cognition.writing import Told, check_text
from echorator.errors import InvalidRequestError
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import common_pb2, model_pb2

MAX_NAME = 128
MAX_KEY = 256
MAX_MESSAGES = 4096
MAX_MESSAGE_BYTES = 4 << 20
MAX_TIME_S = 32_503_680_000.0  # the year 3000


def within(value: float, low: float, high: float, name: str) -> float:
    """Raises InvalidRequestError; NaN is within nothing."""
    if not low <= value <= high:
        raise InvalidRequestError(f"{name} must be {low:g}..{high:g}, not {value:g}")
    return value


def _name(value: str, where: str, default: str) -> str:
    value = value or default
    if not value:
        raise InvalidRequestError(f"{where} is empty; say whose memory this is")
    if len(value) > MAX_NAME or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in value):
        raise InvalidRequestError(f"{where} must be 1..{MAX_NAME} characters without control characters")
    return value


def owner_of(scope: common_pb2.Scope) -> Owner:
    """Whose memory."""
    session = _name(scope.session, "scope.session", "") if scope.session else ""
    tenant, agent = _name(scope.tenant, "scope.tenant", "default"), _name(scope.agent, "scope.agent", "default")
    return Owner(tenant, agent, _name(scope.user, "scope.user", ""), session)


def time_of(value: float, name: str) -> float:
    """Seconds since 1970, from the year 1 on."""
    return within(value, -62_135_596_800.0, MAX_TIME_S, name)


def vector_of(values: Sequence[float], name: str) -> Vector:
    """Numbers of a caller, or an empty vector."""
    if not values:
        return NO_VECTOR
    vector = np.array(values, np.float32)
    if not np.isfinite(vector).all():
        raise InvalidRequestError(f"{name} has NaN or infinite numbers")
    return vector


def kind_of(value: int, name: str) -> Kind | None:
    """None for an unspecified one."""
    if not value:
        return None
    try:
        return Kind(value)
    except ValueError as error:
        raise InvalidRequestError(f"{name}: {value} is no kind; use 1 (episodic), 2 (semantic) or 3 (procedural)") from error


def lifecycle_of(value: int) -> Lifecycle | None:
    """None for an unspecified one."""
    if not value:
        return None
    try:
        return Lifecycle(value)
    except ValueError as error:
        raise InvalidRequestError(f"lifecycle: {value} is none; use 1 (active) or 2 (archived)") from error


def told_of(memory: pb.NewMemory, where: str) -> Told:
    """One memory to be stored."""
    check_text(memory.text, f"{where}.text")
    if len(memory.key) > MAX_KEY or "\0" in memory.key:
        raise InvalidRequestError(f"{where}.key must be at most {MAX_KEY} characters without NUL")
    fact = None
    if memory.HasField("fact"):
        said = memory.fact
        if not (said.subject and said.attribute and said.value) or max(map(len, (said.subject, said.attribute, said.value))) > 256:
            raise InvalidRequestError(f"{where}.fact needs a subject, an attribute and a value of at most 256 characters")
        fact = Fact(said.subject.lower(), said.attribute.lower(), said.value, True)
    return Told(
        memory.text,
        kind_of(memory.kind, f"{where}.kind"),
        _name(memory.speaker, f"{where}.speaker", "") if memory.speaker else "",
        time_of(memory.said_at_s, f"{where}.said_at_s") if memory.HasField("said_at_s") else None,
        within(memory.importance, 0, 1, f"{where}.importance") if memory.HasField("importance") else None,
        memory.pinned,
        memory.key,
        vector_of(memory.embedding, f"{where}.embedding"),
        fact,
    )


def all_told(request: pb.RememberRequest) -> list[Told]:
    """What is to be stored."""
    if not 1 <= len(request.memories) <= MAX_BATCH:
        raise InvalidRequestError(f"memories: 1..{MAX_BATCH} at once, not {len(request.memories)}; send several requests")
    return [told_of(m, f"memories[{i}]") for i, m in enumerate(request.memories)]


def weights_of(message: pb.Weights, defaults: Weights) -> Weights:
    """The defaults with what is set."""
    chosen = {f.name: getattr(message, f.name) for f in fields(Weights) if message.HasField(f.name)}
    return Weights(**{f.name: chosen.get(f.name, getattr(defaults, f.name)) for f in fields(Weights)})


def filter_of(message: pb.Filter) -> Filter:
    """Which memories."""
    kinds = frozenset(k for value in message.kinds if (k := kind_of(value, "filter.kinds")) is not None)
    return Filter(
        kinds,
        message.session,
        message.speaker,
        time_of(message.since_s, "filter.since_s") if message.HasField("since_s") else None,
        time_of(message.before_s, "filter.before_s") if message.HasField("before_s") else None,
    )


def query_text(text: str, name: str) -> str:
    """Something to look for."""
    if not text.strip():
        raise InvalidRequestError(f"{name} is empty; say what to recall")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES:
        raise InvalidRequestError(f"{name} is longer than {MAX_TEXT_BYTES} bytes; shorten it")
    return text


def asked_of(request: pb.RecallRequest, defaults: Weights) -> Asked:
    """A recall."""
    vector = vector_of(request.embedding, "embedding")
    return Asked(
        query_text(request.query, "query"),
        int(within(request.k or 10, 1, MAX_K, "k")),
        filter_of(request.filter),
        time_of(request.as_of_s, "as_of_s") if request.HasField("as_of_s") else None,
        request.include_superseded,
        weights_of(request.weights, defaults),
        vector if len(vector) else None,
        None,
        Affect(),
    )


def update_of(request: pb.UpdateMemoryRequest) -> dict[str, object]:
    """Fields and their new values."""
    values: dict[str, object] = {}
    if request.HasField("text"):
        values["text"] = check_text(request.text, "text")
    if request.HasField("kind"):
        kind = kind_of(request.kind, "kind")
        if kind is None:
            raise InvalidRequestError("kind must be 1 (episodic), 2 (semantic) or 3 (procedural)")
        values["kind"] = kind
    if request.HasField("importance"):
        values["importance"] = within(request.importance, 0, 1, "importance")
    if request.HasField("pinned"):
        values["pinned"] = request.pinned
    if request.HasField("lifecycle"):
        lifecycle = lifecycle_of(request.lifecycle)
        if lifecycle is None:
            raise InvalidRequestError("lifecycle must be 1 (active) or 2 (archived)")
        values["lifecycle"] = lifecycle
    if request.HasField("valid_to_s"):
        values["valid_to_s"] = time_of(request.valid_to_s, "valid_to_s")
    if not values:
        raise InvalidRequestError("nothing is to be changed; set at least one field")
    return values


def messages_of(request: pb.BuildContextRequest) -> list[Message]:
    """A conversation."""
    if not 1 <= len(request.messages) <= MAX_MESSAGES:
        raise InvalidRequestError(f"messages: 1..{MAX_MESSAGES}, not {len(request.messages)}")
    if sum(len(m.content) for m in request.messages) > MAX_MESSAGE_BYTES:
        raise InvalidRequestError(f"messages: more than {MAX_MESSAGE_BYTES} characters; shorten the conversation")
    for i, message in enumerate(request.messages):
        if not message.role:
            raise InvalidRequestError(f"messages[{i}] has no role; use system, user or assistant")
    return [Message(m.role, m.content) for m in request.messages]


def conversation(messages: Sequence[Message]) -> list[model_pb2.Message]:
    """The other way."""
    return [model_pb2.Message(role=m.role, content=m.content) for m in messages]


def goals_of(request: pb.SetGoalsRequest) -> list[Goal]:
    """Goals; no goals are fine."""
    if len(request.goals) > MAX_GOALS:
        raise InvalidRequestError(f"goals: at most {MAX_GOALS}, not {len(request.goals)}")
    return [
        Goal(check_text(goal.text, f"goals[{i}].text"), within(goal.priority or 1.0, 0, 1, f"goals[{i}].priority"))
        for i, goal in enumerate(request.goals)
    ]


def number_of(value: int) -> int:
    """An id or a sequence number that any store can look up: none is as large as a uint64 may be."""
    return min(value, (1 << 63) - 1)


def page_of(token: str) -> int:
    """The id after which the page begins."""
    if not token:
        return 0
    if not token.isascii() or not token.isdigit() or len(token) > 18:
        raise InvalidRequestError("page_token must be one that ListMemories gave")
    return int(token)


def interval_of(milliseconds: int) -> float:
    """In seconds."""
    return within(milliseconds or 1000, 100, 60_000, "interval_ms") / 1000
