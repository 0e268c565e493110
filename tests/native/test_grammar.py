"""The grammar engine against a plain recogniser in Python, and what it refuses."""

from __future__ import annotations

import string
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator._native.grammar_harness import Grammar

ALPHABET = "abé😀"


@dataclass(frozen=True)
class Node:
    """A part of a grammar: what it is, and its parts or its characters."""

    kind: str  # literal, class, rule, sequence, choice, repeat
    value: str = ""
    parts: tuple[Node, ...] = ()
    bounds: tuple[int, int | None] = (0, None)

    def gbnf(self) -> str:
        """As GBNF text; whatever has parts stands in brackets."""
        if self.kind == "literal":
            return f'"{self.value}"'
        if self.kind == "class":
            return f"[{self.value}]"
        if self.kind == "rule":
            return self.value
        if self.kind == "repeat":
            least, most = self.bounds
            return f"({self.parts[0].gbnf()}){{{least},{'' if most is None else most}}}"
        return "(" + (" " if self.kind == "sequence" else " | ").join(part.gbnf() for part in self.parts) + ")"


def recognises(rules: Mapping[str, Node], text: str) -> bool:
    """Whether `text` is one of the rule `root`; by the sets of positions at which a part that begins at a position may end."""

    @cache
    def ends(node: Node, at: int) -> frozenset[int]:
        if node.kind == "literal":
            return frozenset({at + len(node.value)}) if text.startswith(node.value, at) else frozenset()
        if node.kind == "class":
            return frozenset({at + 1}) if at < len(text) and in_class(node.value, text[at]) else frozenset()
        if node.kind == "rule":
            return ends(rules[node.value], at)
        if node.kind == "choice":
            return frozenset().union(*(ends(part, at) for part in node.parts))
        if node.kind == "sequence":
            found = frozenset({at})
            for part in node.parts:
                found = frozenset().union(*(ends(part, i) for i in found))
            return found
        least, most = node.bounds
        count, ended = 0, set[int]()
        reached = frozenset({at})
        while reached and (most is None or count <= most):
            if count >= least:
                if reached <= ended:
                    break
                ended |= reached
            elif count > least + len(text):
                break
            reached, count = frozenset().union(*(ends(node.parts[0], i) for i in reached)), count + 1
        return frozenset(ended)

    return len(text) in ends(rules["root"], 0)


def in_class(value: str, character: str) -> bool:
    """Of `[value]`, which is characters only, perhaps behind a ^."""
    return (character in value[1:]) != True if value.startswith("^") else character in value  # noqa: E712


@st.composite
def nodes(draw: st.DrawFn, names: tuple[str, ...], depth: int = 3) -> Node:
    """Parts that may call the rules `names`, and nest `depth` deep at most."""
    kinds = ["literal", "class", *(["rule"] if names else []), *(["sequence", "choice", "repeat"] if depth else [])]
    kind = draw(st.sampled_from(kinds))
    if kind == "literal":
        return Node(kind, draw(st.text(ALPHABET, max_size=2)))
    if kind == "class":
        return Node(kind, draw(st.sampled_from([*ALPHABET, "ab", "^a", "^aé", "b😀"])))
    if kind == "rule":
        return Node(kind, draw(st.sampled_from(names)))
    if kind == "repeat":
        bounds = st.sampled_from([(0, None), (1, None), (0, 1), (0, 0), (2, 3), (0, 4), (3, None)])
        return Node(kind, "", (draw(nodes(names, depth - 1)),), draw(bounds))
    return Node(kind, "", tuple(draw(st.lists(nodes(names, depth - 1), min_size=1, max_size=3))))


