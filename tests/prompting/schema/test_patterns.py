"""Patterns mean what Python's `re` says where dialects agree, and what they do not share is refused."""

from __future__ import annotations

import json
import random
import re

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from echorator._native.grammar_harness import Grammar
from echorator.errors import InvalidRequestError
from echorator.prompting.json_schema import grammar_of
from echorator.prompting.schema.strings import found_in
from tests.prompting.schema.gbnf import Gbnf
from tests.support.rounds import rounds

ATOMS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", r"\d", "[a-c]", r"\.", r"\\", '"', "1", r"[^\n\"]"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?"])).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
        inner.map(lambda part: f"({part})"),
    ),
    max_leaves=7,
)
ENDS = st.sampled_from([("^", "$"), ("^", ""), ("", "$"), ("", ""), ("^(?!.*bb)", "$"), ("^(?=.{0,4}$)", ""), ("^a|", "$")])
TEXTS = st.text('abc1."\\', max_size=7)


@given(PATTERNS, ENDS, st.lists(TEXTS, min_size=3, max_size=6), st.integers(0, 1 << 30))
@settings(max_examples=rounds(120), suppress_health_check=list(HealthCheck))
def test_the_language_is_that_of_re(pattern: str, ends: tuple[str, str], texts: list[str], seed: int) -> None:
    pattern = ends[0] + pattern + ends[1]
    try:
        text = grammar_of({"type": "string", "pattern": pattern})
    except InvalidRequestError as error:
        assume("too large" not in str(error))
        assert "no JSON value" in str(error)  # noqa: PT017
        assert not any(re.search(pattern, each) for each in texts)
        return
    grammar, reader, chance = Grammar(text), Gbnf(text), random.Random(seed)
    for each in texts:
        expected = re.search(pattern, each) is not None
        assert grammar.accepts(json.dumps(each)) is expected, each
        assert found_in(pattern, each) is expected, each
    for _ in range(4):
        assert re.search(pattern, json.loads(reader.draw(chance, budget=100)))


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("^a}$", ["a}"], ["a", "}"]),
        ("^]$", ["]"], ["[]"]),
        ("^}$", ["}"], ["{}"]),
        ("^a{b$", ["a{b"], ["ab"]),
        (r"^\d{4}$", ["1234"], ["123", "12345", "abcd"]),
        (r"\d", ["a1", "1", "a1b"], ["", "ab"]),
        ("^a|b$", ["ax", "xb", "ab"], ["xa", "bx"]),
        ("(^a|b)c", ["ac", "xbc", "acx"], ["xac"]),
        ("a^b", [], ["ab", "a^b"]),
        ("a*^b", ["b", "bx"], ["ab"]),
        (r"^\/x\/$", ["/x/"], ["x"]),
        (r"^\u00e9\xe9$", ["éé"], ["e"]),
        (r"^[\u0041-\u0043]+$", ["ABC"], ["D", ""]),
        (r"^\ud83d\ude00$", ["😀"], ["a"]),
        (r"^\u{1F600}$", ["😀"], ["u"]),
        (r"^\p{Lu}\p{L}*$", ["Éa", "A"], ["a", "1"]),
        (r"^\P{L}$", ["1"], ["a"]),
        ("^.$", ["a", "\t", "😀"], ["\n", "", "ab"]),
        ("^[^a]$", ["b", "\n", '"', "\\"], ["a", ""]),
        (r"^(?<year>\d{4})-(?P<month>\d\d)$", ["2024-05"], ["2024"]),
        (r"^\x22\\$", ['"\\'], ['"']),
        ("^(?!tmp)[a-z]+$", ["tm", "atmp"], ["tmp", "tmpx"]),
        ("^(?=.*\\d)(?=.*[a-z]).{3,5}$", ["ab1", "1aaa"], ["abc", "123", "a1"]),
        ("^$", [""], ["a"]),
        ("", ["", "x\ny"], []),
        (r"^[\w.-]+$", ["a.b-c_1"], ["a b", ""]),
        (r"^[-a]+$", ["a-"], ["b"]),
        (r"^[a\]]+$", ["a]"], ["["]),
        (r"^\s\S$", [" a", "\ta"], ["a ", "  "]),
        (r"^\D\W$", ["a!", "! "], ["1!", "aa"]),
        (r"\Aa\z", ["a"], ["ab"]),
        ("^(?:a*)*$", ["", "aaa"], ["b"]),
        ("^(a|ab)(c|bcd)?$", ["a", "ab", "abcd", "abc"], ["abbc"]),
    ],
)
def test_examples(pattern: str, yes: list[str], no: list[str]) -> None:
    def takes(text: str) -> bool:
        return Grammar(grammar_of({"enum": [text], "pattern": pattern})).accepts(json.dumps(text, ensure_ascii=False))

    for text in yes:
        assert Grammar(grammar_of({"type": "string", "pattern": pattern})).accepts(json.dumps(text, ensure_ascii=False)), text
        assert takes(text)
    for text in no:
        with pytest.raises(InvalidRequestError, match="no JSON value"):
            takes(text)
        if yes:
            assert not Grammar(grammar_of({"type": "string", "pattern": pattern})).accepts(json.dumps(text, ensure_ascii=False)), text


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("[a-z]{5,0}", "whose first number is above"),
        ("a{,3}", "dialects read differently"),
        (r"\bword", "word boundary"),
        (r"(a)\1", "back reference"),
        (r"\k<a>", "back reference"),
        ("(?<=a)b", "lookbehind"),
        ("(?i)a", r"\(\? group that is not taken"),
        ("(?>a)", r"\(\? group that is not taken"),
        ("a++", "quantifier behind a quantifier"),
        ("*a", "repeats nothing"),
        ("a|?", "repeats nothing"),
        ("^*", "repeats an anchor"),
        ("(?:(?=a)b)+", "repeats an anchor or a lookahead"),
        ("[z-a]", "first character is behind"),
        ("[]a]", "dialects read differently"),
        ("[[:alpha:]]", "POSIX"),
        ("[a", r"\[ without its"),
        ("(a", r"\( without its"),
        ("a)", r"\) without its"),
        ("a\\", "ends with a backslash"),
        (r"\y", "no escape"),
        (r"\u12", "hexadecimal digits"),
        (r"\p{Greek}", "general categories"),
        ("a{1000000}", "repeats more than"),
        ("(" * 100 + "a" + ")" * 100, "groups more than"),
        ("a" * 5000, "at most 4000"),
        ("(?:.*a.{30}){2}(?!b)", "too large"),
    ],
)
def test_what_is_refused(pattern: str, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=rf"json_schema: /properties/p/pattern: .*{says}"):
        grammar_of({"properties": {"p": {"type": "string", "pattern": pattern}}, "required": ["p"]})


