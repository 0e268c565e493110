"""The schema as a document: its limits, the places of its parts, and the targets of its references.

Everything that a client can get wrong in the form of a schema is refused here, with the JSON pointer of the place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn
from urllib.parse import unquote, urldefrag, urljoin

from echorator.errors import InvalidRequestError

LARGEST_SCHEMA = 64 * 1024  # characters as JSON
DEEPEST_SCHEMA = 64  # nesting depth of lists and objects
MOST_STEPS = 60_000  # steps of the conversion: schemas visited, over all ways in which they are combined

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
Schema = Any  # a dict, or a bool

# Keys of schemas that are made here only; they are tuples, which no key of a JSON text can be.
ABSENT = ("absent",)  # names that an object must not have
KINDS = ("kinds",)  # a frozenset of kinds, see `alternatives`
EXCLUDED = ("excluded",)  # values that the value must not equal
NOT_PATTERN = ("not pattern",)  # a pattern that a string must not match

_NUMBERS = ("minimum", "maximum", "multipleOf")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains")
_SCHEMAS = ("additionalProperties", "additionalItems", "contains", "not", "if", "then", "else", "propertyNames")
_SCHEMAS_MORE = ("unevaluatedProperties", "unevaluatedItems")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS = ("properties", "patternProperties", "dependentSchemas")
_TEXTS = ("pattern", "format", "$ref")


def refuse(where: str, what: str) -> NoReturn:
    """Raise InvalidRequestError; `where` is the place in the schema, "" for the schema itself, and `what` the fault."""
    raise InvalidRequestError(f"json_schema: {where or 'the schema'}: {what}")


def shown(value: Any) -> str:
    """Return a value as JSON for a message, cut to 40 characters."""
    return json.dumps(value, ensure_ascii=True, default=str)[:40]


def is_number(value: Any) -> bool:
    """Return whether a JSON value is a number; Python counts a bool as an int too."""
    return isinstance(value, int | float) and not isinstance(value, bool)


class Document:
    """One schema document during its conversion."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        if not isinstance(root, Mapping):
            refuse("", "must be an object")
        _check_size(root)
        self.root = root if isinstance(root, dict) else dict(root)
        self.steps = 0
        self._where: dict[int, str] = {id(self.root): ""}
        self._checked: set[int] = set()
        self._kept: list[Any] = []  # schemas made here: kept alive as long as their ids are used
        self._made: set[int] = set()
        self._denied: dict[int, dict[Any, Any]] = {}
        self.opposites: dict[int, list[Schema]] = {}  # by ids of schemas, see `negation`
        self._named: dict[str, Schema] | None = None
        self._base: dict[int, str] = {}

    def step(self, count: int = 1) -> None:
        """Count steps of the conversion. Raises InvalidRequestError beyond MOST_STEPS."""
        self.steps += count
        if self.steps > MOST_STEPS:
            raise InvalidRequestError(
                "json_schema: it is too much work: its allOf, anyOf, oneOf, if, $ref and patterns combine in too many ways; make it simpler"
            )

    def where(self, schema: Schema) -> str:
        """Return the place of a schema as a JSON pointer, "" for the root or an unknown one."""
        return self._where.get(id(schema), "")

    def placed(self, schema: Schema, parent: Schema, *path: str | int) -> Schema:
        """Return `schema` and remember its place, `path` below its parent's."""
        if isinstance(schema, dict) and id(schema) not in self._where:
            steps = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
            self._where[id(schema)] = self.where(parent) + steps
            if id(parent) in self._base:
                self._base.setdefault(id(schema), self._base[id(parent)])
        return schema

    def made(self, schema: dict[Any, Any], parent: Schema) -> dict[Any, Any]:
        """Register a schema that stands for a part of `parent`, and return it."""
        self._kept.append(schema)
        self._made.add(id(schema))
        self._where[id(schema)] = self.where(parent)
        return schema

    def opposite(self, schema: Schema, parent: Schema) -> dict[Any, Any]:
        """Return {"not": schema}, always the same object for the same schema."""
        known = self._denied.get(id(schema))
        if known is None:
            known = self._denied[id(schema)] = self.made({"not": schema}, parent)
        return known

    def check(self, schema: Schema) -> None:
        """Check the keywords of this one schema. Raises InvalidRequestError where one is malformed."""
        if isinstance(schema, bool) or id(schema) in self._checked:
            return
        where = self.where(schema)
        if not isinstance(schema, dict):
            refuse(where, f"must be a schema: an object, true or false, not {shown(schema)}")
        self._checked.add(id(schema))
        for key, value in schema.items():
            if key in _KEYWORDS:
                _KEYWORDS[key](value, f"{where}/{key}")

    def is_made(self, schema: Schema) -> bool:
        """Return whether `made` registered the schema, so that it does not stand in the document itself."""
        return id(schema) in self._made

    # References

    def resolve(self, schema: dict[str, Any], key: str = "$ref") -> Schema:
        """Return what the reference of this schema points to within the document."""
        reference = schema[key]
        where = f"{self.where(schema)}/{key}"
        address, fragment = urldefrag(reference)
        root: Schema = self.root
        if self._named is None:
            self._named = {}
            self._read_names()
        base = self._base.get(id(schema), "")
        if address or base:
            named = self._named.get(urljoin(base, address) if address else base)
            if named is None:
                refuse(where, f"{shown(reference)} is not in this schema; only places within it are followed, such as #/$defs/name")
            root = named
        if fragment and not fragment.startswith("/"):
            anchored = self._named.get(f"{urljoin(base, address) if address else base}#{fragment}")
            if anchored is None:
                refuse(where, f"there is no $anchor {shown(fragment)} in this schema")
            return anchored
        found = root
        for part in fragment.split("/")[1:] if fragment else ():
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping) and name in found:
                inner = found[name]
            elif isinstance(found, list) and name.isascii() and name.isdigit() and len(name) < 7 and int(name) < len(found):
                inner = found[int(name)]
            else:
                definitions = self.root.get("$defs")
                known = ", ".join(f"#/$defs/{name}" for name in list(definitions)[:8]) if isinstance(definitions, dict) else ""
                refuse(where, f"{shown(reference)} points to nothing in this schema" + (f"; there are {known}" if known else ""))
            if isinstance(inner, dict) and id(inner) not in self._where:
                self._where[id(inner)] = f"{self.where(found) if isinstance(found, dict) else ''}/{part}"
            found = inner
        if isinstance(found, dict) and fragment.startswith("/"):
            self._where[id(found)] = fragment if root is self.root else self._where[id(found)]
        return found

    def _read_names(self) -> None:
        """Read every $id and $anchor of the document, and the base address of every schema below an $id."""
        assert self._named is not None
        waiting: list[tuple[Any, str]] = [(self.root, "")]
        while waiting:
            value, base = waiting.pop()
            if isinstance(value, list):
                waiting.extend((part, base) for part in value)
            elif isinstance(value, Mapping):
                name = value.get("$id", value.get("id") if value is self.root else None)
                if isinstance(name, str) and not name.startswith("#"):
                    base = urldefrag(urljoin(base, name))[0]
                    self._named.setdefault(base, value)
                elif isinstance(name, str):
                    self._named.setdefault(f"{base}{name}", value)  # the spelling of an anchor in drafts 6 and 7
                if base:
                    self._base[id(value)] = base
                for key in ("$anchor", "$dynamicAnchor"):
                    if isinstance(value.get(key), str):
                        self._named.setdefault(f"{base}#{value[key]}", value)
                waiting.extend((part, base) for key, part in value.items() if key not in ("const", "enum", "default", "examples"))


