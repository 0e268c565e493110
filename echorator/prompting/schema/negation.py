"""Computes the opposite of a schema as a choice of other schemas, for `not`, for an `if` that does not hold, and for `oneOf`."""

from __future__ import annotations

from typing import Any

from echorator.prompting.schema.document import ABSENT, EXCLUDED, KINDS, NOT_PATTERN, Document, Schema

_ALL = frozenset(("object", "array", "string", "integer", "fraction", "boolean", "null"))
_ANNOTATIONS = frozenset(
    "title description default examples $schema $id id $comment deprecated readOnly writeOnly $defs definitions $anchor then else "
    "contentMediaType contentEncoding contentSchema example discriminator".split()
)
_UPPER = {"maximum": "exclusiveMinimum", "exclusiveMaximum": "minimum", "minimum": "exclusiveMaximum", "exclusiveMinimum": "maximum"}
_MOST = {"maxLength": ("minLength", "string"), "maxItems": ("minItems", "array"), "maxProperties": ("minProperties", "object")}
_LEAST = {"minLength": ("maxLength", "string"), "minItems": ("maxItems", "array"), "minProperties": ("maxProperties", "object")}
_MOST_REFERENCES = 20


class CannotNegateError(Exception):
    """A keyword, which the message names, has an opposite that no grammar of a reasonable size expresses."""


def negated(document: Document, schema: Schema, references: int = 0) -> list[Schema]:
    """Return schemas of which at least one holds exactly where `schema` does not.

    Raises:
        CannotNegateError: the schema has a keyword whose opposite cannot be written.
    """
    document.step()
    document.check(schema)
    if isinstance(schema, bool):
        return [] if schema else [True]
    known = document.opposites.get(id(schema))
    if known is None:
        # The same schema must have the same object as its opposite, so that a chain of references that leads to itself is detected.
        known = document.opposites[id(schema)] = _negated(document, schema, references)
    return known


def _negated(document: Document, schema: dict[Any, Any], references: int) -> list[Schema]:
    found: list[dict[Any, Any]] = []
    for key, value in schema.items():
        if key in ("anyOf", "allOf"):
            inner = [document.opposite(document.placed(part, schema, key, i), schema) for i, part in enumerate(value)]
            found.extend(inner if key == "allOf" else [{"allOf": inner}])
        elif key == "not":
            found.append({"allOf": [document.placed(value, schema, "not")]})
        elif key == "$ref":
            if references >= _MOST_REFERENCES:
                raise CannotNegateError("a $ref that leads to itself")
            found.extend(negated(document, document.resolve(schema), references + 1))
        else:
            found.extend(_opposite(document, schema, key, value))
    return [document.made(part, schema) if isinstance(part, dict) else part for part in found]


def _opposite(document: Document, schema: dict[Any, Any], key: Any, value: Any) -> list[dict[Any, Any]]:
    """Return the schemas that break one keyword."""
    if key == "type":
        kinds: set[str] = set()
        for name in value if isinstance(value, list) else [value]:
            kinds |= {"integer", "fraction"} if name == "number" else {name}
        return [{KINDS: _ALL - kinds}] if kinds != _ALL else []
    if key in ("const", "enum"):
        return [{EXCLUDED: tuple(value) if key == "enum" else (value,)}]
    if key == "required":
        return [{"type": "object", ABSENT: (name,)} for name in value]
    if key == "properties":
        return [
            {
                "type": "object",
                "required": [name],
                "properties": {name: document.opposite(document.placed(part, schema, key, name), schema)},
            }
            for name, part in value.items()
            if part is not True
        ]
    if key in _UPPER:
        if isinstance(value, bool) or isinstance(schema.get("exclusiveMinimum"), bool) or isinstance(schema.get("exclusiveMaximum"), bool):
            raise CannotNegateError("draft 4's exclusive bounds")
        return [{"type": "number", _UPPER[key]: value}]
    if key in _MOST:
        name, kind = _MOST[key]
        return [{"type": kind, name: int(value) + 1}]
    if key in _LEAST:
        name, kind = _LEAST[key]
        return [{"type": kind, name: int(value) - 1}] if value else []
    if key == "pattern":
        return [{"type": "string", NOT_PATTERN: value}]
    if key == "items" and not isinstance(value, list) and "prefixItems" not in schema:
        return [] if value is True else [{"type": "array", "contains": document.opposite(value, schema)}]
    if key == "contains" and "minContains" not in schema and "maxContains" not in schema:
        return [{"type": "array", "items": document.opposite(value, schema)}]
    if (key == "additionalProperties" and value is True) or (key == "uniqueItems" and value is False):
        return []
    if key in _ANNOTATIONS or not isinstance(key, str) or key not in _ASSERTING:
        if not isinstance(key, str):
            raise CannotNegateError("a part of it")
        return []
    raise CannotNegateError(key)


_ASSERTING = frozenset(
    "oneOf if dependentRequired dependentSchemas dependencies patternProperties additionalProperties propertyNames unevaluatedProperties "
    "unevaluatedItems items prefixItems additionalItems contains minContains maxContains uniqueItems multipleOf format $dynamicRef "
    "$recursiveRef nullable".split()
)