@st.composite
def grammars(draw: st.DrawFn) -> dict[str, Node]:
    """Rules that call later rules freely, and earlier ones only behind a character, so that none begins with itself."""
    names = ("root", "x", "y")
    rules = {}
    for i, name in enumerate(names):
        body = draw(nodes(names[i + 1 :]))
        if draw(st.booleans()):
            first = Node("literal", draw(st.sampled_from(ALPHABET)))
            again = Node("sequence", "", (first, draw(nodes(names)), draw(nodes(names))))
            body = Node("choice", "", (body, again))
        rules[name] = body
    return rules


def text_of(rules: Mapping[str, Node]) -> str:
    return "\n".join(f"{name} ::= {body.gbnf()}" for name, body in rules.items())


@given(grammars(), st.lists(st.text(ALPHABET, max_size=8), min_size=1, max_size=20))
def test_it_accepts_what_a_plain_recogniser_accepts(rules: dict[str, Node], texts: list[str]) -> None:
    grammar = Grammar(text_of(rules))
    for text in texts:
        assert grammar.accepts(text) == recognises(rules, text), (text_of(rules), text)


PIECES = ("ab", "ba", "aa", "é", "aé", "😀", "b😀", "abab", "\xe9", "c")
TOKENS = [*(bytes([b]) for b in "abé😀".encode()), b"", *(piece.encode() for piece in PIECES), b"<end>"]
END = len(TOKENS) - 1