def _check_size(root: Mapping[str, Any]) -> None:
    level: list[Any] = [root]
    for _ in range(DEEPEST_SCHEMA + 1):
        level = [
            inner
            for part in level
            for inner in (part.values() if isinstance(part, Mapping) else part)
            if isinstance(inner, Mapping | list | tuple)
        ]
        if not level:
            break
    else:
        raise InvalidRequestError(f"json_schema: nested more than {DEEPEST_SCHEMA} deep; move inner parts to $defs")
    try:
        text = json.dumps(root, allow_nan=False, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError as e:
        raise InvalidRequestError("json_schema: it has half of a surrogate pair, which no text holds; write the whole character") from e
    except (ValueError, TypeError) as e:
        raise InvalidRequestError(
            f"json_schema: it holds something that is no JSON value ({e}); NaN, Infinity and numbers beyond 1e308 are none"
        ) from e
    if len(text) > LARGEST_SCHEMA:
        raise InvalidRequestError(f"json_schema: {len(text)} characters, at most {LARGEST_SCHEMA} are taken")


# Checks of the keywords' values


def _check_type(value: Any, where: str) -> None:
    kinds = value if isinstance(value, list) else [value]
    if not kinds:
        refuse(where, "must name at least one type")
    for kind in kinds:
        if not isinstance(kind, str) or kind not in TYPES:
            refuse(where, f"must be one of {', '.join(TYPES)}, not {shown(kind)}")


def _check_names(value: Any, where: str) -> None:
    if isinstance(value, bool):
        refuse(where, "must be a list of names; draft 3's boolean is not taken")
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        refuse(where, "must be a list of names")


def _check_count(value: Any, where: str) -> None:
    if not is_number(value) or value < 0 or value != int(value):
        refuse(where, f"must be a whole number of 0 or more, not {shown(value)}")


def _check_number(value: Any, where: str) -> None:
    if not is_number(value):
        refuse(where, f"must be a number, not {shown(value)}")
    if where.endswith("/multipleOf") and value <= 0:
        refuse(where, f"must be above 0, not {shown(value)}")


def _check_exclusive(value: Any, where: str) -> None:
    if not isinstance(value, bool):
        _check_number(value, where)


def _check_text(value: Any, where: str) -> None:
    if not isinstance(value, str):
        refuse(where, f"must be a text, not {shown(value)}")


def _check_schema(value: Any, where: str) -> None:
    if not isinstance(value, bool | dict):
        refuse(where, f"must be a schema: an object, true or false, not {shown(value)}")


def _check_list(value: Any, where: str) -> None:
    if not isinstance(value, list) or not value:
        refuse(where, "must be a list with at least one entry")


def _check_schemas(value: Any, where: str) -> None:
    _check_list(value, where)
    for i, part in enumerate(value):
        _check_schema(part, f"{where}/{i}")


def _check_items(value: Any, where: str) -> None:
    if isinstance(value, list):
        for i, part in enumerate(value):
            _check_schema(part, f"{where}/{i}")
    else:
        _check_schema(value, where)


def _check_map(value: Any, where: str) -> None:
    for name, part in _pairs(value, where):
        _check_schema(part, f"{where}/{name}")


def _check_dependencies(value: Any, where: str) -> None:
    for name, part in _pairs(value, where):
        if isinstance(part, list):
            _check_names(part, f"{where}/{name}")
        else:
            _check_schema(part, f"{where}/{name}")


def _check_dependent_names(value: Any, where: str) -> None:
    for name, part in _pairs(value, where):
        _check_names(part, f"{where}/{name}")


def _pairs(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        refuse(where, "must be an object")
    yield from value.items()


_KEYWORDS = {
    "type": _check_type,
    "required": _check_names,
    "enum": _check_list,
    "items": _check_items,
    "exclusiveMinimum": _check_exclusive,
    "exclusiveMaximum": _check_exclusive,
    "dependencies": _check_dependencies,
    "dependentRequired": _check_dependent_names,
    **dict.fromkeys(_COUNTS, _check_count),
    **dict.fromkeys(_NUMBERS, _check_number),
    **dict.fromkeys(_TEXTS, _check_text),
    **dict.fromkeys((*_SCHEMAS, *_SCHEMAS_MORE), _check_schema),
    **dict.fromkeys(_LISTS, _check_schemas),
    **dict.fromkeys(_MAPS, _check_map),
}
