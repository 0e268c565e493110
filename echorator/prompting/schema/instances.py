"""Validates a given value under a schema, to filter const, enum and property names by the keywords beside them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from echorator.prompting.schema.document import ABSENT, EXCLUDED, KINDS, NOT_PATTERN, Document, Schema, is_number, refuse
from echorator.prompting.schema.formats import FORMATS
from echorator.prompting.schema.patterns import PatternError
from echorator.prompting.schema.strings import found_in

_DEEPEST = 100  # schemas applied within each other


def identity(value: Any) -> Any:
    """Return a key that is equal for values that JSON Schema calls equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, bool) or value is None:
        return (type(value).__name__, value)
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return ("number", value)
    if isinstance(value, dict):
        return ("object", frozenset((name, identity(part)) for name, part in value.items()))
    return ("array", tuple(map(identity, value)))


def kind_of(value: Any) -> str:
    """Return the kind of a JSON value; a number is an "integer" or a "fraction" by its value, so 1.0 is an integer."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "integer" if value == int(value) else "fraction"
    return "object" if isinstance(value, dict) else "array"


def matches(document: Document, schema: dict[Any, Any], pattern: str, text: str, key: str = "pattern") -> bool:
    """Return whether a text matches a pattern of the schema. Raises InvalidRequestError where the pattern is malformed."""
    try:
        return found_in(pattern, text)
    except PatternError as e:
        refuse(f"{document.where(schema)}/{key}", str(e))


class Instances:
    """A validator of values under the schemas of one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._listed: dict[tuple[int, Any], frozenset[Any]] = {}

    def valid(self, value: Any, schema: Schema, depth: int = 0) -> bool:
        """Return whether a value is valid. Raises InvalidRequestError where the schema is malformed or refers to itself endlessly."""
        self.document.step()
        if isinstance(schema, bool):
            return schema
        self.document.check(schema)
        if depth > _DEEPEST:
            refuse(self.document.where(schema), "its $ref leads to itself without an end")
        kind = kind_of(value)
        for key in schema:
            test = _TESTS.get(key)
            if test is not None and not test(self, value, kind, schema, depth + 1):
                return False
        return True

    def _type(self, _value: Any, kind: str, schema: Any, _depth: int) -> bool:
        if KINDS in schema:
            return kind in schema[KINDS]
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return (
            kind in names or (kind in ("integer", "fraction") and "number" in names) or (kind == "null" and schema.get("nullable") is True)
        )

    def _named(self, value: Any, _kind: str, schema: Any, _depth: int) -> bool:
        same = identity(value)
        if EXCLUDED in schema and same in self._identities(schema, EXCLUDED):
            return False
        if "const" in schema and identity(schema["const"]) != same:
            return False
        return "enum" not in schema or same in self._identities(schema, "enum")

    def _identities(self, schema: Any, key: Any) -> frozenset[Any]:
        found = self._listed.get((id(schema), key))
        if found is None:
            found = self._listed[id(schema), key] = frozenset(map(identity, schema[key]))
        return found

    def _combined(self, value: Any, _kind: str, schema: Any, depth: int) -> bool:
        def valid(part: Schema) -> bool:
            return self.valid(value, part, depth)

        if not all(map(valid, schema.get("allOf", ()))) or ("anyOf" in schema and not any(map(valid, schema["anyOf"]))):
            return False
        if "oneOf" in schema and sum(map(valid, schema["oneOf"])) != 1:
            return False
        if "not" in schema and valid(schema["not"]):
            return False
        if "if" in schema:
            return valid(schema.get("then" if valid(schema["if"]) else "else", True))
        return True

    def _referred(self, value: Any, _kind: str, schema: Any, depth: int) -> bool:
        return all(
            self.valid(value, self.document.resolve(schema, key), depth)
            for key in ("$ref", "$dynamicRef", "$recursiveRef")
            if key in schema
        )

    def _number(self, value: Any, _kind: str, schema: Any, _depth: int) -> bool:
        if not is_number(value):
            return True
        low, high = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        if "minimum" in schema and (value <= schema["minimum"] if low is True else value < schema["minimum"]):
            return False
        if "maximum" in schema and (value >= schema["maximum"] if high is True else value > schema["maximum"]):
            return False
        if (is_number(low) and value <= low) or (is_number(high) and value >= high):
            return False
        step = schema.get("multipleOf")
        return step is None or Fraction(Decimal(repr(value))) % Fraction(Decimal(repr(step))) == 0

    def _text(self, value: Any, _kind: str, schema: Any, _depth: int) -> bool:
        if not isinstance(value, str):
            return True
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            return False
        if "pattern" in schema and not matches(self.document, schema, schema["pattern"], value):
            return False
        if NOT_PATTERN in schema and matches(self.document, schema, schema[NOT_PATTERN], value):
            return False
        return schema.get("format") not in FORMATS or found_in(FORMATS[schema["format"]], value)

    def _array(self, value: Any, _kind: str, schema: Any, depth: int) -> bool:
        if not isinstance(value, list):
            return True
        items = schema.get("items", True)
        first = schema.get("prefixItems", items if isinstance(items, list) else [])
        rest = schema.get("additionalItems", True) if isinstance(items, list) else items
        if not all(self.valid(part, first[i] if i < len(first) else rest, depth) for i, part in enumerate(value)):
            return False
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            return False
        if schema.get("uniqueItems") is True and len({identity(part) for part in value}) < len(value):
            return False
        if "contains" in schema:
            found = sum(self.valid(part, schema["contains"], depth) for part in value)
            return bool(schema.get("minContains", 1) <= found <= schema.get("maxContains", found))
        return True

    def _object(self, value: Any, _kind: str, schema: Any, depth: int) -> bool:
        if not isinstance(value, dict):
            return True
        if not set(schema.get("required", ())) <= value.keys() or not value.keys().isdisjoint(schema.get(ABSENT, ())):
            return False
        if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
            return False
        for name, part in value.items():
            rules = [schema["properties"][name]] if name in schema.get("properties", {}) else []
            for pattern, inner in schema.get("patternProperties", {}).items():
                if matches(self.document, schema, pattern, name, "patternProperties"):
                    rules.append(inner)
            if not all(self.valid(part, rule, depth) for rule in rules or [schema.get("additionalProperties", True)]):
                return False
            if not self.valid(name, schema.get("propertyNames", True), depth):
                return False
        return self._dependent(value, schema, depth)

    def _dependent(self, value: Any, schema: Any, depth: int) -> bool:
        for key in ("dependentRequired", "dependentSchemas", "dependencies"):
            for name, needed in schema.get(key, {}).items():
                if name in value and not (set(needed) <= value.keys() if isinstance(needed, list) else self.valid(value, needed, depth)):
                    return False
        return True


_Test = Callable[[Instances, Any, str, Any, int], bool]
_TESTS: dict[Any, _Test] = {
    **dict.fromkeys(("type", KINDS), Instances._type),
    **dict.fromkeys(("const", "enum", EXCLUDED), Instances._named),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "not", "if"), Instances._combined),
    **dict.fromkeys(("$ref", "$dynamicRef", "$recursiveRef"), Instances._referred),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), Instances._number),
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format", NOT_PATTERN), Instances._text),
    **dict.fromkeys(("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "maxContains"), Instances._array),
    **dict.fromkeys(
        ("properties", "patternProperties", "additionalProperties", "required", "minProperties", "maxProperties"), Instances._object
    ),
    **dict.fromkeys(("propertyNames", "dependentRequired", "dependentSchemas", "dependencies", ABSENT), Instances._object),
}
