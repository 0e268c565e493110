"""Convert request messages to plain values, and refuse whatever a client can get wrong.

Pure: every fault is an InvalidRequestError with the field and its range. Feeds `api`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import fields

from echorator.cognition.experiences import Turn
from echorator.cognition.filters import filter_of
from echorator.cognition.learning.labelling import categories_of, metadata_of
from echorator.cognition.learning.writing import Told, check_text
from echorator.cognition.memory import Goal
from echorator.cognition.reading.values import Claim, Fact, FactType
from echorator.cognition.recall.affect import Affect
from echorator.cognition.recall.context import Message
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.request_values import MAX_TIME_S, kind_of, lifecycle_of, scalars_of, time_of, vector_of
from echorator.cognition.settings import MAX_BATCH, MAX_GOALS, MAX_K, MAX_TEXT_BYTES, Weights
from echorator.cognition.turns import Bounds
from echorator.errors import InvalidRequestError
from echorator.ranged import within
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import common_pb2, model_pb2
from echorator.serving.bounds import MOST_MESSAGES

MAX_NAME = 128
MAX_KEY = 256
MAX_FACTS = 16  # facts of one memory that a caller states
_FACT_TYPES = tuple(FactType)  # in the order of the API's numbers, from 1
_CLAIMS = tuple(Claim)
MAX_MESSAGE_BYTES = 4 << 20


def name_of(value: str, where: str, default: str = "") -> str:
    """Return a name, or `default` where it is empty. Raises InvalidRequestError where both are, and for a name that cannot be."""
    value = value or default
    if not value:
        raise InvalidRequestError(f"{where} is empty; say whose memory this is")
    if len(value) > MAX_NAME or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in value):
        raise InvalidRequestError(f"{where} must be 1..{MAX_NAME} characters without control characters")
    return value


def owner_of(scope: common_pb2.Scope) -> Owner:
    """Return the owner that a scope names; an empty tenant or agent is "default". Raises InvalidRequestError without a user."""
    session = name_of(scope.session, "scope.session", "") if scope.session else ""
    tenant, agent = name_of(scope.tenant, "scope.tenant", "default"), name_of(scope.agent, "scope.agent", "default")
    return Owner(tenant, agent, name_of(scope.user, "scope.user", ""), session)


def told_of(memory: pb.NewMemory, where: str) -> Told:
    """Return one memory to be stored; `where` names it in errors. Raises InvalidRequestError."""
    check_text(memory.text, f"{where}.text")
    if len(memory.key) > MAX_KEY or "\0" in memory.key:
        raise InvalidRequestError(f"{where}.key must be at most {MAX_KEY} characters without NUL")
    if len(memory.facts) > MAX_FACTS:
        raise InvalidRequestError(f"{where}.facts: at most {MAX_FACTS}, not {len(memory.facts)}")
    return Told(
        memory.text,
        kind_of(memory.kind),
        name_of(memory.speaker, f"{where}.speaker", "") if memory.speaker else "",
        time_of(memory.said_at_s, f"{where}.said_at_s") if memory.HasField("said_at_s") else None,
        within(memory.importance, 0, 1, f"{where}.importance") if memory.HasField("importance") else None,
        memory.pinned,
        memory.key,
        vector_of(memory.embedding, f"{where}.embedding"),
        tuple(fact_of(fact, f"{where}.facts[{i}]") for i, fact in enumerate(memory.facts)) or None,
        memory.standing if memory.HasField("standing") else None,
        metadata=metadata_of(scalars_of(memory.metadata), f"{where}.metadata"),
        categories=categories_of(memory.categories, f"{where}.categories"),
        expires_s=within(memory.expires_at_s, 0, MAX_TIME_S, f"{where}.expires_at_s"),
    )


def fact_of(said: pb.Fact, where: str) -> Fact:
    """Return a caller's fact; `where` names it in errors. Raises InvalidRequestError."""
    claim = _CLAIMS[said.claim - 1] if said.claim else Claim.HOLDS
    texts = (said.subject, said.attribute, said.value)
    if not (said.subject and said.attribute and (said.value or claim is Claim.DENIES)) or max(map(len, texts)) > 256:
        raise InvalidRequestError(f"{where} needs a subject, an attribute and a value of at most 256 characters")
    type_ = _FACT_TYPES[said.type - 1] if said.type else FactType.SINGLE
    certainty = within(said.certainty, 0, 1, f"{where}.certainty") or 1.0
    return Fact(said.subject.lower(), said.attribute.lower(), said.value, type_, claim, certainty)


