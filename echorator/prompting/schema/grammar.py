"""The rules of a grammar as values, and their GBNF text without the branches that never end.

A node is a tuple: ("lit", text), ("set", ranges), ("seq", nodes), ("alt", nodes), ("rep", node, least, most or None), ("ref", rule).
Fed by `converter`; the text is read by the engine.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from echorator.errors import InvalidRequestError
from echorator.prompting.schema.characters import Ranges

Node = tuple[Any, ...]

LARGEST_GRAMMAR = 256 * 1024  # characters of GBNF
EMPTY: Node = ("seq", ())
NOTHING: Node = ("alt", ())
_LONG_SET = 80  # a set with more characters of GBNF becomes a separate rule
_MANY, _SHORT = 40, 16  # a node that is repeated more often becomes a separate rule, unless it is a short set
_LITERAL = {**{chr(c): f"\\x{c:02X}" for c in (*range(0x20), 0x7F)}, "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def lit(text: str) -> Node:
    """Return the node of a literal text."""
    return ("lit", text) if text else EMPTY


def seq(*nodes: Node) -> Node:
    """Return a sequence of nodes; adjacent literals are joined."""
    flat: list[Node] = []
    for node in nodes:
        for part in node[1] if node[0] == "seq" else (node,):
            if part == NOTHING:
                return NOTHING
            if part[0] == "lit" and flat and flat[-1][0] == "lit":
                flat[-1] = ("lit", flat[-1][1] + part[1])
            else:
                flat.append(part)
    return flat[0] if len(flat) == 1 else ("seq", tuple(flat))


def alt(*nodes: Node) -> Node:
    """Return the node of alternatives, without repeats; nested alternatives are flattened."""
    flat: dict[Node, None] = {}
    for node in nodes:
        flat.update(dict.fromkeys(node[1]) if node[0] == "alt" else {node: None})
    return next(iter(flat)) if len(flat) == 1 else ("alt", tuple(flat))


def rep(node: Node, least: int, most: int | None) -> Node:
    """Return the node of `least` to `most` repetitions; `most` None: any number."""
    if most == 0 or node == EMPTY or (node == NOTHING and least == 0):
        return EMPTY
    if node == NOTHING or (least == 1 and most == 1):
        return node
    return ("rep", node, least, most)


def opt(node: Node) -> Node:
    """Return the node of an optional part."""
    return rep(node, 0, 1)


def listed(item: Node, comma: Node, least: int, most: int | None) -> Node:
    """Return `least` to `most` items with commas between them; `least` is 1 or more."""
    if most is not None and most < least:
        return NOTHING
    return seq(item, rep(seq(comma, item), least - 1, None if most is None else most - 1))


def words(texts: list[str]) -> Node:
    """Return a choice of texts; shared beginnings are written once."""
    texts = list(dict.fromkeys(texts))
    if len(texts) <= 8:
        return alt(*map(lit, texts))
    return _trie(sorted(texts), 0, 24)


def _trie(texts: list[str], start: int, depth: int) -> Node:
    """Return the trie of sorted texts that are equal up to `start`. Groups nest at most `depth` deep."""
    branches: list[Node] = []
    i = 0
    while i < len(texts):
        if len(texts[i]) == start:
            branches.append(EMPTY)
            i += 1
            continue
        j = i + 1
        while j < len(texts) and texts[j][start] == texts[i][start]:
            j += 1
        if j - i == 1 or depth == 0:
            branches.extend(lit(text[start:]) for text in texts[i:j])
        else:
            first, last = texts[i], texts[j - 1]
            end = start
            while end < len(first) and end < len(last) and first[end] == last[end]:
                end += 1
            branches.append(seq(lit(first[start:end]), _trie(texts[i:j], end, depth - 1)))
        i = j
    return alt(*branches)


def references(node: Node, into: set[str]) -> None:
    """Add the names of all rules that a node refers to to `into`."""
    kind = node[0]
    if kind == "ref":
        into.add(node[1])
    elif kind in ("seq", "alt"):
        for part in node[1]:
            references(part, into)
    elif kind == "rep":
        references(node[1], into)


def _productive(node: Node, known: set[str]) -> bool:
    """Return whether `node` has a finite text if the rules in `known` have one."""
    kind = node[0]
    if kind == "ref":
        return node[1] in known
    if kind == "seq":
        return all(_productive(part, known) for part in node[1])
    if kind == "alt":
        return any(_productive(part, known) for part in node[1])
    if kind == "rep":
        return node[2] == 0 or _productive(node[1], known)
    return kind != "set" or bool(node[1])


class Grammar:
    """The rules of one grammar. Their names are `root`, and `r` or `t` with a number."""

    def __init__(self) -> None:
        self.rules: dict[str, Node] = {}
        self._sets: dict[Ranges, str] = {}
        self._texts: dict[str, str] = {}

    def new(self, node: Node = NOTHING) -> Node:
        """Add a rule and return a reference to it; its body may be set in `rules` later."""
        name = f"r{len(self.rules)}"
        self.rules[name] = node
        return ("ref", name)

    def adopt(self, node: Node, rules: dict[str, Node]) -> Node:
        """Copy the rules that `node` needs under new names, and return `node` with these names."""
        names: dict[str, Node] = {name: self.new() for name in rules}

        def renamed(part: Node) -> Node:
            if part[0] == "ref":
                return names[part[1]]
            if part[0] in ("seq", "alt"):
                return (part[0], tuple(map(renamed, part[1])))
            return ("rep", renamed(part[1]), part[2], part[3]) if part[0] == "rep" else part

        for name, body in rules.items():
            self.rules[names[name][1]] = renamed(body)
        return renamed(node)

    def productive(self) -> set[str]:
        """Return the names of the rules that have a text of finite length."""
        users: dict[str, list[str]] = {}
        for name, body in self.rules.items():
            used: set[str] = set()
            references(body, used)
            for other in used:
                users.setdefault(other, []).append(name)
        known: set[str] = set()
        waiting = list(self.rules)
        while waiting:
            name = waiting.pop()
            if name not in known and _productive(self.rules[name], known):
                known.add(name)
                waiting.extend(users.get(name, ()))
        return known

    def text(self, root: Node) -> str:
        """Return the GBNF text whose `root` is this node, without rules that are never reached or never end.

        Raises:
            InvalidRequestError: the language has no text of finite length, or its text is larger than LARGEST_GRAMMAR.
        """
        self.rules["root"] = root
        known = self.productive()
        if "root" not in known:
            raise InvalidRequestError(
                "json_schema: no JSON value of finite size is valid under it; look for contradictions and endless $ref"
            )
        written: dict[str, str] = {}
        waiting = ["root"]
        size = 0
        while waiting:
            name = waiting.pop()
            if name in written:
                continue
            used: set[str] = set()
            written[name] = f"{name} ::= {self._written(self.rules[name], known, used, 0)}"
            waiting.extend(sorted(used - written.keys()))
            size += len(written[name]) + 1
            if size > LARGEST_GRAMMAR:
                raise InvalidRequestError(f"json_schema: its grammar is larger than {LARGEST_GRAMMAR} characters; make the schema smaller")
        return "\n".join(written.values()) + "\n"

    def _target(self, name: str) -> Node:
        """Return the body in place of a reference where it is short, else the reference."""
        seen = {name}
        while (body := self.rules[name])[0] == "ref" and body[1] not in seen:
            name = body[1]
            seen.add(name)
        return body if body[0] == "lit" and len(body[1]) <= 12 else ("ref", name)

    def _written(self, node: Node, known: set[str], used: set[str], tightness: int) -> str:
        """Return a node as GBNF. `tightness`: 0 where alternatives may stand, 1 where a sequence may, 2 where only one thing may."""
        kind = node[0]
        if kind == "ref":
            node = self._target(node[1])
            kind = node[0]
            if kind == "ref":
                used.add(node[1])
                return str(node[1])
        if kind == "lit":
            return _literal(node[1])
        if kind == "written":  # made by `_apart`
            return str(node[1])
        if kind == "set":
            return self._set(node[1], used, known)
        if kind == "rep":
            if not _productive(node[1], known):
                return '""'
            text = self._written(node[1], known, used, 2)
            if max(node[2], node[3] or 0) > _MANY and (node[1][0] not in ("ref", "set") or len(text) > _SHORT) and text[:1] != "r":
                text = self._apart(text, used, known)  # the engine expands repetitions, and a reference is short
            return text + _times(node[2], node[3])
        if kind == "alt":
            parts = [self._written(part, known, used, 1) for part in node[1] if _productive(part, known)]
            parts = list(dict.fromkeys(parts))
            if len(parts) == 1:
                return f"({parts[0]})" if tightness == 2 else parts[0]
            return " | ".join(parts) if tightness == 0 else f"({' | '.join(parts)})"
        text = " ".join(filter(None, (self._written(part, known, used, 2 if tightness == 2 else 1) for part in node[1])))
        return f"({text})" if tightness == 2 else text or '""'

    def _set(self, ranges: Ranges, used: set[str], known: set[str]) -> str:
        if ranges in self._sets:
            used.add(self._sets[ranges])
            return self._sets[ranges]
        text = _set_text(ranges)
        if len(text) <= _LONG_SET:
            return text
        self._sets[ranges] = self._apart(text, used, known)
        return self._sets[ranges]

    def _apart(self, text: str, used: set[str], known: set[str]) -> str:
        """Return the name of a rule for GBNF that is already written."""
        name = self._texts.get(text)
        if name is None:
            name = self._texts[text] = f"t{len(self._texts)}"
            self.rules[name] = ("written", text)
            known.add(name)
        used.add(name)
        return name


def _times(least: int, most: int | None) -> str:
    if (least, most) in _SHORT_TIMES:
        return _SHORT_TIMES[least, most]
    if least == most:
        return f"{{{least}}}"
    return f"{{{least},{'' if most is None else most}}}"


_SHORT_TIMES = {(0, 1): "?", (0, None): "*", (1, None): "+"}


def _literal(text: str) -> str:
    return '"' + "".join(_LITERAL.get(c, c) if c < "\x80" else _escaped(ord(c)) for c in text) + '"'


def _escaped(point: int) -> str:
    return chr(point) if chr(point).isprintable() else f"\\u{point:04X}" if point <= 0xFFFF else f"\\U{point:08X}"


@lru_cache(maxsize=512)
def _set_text(ranges: Ranges) -> str:
    return f"[{''.join(map(_range, ranges))}]"


def _range(pair: tuple[int, int]) -> str:
    low, high = pair
    return _member(low) if low == high else f"{_member(low)}-{_member(high)}"


def _member(point: int) -> str:
    """Return a code point as GBNF writes it within brackets."""
    character = chr(point)
    if character.isascii() and character.isalnum():
        return character
    return f"\\x{point:02X}" if point <= 0xFF else f"\\u{point:04X}" if point <= 0xFFFF else f"\\U{point:08X}"
