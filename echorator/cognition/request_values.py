"""Convert the values that several requests have in common: times, kinds, vectors, metadata. Pure; feeds `requests` and `filters`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from google.protobuf.struct_pb2 import Struct, Value

from echorator.cognition.memory import NO_VECTOR, Kind, Lifecycle, Vector
from echorator.errors import InvalidRequestError
from echorator.ranged import within

MAX_TIME_S = 32_503_680_000.0  # the year 3000


def time_of(value: float, name: str) -> float:
    """Return `value`, seconds since 1970. Raises InvalidRequestError outside of the years 1 to 3000."""
    return within(value, -62_135_596_800.0, MAX_TIME_S, name)


def vector_of(values: Sequence[float], name: str) -> Vector:
    """Return a caller's numbers as a float32 vector, empty for none. Raises InvalidRequestError for NaN or infinite numbers."""
    if not values:
        return NO_VECTOR
    vector = np.array(values, np.float32)
    if not np.isfinite(vector).all():
        raise InvalidRequestError(f"{name} has NaN or infinite numbers")
    return vector


def kind_of(value: int) -> Kind | None:
    """Return the kind of memory; None for an unspecified one."""
    return Kind(value) if value else None


def lifecycle_of(value: int) -> Lifecycle | None:
    """Return the lifecycle; None for an unspecified one."""
    return Lifecycle(value) if value else None


def scalar_of(value: Value) -> Any:
    """Return the text, number or truth value of a message; None for null, a list or a structure where it is neither."""
    kind = value.WhichOneof("kind")
    return getattr(value, kind) if kind in ("string_value", "number_value", "bool_value") else None if kind == "null_value" else value


def scalars_of(struct: Struct) -> dict[str, Any]:
    """Return the values of a structure by name, each as `scalar_of` returns it."""
    return {name: scalar_of(value) for name, value in struct.fields.items()}
