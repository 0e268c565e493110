"""Convert `Filter` messages to plain filters. Pure: every fault is an InvalidRequestError with the path of the field. Feeds `requests`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from google.protobuf.struct_pb2 import Value

from echorator.cognition.learning.labelling import categories_of, label_of, value_of
from echorator.cognition.memory import Filter, MetadataCondition
from echorator.cognition.reading.values import Act
from echorator.cognition.request_values import kind_of, scalar_of, time_of
from echorator.cognition.text_query import query_of
from echorator.errors import InvalidRequestError
from echorator.rpc.v1 import cognition_pb2 as pb

MAX_DEPTH = 8  # filters within each other
MAX_CONDITIONS = 256  # filters and conditions on metadata of one filter, with itself
_ACTS = tuple(Act)  # in the order of the API's numbers, from 1
_BOUNDS = ("at_least", "above", "at_most", "below")


def filter_of(message: pb.Filter, now_s: float = 0.0) -> Filter:
    """Return the filter that the message describes; it does not admit what has expired by `now_s`, where that is not 0.

    Raises:
        InvalidRequestError: a value cannot be taken, or the filter is too deep or too large.
    """
    if _size(message, 1) > MAX_CONDITIONS:
        raise InvalidRequestError(f"filter: more than {MAX_CONDITIONS} filters and conditions; ask for less at once")
    return replace(_filter(message, "filter"), now_s=now_s)


def _size(message: pb.Filter, depth: int) -> int:
    if depth > MAX_DEPTH:
        raise InvalidRequestError(f"filter: filters may stand in each other up to {MAX_DEPTH} deep; write it flatter")
    inner = (*message.all, *message.any, *message.none)
    return 1 + len(message.metadata) + sum(_size(one, depth + 1) for one in inner)


def _filter(message: pb.Filter, where: str) -> Filter:
    return Filter(
        frozenset(k for value in message.kinds if (k := kind_of(value)) is not None),
        message.session,
        message.speaker,
        time_of(message.since_s, f"{where}.since_s") if message.HasField("since_s") else None,
        time_of(message.before_s, f"{where}.before_s") if message.HasField("before_s") else None,
        frozenset(_ACTS[value - 1] for value in message.acts if value),
        frozenset(label_of(source, f"{where}.sources") for source in message.sources),
        frozenset(categories_of(message.categories, f"{where}.categories")),
        tuple(_condition(one, f"{where}.metadata[{i}]") for i, one in enumerate(message.metadata)),
        _searched(message.text, f"{where}.text"),
        _filters(message.all, f"{where}.all"),
        _filters(message.any, f"{where}.any"),
        _filters(message.none, f"{where}.none"),
    )


def _filters(messages: Sequence[pb.Filter], where: str) -> tuple[Filter, ...]:
    return tuple(_filter(message, f"{where}[{i}]") for i, message in enumerate(messages))


def _searched(text: str, where: str) -> str:
    try:
        query_of(text)
    except InvalidRequestError as error:
        raise InvalidRequestError(f"{where.removesuffix('text')}{error}") from error
    return text


def _condition(message: pb.MetadataCondition, where: str) -> MetadataCondition:
    name = label_of(message.name, f"{where}.name")
    if message.HasField("equals") and message.HasField("one_of"):
        raise InvalidRequestError(f"{where}: equals and one_of exclude each other")
    one_of = [_value(message.equals, f"{where}.equals")] if message.HasField("equals") else []
    one_of += [_value(value, f"{where}.one_of") for value in message.one_of.values]
    if message.HasField("one_of") and not one_of:
        raise InvalidRequestError(f"{where}.one_of is empty; no value is one of none")
    bounds = {name: _bound(getattr(message, name), f"{where}.{name}") for name in _BOUNDS if message.HasField(name)}
    exists = message.exists if message.HasField("exists") else True
    if not exists and (one_of or bounds):
        raise InvalidRequestError(f"{where}: `exists: false` stands alone; a value that is not there cannot be compared")
    return MetadataCondition(name, tuple(one_of), **bounds, exists=exists)


def _value(message: Value, where: str) -> Any:
    value = scalar_of(message)
    if value is None:
        raise InvalidRequestError(f"{where}: null is no value; use `exists: false` for memories without the name")
    return value_of(value, where)


def _bound(message: Value, where: str) -> Any:
    value = _value(message, where)
    if isinstance(value, bool):
        raise InvalidRequestError(f"{where} must be a number or a text, which have an order")
    return value
