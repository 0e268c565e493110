"""Regular languages over characters as expressions, with intersection, complement and counters; their derivatives give automata.

The derivative of a language by a character is what may follow that character (Brzozowski, "Derivatives of Regular Expressions",
J. ACM 11:4, 1964). Equal expressions are the same object, so that the states of an automaton are the expressions met on the way.
Fed by `patterns`, `formats` and `numbers`; `automata` turns expressions into grammars.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from echorator.prompting.schema.characters import EVERY, Ranges, common, union

MOST_WORK = 150_000  # parts combined for one language; about a quarter of a second


class TooLargeError(Exception):
    """A language needs too many states or too much work."""


class Expression:
    """One language. `kind` says what `parts` are; see the methods of `Expressions` that make each kind."""

    __slots__ = ("kind", "least", "most", "nullable", "number", "parts")

    def __init__(self, number: int, kind: str, parts: tuple[Any, ...], nullable: bool, least: int = 0, most: int | None = 0) -> None:
        self.number = number
        self.kind = kind
        self.parts = parts
        self.nullable = nullable
        self.least = least  # only of a repetition
        self.most = most


class Expressions:
    """A pool of expressions in their simplest form; expressions of two pools must not be mixed."""

    def __init__(self, most_work: int = MOST_WORK) -> None:
        self._most_work = most_work
        self._known: dict[tuple[Any, ...], Expression] = {}
        self.work = 0
        self.nothing = self._make("nothing", (), False)
        self.empty = self._make("empty", (), True)
        self.any = self.chars(EVERY)
        self.all = self._make("repeat", (self.any,), True, 0, None)

    def _make(self, kind: str, parts: tuple[Any, ...], nullable: bool, least: int = 0, most: int | None = 0) -> Expression:
        key = (kind, least, most, *(part.number if isinstance(part, Expression) else part for part in parts))
        self.work += len(key)
        if self.work > self._most_work:
            raise TooLargeError
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = Expression(len(self._known), kind, parts, nullable, least, most)
        return known

    def chars(self, ranges: Ranges) -> Expression:
        """Return the language of one character of the set."""
        return self._make("chars", (ranges,), False) if ranges else self.nothing

    def text(self, text: str) -> Expression:
        """Return the language of exactly this text."""
        return self.cat(*(self.chars(((ord(c), ord(c)),)) for c in text))

    def cat(self, *parts: Expression) -> Expression:
        """Return the concatenation. It has two parts: a first one that is no concatenation, and the rest."""
        flat: list[Expression] = []
        for part in parts:
            while part.kind == "cat":
                flat.append(part.parts[0])
                part = part.parts[1]
            flat.append(part)
        if self.nothing in flat:
            return self.nothing
        out = self.empty
        for part in reversed(flat):
            if out is self.empty:
                out = part
            elif part is not self.empty and not (part.nullable and out is self.all):
                out = self._make("cat", (part, out), part.nullable and out.nullable)
        return out

    def either(self, *parts: Expression) -> Expression:
        """Return the union of the parts, flattened and without repeats; their sets of characters become one."""
        found: dict[int, Expression] = {}
        sets: list[Ranges] = []
        for part in parts:
            for member in part.parts if part.kind == "either" else (part,):
                if member is self.all:
                    return member
                if member.kind == "chars":
                    sets.append(member.parts[0])
                elif member is not self.nothing:
                    found[member.number] = member
        if sets:
            merged = self.chars(sets[0] if len(sets) == 1 else union(*sets))
            found[merged.number] = merged
        if self.empty.number in found and any(member.nullable for member in found.values() if member is not self.empty):
            del found[self.empty.number]
        if len(found) <= 1:
            return next(iter(found.values()), self.nothing)
        members = tuple(found[number] for number in sorted(found))
        return self._make("either", members, any(member.nullable for member in members))

    def both(self, *parts: Expression) -> Expression:
        """Return the intersection of the parts."""
        found: dict[int, Expression] = {}
        simple: Expression | None = None  # the intersection of all repetitions of a set
        for part in parts:
            for member in part.parts if part.kind == "both" else (part,):
                if member is self.nothing:
                    return member
                if is_simple(member):
                    simple = member if simple is None else self._both_simple(simple, member)
                    if simple is self.nothing:
                        return simple
                    if simple is self.empty:  # the sets share no character, so only the empty text remains
                        found[simple.number] = simple
                        simple = None
                elif member is not self.all:
                    found[member.number] = member
        if simple is self.nothing:
            return simple
        if simple is not None and simple is not self.all:
            found[simple.number] = simple
        if not found:
            return self.all
        if len(found) == 1:
            return next(iter(found.values()))
        members = tuple(found[number] for number in sorted(found))
        nullable = all(member.nullable for member in members)
        if self.empty in members:
            return self.empty if nullable else self.nothing
        return self._make("both", members, nullable)

    def _both_simple(self, a: Expression, b: Expression) -> Expression:
        set_a, least_a, most_a = _repetition(a)
        set_b, least_b, most_b = _repetition(b)
        tops = [most for most in (most_a, most_b) if most is not None]
        least, most = max(least_a, least_b), min(tops) if tops else None
        if most is not None and least > most:
            return self.nothing
        return self.repeat(self.chars(set_a if set_a == set_b else common(set_a, set_b)), least, most)

    def other(self, part: Expression) -> Expression:
        """Return the complement of a language."""
        if part.kind == "other":
            found: Expression = part.parts[0]
            return found
        if part is self.nothing or part is self.all:
            return self.all if part is self.nothing else self.nothing
        return self._make("other", (part,), not part.nullable)

    def repeat(self, part: Expression, least: int, most: int | None) -> Expression:
        """Return `part` repeated `least` to `most` times; `most` None: without a bound."""
        if most == 0 or part is self.empty or (part is self.nothing and least == 0):
            return self.empty
        if part is self.nothing or (least == 1 and most == 1):
            return part
        if part.nullable:
            least = 0
        if part.kind == "repeat" and part.least == 0 and part.most is None:
            return part
        if part.kind == "repeat" and ((part.least == 0 and part.most == 1) or (part.most is None and part.least == 1 and most is None)):
            return self.repeat(part.parts[0], least, most)
        return self._make("repeat", (part,), least == 0, least, most)

    def multiple(self, of: int, places: int, scaled: int = 0, after_point: int = -1, begun: bool = False) -> Expression:
        """Return unsigned decimal texts whose value times 10**places is a multiple of `of`, with at most `places` fraction digits.

        Args:
            of: 1 or more.
            places: digits after the point that are allowed; 0: no point.
            scaled: the digits read so far as a number, modulo `of`.
            after_point: the number of digits read after the point, -1 before it.
            begun: whether a digit was read since the start or the point.
        """
        nullable = begun and scaled * 10 ** (places - max(after_point, 0)) % of == 0
        return self._make("multiple", (of, places, scaled % of, after_point, begun), nullable)

    def derivative(self, node: Expression, point: int) -> Expression:
        """Return the language of what may follow the character `point`."""
        kind = node.kind
        if kind == "chars":
            return self.empty if any(low <= point <= high for low, high in node.parts[0]) else self.nothing
        if kind == "cat":
            found = []
            while node.kind == "cat":
                first, rest = node.parts
                found.append(self.cat(self.derivative(first, point), rest))
                if not first.nullable:
                    return self.either(*found)
                node = rest
            return self.either(*found, self.derivative(node, point))
        if kind == "repeat":
            after = self.derivative(node.parts[0], point)
            if after is self.nothing:
                return after
            return self.cat(after, self.repeat(node.parts[0], max(node.least - 1, 0), None if node.most is None else node.most - 1))
        if kind == "either":
            return self.either(*[self.derivative(part, point) for part in node.parts])
        if kind == "both":
            return self.both(*[self.derivative(part, point) for part in node.parts])
        if kind == "other":
            return self.other(self.derivative(node.parts[0], point))
        if kind == "multiple":
            return self._after_digit(node, point)
        return self.nothing

    def _after_digit(self, node: Expression, point: int) -> Expression:
        of, places, scaled, after_point, begun = node.parts
        if point == 0x2E:
            return self.multiple(of, places, scaled, 0, False) if begun and after_point < 0 < places else self.nothing
        if not 0x30 <= point <= 0x39 or after_point == places:
            return self.nothing
        return self.multiple(of, places, (scaled * 10 + point - 0x30) % of, after_point + (after_point >= 0), True)


def is_simple(node: Expression) -> bool:
    """Return whether an expression is a repeated set of characters, or one character of a set."""
    return node.kind == "chars" or (node.kind == "repeat" and node.parts[0].kind == "chars")


def has_complement(node: Expression) -> bool:
    """Return whether an expression contains a complement, so that it may hold characters that none of its sets has."""
    while node.kind == "cat":
        if has_complement(node.parts[0]):
            return True
        node = node.parts[1]
    return node.kind == "other" or any(has_complement(part) for part in node.parts if isinstance(part, Expression))


def _repetition(node: Expression) -> tuple[Ranges, int, int | None]:
    if node.kind == "chars":
        return node.parts[0], 1, 1
    return node.parts[0].parts[0], node.least, node.most


def sets_of(root: Expression) -> Iterable[Ranges]:
    """Yield the sets of characters that decide in `root` and its derivatives."""
    seen: set[int] = set()
    waiting: list[Any] = [root]
    found: dict[Ranges, None] = {}
    while waiting:
        node = waiting.pop()
        if not isinstance(node, Expression) or node.number in seen:
            continue
        seen.add(node.number)
        if node.kind == "chars":
            found[node.parts[0]] = None
        elif node.kind == "multiple":
            found.update(dict.fromkeys(((c, c),) for c in (0x2E, *range(0x30, 0x3A))))
        else:
            waiting.extend(node.parts)
    return found


def shortened(pool: Expressions, node: Expression, most: int) -> Expression:
    """Return a sublanguage whose texts have at most `most` characters: each repetition is cut at the same count.

    Raises:
        TooLargeError: even without any repetition the texts may be longer.
    """
    low, high = 0, most  # counts; `low` is known to be short enough
    if _longest(pool, node, 0) > most:
        raise TooLargeError
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _longest(pool, node, middle) <= most else (low, middle - 1)
    return _cut(pool, node, low)


def _longest(pool: Expressions, node: Expression, count: int) -> float:
    longest = lengths(_cut(pool, node, count))[1]
    return float("inf") if longest is None else longest


def _cut(pool: Expressions, node: Expression, count: int) -> Expression:
    if node.kind == "repeat":
        top = max(node.least, count)
        return pool.repeat(_cut(pool, node.parts[0], count), node.least, top if node.most is None else min(node.most, top))
    if node.kind == "cat":
        parts = []
        while node.kind == "cat":
            parts.append(_cut(pool, node.parts[0], count))
            node = node.parts[1]
        return pool.cat(*parts, _cut(pool, node, count))
    if node.kind == "either":
        return pool.either(*(_cut(pool, part, count) for part in node.parts))
    if node.kind == "both":  # cutting one part of an intersection is enough
        cut = next((part for part in node.parts if part.kind != "other"), None)
        return node if cut is None else pool.both(*(_cut(pool, part, count) if part is cut else part for part in node.parts))
    return node


def lengths(node: Expression) -> tuple[int, int | None]:
    """Return a lower and an upper bound of the texts' lengths; None: no upper bound is known."""
    if node.kind == "chars":
        return 1, 1
    if node.kind in ("empty", "nothing"):
        return 0, 0
    if node.kind == "cat":
        least = 0
        total: int | None = 0
        while node.kind == "cat":
            low, high = lengths(node.parts[0])
            least += low
            total = None if total is None or high is None else total + high
            node = node.parts[1]
        low, high = lengths(node)
        return least + low, None if total is None or high is None else total + high
    if node.kind == "repeat":
        low, high = lengths(node.parts[0])
        return low * node.least, None if high is None or node.most is None else high * node.most
    if node.kind in ("either", "both"):
        bounds = [lengths(part) for part in node.parts]
        lows, highs = [low for low, _ in bounds], [high for _, high in bounds]
        finite = [high for high in highs if high is not None]
        if node.kind == "both":
            return max(lows), min(finite) if finite else None
        return min(lows), max(finite) if len(finite) == len(highs) else None
    return 0, None