@given(st.text('abz019()[]{}^$.*+?|\\-,:=!<>"/dwsbupPx', max_size=14))
@settings(max_examples=rounds(400))
def test_any_text_is_read_or_refused(pattern: str) -> None:
    try:
        text = grammar_of({"type": "string", "pattern": pattern})
    except InvalidRequestError:
        return
    value = json.loads(Gbnf(text).draw(random.Random(1), budget=60))
    assert found_in(pattern, value)


@pytest.mark.parametrize(
    ("schema", "yes", "no"),
    [
        ({"pattern": "^[a-z]+$", "minLength": 2, "maxLength": 2000}, ["ab", "a" * 2000], ["a", "a" * 2001]),
        ({"pattern": "^[a-z]+(-[a-z]+)*$", "maxLength": 6}, ["ab-cde"], ["ab-cdef"]),
        ({"pattern": "a", "minLength": 3}, ["xxa"], ["xa"]),
        ({"pattern": "^a+b*$", "minLength": 100}, ["a" * 60 + "b" * 40], ["a" * 99]),
    ],
)
def test_patterns_with_lengths(schema: dict[str, object], yes: list[str], no: list[str]) -> None:
    grammar = Grammar(grammar_of({"type": "string", **schema}))
    assert [text for text in yes if not grammar.accepts(json.dumps(text))] == []
    assert [text for text in no if grammar.accepts(json.dumps(text))] == []


@pytest.mark.parametrize("most", [150, 1000, 10_000])
def test_a_pattern_with_a_large_length_is_cut_to_fit(most: int) -> None:
    pattern = r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$"
    reader, chance = Gbnf(grammar_of({"type": "string", "pattern": pattern, "minLength": 3, "maxLength": most})), random.Random(5)
    for _ in range(30):
        text = json.loads(reader.draw(chance))
        assert re.search(pattern, text)
        assert 3 <= len(text) <= most


@given(st.lists(st.tuples(PATTERNS, ENDS), min_size=2, max_size=3), st.lists(TEXTS, min_size=3, max_size=6))
@settings(max_examples=rounds(80), suppress_health_check=list(HealthCheck))
def test_several_patterns_hold_together(parts: list[tuple[str, tuple[str, str]]], texts: list[str]) -> None:
    patterns = [ends[0] + pattern + ends[1] for pattern, ends in parts]
    expected = [all(re.search(pattern, each) for pattern in patterns) for each in texts]
    try:
        grammar = Grammar(grammar_of({"type": "string", "allOf": [{"pattern": pattern} for pattern in patterns]}))
    except InvalidRequestError as error:
        assume("too large" not in str(error))
        assert not any(expected)
        return
    assert [grammar.accepts(json.dumps(each)) for each in texts] == expected


def test_patterns_that_share_nothing() -> None:
    with pytest.raises(InvalidRequestError, match="no JSON value"):
        grammar_of({"type": "string", "allOf": [{"pattern": "^a+$"}, {"pattern": "^b*$"}, {"pattern": "^a{1,3}$"}]})
    empty = Grammar(grammar_of({"type": "string", "allOf": [{"pattern": "^a*$"}, {"pattern": "^b*$"}, {"pattern": "^a{0,3}$"}]}))
    assert empty.accepts('""')
    assert not empty.accepts('"a"')


def test_many_comparisons_do_not_use_a_pattern_up() -> None:
    for i in range(1500):
        assert found_in("^[a-z]{0,300}x[0-9]{0,9}$", "a" * (i % 300) + f"x{i}")
