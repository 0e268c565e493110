"""Generates ten thousand JSON schemas, valid, hostile and huge, for a live server or for the converter alone.

`python -m bench.hostile.schemas` converts them all in this process and prints how many were taken and refused, how long they took for
each KiB, and the slowest ones. The same seed gives the same schemas.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from echorator.errors import InvalidRequestError
from echorator.prompting.json_schema import grammar_of

Schema = dict[str, Any]
_WORDS = "name age city tags next value kind id total items email price first last note".split()
_PATTERNS = [r"^\d{3}-\d{4}$", "^[a-z]+$", "a", r"^(?!.*\.\.)[a-z.]+@[a-z]+\.[a-z]{2,}$", r"\w+\s\w+", "^[A-Z]{2}[0-9]{2,18}$"]
_FORMATS = ["date", "time", "date-time", "duration", "email", "uri", "uuid", "ipv4", "ipv6", "hostname", "password"]
_HOSTILE_PATTERNS = [
    "^a}$",
    "^]$",
    "[a-z]{5,0}",
    "(((a*)*)*)*b",
    "^(a+)+$",
    "(.*a.{20})",
    "(a|a)*" * 20,
    "(" * 60 + ")" * 60,
    "a{99999}" * 20,
    "(a{1000}){1000}",
    r"\b\1(?<=x)",
    "[^\\x00-\\x1f]{0,5000}x",
    "(?!" * 10 + "a" + ")" * 10,
    "^(?=.*a)(?=.*b)(?=.*c)(?=.*d)(?=.*e)(?=.*f)(?=.*g)(?=.*h).{8,64}$",
    "[" + "\\ud800" * 5 + "]",
    ".*" * 40 + "x",
    "(" + "|".join(f"word{i}" for i in range(400)) + ")+",
]


def ordinary(chance: random.Random, depth: int = 3) -> Schema:
    """Return a schema as applications write them: objects of bounded values, lists, unions and choices."""
    kinds: list[Callable[[], Schema]] = [
        lambda: {"type": "integer", "minimum": chance.randint(-5, 5), "maximum": chance.randint(6, 10**6)},
        lambda: {"type": "number", "exclusiveMinimum": 0, "maximum": chance.choice([1, 1.5, 1e9])},
        lambda: {"type": "integer", "multipleOf": chance.choice([2, 5, 7, 10, 60, 100])},
        lambda: {"type": "string", "maxLength": chance.choice([8, 64, 2000])},
        lambda: {"type": "string", "pattern": chance.choice(_PATTERNS)},
        lambda: {"type": "string", "format": chance.choice(_FORMATS)},
        lambda: {"enum": chance.sample(_WORDS, chance.randint(1, 8))},
        lambda: {"type": ["boolean", "null"]},
        lambda: {"const": chance.choice([1, "x", None, 2.5, [1]])},
    ]
    if depth:
        kinds += [
            lambda: {"type": "array", "items": ordinary(chance, depth - 1), "maxItems": chance.choice([1, 5, 2000])},
            lambda: {"anyOf": [ordinary(chance, depth - 1), {"type": "null"}]},
            lambda: {"type": "object", "additionalProperties": ordinary(chance, depth - 1)},
            lambda: {"type": "array", "prefixItems": [ordinary(chance, depth - 1) for _ in range(2)], "minItems": 2, "maxItems": 2},
            *[lambda: _object(chance, depth)] * 4,
        ]
    return chance.choice(kinds)()


def _object(chance: random.Random, depth: int) -> Schema:
    names = chance.sample(_WORDS, chance.randint(1, 6))
    return {
        "type": "object",
        "properties": {name: ordinary(chance, depth - 1) for name in names},
        "required": chance.sample(names, chance.randint(0, len(names))),
        **({"additionalProperties": chance.choice([True, False])} if chance.random() < 0.5 else {}),
    }


def recursive(chance: random.Random) -> Schema:
    """Return a schema with definitions that refer to themselves and to each other, some endlessly."""
    names = [f"d{i}" for i in range(chance.randint(1, 12))]

    def reference() -> Schema:
        return {"$ref": chance.choice([*(f"#/$defs/{name}" for name in names), "#", f"#/$defs/{names[0]}/properties/a"])}

    def definition() -> Schema:
        return chance.choice(
            [
                {
                    "type": "object",
                    "properties": {"a": reference(), "b": reference()},
                    "required": chance.sample(["a", "b"], chance.randint(0, 2)),
                },
                {"anyOf": [reference(), reference(), {"type": "null"}]},
                {"allOf": [reference(), reference()]},
                {"type": "array", "items": reference(), "maxItems": 2},
                {"not": reference()},
                {"oneOf": [reference(), {"type": "integer"}]},
                reference(),
            ]
        )

    return {"$defs": {name: definition() for name in names}, **reference()}


def multiplying(chance: random.Random) -> Schema:
    """Return a schema of combinations whose product is far larger than their text."""
    count = chance.choice([3, 8, 20, 60])
    part = [{"properties": {f"p{i}": {"type": "string"}}, "required": [f"p{i}"]} for i in range(count)]
    other = [{"properties": {f"q{i}": {"type": "null"}}} for i in range(count)]
    return chance.choice(
        [
            {"allOf": [{"anyOf": list(pair)} for pair in zip(part, other, strict=True)]},
            {"allOf": [{"oneOf": list(pair)} for pair in zip(part, other, strict=True)]},
            {"oneOf": part},
            {"allOf": [{"if": one, "then": two} for one, two in zip(part, other, strict=True)]},
            {"allOf": [{"not": one} for one in part]},
            {"type": "object", "dependentRequired": {f"a{i}": [f"b{i}"] for i in range(count)}},
            {"type": "object", "patternProperties": {f"^{'x' * i}": one for i, one in enumerate(part)}},
            {"type": "object", "properties": {f"p{i}": {} for i in range(count * 4)}, "minProperties": count, "maxProperties": count * 2},
        ]
    )


def strings(chance: random.Random) -> Schema:
    """Return a schema of strings with difficult patterns, alone, with lengths and with each other."""
    schema: Schema = {"type": "string", "pattern": chance.choice(_HOSTILE_PATTERNS)}
    if chance.random() < 0.5:
        schema["maxLength"] = chance.choice([1, 50, 2000, 10**9])
    if chance.random() < 0.3:
        schema["minLength"] = chance.choice([1, 40, 10**6])
    if chance.random() < 0.3:
        schema["allOf"] = [{"pattern": chance.choice(_HOSTILE_PATTERNS + _PATTERNS)} for _ in range(chance.randint(1, 5))]
    if chance.random() < 0.2:
        schema = {"type": "object", "properties": {f"s{i}": {"type": "string", "pattern": f"{schema['pattern']}{i}"} for i in range(60)}}
    return schema


def numbers(chance: random.Random) -> Schema:
    """Return a schema of numbers with bounds and steps of any size."""
    ends = [0, -1, 1, 0.1, 1e308, -1e308, 5e-324, 10**30, -(10**99), 10**400, 2**53, 9007199254740993]
    keys = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    schema: Schema = {"type": chance.choice(["integer", "number"]), **{key: chance.choice(ends) for key in keys if chance.random() < 0.4}}
    if chance.random() < 0.4:
        schema["multipleOf"] = chance.choice([1, 3, 7, 97, 9973, 0.1, 1e-9, 1e30, 0.3, 10**18, 1e-300])
    return schema


def huge(chance: random.Random) -> Schema:
    """Return a schema about as large as the limit, or larger."""
    count = chance.choice([200, 1000, 3000])
    deep: Schema = {"type": "null"}
    for _ in range(chance.choice([20, 60, 200])):
        deep = {"type": "array", "items": deep} if chance.random() < 0.5 else {"type": "object", "properties": {"a": deep}}
    return chance.choice(
        [
            {"enum": [f"choice number {i}" for i in range(count)]},
            {"enum": list(range(count * 3))},
            {"const": "x" * count * 20},
            {"type": "object", "properties": {f"property {i}": {"type": "string", "maxLength": i} for i in range(count)}},
            {"type": "object", "properties": {f"p{i}": True for i in range(count)}, "additionalProperties": True},
            {"anyOf": [{"type": "object", "properties": {f"k{i}": {"const": i}}} for i in range(count)]},
            {"oneOf": [{"type": "object", "properties": {"k": {"const": i}}, "required": ["k"]} for i in range(count)]},
            {
                "type": "array",
                "items": {"type": "array", "items": {"type": "string", "maxLength": 10**9}, "maxItems": 10**9},
                "maxItems": 10**6,
            },
            {"type": "array", "prefixItems": [{"type": "integer"}] * count, "minItems": 0},
            {"type": "array", "items": {"type": "integer"}, "contains": {"const": 1}, "minItems": count, "maxItems": count * 2},
            {
                "$defs": {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}, {"$ref": f"#/$defs/d{i + 2}"}]} for i in range(count)},
                "$ref": "#/$defs/d0",
            },
            deep,
        ]
    )


def malformed(chance: random.Random) -> Schema:
    """Return a schema whose keywords have values of the wrong kind."""
    keys = (
        "type properties required items anyOf allOf oneOf not enum pattern format minLength maximum multipleOf $ref $defs if contains"
    ).split()
    values: list[Any] = [None, True, 3, -1, 1.5, "x", [], {}, [[]], {"a": 3}, ["a", "a"], "#", "object", 10**30, "\u0000", {"$ref": "#"}]
    return {chance.choice(keys): chance.choice(values) for _ in range(chance.randint(1, 5))}


KINDS: dict[str, tuple[int, Callable[[random.Random], Schema]]] = {  # name → (share of 100, maker)
    "ordinary": (40, ordinary),
    "recursive": (12, recursive),
    "multiplying": (10, multiplying),
    "strings": (14, strings),
    "numbers": (10, numbers),
    "huge": (4, huge),
    "malformed": (10, malformed),
}


def schemas(count: int = 10_000, seed: int = 0) -> Iterator[tuple[str, Schema]]:
    """Yield `count` pairs of a kind's name and a schema."""
    chance = random.Random(seed)
    names, shares = list(KINDS), [share for share, _ in KINDS.values()]
    for _ in range(count):
        name = chance.choices(names, shares)[0]
        yield name, KINDS[name][1](chance)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    outcomes: Counter[tuple[str, str]] = Counter()
    times: dict[str, list[tuple[float, float, str]]] = {name: [] for name in KINDS}
    for name, schema in schemas(arguments.count, arguments.seed):
        started = time.process_time()
        try:
            grammar_of(schema)
            outcomes[name, "taken"] += 1
        except InvalidRequestError:
            outcomes[name, "refused"] += 1
        took_ms = (time.process_time() - started) * 1e3
        text = json.dumps(schema)
        times[name].append((took_ms, len(text) / 1024, text[:100]))
    print(f"{'kind':12} {'taken':>6} {'refused':>8} {'median ms':>10} {'p99 ms':>8} {'worst ms':>9} {'ms/KiB':>7}")
    for name, found in times.items():
        if found:
            each = sorted(took for took, _, _ in found)
            rate = sum(each) / sum(size for _, size, _ in found)
            print(
                f"{name:12} {outcomes[name, 'taken']:6} {outcomes[name, 'refused']:8} {each[len(each) // 2]:10.2f} "
                f"{each[len(each) * 99 // 100]:8.1f} {each[-1]:9.1f} {rate:7.2f}"
            )
    print(f"largest memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
    for took, _, text in sorted((entry for found in times.values() for entry in found), reverse=True)[:5]:
        print(f"{took:8.1f} ms  {text}")


if __name__ == "__main__":
    main()
