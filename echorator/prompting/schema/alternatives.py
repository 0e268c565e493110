"""Expands a schema's $ref, allOf, anyOf, oneOf, not, if and dependencies into alternatives, each a plain conjunction of schemas.

A conjunction is a `Branch`: schemas whose own keywords all hold, and facts by which contradictions are detected early, so that a chain
of if/then on a discriminator gives one branch per value of it, not the product of all conditions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from echorator.errors import InvalidRequestError
from echorator.prompting.schema.document import ABSENT, KINDS, Document, Schema, refuse
from echorator.prompting.schema.instances import identity
from echorator.prompting.schema.negation import CannotNegateError, negated

MOST_BRANCHES = 400  # branches of one place
LONGEST_CHAIN = 200  # length of a chain of schemas that lead to each other at one place
MOST_EXCLUSIVE = 64  # negations that a oneOf may need before it is read as anyOf

# The kinds of JSON values; a number is either an integer or a fraction.
ALL_KINDS = frozenset(("object", "array", "string", "integer", "fraction", "boolean", "null"))
_KINDS_OF = {"number": frozenset(("integer", "fraction"))}
_FORKING = ("anyOf", "oneOf", "not", "if", "dependentRequired", "dependentSchemas", "dependencies")
_PLAIN_KEYS = frozenset(("$ref", "$dynamicRef", "$recursiveRef", "allOf", *_FORKING))
_IMPLIED: dict[Any, str] = {
    **dict.fromkeys(("properties", "required", "additionalProperties", "patternProperties", "propertyNames"), "object"),
    **dict.fromkeys(("minProperties", "maxProperties", "unevaluatedProperties", "dependentRequired", "dependentSchemas"), "object"),
    **dict.fromkeys(("items", "prefixItems", "minItems", "maxItems", "contains", "uniqueItems", "unevaluatedItems"), "array"),
    **dict.fromkeys(("pattern", "minLength", "maxLength", "format"), "string"),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), "number"),
    ABSENT: "object",
}


def kinds_named(names: str | list[str]) -> frozenset[str]:
    """Return the kinds of JSON values that the names of a `type` keyword stand for; "number" stands for integers and fractions."""
    found: set[str] = set()
    for name in names if isinstance(names, list) else [names]:
        found |= _KINDS_OF.get(name, frozenset((name,)))
    return frozenset(found)


_UNEVALUATED: dict[str, frozenset[str]] = {
    "unevaluatedProperties": frozenset(("properties", "patternProperties", "additionalProperties")),
    "unevaluatedItems": frozenset(("items", "prefixItems", "additionalItems")),
}


@dataclass(slots=True)
class Facts:
    """The facts of a branch by which its schemas can contradict each other."""

    kinds: frozenset[str] = ALL_KINDS
    implied: frozenset[str] = frozenset()  # kinds that keywords without a type apply to
    typed: bool = False  # whether a schema has type, const or enum
    values: frozenset[Any] | None = None  # identities of the values in const and enum
    required: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    allowed: dict[str, frozenset[Any]] = field(default_factory=dict)  # property → identities of the values in its const and enum
    excluded: dict[str, frozenset[Any]] = field(default_factory=dict)

    def copy(self) -> Facts:
        """Return a copy that can change without changing this one."""
        return Facts(self.kinds, self.implied, self.typed, self.values, self.required, self.absent, dict(self.allowed), dict(self.excluded))

    def add(self, schema: dict[Any, Any]) -> bool:
        """Add the facts of a schema. Return False where they contradict the earlier ones."""
        kinds = schema.get("type")
        if kinds is not None:
            named = kinds_named(kinds)
            self.kinds &= named | {"null"} if schema.get("nullable") is True else named
            self.typed = True
        if KINDS in schema:
            self.kinds &= schema[KINDS]
            self.typed = True
        if "const" in schema or "enum" in schema:
            found = frozenset(map(identity, schema["enum"] if "enum" in schema else [schema["const"]]))
            self.values = found if self.values is None else self.values & found
        if kinds is None and KINDS not in schema:
            self.implied |= {kind for key in schema if key in _IMPLIED for kind in kinds_named(_IMPLIED[key])}
        if "required" in schema:
            self.required |= set(schema["required"])
        if ABSENT in schema:
            self.absent |= set(schema[ABSENT])
        for name, inner in schema["properties"].items() if "properties" in schema else ():
            self._add_property(name, inner)
        return self.possible()

    def _add_property(self, name: str, inner: Schema) -> None:
        if not isinstance(inner, dict):
            return
        if "const" in inner or isinstance(inner.get("enum"), list):
            found = frozenset(map(identity, inner["enum"] if isinstance(inner.get("enum"), list) else [inner["const"]]))
            self.allowed[name] = self.allowed[name] & found if name in self.allowed else found
        other = inner.get("not")
        if isinstance(other, dict) and len(other) == 1 and ("const" in other or isinstance(other.get("enum"), list)):
            found = frozenset(map(identity, other["enum"] if "enum" in other else [other["const"]]))
            self.excluded[name] = self.excluded.get(name, frozenset()) | found

    def possible(self) -> bool:
        """Return whether a value can satisfy all facts, as far as they tell."""
        if not self.kinds or (self.values is not None and not self.values):
            return False
        if self.kinds != {"object"}:
            return True  # facts about objects do not restrict other values
        return not self.required & self.absent and all(
            values - self.excluded.get(name, frozenset()) for name, values in self.allowed.items() if name in self.required
        )

    def excludes(self, other: Facts) -> bool:
        """Return whether no value can satisfy both these facts and the other ones."""
        if not self.kinds & other.kinds:
            return True
        if self.values is not None and other.values is not None:
            return not self.values & other.values
        if "object" not in self.kinds | self.implied or self.kinds & other.kinds != {"object"}:
            return False
        if self.required & other.absent or other.required & self.absent:
            return True
        shared = self.required & other.required & self.allowed.keys() & other.allowed.keys()
        return any(not self.allowed[name] & other.allowed[name] for name in shared)


@dataclass(slots=True)
class Branch:
    """A conjunction of schemas that hold together, without the schemas whose keywords were expanded."""

    schemas: list[dict[Any, Any]]
    facts: Facts
    led: list[frozenset[int]]  # for each schema, the ids of the schemas that led to it by references and combinations
    seen: set[int]
    waiting: list[tuple[Schema, frozenset[int]]]  # schemas to add, with the ids of the schemas that led there by references alone
    forks: list[tuple[dict[Any, Any], str, frozenset[int]]]  # keywords that are still to be expanded

    def copy(self) -> Branch:
        """Return a copy that can be expanded without changing this one."""
        return Branch(list(self.schemas), self.facts.copy(), list(self.led), set(self.seen), list(self.waiting), list(self.forks))


def check_unevaluated(document: Document, branch: Branch) -> None:
    """Check that `unevaluatedProperties` and `unevaluatedItems` see every keyword about their place. Raises InvalidRequestError."""
    for key, others in _UNEVALUATED.items():
        for owner in branch.schemas:
            if owner.get(key, True) is True:
                continue
            for schema, led in zip(branch.schemas, branch.led, strict=True):
                speaks = schema is not owner and not others.isdisjoint(schema)
                if speaks and (id(owner) not in led or document.is_made(schema)):
                    refuse(
                        f"{document.where(owner)}/{key}",
                        "must stand in the outermost schema of its place, and without `not` or `if` on the same names",
                    )


class Alternatives:
    """The expander of the schemas of one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._exclusive: dict[int, list[list[Schema]]] = {}

    def branches(self, schemas: Iterable[Schema]) -> list[Branch]:
        """Return the ways in which all of `schemas` can hold; [] where they contradict.

        Raises:
            InvalidRequestError: a schema is malformed, a `not` cannot be honoured, or there are more than MOST_BRANCHES ways.
        """
        done: list[Branch] = []
        open_branches = [Branch([], Facts(), [], set(), [(schema, frozenset()) for schema in schemas], [])]
        open_branches[0].waiting.reverse()
        while open_branches:
            branch = open_branches.pop()
            if not self._settle(branch):
                continue
            if not branch.forks:
                done.append(branch)
            else:
                schema, key, chain = branch.forks.pop(0)
                ways = self._ways(schema, key)
                for way in reversed(ways):
                    self.document.step(1 + len(branch.schemas) // 32)
                    fork = branch.copy() if way is not ways[0] else branch
                    fork.waiting.extend((inner, chain) for inner in reversed(way))
                    open_branches.append(fork)
            if len(done) + len(open_branches) > MOST_BRANCHES:
                raise InvalidRequestError(
                    f"json_schema: its anyOf, oneOf and if combine in more than {MOST_BRANCHES} ways; write the ones you mean out"
                )
        return done

    def _settle(self, branch: Branch) -> bool:
        """Add all waiting schemas to the branch. Return False where they contradict."""
        document = self.document
        while branch.waiting:
            schema, chain = branch.waiting.pop()
            document.step()
            document.check(schema)
            if schema is True:
                continue
            if schema is False or id(schema) in chain:
                return False  # a schema that requires itself has no finite value
            if id(schema) in branch.seen:
                continue
            branch.seen.add(id(schema))
            if not branch.facts.add(schema):
                return False
            branch.schemas.append(schema)
            branch.led.append(chain)
            if _PLAIN_KEYS.isdisjoint(schema):
                continue
            if len(chain) >= LONGEST_CHAIN:
                refuse(
                    document.where(schema), f"$ref and allOf lead through more than {LONGEST_CHAIN} schemas; refer to the last one directly"
                )
            below = chain | {id(schema)}
            for key in ("$ref", "$dynamicRef", "$recursiveRef"):
                if key in schema:
                    branch.waiting.append((document.resolve(schema, key), below))
            for i, inner in reversed(list(enumerate(schema.get("allOf", ())))):
                branch.waiting.append((document.placed(inner, schema, "allOf", i), below))
            branch.forks.extend((schema, key, below) for key in _FORKING if key in schema)
        return True

    def _ways(self, schema: dict[Any, Any], key: str) -> list[list[Schema]]:
        """Return the ways to satisfy one keyword, each as schemas that must hold."""
        document = self.document
        if key == "anyOf":
            return [[document.placed(inner, schema, key, i)] for i, inner in enumerate(schema[key])]
        if key == "oneOf":
            return self._one_of(schema)
        if key == "not":
            return [[way] for way in self._negated(schema, document.placed(schema[key], schema, key), key)]
        if key == "if":
            condition = document.placed(schema["if"], schema, "if")
            if "then" not in schema and "else" not in schema:
                return [[]]
            then = document.placed(schema.get("then", True), schema, "then")
            otherwise = document.placed(schema.get("else", True), schema, "else")
            return [[condition, then], *([way, otherwise] for way in self._negated(schema, condition, "if"))]
        return self._dependencies(schema, key)

    def _negated(self, schema: dict[Any, Any], inner: Schema, key: str) -> list[Schema]:
        try:
            return negated(self.document, inner)
        except CannotNegateError as e:
            refuse(
                f"{self.document.where(schema)}/{key}", f"the opposite of {e} cannot be written as a grammar; say what is meant directly"
            )

    def _dependencies(self, schema: dict[Any, Any], key: str) -> list[list[Schema]]:
        document = self.document
        ways: list[list[Schema]] = [[]]
        for name, needed in schema[key].items():
            with_it = document.made({"required": [name, *needed] if isinstance(needed, list) else [name]}, schema)
            more = [with_it] if isinstance(needed, list) else [with_it, document.placed(needed, schema, key, name)]
            without_it = document.made({ABSENT: (name,)}, schema)
            ways = [way + then for way in ways for then in (more, [without_it])]
            if len(ways) > MOST_BRANCHES:
                refuse(f"{document.where(schema)}/{key}", f"combines in more than {MOST_BRANCHES} ways; write the ones you mean out")
        return ways

    def _one_of(self, schema: dict[Any, Any]) -> list[list[Schema]]:
        if id(schema) not in self._exclusive:
            inner = [self.document.placed(part, schema, "oneOf", i) for i, part in enumerate(schema["oneOf"])]
            self._exclusive[id(schema)] = [[part] for part in inner]  # ends the recursion of a oneOf that leads to itself
            if len(inner) > 1 and not self._apart(inner):
                self._exclusive[id(schema)] = self._made_apart(inner)
        return self._exclusive[id(schema)]

    def _apart(self, inner: list[Schema]) -> bool:
        """Return whether no value can fit two of the alternatives, as far as their facts tell."""
        facts: list[list[Facts]] = [[branch.facts for branch in self.branches([part])] for part in inner]
        for i, some in enumerate(facts):
            for others in facts[i + 1 :]:
                self.document.step(1 + len(some) * len(others) // 4)
                if not all(one.excludes(other) for one in some for other in others):
                    return False
        return True

    def _made_apart(self, inner: list[Schema]) -> list[list[Schema]]:
        """Combine each alternative with the opposites of the others, where that is small; else return the alternatives unchanged."""
        ways: list[list[Schema]] = []
        try:
            sizes = [len(negated(self.document, part)) for part in inner]
            for i, part in enumerate(inner):
                size = 1
                for j, other in enumerate(sizes):
                    size *= max(other, 1) if j != i else 1
                if size * len(inner) > MOST_EXCLUSIVE:
                    return [[part] for part in inner]
                opposites = [self.document.opposite(other, other) for j, other in enumerate(inner) if j != i]
                ways.append([part, *opposites])
        except CannotNegateError:
            return [[part] for part in inner]
        return ways
