"""Validates objects of a request with pydantic, and names the field that is wrong. Pure."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from echorator.gateway.http.bodies import Body
from echorator.gateway.http.failures import BodyError

B = TypeVar("B", bound=Body)
_UNION_MEMBERS = ("str", "Texts", "TextParts", "TokenIds", "Prompts", "Mixed", "Calls", "Items", "Blocks", "Parts", "Tools")


def validated(kind: type[B], value: Any, where: str = "") -> B:
    """Return `value` as an object of this kind; `where` is its place in the body, such as "messages.3". Raises BodyError."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise _invalid(error, where) from error


def _invalid(error: ValidationError, where: str) -> BodyError:
    """Return the error with the field's name. Of a union's members the deepest error is shown: it is the member that was meant."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    first = max(found, key=lambda e: (e["type"] == "too_long", len(e["loc"])))
    inner = [str(part) for part in first["loc"] if part not in _UNION_MEMBERS and "[" not in str(part)]
    place = ".".join(part for part in (where, *inner) if part)
    said = first["msg"].removeprefix("Value error, ")
    return BodyError(f"{place}: {said}" if place else said, place)
