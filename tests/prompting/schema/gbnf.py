"""Reads GBNF, draws texts from a grammar, and tells whether it takes a text: what the tests of the converter compare with.

Written apart from the converter, so that a mistake of its writer is not repeated by its reader.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

Node = tuple[Any, ...]  # ("text", str) ("class", negated, ranges) ("seq", [..]) ("alt", [..]) ("rep", node, least, most) ("rule", name)

_TOKEN = re.compile(r'\s*(?:([a-zA-Z0-9-]+)(\s*::=)?|("(?:[^"\\]|\\.)*")|(\[(?:[^\]\\]|\\.)*\])|([()|*+?.])|\{(\d+)(,?)(\d*)\})', re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)|(.)", re.DOTALL)
_NAMED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-"}


def _characters(text: str) -> list[tuple[str, bool]]:
    """Each character and whether it was escaped."""
    out = []
    for escape, plain in _ESCAPE.findall(text):
        if plain:
            out.append((plain, False))
        else:
            out.append((chr(int(escape[1:], 16)) if len(escape) > 1 else _NAMED[escape], True))
    return out


def _class(text: str) -> Node:
    members = _characters(text)
    negated = bool(members) and members[0] == ("^", False)
    members = members[negated:]
    ranges = []
    i = 0
    while i < len(members):
        if i + 2 < len(members) and members[i + 1] == ("-", False):
            assert members[i][0] <= members[i + 2][0], text
            ranges.append((ord(members[i][0]), ord(members[i + 2][0])))
            i += 3
        else:
            ranges.append((ord(members[i][0]), ord(members[i][0])))
            i += 1
    assert ranges, "an empty class"
    return ("class", negated, tuple(ranges))


class Gbnf:
    """A grammar that was read from its text."""

    def __init__(self, text: str) -> None:
        tokens: list[tuple[str, ...]] = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            assert found, f"not GBNF: {text[at : at + 60]!r}"
            tokens.append(found.groups(default=""))
            at = found.end()
        self.rules: dict[str, Node] = {}
        self._tokens, self._at = tokens, 0
        while self._at < len(tokens):
            name, defines = tokens[self._at][:2]
            assert name, f"no rule begins with {tokens[self._at]}"
            assert defines
            assert name not in self.rules, f"{name} is defined twice"
            self._at += 1
            self.rules[name] = self._alternatives()
        assert "root" in self.rules
        self._least: dict[str, int] = {}
        self._find_least()

    def _alternatives(self) -> Node:
        ways = [self._sequence()]
        while self._at < len(self._tokens) and self._tokens[self._at][4] == "|":
            self._at += 1
            ways.append(self._sequence())
        return ways[0] if len(ways) == 1 else ("alt", ways)

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self._at < len(self._tokens):
            name, defines, literal, members, sign, low, comma, high = self._tokens[self._at]
            if defines or sign in ("|", ")"):
                break
            self._at += 1
            if name:
                parts.append(("rule", name))
            elif literal:
                parts.append(("text", "".join(c for c, _ in _characters(literal[1:-1]))))
            elif members:
                parts.append(_class(members[1:-1]))
            elif sign == "(":
                parts.append(self._alternatives())
                assert self._tokens[self._at][4] == ")"
                self._at += 1
            elif sign == ".":
                parts.append(("class", True, ()))
            else:
                bounds = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(sign) or (
                    int(low),
                    int(high) if high else None if comma else int(low),
                )
                assert bounds[1] is None or bounds[0] <= bounds[1], "a repetition whose bounds are the wrong way round"
                parts.append(("rep", parts.pop(), *bounds))
        return parts[0] if len(parts) == 1 else ("seq", parts)

    def _find_least(self) -> None:
        """The fewest rules within each other that a text of each rule needs."""
        changed = True
        while changed:
            changed = False
            for name, node in self.rules.items():
                depth = self._depth(node)
                if depth is not None and depth + 1 < self._least.get(name, 1 << 30):
                    self._least[name] = depth + 1
                    changed = True
        missing = set(self.rules) - set(self._least)
        assert not missing, f"rules without an end: {missing}"

    def _depth(self, node: Node) -> int | None:
        if node[0] == "rule":
            assert node[1] in self.rules, f"{node[1]} is not defined"
            return self._least.get(node[1])
        if node[0] == "seq":
            depths = [self._depth(part) for part in node[1]]
            return None if None in depths else max((d for d in depths if d is not None), default=0)
        if node[0] == "alt":
            return min((d for d in map(self._depth, node[1]) if d is not None), default=None)
        if node[0] == "rep":
            return 0 if node[2] == 0 else self._depth(node[1])
        return 0

    # Drawing

    def draw(self, chance: random.Random, budget: int = 400) -> str:
        """A text of the grammar. About `budget` characters, from where on the shortest ways are taken."""
        out: list[str] = []
        stack: list[Node] = [("rule", "root")]
        size = 0
        while stack:
            node = stack.pop()
            spent = size + 4 * len(stack) > budget
            if node[0] == "text":
                out.append(node[1])
                size += len(node[1])
            elif node[0] == "class":
                out.append(_member(chance, node))
                size += 1
            elif node[0] == "rule":
                stack.append(self.rules[node[1]])
            elif node[0] == "seq":
                stack.extend(reversed(node[1]))
            elif node[0] == "alt":
                if spent:
                    depths = [self._depth(way) for way in node[1]]
                    least = min(d for d in depths if d is not None)
                    stack.append(chance.choice([way for way, depth in zip(node[1], depths, strict=True) if depth == least]))
                else:
                    stack.append(chance.choice(node[1]))
            else:
                least, most = node[2], node[3]
                more = 0 if spent else min(chance.choice((0, 0, 1, 1, 2, 3, 8, 40)), 1 << 30 if most is None else most - least)
                stack.extend([node[1]] * (least + more))
        return "".join(out)

    # Recognising

    def takes(self, text: str) -> bool:
        """Whether the whole text belongs to the grammar: every way to read it is followed at once."""
        states = set(self._open((("rule", "root"), None)))
        for character in text:
            point = ord(character)
            after: set[Any] = set()
            for state in states - {None}:
                node, rest = state
                if node[0] == "text" and node[1][0] == character:
                    left = node[1][1:]
                    after.update([(("text", left), rest)] if left else self._open(rest))
                elif node[0] == "class" and any(low <= point <= high for low, high in node[2]) != node[1]:
                    after.update(self._open(rest))
            states = after
            if not states:
                return False
        return None in states

    def _open(self, stack: Any) -> Iterator[Any]:
        """Stacks whose top reads a character, or None for the end. A stack is (node, rest of the stack) or None."""
        waiting = [stack]
        seen = set()
        while waiting:
            now = waiting.pop()
            if now in seen:
                continue
            seen.add(now)
            if now is None:
                yield None
                continue
            node, rest = now
            if node[0] == "rule":
                waiting.append((self._hashable(self.rules[node[1]]), rest))
            elif node[0] == "alt":
                waiting.extend((self._hashable(way), rest) for way in node[1])
            elif node[0] == "seq":
                for part in reversed(node[1]):
                    rest = (self._hashable(part), rest)
                waiting.append(rest)
            elif node[0] == "rep":
                _, inner, least, most = node
                if least == 0:
                    waiting.append(rest)
                if most is None or most > 0:
                    again = ("rep", inner, max(least - 1, 0), None if most is None else most - 1)
                    waiting.append((self._hashable(inner), (again, rest)))
            elif node[0] == "text" and not node[1]:
                waiting.append(rest)
            else:
                yield now

    def _hashable(self, node: Node) -> Node:
        return (
            (node[0], tuple(map(self._hashable, node[1])))
            if node[0] in ("seq", "alt")
            else (("rep", self._hashable(node[1]), node[2], node[3]) if node[0] == "rep" else node)
        )


def _member(chance: random.Random, node: Node) -> str:
    """A character of a class; the plain ones oftener than the others."""
    _, negated, ranges = node
    for _ in range(200):
        if negated or chance.random() < 0.6:
            point = chance.choice((*range(0x20, 0x7F), 0xE9, 0x20AC, 0x1F600))
        else:
            point = chance.randint(*chance.choice(ranges))
        if any(low <= point <= high for low, high in ranges) != negated and not 0xD800 <= point <= 0xDFFF:
            return chr(point)
    point = ranges[0][0]
    assert not negated
    return chr(point)