def all_told(request: pb.RememberRequest) -> list[Told]:
    """Return the memories to be stored. Raises InvalidRequestError unless there are 1 to `MAX_BATCH` valid ones."""
    if not 1 <= len(request.memories) <= MAX_BATCH:
        raise InvalidRequestError(f"memories: 1..{MAX_BATCH} at once, not {len(request.memories)}; send several requests")
    return [told_of(m, f"memories[{i}]") for i, m in enumerate(request.memories)]


def weights_of(message: pb.Weights, defaults: Weights) -> Weights:
    """Return the weights that the message sets, and `defaults` for the others."""
    chosen = {f.name: getattr(message, f.name) for f in fields(Weights) if message.HasField(f.name)}
    return Weights(**{f.name: chosen.get(f.name, getattr(defaults, f.name)) for f in fields(Weights)})


def query_text(text: str, name: str) -> str:
    """Return `text`. Raises InvalidRequestError where it is blank or longer than `MAX_TEXT_BYTES`."""
    if not text.strip():
        raise InvalidRequestError(f"{name} is empty; say what to recall")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES:
        raise InvalidRequestError(f"{name} is longer than {MAX_TEXT_BYTES} bytes; shorten it")
    return text


def asked_of(request: pb.RecallRequest, defaults: Weights, now_s: float) -> Asked:
    """Return the parameters of a recall; unset weights are `defaults`. Raises InvalidRequestError."""
    vector = vector_of(request.embedding, "embedding")
    return Asked(
        query_text(request.query, "query"),
        within(request.k or 10, 1, MAX_K, "k"),
        filter_of(request.filter, now_s),
        time_of(request.as_of_s, "as_of_s") if request.HasField("as_of_s") else None,
        request.include_superseded,
        weights_of(request.weights, defaults),
        vector if len(vector) else None,
        now_s,
        Affect(),
    )


def update_of(request: pb.UpdateMemoryRequest) -> dict[str, object]:
    """Return the new values by field name, as `Cognition.update` takes them.

    Raises InvalidRequestError where the request sets no field or a wrong value.
    """
    values: dict[str, object] = {}
    if request.HasField("text"):
        values["text"] = check_text(request.text, "text")
    if request.HasField("kind"):
        kind = kind_of(request.kind)
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
    if request.HasField("standing"):
        values["standing"] = request.standing
    if request.HasField("metadata"):
        values["metadata"] = scalars_of(request.metadata)
    for name in ("add_categories", "remove_categories"):
        if getattr(request, name):
            values[name] = categories_of(getattr(request, name), name)
    if request.HasField("expires_at_s"):
        values["expires_s"] = within(request.expires_at_s, 0, MAX_TIME_S, "expires_at_s")
    if not values:
        raise InvalidRequestError("nothing is to be changed; set at least one field")
    return values


def messages_of(request: pb.BuildContextRequest) -> list[Message]:
    """Return the conversation of a request. Raises InvalidRequestError where it is empty, too long or has a turn without a role."""
    if not 1 <= len(request.messages) <= MOST_MESSAGES:
        raise InvalidRequestError(f"messages: 1..{MOST_MESSAGES}, not {len(request.messages)}")
    if sum(len(m.content) for m in request.messages) > MAX_MESSAGE_BYTES:
        raise InvalidRequestError(f"messages: more than {MAX_MESSAGE_BYTES} characters; shorten the conversation")
    for i, message in enumerate(request.messages):
        if not message.role:
            raise InvalidRequestError(f"messages[{i}] has no role; use system, user or assistant")
    return [Message(m.role, m.content) for m in request.messages]


