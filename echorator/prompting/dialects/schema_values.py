"""Turns the text of an argument that stands between tags into a JSON value of the kind that the tool's schema says.

Such a text does not say whether 3 is a number or a text. Pure; feeds `call_reader` and `call_grammar`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from echorator.prompting.dialects.reading import read_at_once

_KINDS = frozenset(("string", "number", "boolean", "null", "array", "object"))
_MOST_REFERENCES = 32


def resolved(schema: Any, root: Mapping[str, Any]) -> Any:
    """Follow references of a schema to its own document; one that leads nowhere is a schema of anything."""
    for _ in range(_MOST_REFERENCES):
        if not isinstance(schema, Mapping) or not isinstance(schema.get("$ref"), str):
            return schema
        place: Any = root
        path = schema["$ref"].removeprefix("#").strip("/")
        for part in path.split("/") if path else ():
            place = place.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(place, Mapping) else {}
        schema = place
    return {}


def property_schema(parameters: Mapping[str, Any], name: str) -> Any:
    """Return the schema of an argument; {} where the tool's schema does not name it."""
    whole = resolved(parameters, parameters)
    properties = whole.get("properties") if isinstance(whole, Mapping) else None
    return resolved(properties.get(name, {}), parameters) if isinstance(properties, Mapping) else {}


def kinds_of(schema: Any, root: Mapping[str, Any], depth: int = 0) -> frozenset[str]:
    """Return the kinds of JSON values that a schema may admit; an integer is a number."""
    schema = resolved(schema, root)
    if not isinstance(schema, Mapping) or depth > _MOST_REFERENCES:
        return _KINDS
    found = _KINDS
    kind = schema.get("type")
    named = [kind] if isinstance(kind, str) else kind if isinstance(kind, list) else None
    if named is not None:
        found &= frozenset("number" if part == "integer" else part for part in named if isinstance(part, str))
        found |= {"null"} if schema.get("nullable") is True else frozenset()
    if "const" in schema or isinstance(schema.get("enum"), list):
        values = schema["enum"] if isinstance(schema.get("enum"), list) else [schema["const"]]
        found &= frozenset(kind_of(value) for value in values)
    for word in ("anyOf", "oneOf"):
        if isinstance(schema.get(word), list) and schema[word]:
            found &= frozenset().union(*(kinds_of(part, root, depth + 1) for part in schema[word]))
    for part in schema["allOf"] if isinstance(schema.get("allOf"), list) else ():
        found &= kinds_of(part, root, depth + 1)
    return found


def kind_of(value: Any) -> str:
    """Return the kind of a JSON value."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, str):
        return "string"
    return "number" if isinstance(value, int | float) else "array" if isinstance(value, list) else "object"


def json_of(text: str, kinds: frozenset[str]) -> str:
    """Return the JSON text of an argument written as `text`; a text where it is of no other admitted kind."""
    if kinds != {"string"}:
        made = read_at_once(text)
        if made is not None and _kind_of_text(made) in kinds - {"string"}:
            return made
        if made is not None and "string" not in kinds:
            return made
    return json.dumps(text, ensure_ascii=False)


def _kind_of_text(text: str) -> str:
    first = text[0]
    return {"{": "object", "[": "array", '"': "string", "t": "boolean", "f": "boolean", "n": "null"}.get(first, "number")


def nested_json(text: str, prefix: str, item: str, schema: Any, root: Mapping[str, Any], depth: int = 0) -> str:
    """Return the JSON text of an argument whose parts are elements, each tag with a prefix; arrays have elements named `item`."""
    kinds = kinds_of(schema, root)
    schema = resolved(schema, root)
    if not text.strip().startswith(prefix + "<") or depth > _MOST_REFERENCES:
        if not text.strip() and "string" not in kinds:
            return "[]" if "array" in kinds and "object" not in kinds else "{}" if "object" in kinds else json_of(text, kinds)
        return json_of(text, kinds)
    parts: list[tuple[str, str]] = []
    at = text.index(prefix)
    while text.startswith(prefix + "<", at):
        name, _, _ = text[at + len(prefix) + 1 :].partition(">")
        begin = at + len(prefix) + len(name) + 2
        end = _end_of(text, begin, prefix, name)
        if end < 0:
            return json.dumps(text, ensure_ascii=False)
        parts.append((name, text[begin:end]))
        at = end + len(prefix) + len(name) + 3
        at += len(text[at:]) - len(text[at:].lstrip())
    below = schema if isinstance(schema, Mapping) else {}
    if all(name == item for name, _ in parts) and ("array" in kinds and ("object" not in kinds or item not in below.get("properties", {}))):
        return f"[{', '.join(nested_json(part, prefix, item, below.get('items', {}), root, depth + 1) for _, part in parts)}]"
    made = (
        f"{json.dumps(name, ensure_ascii=False)}: {nested_json(part, prefix, item, property_schema(below, name), root, depth + 1)}"
        for name, part in parts
    )
    return f"{{{', '.join(made)}}}"


def _end_of(text: str, begin: str | int, prefix: str, name: str) -> int:
    """Return where the element's closing tag begins, past elements of the same name within it; -1 where there is none."""
    opens, closes, depth, at = f"{prefix}<{name}>", f"{prefix}</{name}>", 1, int(begin)
    while True:
        closed = text.find(closes, at)
        opened = text.find(opens, at)
        if closed < 0:
            return -1
        if 0 <= opened < closed:
            depth, at = depth + 1, opened + len(opens)
            continue
        depth -= 1
        if depth == 0:
            return closed
        at = closed + len(closes)
