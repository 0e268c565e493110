"""Builds the grammar of objects: properties in the schema's order, then further ones; their number and their names.

An object whose schemas name `properties` takes no others, unless `additionalProperties`, `patternProperties` or `unevaluatedProperties`
says that it does; with `patternProperties` it takes those that match; without either it takes any.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from echorator.prompting.schema import grammar as g
from echorator.prompting.schema.automata import Writer
from echorator.prompting.schema.document import ABSENT, Document, Schema, refuse
from echorator.prompting.schema.expressions import Expression, Expressions, TooLargeError
from echorator.prompting.schema.instances import Instances, matches
from echorator.prompting.schema.patterns import PatternError, pattern_expression
from echorator.prompting.schema.strings import Strings, expression

MOST_PATTERNS = 4  # different patternProperties of one object: each doubles the classes of names
MOST_PROPERTIES = 10_000  # a larger maxProperties is written as this
MOST_COUNTED = 5_000  # rules that minProperties and maxProperties may need


class Values(Protocol):
    """The part of the converter that objects and arrays use."""

    grammar: g.Grammar
    document: Document
    instances: Instances
    space: g.Node
    comma: g.Node
    colon: g.Node

    @property
    def free_string(self) -> g.Node:
        """Return the rule of any JSON string."""

    def value(self, schemas: list[Schema]) -> g.Node:
        """Return the node of the values that are valid under all of these schemas."""

    def listed(self, schemas: list[Schema]) -> list[str] | None:
        """Return the texts of the valid values where const, enum or boolean lists them; else None."""

    def names_of(self, schema: Schema) -> list[str] | None:
        """Return the texts that a schema of names lists; None where it does not list them."""


@dataclass(slots=True)
class _Pair:
    node: g.Node
    required: bool


def object_node(values: Values, schemas: list[dict[Any, Any]]) -> g.Node:
    """Return the node of objects that are valid under the keywords of all `schemas`.

    Raises:
        InvalidRequestError: a keyword cannot be honoured.
    """
    return _Object(values, schemas).node()


class _Object:
    def __init__(self, values: Values, schemas: list[dict[Any, Any]]) -> None:
        self.values = values
        self.schemas = schemas
        self.absent = {name for schema in schemas for name in schema.get(ABSENT, ())}
        self.required = dict.fromkeys(name for schema in schemas for name in schema.get("required", ()))
        self.declared = any("properties" in schema for schema in schemas)
        self.listed: list[str] = []  # the names in propertyNames
        self.any_listed = False
        for schema in schemas:
            listed = values.names_of(schema["propertyNames"]) if isinstance(schema.get("propertyNames"), dict) else None
            if listed is not None:
                self.listed = [name for name in listed if name in self.listed] if self.any_listed else listed
                self.any_listed = True

    def node(self) -> g.Node:
        schemas = self.schemas
        low = max((int(schema["minProperties"]) for schema in schemas if "minProperties" in schema), default=0)
        high = min((int(schema["maxProperties"]) for schema in schemas if "maxProperties" in schema), default=None)
        if low > MOST_PROPERTIES:
            self._refuse("minProperties", f"must be at most {MOST_PROPERTIES}")
        high = None if high is None else min(high, MOST_PROPERTIES)
        if self.absent & self.required.keys() or (high is not None and high < max(low, len(self.required))):
            return g.NOTHING
        names = dict.fromkeys(name for schema in schemas for name in schema.get("properties", ()))
        names.update(self.required)
        if self._open():
            names.update(dict.fromkeys(self.listed))
        pairs = []
        for name in names:
            wanted = name in self.required
            inner = None if name in self.absent or not self._named_well(name) else self.values.value(self._rules_of(name))
            if inner is None or inner == g.NOTHING:
                if wanted:
                    return g.NOTHING
                continue
            key = g.lit(json.dumps(name, ensure_ascii=False))
            pairs.append(_Pair(g.seq(key, self.values.colon, inner), wanted))
        further = self._further(list(names)) if self._open() and not self.any_listed else None
        return self._braced(self._body(pairs, further, low, high), low == 0 and not self.required)

    def _braced(self, body: g.Node, may_be_empty: bool) -> g.Node:
        space = self.values.space
        full = g.seq(g.lit("{"), space, body, space, g.lit("}"))
        return g.alt(full, g.lit("{}")) if may_be_empty else full

    # The names, and the schemas of their values

    def _open(self) -> bool:
        """Return whether names that `properties` does not have may be written."""
        if any(schema.get("additionalProperties") is False and not schema.get("patternProperties") for schema in self.schemas):
            return False
        if any(schema.get("unevaluatedProperties") is False for schema in self.schemas):
            return any(schema.get("patternProperties") or schema.get("additionalProperties", False) is not False for schema in self.schemas)
        opening = ("additionalProperties", "patternProperties", "unevaluatedProperties")
        return not self.declared or any(key in schema for schema in self.schemas for key in opening)

    def _rules_of(self, name: str) -> list[Schema]:
        """Return the schemas that the value of a property must meet."""
        document = self.values.document
        found: list[Schema] = []
        evaluated = False
        for schema in self.schemas:
            rules = []
            if name in schema.get("properties", ()):
                rules.append(document.placed(schema["properties"][name], schema, "properties", name))
            for pattern, inner in schema.get("patternProperties", {}).items():
                if matches(document, schema, pattern, name, "patternProperties"):
                    rules.append(document.placed(inner, schema, "patternProperties", pattern))
            if not rules and "additionalProperties" in schema:
                rules.append(document.placed(schema["additionalProperties"], schema, "additionalProperties"))
            evaluated = evaluated or bool(rules)
            found += rules
        return found + ([] if evaluated else self._unevaluated())

    def _unevaluated(self) -> list[Schema]:
        document = self.values.document
        return [
            document.placed(schema["unevaluatedProperties"], schema, "unevaluatedProperties")
            for schema in self.schemas
            if "unevaluatedProperties" in schema
        ]

    def _named_well(self, name: str) -> bool:
        return all(self.values.instances.valid(name, schema["propertyNames"]) for schema in self.schemas if "propertyNames" in schema)

    def _further(self, names: list[str]) -> g.Node | None:
        """Return a pair whose name is none of `names`; None where no such name is allowed."""
        patterns: dict[str, None] = {}
        for schema in self.schemas:
            patterns.update(dict.fromkeys(schema.get("patternProperties", ())))
        if len(patterns) > MOST_PATTERNS:
            self._refuse("patternProperties", f"has more than {MOST_PATTERNS} patterns; join those with the same schema by |")
        taken = [*names, *self.absent]
        ways = []
        for chosen in range(1 << len(patterns)):
            hit = [pattern for i, pattern in enumerate(patterns) if chosen >> i & 1]
            rules = self._rules_of_class(hit)
            if any(rule is False for rule in rules) or (patterns and not rules):
                continue
            key = self._key(hit, [pattern for pattern in patterns if pattern not in hit], taken)
            if key != g.NOTHING:
                ways.append(g.seq(key, self.values.colon, self.values.value(rules)))
        return g.alt(*ways) if ways else None

    def _rules_of_class(self, hit: list[str]) -> list[Schema]:
        """Return the schemas for names that match exactly the patterns `hit` and are not declared."""
        document = self.values.document
        found: list[Schema] = []
        evaluated = False
        for schema in self.schemas:
            own = schema.get("patternProperties", {})
            rules = [document.placed(own[pattern], schema, "patternProperties", pattern) for pattern in hit if pattern in own]
            if not rules and "additionalProperties" in schema:
                rules.append(document.placed(schema["additionalProperties"], schema, "additionalProperties"))
            evaluated = evaluated or bool(rules)
            found += rules
        return found + ([] if evaluated else self._unevaluated())

    def _key(self, hit: list[str], missed: list[str], taken: list[str]) -> g.Node:
        """Return the node of a name as a JSON string."""
        named = [schema for schema in self.schemas if isinstance(schema.get("propertyNames"), dict)]
        if any(schema.get("propertyNames") is False for schema in self.schemas):
            return g.NOTHING
        if not (hit or missed or taken or named):
            return self.values.free_string
        pool = Expressions()
        try:
            parts: list[Expression] = [pattern_expression(pool, pattern) for pattern in hit]
            parts += [pool.other(pattern_expression(pool, pattern)) for pattern in missed]
            parts += [self._name_expression(pool, schema["propertyNames"]) for schema in named]
            if taken:
                parts.append(pool.other(pool.either(*map(pool.text, taken))))
            writer = Writer(pool)
            text = writer.write(pool.both(*parts))
            self.values.document.step(pool.work // 8)
        except PatternError as e:
            self._refuse("patternProperties" if hit or missed else "propertyNames", str(e))
        except TooLargeError:
            self._refuse(
                "patternProperties" if hit or missed else "propertyNames" if named else "additionalProperties",
                "the names that are left over need too large a grammar; list the properties and set additionalProperties to false",
            )
        if text == g.NOTHING:
            return g.NOTHING
        return g.seq(g.lit('"'), self.values.grammar.adopt(text, writer.rules), g.lit('"'))

    def _name_expression(self, pool: Expressions, schema: Schema) -> Expression:
        document = self.values.document
        while isinstance(schema, dict) and "$ref" in schema and len(schema) == 1:
            document.step()
            schema = document.resolve(schema)
        document.check(schema)
        if schema is True:
            return pool.all
        unknown = (
            set(schema) - {"type", "pattern", "minLength", "maxLength", "format", "title", "description", "$comment"} if schema else set()
        )
        if schema is False or unknown:
            self._refuse("propertyNames", f"{', '.join(map(str, unknown)) or 'false'} cannot be honoured there; use pattern, enum or const")
        patterns = (schema["pattern"],) if "pattern" in schema else ()
        most = schema.get("maxLength")
        if not patterns and not schema.get("minLength") and most is None:
            return pool.all
        return expression(pool, Strings(int(schema.get("minLength", 0)), None if most is None else int(most), patterns))

    def _refuse(self, key: str, what: str) -> NoReturn:
        owner = next((schema for schema in self.schemas if key in schema), self.schemas[0])
        refuse(f"{self.values.document.where(owner)}/{key}", what)

    # The order and the number of pairs

    def _body(self, pairs: list[_Pair], further: g.Node | None, low: int, high: int | None) -> g.Node:
        """Return the node of one or more pairs with their commas."""
        needed = sum(pair.required for pair in pairs)
        least = max(low, needed)
        if high is not None and further is None and high >= len(pairs):
            high = None
        if not pairs:
            return g.NOTHING if further is None or high == 0 else g.listed(further, self.values.comma, max(low, 1), high)
        if low > max(needed, 1) or high is not None:
            return self._counted(pairs, further, least, high)
        return self._chained(pairs, further)

    def _chained(self, pairs: list[_Pair], further: g.Node | None) -> g.Node:
        comma = self.values.comma
        rest = g.EMPTY if further is None else g.rep(g.seq(comma, further), 0, None)
        first = next((i for i, pair in enumerate(pairs) if pair.required), len(pairs))
        last = min(first, len(pairs) - 1)
        for pair in reversed(pairs[last + 1 :]):
            after = g.seq(comma, pair.node)
            rest = g.seq(after if pair.required else g.opt(after), rest)
        if first == 0:
            return g.seq(pairs[0].node, rest)
        # The first optional pair that is written decides which pairs may follow: one rule for each.
        ways = []
        following = rest
        for i in range(last, -1, -1):
            if i < last:
                after = g.seq(comma, pairs[i + 1].node)
                following = self.values.grammar.new(g.seq(after if pairs[i + 1].required else g.opt(after), following))
            elif rest != g.EMPTY:
                following = self.values.grammar.new(rest)
            ways.append(g.seq(pairs[i].node, following))
        ways.reverse()
        if first == len(pairs) and further is not None:
            ways.append(g.listed(further, comma, 1, None))
        return g.alt(*ways)

    def _counted(self, pairs: list[_Pair], further: g.Node | None, low: int, high: int | None) -> g.Node:
        """Return `low` to `high` pairs: one rule for each number of pairs written before each property."""
        cap = max(low, 1) if high is None else high
        if len(pairs) * min(cap, len(pairs)) > MOST_COUNTED:
            self._refuse("minProperties", "has too many properties to count; leave minProperties and maxProperties out")
        comma, grammar = self.values.comma, self.values.grammar
        known: dict[tuple[int, int], g.Node] = {}

        def after(i: int, written: int) -> g.Node:
            written = min(written, cap) if high is None else written
            if (i, written) not in known:
                known[i, written] = grammar.new()
            return known[i, written]

        root = after(0, 0)
        for i in range(len(pairs)):
            for written in [w for at, w in list(known) if at == i]:
                pair = pairs[i]
                ways = []
                if high is None or written < high:
                    ways.append(g.seq(comma if written else g.EMPTY, pair.node, after(i + 1, written + 1)))
                if not pair.required:
                    ways.append(after(i + 1, written))
                grammar.rules[known[i, written][1]] = g.alt(*ways)
        for (i, written), rule in known.items():
            if i == len(pairs):
                missing, left = max(low - written, 0), None if high is None else high - written
                grammar.rules[rule[1]] = self._further_counted(further, missing, left, first=written == 0)
        return root

    def _further_counted(self, further: g.Node | None, missing: int, left: int | None, first: bool) -> g.Node:
        """Return `missing` to `left` further pairs, but never an empty object: `_braced` writes that."""
        if further is None:
            return g.EMPTY if missing == 0 and not first else g.NOTHING
        if not first:
            return g.rep(g.seq(self.values.comma, further), missing, left)
        return g.NOTHING if left == 0 else g.listed(further, self.values.comma, max(missing, 1), left)