@given(grammars(), st.lists(st.integers(0, len(TOKENS) - 2), max_size=12))
def test_the_tokens_that_may_come_next_are_those_whose_bytes_it_accepts(rules: dict[str, Node], walk: list[int]) -> None:
    grammar = Grammar(text_of(rules), TOKENS, [END])
    matcher, before = grammar.matcher(), b""
    for step in walk:
        expected = [t for t, b in enumerate(TOKENS) if b and t != END and grammar.matcher().accept_bytes(before + b)]
        allowed = matcher.allowed()
        assert allowed == expected + ([END] if matcher.can_end() else [])
        assert all(matcher.allows(t) == (t in allowed) for t in range(len(TOKENS)))
        if not expected:
            break
        token = expected[step % len(expected)]
        matcher.accept(token)
        before += TOKENS[token]
        if matcher.can_end():
            assert grammar.accepts(before)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('root ::= "a"{5,0}', "ends before it begins"),
        ("root ::= [a-z]{3,2}", "ends before it begins"),
        ("root ::= [z-a]", "range of characters ends before it begins"),
        ("root ::= []", "class of characters is empty"),
        ("root ::= [a", "not closed"),
        ('root ::= "a', "literal is not closed"),
        ('root ::= ("a"', "bracket is not closed"),
        ('root ::= "a")', "cannot stand in a rule"),
        ("root ::= *", "nothing stands before this repetition"),
        ('root ::= "a"{', "a repetition is written"),
        ('root ::= "a"{99999999999999999999}', "may count to 1000000"),
        ('root ::= "a"{,3}', "a repetition is written"),
        ('root ::= "\\q"', "this escape is not known"),
        ('root ::= "\\ud800"', "this escape is no character"),
        ('root ::= "\\U00110000"', "this escape is no character"),
        ('root ::= "\\x4"', "needs 2 hexadecimal digits"),
        ("root ::= nothing", "no rule is named nothing"),
        ('other ::= "a"', "no rule named root"),
        ("", "no rule named root"),
        ('root ::= "a"\nroot ::= "b"', "line 2, column 1: the rule root is defined twice"),
        ("root = a", "after the name of a rule comes ::="),
        ('::= "a"', "a rule begins with its name"),
        ("root ::= <[7]>", "the model has no token"),
        ("root ::= !", "a token is written"),
        ('root ::= root "a" | "b"', "begins with itself"),
        ('root ::= x*\nx ::= y? x "a"\ny ::= "b"', "the rule x begins with itself"),
        ("root ::= " + "(" * 300 + '"a"' + ")" * 300, "brackets nest more than 256 deep"),
        ('root::="a"' + "*" * 100_000, "deep in each other"),
        ('root ::= "' + "a" * 20_000 + '"{0,2000}', "more than 200000 states"),
        ("root ::= ((([a-z]{1000}){1000}){1000}){1000}", "more than 200000 states"),
        ("root ::= " + "x" * 600_000, "at most 524288 are taken"),
    ],
)
def test_what_it_refuses(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        Grammar(text)
    assert len(str(caught.value)) < 300


SYNTAX = st.text('root:=()[]{}|*+?"^-\\<>!.#\n 019ax,', max_size=60).map(lambda t: "root ::= " + t)


@given(st.text(string.printable + "é😀", max_size=60) | SYNTAX)
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        Grammar(text).accepts("aa")


def test_counts_are_exact() -> None:
    for least, most in pairwise([0, 1, 2, 255, 256, 257, 1999, 2000, 2001, 5000]):
        grammar = Grammar(f"root ::= [a-z]{{{least},{most}}}")
        assert [grammar.accepts("q" * n) for n in (least - 1, least, most, most + 1) if n >= 0] == [
            accepted for n, accepted in ((least - 1, False), (least, True), (most, True), (most + 1, False)) if n >= 0
        ]


def test_comments_spaces_and_lines() -> None:
    grammar = Grammar('# first\r\nroot ::= # what\n  "a" | # or\n  (\n "b"\n # inside\n c ) \n\nc ::=\n  "c"?\n')
    assert [grammar.accepts(t) for t in ("a", "b", "bc", "c", "")] == [True, True, True, False, False]


def test_a_rule_that_goes_on_at_its_end_takes_no_room_for_each_round() -> None:
    grammar = Grammar('root ::= "a" root | "a"', [b"a", b"<end>"], [1])
    matcher = grammar.matcher()
    for _ in range(50_000):
        matcher.accept(0)
    assert matcher.can_end()
    assert matcher.allowed() == [0, 1]


def test_brackets_nest_as_deep_as_a_text_is_long() -> None:
    grammar = Grammar('root ::= "(" root ")" | ""')
    assert grammar.accepts("(" * 5000 + ")" * 5000)
    assert not grammar.accepts("(" * 5000 + ")" * 4999)


def test_an_ambiguous_grammar_takes_bounded_work() -> None:
    levels = "\n".join(f"s{i} ::= s{i + 1} s{i + 1}" for i in range(1, 14))
    grammar = Grammar(f'root ::= s1 "z"\n{levels}\ns14 ::= "a" | ""', [b"a", b"z", b"<end>"], [2])
    matcher = grammar.matcher()
    for _ in range(1000):
        assert matcher.allowed() == [0, 1]
        matcher.accept(0)
    matcher.accept(1)
    assert matcher.allowed() == [2]


def test_what_needs_too_much_work_is_told() -> None:
    many = " | ".join(f'"{i}" x' for i in range(18_000))
    digits = [str(i).encode() for i in range(10)]
    matcher = Grammar(f'root ::= {many}\nx ::= "a"', [*digits, b"<end>"], [10]).matcher()
    with pytest.raises(RuntimeError, match="too much work for one token"):
        matcher.allowed()


def test_a_choice_of_many_words_is_cheap() -> None:
    words = " | ".join(f'"{i:05d}"' for i in range(20_000))
    matcher = Grammar(f"root ::= {words}", [b"0", b"1", b"19", b"20000", b"<end>"], [4]).matcher()
    full = matcher.work_left
    assert matcher.allowed() == [0, 1, 2]
    assert full - matcher.work_left < 5000


def test_tokens_by_name_and_number() -> None:
    tokens = [b"a", b"b", b"<call>", b"<end>"]
    grammar = Grammar("root ::= <call> !<[0]> <[0]>", tokens, [3])
    matcher = grammar.matcher()
    for allowed, token in (([2], 2), ([1, 2], 1), ([0], 0)):
        assert matcher.allowed() == allowed
        matcher.accept(token)
    assert matcher.allowed() == [3]
