"""Converts query parameters and JSON objects to protobuf messages, and messages to JSON objects. Pure; feeds `memories`.

The JSON is protobuf's own form with the names of the .proto files: 64-bit numbers are texts, enums are names, and every field without
presence is there. Where a request is wrong, a BodyError names the parameter or field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message

from echorator.gateway.http.endpoints import SCOPE
from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.json_text import object_of

_NAMED = re.compile(r'no field named "([^"]*)"|Failed to parse (\w+) field')
_WHOLE = {FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64}
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def fill_from_query(message: Message, parameters: Iterable[tuple[str, str]]) -> None:
    """Set the fields that query parameters name. A parameter of a repeated field may come again; one of a message is its JSON.

    Raises:
        BodyError: there is no such parameter, its value is none of the field's, or it comes twice.
    """
    kind = cast("Descriptor", message.DESCRIPTOR)
    values: dict[str, Any] = {}
    scope: dict[str, str] = {}
    for name, text in parameters:
        field = kind.fields_by_name.get(name)
        if name in SCOPE and "scope" in kind.fields_by_name:
            if name in scope:
                raise BodyError(f"{name} comes twice", name)
            scope[name] = text
        elif field is None:
            raise BodyError(f"{name[:80]}: there is no such parameter here; there are {', '.join(parameters_of(kind))}", name[:80])
        elif field.is_repeated:
            values.setdefault(name, []).append(_value(field, text))
        elif name in values:
            raise BodyError(f"{name} comes twice", name)
        else:
            values[name] = _value(field, text)
    if "user" not in scope:  # what the request itself has of it, such as the tenant whose changes are watched
        values |= {name: scope.pop(name) for name in [*scope] if name in kind.fields_by_name}
    if scope:
        values["scope"] = scope
    fill_from_json(message, values)


def parameters_of(kind: Descriptor) -> list[str]:
    """Return the names of the query parameters of a request, the scope's first."""
    names = [field.name for field in kind.fields if field.name != "scope"]
    return list(dict.fromkeys([*(SCOPE if "scope" in kind.fields_by_name else ()), *names]))


def _value(field: FieldDescriptor, text: str) -> Any:
    """Return the JSON value of a parameter's text."""
    try:
        if field.message_type is not None:
            return object_of(text.encode())
        if field.enum_type is not None:
            return _enum(field.enum_type, text)
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return _TRUTHS[text.lower()]
        if field.cpp_type in _WHOLE:
            return int(text)
        if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
            return float(text)
    except BodyError as error:
        raise BodyError(f"{field.name}: {error}", field.name) from error
    except (ValueError, KeyError) as error:
        raise BodyError(f"{field.name}: {text[:80]!r} is none of its values", field.name) from error
    return text


def _enum(enum: EnumDescriptor, text: str) -> str | int:
    """Return the name of an enum's value, which may be given without its prefix in lower case, or its number."""
    if text.isascii() and text.isdigit():
        return int(text)
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper()
    names = {name.lower(): name for name in enum.values_by_name}
    return names.get(text.lower()) or names[f"{prefix}_{text}".lower()]


def fill_from_json(message: Message, value: dict[str, Any]) -> None:
    """Set the fields that a JSON object has. Raises BodyError that names a field which is not there, or has a wrong value."""
    try:
        ParseDict(value, message)
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        said = (str(error) or "the request nests too deep").splitlines()[0]
        found = _NAMED.search(said)
        raise BodyError(said, next((part for part in found.groups() if part), "") if found else "") from error


def fix(message: Message, place: str, value: int) -> None:
    """Set the field that a path's parameter stands for; `place` is a field, or two with a dot, of which the second is repeated."""
    outer, _, inner = place.partition(".")
    try:
        if inner:
            getattr(getattr(message, outer), inner).append(value)
        else:
            setattr(message, outer, value)
    except ValueError as error:
        raise BodyError(f"there is no memory {value}", "id", status=404) from error


def json_of(message: Message) -> dict[str, Any]:
    """Return a message as a JSON object."""
    found: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return found
