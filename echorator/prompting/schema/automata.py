"""Turns an expression into the grammar of JSON strings in its language, and matches texts against an expression.

An expression without intersection and complement becomes a grammar of its own shape. Other expressions, and those with many alternatives
open at once, become their deterministic automaton, with one rule for each state.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from echorator.prompting.schema import grammar as g
from echorator.prompting.schema.characters import EVERY, Ranges, contains, union, without
from echorator.prompting.schema.expressions import Expression, Expressions, TooLargeError, sets_of

MOST_STATES = 1500  # states of an automaton
MOST_TRANSITIONS = 12_000
FEW_STATES = 200  # an ambiguous expression becomes an automaton if that has no more states than this
_SPELLED: Ranges = ((0, 0x1F), (0x22, 0x22), (0x5C, 0x5C))  # characters that a JSON string must escape
_ESCAPES = {0x22: '\\"', 0x5C: "\\\\", 0x08: "\\b", 0x0C: "\\f", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}


class Machine:
    """The deterministic automaton of an expression, built lazily."""

    def __init__(self, pool: Expressions, root: Expression) -> None:
        self.pool = pool
        self.root = root
        edges = {low for low, _ in EVERY} | {high + 1 for _, high in EVERY}
        sets = list(sets_of(root))
        self._bits = {ranges: 1 << i for i, ranges in enumerate(sets)}
        self._firsts: dict[int, int] = {}
        for ranges in sets:
            for low, high in ranges:
                edges.add(low)
                edges.add(high + 1)
        self._starts = sorted(edges)
        index = {edge: n for n, edge in enumerate(self._starts)}
        signatures = [0] * len(self._starts)
        for i, ranges in enumerate(sets):
            for low, high in ranges:
                for n in range(index[low], index[high + 1]):
                    signatures[n] |= 1 << i
        blocks: dict[int, list[tuple[int, int]]] = {}
        for n in range(len(self._starts) - 1):
            if contains(EVERY, self._starts[n]):
                blocks.setdefault(signatures[n], []).append((self._starts[n], self._starts[n + 1] - 1))
        self._block_of = signatures
        self.blocks: dict[int, Ranges] = {signature: union(ranges) for signature, ranges in blocks.items()}
        self._digits = sum(self._bits.get(((c, c),), 0) for c in (0x2E, *range(0x30, 0x3A)))
        self._after: dict[tuple[int, int], Expression] = {}
        self._unions: dict[tuple[int, ...], Ranges] = {}

    def step(self, state: Expression, block: int) -> Expression:
        """Return the state after one more character of the set `block`; states are cached."""
        key = (state.number, block & self._first(state))
        found = self._after.get(key)
        if found is None:
            found = self._after[key] = self.pool.derivative(state, self.blocks[block][0][0])
        return found

    def _first(self, node: Expression) -> int:
        """Return the sets, as bits, that decide about the next character: blocks that agree on these lead to the same state."""
        found = self._firsts.get(node.number)
        if found is None:
            kind, found = node.kind, 0
            if kind == "chars":
                found = self._bits.get(node.parts[0], -1)  # -1 for a union made on the way, which is not one of the sets
            elif kind == "multiple":
                found = self._digits
            elif kind == "cat":
                rest = node
                while rest.kind == "cat":
                    found |= self._first(rest.parts[0])
                    if not rest.parts[0].nullable:
                        break
                    rest = rest.parts[1]
                else:
                    found |= self._first(rest)
            else:
                for part in node.parts:
                    found |= self._first(part)
            self._firsts[node.number] = found
        return found

    def matches(self, text: str) -> bool:
        """Return whether the whole text belongs to the language."""
        state = self.root
        for character in text:
            block = self._block_of[bisect_right(self._starts, ord(character)) - 1]
            if block not in self.blocks or state is self.pool.nothing:
                return False
            state = self.step(state, block)
        return state.nullable

    def states(self, most: int) -> dict[int, tuple[Expression, dict[int, Ranges]]]:
        """Return number → (state, next state's number → characters) of the states from which a text can be completed; {}: there are none.

        Raises:
            TooLargeError: more than `most` states, or too many transitions.
        """
        found: dict[int, tuple[Expression, dict[int, list[int]]]] = {}
        users: dict[int, list[int]] = {}
        waiting = [self.root]
        transitions = 0
        while waiting:
            state = waiting.pop()
            if state.number in found:
                continue
            after: dict[int, list[int]] = {}
            found[state.number] = (state, after)
            for block in self.blocks:
                follower = self.step(state, block)
                if follower is self.pool.nothing:
                    continue
                if follower.number not in after:
                    users.setdefault(follower.number, []).append(state.number)
                    waiting.append(follower)
                    transitions += 1
                after.setdefault(follower.number, []).append(block)
            if len(found) > most or transitions > MOST_TRANSITIONS:
                raise TooLargeError
        alive: set[int] = set()
        ends = [number for number, (state, _) in found.items() if state.nullable]
        while ends:
            number = ends.pop()
            if number not in alive:
                alive.add(number)
                ends.extend(users.get(number, ()))
        if self.root.number not in alive:
            return {}
        return {
            number: (state, {target: self._joined(tuple(blocks)) for target, blocks in after.items() if target in alive})
            for number, (state, after) in found.items()
            if number in alive
        }

    def _joined(self, blocks: tuple[int, ...]) -> Ranges:
        if blocks not in self._unions:
            self._unions[blocks] = union(*(self.blocks[block] for block in blocks))
        return self._unions[blocks]


class Writer:
    """A writer of the grammar nodes of languages: `rules` holds what the nodes refer to.

    Args:
        spelled: whether the text is inside a JSON string, where quotes, backslashes and control characters are escaped.
    """

    def __init__(self, pool: Expressions, spelled: bool = True) -> None:
        self.pool = pool
        self.spelled = spelled
        self.rules: dict[str, g.Node] = {}
        self._sets: dict[Ranges, g.Node] = {}

    def write(self, root: Expression) -> g.Node:
        """Return the node of a language. Raises TooLargeError where it needs an automaton that is too large."""
        plain = not _needs_automaton(root)
        if plain and not _open_front(root):
            return self._shaped(root)
        try:
            return self._automaton(root, FEW_STATES if plain else MOST_STATES)
        except TooLargeError:
            if plain:
                return self._shaped(root)
            raise

    def _rule(self, body: g.Node) -> g.Node:
        name = str(len(self.rules))
        self.rules[name] = body
        return ("ref", name)

    def chars(self, ranges: Ranges) -> g.Node:
        """Return the node of one character of a set in JSON's spelling; a separate rule where that needs alternatives."""
        if not self.spelled:
            return _one(ranges)
        found = self._sets.get(ranges)
        if found is None:
            found = spelled(ranges)
            if found[0] == "alt":
                found = self._rule(found)
            self._sets[ranges] = found
        return found

    def _shaped(self, node: Expression) -> g.Node:
        if node.kind == "chars":
            return self.chars(node.parts[0])
        if node.kind == "cat":
            parts = []
            while node.kind == "cat":
                parts.append(self._shaped(node.parts[0]))
                node = node.parts[1]
            return g.seq(*parts, self._shaped(node))
        if node.kind == "either":
            return g.alt(*map(self._shaped, node.parts))
        if node.kind == "repeat":
            return g.rep(self._shaped(node.parts[0]), node.least, node.most)
        return g.EMPTY if node.kind == "empty" else g.NOTHING

    def _automaton(self, root: Expression, most: int) -> g.Node:
        states = Machine(self.pool, root).states(most)
        if not states:
            return g.NOTHING
        entries: dict[int, int] = {}
        for number, (_, after) in states.items():
            for target in after:
                if target != number:
                    entries[target] = entries.get(target, 0) + 1
        # A state with a single predecessor is written in place; the depth of such groups is bounded.
        names: dict[int, g.Node] = {}
        waiting: list[int] = []

        def named(number: int) -> g.Node:
            if number not in names:
                names[number] = self._rule(g.NOTHING)
                waiting.append(number)
            return names[number]

        def body(number: int, depth: int) -> g.Node:
            state, after = states[number]
            loop = g.EMPTY
            ways = []
            for target, ranges in after.items():
                if target == number:
                    loop = g.rep(self.chars(ranges), 0, None)
                elif entries[target] == 1 and target != root.number and depth < 40:
                    ways.append(g.seq(self.chars(ranges), body(target, depth + 1)))
                else:
                    ways.append(g.seq(self.chars(ranges), named(target)))
            if state.nullable:
                ways.append(g.EMPTY)
            return g.seq(loop, g.alt(*ways))

        first = named(root.number)
        while waiting:
            number = waiting.pop()
            self.rules[names[number][1]] = body(number, 0)
        return first


def _walk(root: Expression, found: Callable[[Expression], bool]) -> bool:
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.number in seen:
            continue
        seen.add(node.number)
        if found(node):
            return True
        waiting.extend(part for part in node.parts if isinstance(part, Expression))
    return False


def _needs_automaton(root: Expression) -> bool:
    """Return whether an expression has an intersection, a complement, or a repetition of what may be empty, which GBNF cannot repeat."""
    return _walk(root, lambda n: n.kind in ("both", "other", "multiple") or (n.kind == "repeat" and n.parts[0].nullable))


def _open_front(root: Expression) -> bool:
    """Return whether many alternatives are open at once from the start, as in an unanchored pattern."""
    fronts = root.parts if root.kind == "either" else (root,)
    return any(front.kind == "cat" and front.parts[0].kind == "repeat" and front.parts[0].most is None for front in fronts)


def _one(ranges: Ranges) -> g.Node:
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return g.lit(chr(ranges[0][0]))
    return ("set", ranges)


def spelled(ranges: Ranges) -> g.Node:
    """Return the node of one character of a set within a JSON string."""
    raw = without(ranges, _SPELLED)
    ways = [_one(raw)] if raw else []
    escaped = without(ranges, raw)
    low_digits: dict[int, list[int]] = {}
    for low, high in escaped:
        for point in range(low, high + 1):
            if point in _ESCAPES:
                ways.append(g.lit(_ESCAPES[point]))
            else:
                low_digits.setdefault(point >> 4, []).append(point & 15)
    for high_digit, digits in low_digits.items():
        members = union((ord(c), ord(c)) for digit in digits for c in {f"{digit:x}", f"{digit:X}"})
        ways.append(g.seq(g.lit(f"\\u00{high_digit}"), _one(members)))
    return g.alt(*ways)
