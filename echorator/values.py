"""Turns Python values into `google.protobuf.Value` and `Struct`, and back: the one conversion of free-form JSON in messages. Pure.

A number of these messages is a 64-bit float, as in JavaScript, so whole numbers are exact up to 2**53 only: the reader turns a whole
number within that limit into an int, and one beyond it stays a float. Source: struct.proto of protobuf, whose number_value is a double;
RFC 8259, section 6, on numbers that all JSON readers agree on. Used by the local cluster, whose specs, statuses and messages are free-form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.struct_pb2 import ListValue, Struct, Value

from echorator.errors import InvalidRequestError

MOST_EXACT = 1 << 53  # whole numbers of this magnitude and below are exact as a 64-bit float
MOST_DEPTH = 90  # levels of lists and mappings; protobuf itself refuses 100


def python_of(value: Value) -> Any:
    """Return None, a bool, a number, a text, a list or a dict; a whole number up to `MOST_EXACT` is an int: JSON has 3 and 3.0 alike."""
    match value.WhichOneof("kind"):
        case "struct_value":
            return python_of_struct(value.struct_value)
        case "list_value":
            return [python_of(inner) for inner in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) <= MOST_EXACT else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def python_of_struct(struct: Struct) -> dict[str, Any]:
    """Return the fields of a Struct as a dict; values are as in `python_of`."""
    return {key: python_of(inner) for key, inner in struct.fields.items()}


def value_of(given: Any, depth: int = 0) -> Value:
    """Return the message of a value that JSON has; a whole number beyond `MOST_EXACT` becomes the nearest float.

    Args:
        given: None, a bool, a number, a text, a list, a tuple or a mapping with texts as keys; so are their parts.
        depth: levels of lists and mappings around `given`.

    Raises:
        InvalidRequestError: JSON has no such value, or it nests more than `MOST_DEPTH` deep.
    """
    if depth > MOST_DEPTH:
        raise InvalidRequestError(f"a value of more than {MOST_DEPTH} levels")
    match given:
        case None:
            return Value(null_value=0)  # type: ignore[arg-type]  # NULL_VALUE, the enum's only number
        case bool():
            return Value(bool_value=given)
        case int() | float():
            try:
                return Value(number_value=float(given))
            except OverflowError as error:
                raise InvalidRequestError("a number beyond those of JSON") from error
        case str():
            return Value(string_value=_encodable(given))
        case Mapping():
            return Value(struct_value=struct_of(given, depth))
        case list() | tuple():
            return Value(list_value=ListValue(values=[value_of(inner, depth + 1) for inner in given]))
    raise InvalidRequestError(f"a {type(given).__name__} is no value of JSON")


def struct_of(given: Mapping[str, Any], depth: int = 0) -> Struct:
    """Return the message of a mapping. Raises InvalidRequestError as `value_of`, and for a key that is no text."""
    made = Struct()
    for key, inner in given.items():
        if not isinstance(key, str):
            raise InvalidRequestError(f"a {type(key).__name__} is no name of a field in JSON")
        made.fields[_encodable(key)].CopyFrom(value_of(inner, depth + 1))
    return made


def _encodable(text: str) -> str:
    r"""Return `text`; json.loads makes half of a surrogate pair of "\ud800", which UTF-8 cannot write."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequestError("a text with half of a surrogate pair, which is no character") from error
    return text