def bounds_of(request: pb.BuildContextRequest) -> Bounds:
    """Return the bounds of a context that the request sets. Raises InvalidRequestError for one out of its range."""
    given = request.HasField
    return Bounds(
        within(request.budget_tokens, 0, 1 << 20, "budget_tokens") if given("budget_tokens") else None,
        within(request.max_memories, 0, 1000, "max_memories") if given("max_memories") else None,
        within(request.min_confidence, 0, 1, "min_confidence") if given("min_confidence") else None,
    )


def turn_of(request: pb.RecordExperienceRequest) -> Turn:
    """Return the finished turn of a request. Raises InvalidRequestError for NUL characters and values out of their range."""
    if "\0" in request.user_text or "\0" in request.answer:
        raise InvalidRequestError("user_text and answer must not have NUL characters; remove them")
    return Turn(
        request.user_text,
        request.answer,
        request.model,
        [number_of(i) for i in request.recalled_ids],
        request.outcome,
        within(request.feedback, -1, 1, "feedback") if request.HasField("feedback") else None,
        time_of(request.at_s, "at_s") if request.HasField("at_s") else None,
    )


def conversation(messages: Sequence[Message]) -> list[model_pb2.Message]:
    """Return the messages as protobuf messages; the inverse of `messages_of`."""
    return [model_pb2.Message(role=m.role, content=m.content) for m in messages]


def goals_of(request: pb.SetGoalsRequest) -> list[Goal]:
    """Return the goals, of which there may be none. Raises InvalidRequestError for more than `MAX_GOALS`."""
    if len(request.goals) > MAX_GOALS:
        raise InvalidRequestError(f"goals: at most {MAX_GOALS}, not {len(request.goals)}")
    return [
        Goal(check_text(goal.text, f"goals[{i}].text"), within(goal.priority or 1.0, 0, 1, f"goals[{i}].priority"))
        for i, goal in enumerate(request.goals)
    ]


def number_of(value: int) -> int:
    """Return an id or a sequence number cut to what any store can look up: no stored number is as large as a uint64 may be."""
    return min(value, (1 << 63) - 1)


def page_of(token: str) -> int:
    """Return the id after which the page begins, 0 for the first page. Raises InvalidRequestError for a foreign token."""
    if not token:
        return 0
    if not token.isascii() or not token.isdigit() or len(token) > 18:
        raise InvalidRequestError("page_token must be one that ListMemories gave")
    return int(token)


def namespace_token(agent: str, user: str) -> str:
    """Return the page token that stands for the last namespace of a page; `namespace_page_of` reads it."""
    return base64.urlsafe_b64encode(f"{agent}\0{user}".encode()).decode()


def namespace_page_of(token: str) -> tuple[str, str]:
    """Return the agent and the user after which the page begins. Raises InvalidRequestError for a foreign token."""
    if not token:
        return "", ""
    try:
        agent, _, user = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode().partition("\0")
    except ValueError as error:
        raise InvalidRequestError("page_token must be one that ListNamespaces gave") from error
    return agent, user


def interval_of(milliseconds: int, default_ms: int = 1000) -> float:
    """Return the interval in seconds, the default for 0 ms. Raises InvalidRequestError outside of 100 ms to 60 s."""
    return within(milliseconds or default_ms, 100, 60_000, "interval_ms") / 1000


def cursor_of(text: str) -> tuple[int, int]:
    """Return the number and the seq that a cursor of a namespace has, zeros for "". Raises InvalidRequestError for a foreign cursor."""
    if not text:
        return 0, 0
    parts = text.split("-")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        raise InvalidRequestError("after must be a cursor that WatchChanges gave for this namespace")
    return int(parts[0]), int(parts[1])
