"""Tells how a hostile request ended: its status, and for a whole answer to a JSON schema whether the answer is valid under it."""

from __future__ import annotations

import json
import re
from decimal import Decimal, localcontext
from typing import Any

import jsonschema

from bench.hostile.requests import Body

_DIGITS = 2000  # of the arithmetic with decimal numbers
_MOST_STEPS = 50  # from schema to schema for the same value; jsonschema needs several frames of Python's stack for each
_IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")  # keywords whose schemas apply to the same value


def schema_of(body: Body) -> Any:
    """Return the JSON schema that the answer has to follow; None where the request has none."""
    return body.json.get("response_format", {}).get("json_schema", {}).get("schema")


def verdict(body: Body, status: int, text: str) -> str:
    """Return the status, and for a whole answer to a schema whether it is valid under the schema."""
    schema = schema_of(body)
    if status != 200 or schema is None:
        return str(status) if status else text
    choice = json.loads(text)["choices"][0]
    if choice["finish_reason"] != "stop":
        return "200, cut by max_tokens"
    if is_endless(schema):
        return "200, of a schema that is too deep for jsonschema or leads back to itself"
    try:
        said = faults(choice["message"]["content"], schema)
    except (re.error, jsonschema.SchemaError):
        return "200, of a schema that jsonschema refuses"
    if said:
        return f"200, INVALID under {json.dumps(schema)}: {choice['message']['content']} {said}"
    return "200, valid"


def faults(text: str, schema: Any) -> str:
    """Return why a text is no JSON that is valid under a schema; "" where it is. Raises re.error or SchemaError for the schema."""
    try:
        with localcontext(prec=_DIGITS):
            jsonschema.validate(_exact(text), _exact(json.dumps(schema)))
    except (ValueError, jsonschema.ValidationError) as error:
        return error.message if isinstance(error, jsonschema.ValidationError) else str(error)
    return ""


def _exact(text: str) -> Any:
    """Read JSON with decimal numbers, because 7.1 is a multiple of 0.1 and the float 7.1 is none of the float 0.1."""
    return json.loads(text, parse_float=Decimal)


def is_endless(schema: Any) -> bool:
    """Return whether a part of a schema leads back to itself, or to more than `_MOST_STEPS` others, without a step into the value.

    JSON Schema 2020-12, section 9.4.1, gives schemas that lead back to themselves no meaning.
    """
    ended: set[int] = set()

    def leads_back(part: Any, above: set[int]) -> bool:
        if not isinstance(part, dict) or id(part) in ended:
            return False
        if id(part) in above or len(above) > _MOST_STEPS:
            return True
        above.add(id(part))
        following = [_target(schema, part["$ref"])] if isinstance(part.get("$ref"), str) else []
        for keyword in _IN_PLACE:
            found = part.get(keyword)
            following += found if isinstance(found, list) else [found]
        back = any(leads_back(one, above) for one in following)
        above.discard(id(part))
        ended.add(id(part))
        return back

    parts, seen = [schema], set[int]()
    while parts:
        part = parts.pop()
        if isinstance(part, dict | list) and id(part) not in seen:
            seen.add(id(part))
            if leads_back(part, set()):
                return True
            parts += part.values() if isinstance(part, dict) else part
    return False


def _target(schema: Any, reference: str) -> Any:
    """Return the part of a schema that a local reference names; None where there is none."""
    part = schema
    for name in reference.removeprefix("#").split("/")[1:]:
        part = part.get(name) if isinstance(part, dict) else None
    return part if reference.startswith("#") else None
