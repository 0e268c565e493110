"""Builds the grammar of arrays: items, tuples, their number, and what they contain.

A tuple without minItems has all of its prefixItems, and without `items` no more than them; uniqueItems is enforced where the schema lists
the values of the items, up to MOST_UNIQUE of them.
"""

from __future__ import annotations

from typing import Any

from echorator.prompting.schema import grammar as g
from echorator.prompting.schema.document import Schema, refuse
from echorator.prompting.schema.objects import Values

MOST_ITEMS = 10_000  # a larger maxItems is written as this
MOST_UNIQUE = 8  # values of unique items: each set of written values is a rule
MOST_COUNTED = 4_000  # rules that `contains` with minItems and maxItems may need


def array_node(values: Values, schemas: list[dict[Any, Any]]) -> g.Node:
    """Return the node of arrays that are valid under the keywords of all `schemas`, except that uniqueItems may be ignored.

    Raises:
        InvalidRequestError: a keyword cannot be honoured.
    """
    return _Array(values, schemas).node()


class _Array:
    def __init__(self, values: Values, schemas: list[dict[Any, Any]]) -> None:
        self.values = values
        self.schemas = schemas
        self.first = [_prefix(schema) for schema in schemas]
        self.prefix = max(map(len, self.first), default=0)
        low = max((int(schema["minItems"]) for schema in schemas if "minItems" in schema), default=None)
        high = min((int(schema["maxItems"]) for schema in schemas if "maxItems" in schema), default=None)
        if self.prefix and high is None and not any(_rest(schema) is not None for schema in schemas):
            high = max(self.prefix, low or 0)
        if self.prefix and low is None:
            low = self.prefix if high is None else min(self.prefix, high)
        self.low = low or 0
        if self.low > MOST_ITEMS:
            owner = next(schema for schema in schemas if "minItems" in schema)
            refuse(f"{values.document.where(owner)}/minItems", f"must be at most {MOST_ITEMS}")
        self.high = None if high is None else min(high, MOST_ITEMS)

    def node(self) -> g.Node:
        if self.high is not None and self.high < self.low:
            return g.NOTHING
        space = self.values.space
        containing = [
            schema for schema in self.schemas if ("contains" in schema and schema.get("minContains", 1) != 0) or "maxContains" in schema
        ]
        containing = [schema for schema in containing if "contains" in schema]
        if len(containing) > 1:
            refuse(self.values.document.where(containing[1]) + "/contains", "stands beside another contains; keep one of them")
        unique = None if containing or self.prefix else self._unique()
        body = self._containing(containing[0]) if containing else self._body() if unique is None else unique
        empty = self.low == 0 and not any(schema.get("minContains", 1) > 0 for schema in containing)
        full = g.seq(g.lit("["), space, body, space, g.lit("]"))
        return g.alt(full, g.lit("[]")) if empty else full

    def _unique(self) -> g.Node | None:
        """Return arrays with each listed value at most once; None without uniqueItems, or where too many values or none are listed."""
        if not any(schema.get("uniqueItems") is True for schema in self.schemas):
            return None
        texts = self.values.listed(self._rules(0))
        if texts is None or not 1 <= len(texts) <= MOST_UNIQUE:
            return None
        grammar = self.values.grammar
        rules = [grammar.new() for _ in range(1 << len(texts))]  # index: the set of values written so far, as bits
        for written, rule in enumerate(rules):
            count = written.bit_count()
            ways = [g.EMPTY] if count >= max(self.low, 1) else []
            if self.high is None or count < self.high:
                comma = self.values.comma if written else g.EMPTY
                ways += [g.seq(comma, g.lit(text), rules[written | 1 << i]) for i, text in enumerate(texts) if not written >> i & 1]
            grammar.rules[rule[1]] = g.alt(*ways)
        return rules[0]

    def _item(self, at: int, *more: Schema) -> g.Node:
        """Return the node of the item at a position; behind the prefix all positions are alike."""
        return self.values.value(self._rules(at, *more))

    def _rules(self, at: int, *more: Schema) -> list[Schema]:
        """Return the schemas of the item at a position."""
        document = self.values.document
        rules: list[Schema] = list(more)
        for schema, first in zip(self.schemas, self.first, strict=True):
            key = "prefixItems" if "prefixItems" in schema else "items"
            if at < len(first):
                rules.append(document.placed(first[at], schema, key, at))
                continue
            rest = _rest(schema)
            if rest is not None:
                rules.append(document.placed(rest, schema, "additionalItems" if isinstance(schema.get("items"), list) else "items"))
            elif "unevaluatedItems" in schema:
                rules.append(document.placed(schema["unevaluatedItems"], schema, "unevaluatedItems"))
        return rules

    def _body(self) -> g.Node:
        """Return the node of one or more items with their commas."""
        comma, high = self.values.comma, self.high
        if high == 0:
            return g.NOTHING
        if self.prefix == 0:
            return g.listed(self._item(0), comma, max(self.low, 1), high)
        prefix = self.prefix if high is None else min(self.prefix, high)
        rest = g.EMPTY
        if high is None or high > prefix:
            further = g.seq(comma, self._item(prefix))
            rest = g.rep(further, max(self.low - prefix, 0), None if high is None else high - prefix)
        for i in range(prefix - 1, 0, -1):
            rest = g.seq(comma, self._item(i), rest)
            if i >= max(self.low, 1):
                rest = self.values.grammar.new(g.alt(rest, g.EMPTY))
        return g.seq(self._item(0), rest)

    def _containing(self, owner: dict[Any, Any]) -> g.Node:
        """Return items of which a bounded number meets `contains`: one rule for each number of items and of hits so far."""
        document, grammar = self.values.document, self.values.grammar
        wanted = document.placed(owner["contains"], owner, "contains")
        least = int(owner.get("minContains", 1))
        most = None if "maxContains" not in owner else int(owner["maxContains"])
        bounded = self.high is not None
        places = (self.high if self.high is not None else max(self.low, self.prefix, 1)) + 1
        hits = (least if most is None else most) + 1
        if places * hits > MOST_COUNTED:
            refuse(document.where(owner) + "/contains", "has too many items to count beside it; lower minItems, maxItems or minContains")
        other = document.opposite(wanted, owner) if most is not None else None
        known: dict[tuple[int, int], g.Node] = {(0, 0): grammar.new()}
        waiting = [(0, 0)]

        def after(place: int, hit: int) -> g.Node:
            key = (place if bounded else min(place, places - 1), min(hit, least) if most is None else hit)
            if key not in known:
                known[key] = grammar.new()
                waiting.append(key)
            return known[key]

        while waiting:
            place, hit = waiting.pop()
            ways = [g.EMPTY] if place >= self.low and hit >= least and place > 0 else []
            if self.high is None or place < self.high:
                comma = self.values.comma if place else g.EMPTY
                if most is None or hit < most:
                    ways.append(g.seq(comma, self._item(place, wanted), after(place + 1, hit + 1)))
                if most is not None or hit < least:
                    ways.append(g.seq(comma, self._item(place, *([] if other is None else [other])), after(place + 1, hit)))
                elif hit >= least:
                    ways[-1] = g.seq(comma, self._item(place), after(place + 1, hit))
            grammar.rules[known[place, hit][1]] = g.alt(*ways)
        return known[0, 0]


def _prefix(schema: dict[Any, Any]) -> list[Schema]:
    found = schema.get("prefixItems", schema["items"] if isinstance(schema.get("items"), list) else [])
    return list(found)


def _rest(schema: dict[Any, Any]) -> Schema | None:
    """Return the schema of the items behind the prefix; None where they are not restricted."""
    items = schema.get("items")
    if isinstance(items, list):
        return None if "prefixItems" in schema else schema.get("additionalItems")
    return items
