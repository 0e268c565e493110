"""Converts one schema to the rules of a grammar: every place where a value may stand becomes a rule when it is first met."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

from echorator.prompting.schema import grammar as g
from echorator.prompting.schema.alternatives import Alternatives, Branch, check_unevaluated
from echorator.prompting.schema.arrays import array_node
from echorator.prompting.schema.characters import EVERY, without
from echorator.prompting.schema.document import EXCLUDED, NOT_PATTERN, Document, Schema, is_number, refuse
from echorator.prompting.schema.formats import FORMATS
from echorator.prompting.schema.instances import Instances, identity, kind_of
from echorator.prompting.schema.numbers import NumberError, Numbers, number_rules
from echorator.prompting.schema.objects import object_node
from echorator.prompting.schema.patterns import PatternError
from echorator.prompting.schema.strings import LONGEST_STRING, Strings, string_rules

_WORDLESS = frozenset(("title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly", "example"))
_HEX = ("set", ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)))


def converted(schema: Mapping[str, Any], as_dumps: bool = False) -> str:
    """Return GBNF text whose root admits values that are valid under `schema`; `as_dumps`: with white space as json.dumps writes it only.

    Raises:
        InvalidRequestError: the schema is malformed, too large, or asks what no grammar here expresses.
    """
    return Converter(Document(schema), as_dumps).text()


class Converter:
    """The grammar of one document while it is built."""

    def __init__(self, document: Document, as_dumps: bool) -> None:
        self.document = document
        self.grammar = g.Grammar()
        self.instances = Instances(document)
        self.alternatives = Alternatives(document)
        self._known: dict[Any, g.Node] = {}
        self._waiting: list[tuple[str, list[Schema]]] = []
        self._separators = (", ", ": ") if as_dumps else (",", ":")  # of constants
        if as_dumps:
            self.space, self.comma, self.colon = g.EMPTY, g.lit(", "), g.lit(": ")
        else:
            # White space is bounded everywhere, because models may otherwise write it endlessly.
            self.space = self.grammar.new(g.opt(g.alt(g.lit(" "), g.seq(g.lit("\n"), g.rep(("set", ((0x20, 0x20),)), 0, 24)))))
            self.comma = g.seq(g.lit(","), self.space)
            self.colon = g.seq(g.lit(":"), g.opt(g.lit(" ")))

    def text(self) -> str:
        """Return the whole grammar as GBNF text."""
        root = self.value([self.document.root])
        while self._waiting:
            name, schemas = self._waiting.pop()
            self.grammar.rules[name] = g.alt(*(self._values(branch) for branch in self.alternatives.branches(schemas)))
        return self.grammar.text(root)

    def value(self, schemas: list[Schema]) -> g.Node:
        """Return the node of the values that are valid under all of these schemas."""
        if any(schema is False for schema in schemas):
            return g.NOTHING
        asked = {id(schema): schema for schema in schemas if schema is not True and schema != {}}
        if not asked:
            return self.anything
        key: Any = frozenset(asked)
        if len(asked) == 1:
            schema = next(iter(asked.values()))
            if (
                isinstance(schema, dict)
                and all(isinstance(value, str | int | float | None) for value in schema.values())
                and "$ref" not in schema
            ):
                key = tuple((name, repr(value)) for name, value in schema.items() if name not in _WORDLESS)
        if key not in self._known:
            self._known[key] = self.grammar.new()
            self._waiting.append((self._known[key][1], list(asked.values())))
        return self._known[key]

    def listed(self, schemas: list[Schema]) -> list[str] | None:
        """Return the texts of the valid values where const, enum or boolean lists them; else None."""
        found: dict[Any, str] = {}
        for branch in self.alternatives.branches(schemas):
            if branch.facts.values is None and branch.facts.kinds != {"boolean"}:
                return None
            for value in self._taken(branch) if branch.facts.values is not None else (True, False):
                found.setdefault(identity(value), self._written(value))
        return list(found.values())

    def names_of(self, schema: Schema) -> list[str] | None:
        """Return the texts that a schema of names lists; None where it does not list them."""
        for _ in range(20):
            self.document.step()
            self.document.check(schema)
            if not isinstance(schema, dict) or "$ref" not in schema:
                break
            schema = self.document.resolve(schema)
        if not isinstance(schema, dict) or not ("enum" in schema or "const" in schema):
            return None
        return [value for value in schema.get("enum", [schema.get("const")]) if isinstance(value, str)]

    def _written(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, separators=self._separators)

    # The kinds of values

    def _values(self, branch: Branch) -> g.Node:
        facts, schemas = branch.facts, branch.schemas
        self.document.step()
        check_unevaluated(self.document, branch)
        if facts.values is not None:
            return g.words([self._written(value) for value in self._taken(branch)])
        kinds = facts.kinds if facts.typed or not facts.implied else facts.kinds & facts.implied
        excluded = [value for schema in schemas for value in schema.get(EXCLUDED, ())]
        for value in excluded:
            if kind_of(value) in kinds & {"object", "array"} or (is_number(value) and "fraction" in kinds):
                owner = next(schema for schema in schemas if EXCLUDED in schema)
                refuse(
                    self.document.where(owner),
                    "a grammar cannot exclude single numbers, arrays or objects; list what is allowed, or set a type",
                )
        ways: list[g.Node] = []
        if "object" in kinds:
            ways.append(object_node(self, schemas))
        if "array" in kinds:
            ways.append(array_node(self, schemas))
        if "string" in kinds:
            ways.append(self._string(schemas, tuple(value for value in excluded if isinstance(value, str))))
        if kinds & {"integer", "fraction"}:
            numbers = tuple(dict.fromkeys(int(value) for value in excluded if is_number(value) and value == int(value)))
            ways.append(self._number(schemas, Numbers(integers="integer" in kinds, fractions="fraction" in kinds, excluded=numbers)))
        words = [("boolean", True), ("boolean", False), ("null", None)]
        ways += [g.lit(json.dumps(value)) for kind, value in words if kind in kinds and not any(value is other for other in excluded)]
        return g.alt(*ways)

    def _taken(self, branch: Branch) -> list[Any]:
        """Return the values of const and enum that all schemas of the branch admit."""
        schemas, same = branch.schemas, branch.facts.values or frozenset()
        owner = next(schema for schema in schemas if "const" in schema or "enum" in schema)
        values = owner["enum"] if "enum" in owner else [owner["const"]]
        if len(schemas) == 1 and len(schemas[0].keys() - _WORDLESS) == 1:
            return list(values)
        return [value for value in values if identity(value) in same and all(self.instances.valid(value, schema) for schema in schemas)]

    def _number(self, schemas: list[dict[Any, Any]], asked: Numbers) -> g.Node:
        for schema in schemas:
            minimum, maximum = schema.get("minimum"), schema.get("maximum")
            above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
            if above is True:  # draft 4 has a truth value here
                minimum, above = None, minimum
            if below is True:
                maximum, below = None, maximum
            above, below = None if above is False else above, None if below is False else below
            asked = asked.with_bounds(minimum, maximum, above, below, schema.get("multipleOf"))
        if asked not in self._known:
            try:
                self._known[asked] = self.grammar.new(self.grammar.adopt(*number_rules(asked)))
            except NumberError as e:
                keys = ("multipleOf", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
                refuse(self._owner(schemas, *keys), str(e))
        return self._known[asked]

    def _owner(self, schemas: list[dict[Any, Any]], *keys: str) -> str:
        """Return the place of the first of these keywords that a schema has."""
        for key in keys:
            for schema in schemas:
                if key in schema:
                    return f"{self.document.where(schema)}/{key}"
        return self.document.where(schemas[0]) if schemas else ""

    def _string(self, schemas: list[dict[Any, Any]], excluded: tuple[str, ...]) -> g.Node:
        least = max((int(schema["minLength"]) for schema in schemas if "minLength" in schema), default=0)
        most = min((int(schema["maxLength"]) for schema in schemas if "maxLength" in schema), default=None)
        if most is not None and most < least:
            return g.NOTHING
        if least > LONGEST_STRING:
            refuse(self._owner(schemas, "minLength"), f"must be at most {LONGEST_STRING}")
        asked = Strings(
            least,
            None if most is None else min(most, LONGEST_STRING),
            tuple(dict.fromkeys(schema["pattern"] for schema in schemas if "pattern" in schema)),
            tuple(dict.fromkeys(schema[NOT_PATTERN] for schema in schemas if NOT_PATTERN in schema)),
            tuple(dict.fromkeys(schema["format"] for schema in schemas if schema.get("format") in FORMATS)),
            tuple(dict.fromkeys(excluded)),
        )
        if asked not in self._known:
            self._known[asked] = self._new_string(asked, schemas)
        return self._known[asked]

    def _new_string(self, asked: Strings, schemas: list[dict[Any, Any]]) -> g.Node:
        if asked.free:
            text = g.rep(self.character, asked.least, asked.most)
        else:
            try:
                node, rules, work = string_rules(asked)
            except PatternError as e:
                self._refuse_pattern(schemas, e)
            self.document.step(work // 8)
            text = self.grammar.adopt(node, rules)
        return self.grammar.new(g.seq(g.lit('"'), text, g.lit('"')))

    def _refuse_pattern(self, schemas: list[dict[Any, Any]], error: PatternError) -> NoReturn:
        """Raise an error that names the faulty pattern, where one is faulty by itself."""
        for schema in schemas:
            pattern = schema.get("pattern", schema.get(NOT_PATTERN))
            if pattern is not None:
                try:
                    string_rules(replace(Strings(), patterns=(pattern,)))
                except PatternError as e:
                    refuse(f"{self.document.where(schema)}/pattern", str(e))
        refuse(self._owner(schemas, "pattern", "format", "maxLength", "minLength"), str(error))

    # What is free

    def _once(self, name: str, make: Any) -> g.Node:
        """Return a rule that is made on first use, and that may refer to itself."""
        if name not in self._known:
            self._known[name] = self.grammar.new()
            self.grammar.rules[self._known[name][1]] = make()
        return self._known[name]

    @property
    def character(self) -> g.Node:
        """Return the rule of one character of a string in any of JSON's spellings."""
        return self._once("character", _character)

    @property
    def free_string(self) -> g.Node:
        """Return the rule of any JSON string."""
        return self._string([], ())

    @property
    def anything(self) -> g.Node:
        """Return the rule of any JSON value."""
        return self._once("anything", self._anything)

    def _anything(self) -> g.Node:
        literals = map(g.lit, ("true", "false", "null"))
        return g.alt(object_node(self, []), array_node(self, []), self.free_string, self._number([], Numbers()), *literals)


def _character() -> g.Node:
    plain = ("set", without(EVERY, ((0, 0x1F), (0x22, 0x22), (0x5C, 0x5C))))
    short = ("set", tuple(sorted((ord(c), ord(c)) for c in '"\\/bfnrt')))
    three, two = g.rep(_HEX, 3, 3), g.rep(_HEX, 2, 2)
    below = g.seq(("set", ((0x30, 0x39), (0x41, 0x43), (0x45, 0x46), (0x61, 0x63), (0x65, 0x66))), three)
    d = ("set", ((0x44, 0x44), (0x64, 0x64)))
    high_half = g.seq(d, ("set", ((0x38, 0x39), (0x41, 0x42), (0x61, 0x62))), two)
    low_half = g.seq(d, ("set", ((0x43, 0x46), (0x63, 0x66))), two)
    code = g.alt(below, g.seq(d, ("set", ((0x30, 0x37),)), two), g.seq(high_half, g.lit("\\u"), low_half))
    return g.alt(plain, g.seq(g.lit("\\"), g.alt(short, g.seq(g.lit("u"), code))))
