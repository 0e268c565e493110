"""Generates GBNF texts: ordinary, ambiguous, huge, deep and broken ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from bench.hostile.requests import Body, chat

WORDS = ("yes", "no", "maybe", "42", "é", "日本", "a b", "")


def grammars(seed: int) -> Iterator[Body]:
    """Yield an endless mixture of requests with a grammar; the same for the same seed."""
    chance = random.Random(seed)
    while True:
        yield chat(chance, grammar=chance.choice(_KINDS)(chance))


def _ordinary(chance: random.Random) -> str:
    choice = " | ".join(f'"{chance.choice(WORDS)}"' for _ in range(chance.randrange(1, 6)))
    count = chance.randrange(1, 20)
    return f'root ::= item ("," item){{0,{count}}}\nitem ::= {choice} | "[" [a-z]{{1,{count}}} "]"'


def _json(chance: random.Random) -> str:
    return (
        'root ::= object\nobject ::= "{" (pair ("," pair)*)? "}"\npair ::= string ":" value\n'
        f'value ::= object | string | [0-9]{{1,{chance.randrange(1, 30)}}} | "[" (value ("," value)*)? "]"\n'
        'string ::= "\\"" [^"\\\\\\x00-\\x1f]* "\\""'
    )


def _ambiguous(chance: random.Random) -> str:
    levels, copies = chance.randrange(2, 40), chance.randrange(2, 4)
    rules = [f"s{i} ::= " + " ".join([f"s{i + 1}"] * copies) for i in range(1, levels)]
    return "\n".join(['root ::= s1 "z"', *rules, f's{levels} ::= "a" | "" | [a-e]'])


def _nested_repetitions(chance: random.Random) -> str:
    item = chance.choice(['"a"', "[^x]", "x", '("a" | "ab")'])
    for _ in range(chance.randrange(1, 6)):
        item = f"({item}){chance.choice(['*', '+', '?', '{0,9}', '{3,}', '{2,200}', '{1000}'])}"
    return f'root ::= {item} "!"\nx ::= [a-z]+ | "a"'


def _large_count(chance: random.Random) -> str:
    literal = "ab" * chance.randrange(1, 5000)
    return f'root ::= "{literal}"{{0,{chance.choice([10, 2000, 100_000, 10**12])}}}'


def _inverted(chance: random.Random) -> str:
    item = chance.choice(["[a-z]", "x", '"a"'])
    return f"root ::= {item}{{{chance.randrange(1, 9)},0}}\nx ::= [0-9]"


def _chain(chance: random.Random) -> str:
    return 'root::="a"' + chance.choice("*+?") * chance.choice([3, 300, 30_000, 200_000])


def _brackets(chance: random.Random) -> str:
    depth = chance.choice([10, 255, 300, 20_000])
    return "root ::= " + "(" * depth + '"a"' + ")" * chance.choice([depth, depth - 1])


def _many_alternatives(chance: random.Random) -> str:
    tail = chance.choice(["", " x"])
    return "root ::= " + " | ".join(f'"{chance.randrange(10**6)}"{tail}' for _ in range(chance.choice([100, 5000, 20_000]))) + '\nx ::= "a"'


def _left_recursive(chance: random.Random) -> str:
    return chance.choice(['root ::= root "a" | "a"', 'root ::= x\nx ::= y? x | "a"\ny ::= "b"', 'root ::= ("" root)* "a"'])


def _right_recursive(chance: random.Random) -> str:
    return f'root ::= [a-z] root | "{chance.choice(WORDS)}."'


def _deep(_chance: random.Random) -> str:
    return 'root ::= "(" root ")" | "(" root "]" | [a-z]'


def _many_rules(chance: random.Random) -> str:
    n = chance.choice([100, 10_000])
    return "\n".join(["root ::= r0", *(f'r{i} ::= "a"? r{i + 1}' for i in range(n)), f"r{n} ::= [a-z]"])


def _noise(chance: random.Random) -> str:
    return "root ::= " + "".join(chance.choice('ab"[]()|*+?{}09,-^\\ \n#<>!.é') for _ in range(chance.randrange(1, 200)))


_KINDS: list[Callable[[random.Random], str]] = [
    *(_ordinary, _ordinary, _json, _ambiguous, _nested_repetitions, _large_count, _inverted, _chain, _brackets),
    *(_many_alternatives, _left_recursive, _right_recursive, _deep, _many_rules, _noise),
]
