"""The parser: every form of arguments, malformed calls, what is certain when, and the plain path."""

from __future__ import annotations

import json
import random

import jsonschema
import pytest

from echorator.prompting.dialects.answer_parser import AnswerParser
from echorator.prompting.dialects.call_grammar import Choice, Mode, call_grammar
from echorator.prompting.dialects.deltas import Arguments, Call, Delta, Text, Thought, joined
from echorator.prompting.dialects.dialect import (
    GENERIC,
    Calls,
    Dialect,
    JsonCall,
    KeywordArguments,
    NamedCall,
    QuotedArguments,
    TaggedArguments,
    Thoughts,
    Tool,
    markers,
)
from echorator.prompting.dialects.generic import tools_message
from tests.prompting.dialects.turns import SCHEMA, TOOLS
from tests.prompting.schema.gbnf import Gbnf

THINK = Thoughts("<think>\n", "\n</think>")
HERMES = Dialect(THINK, GENERIC, "<|im_start|>assistant\n")
TAGS = TaggedArguments("<parameter=", (("", ">\n"),), "\n</parameter>", "\n")
CODER = Dialect(None, Calls(NamedCall((">\n",), TAGS), "<tool_call>\n<function=", "\n</function>\n</tool_call>", "\n"))
BARE = Dialect(None, Calls(JsonCall("name", "parameters"), several=False))


def read(dialect: Dialect, text: str, opening: str = "") -> list[Delta]:
    """Return the deltas of a text, the same for the whole and for single characters."""
    whole, single = AnswerParser(dialect, TOOLS, opening), AnswerParser(dialect, TOOLS, opening)
    deltas = joined(whole.feed(text) + whole.finish())
    assert joined([delta for character in text for delta in single.feed(character)] + single.finish()) == deltas
    return deltas


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        (HERMES, '<tool_call>{"name":"look","arguments":{"at":"x","count":3}}</tool_call>'),
        (HERMES, '<tool_call>\n{"arguments": {"at": "x", "count": 3}, "name": "look"}\n</tool_call>\n'),
        (HERMES, '<tool_call>{"name": "look", "arguments": "{\\"at\\": \\"x\\", \\"count\\": 3}"}</tool_call>'),
        (HERMES, '<tool_call>{"id": 7, "name": "look", "parameters": {"at": "x", "count": 3,}}'),
        (
            CODER,
            "<tool_call>\n<function=look>\n<parameter=at>\nx\n</parameter>\n<parameter=count>\n3\n</parameter>\n</function>\n</tool_call>",
        ),
        (CODER, "<tool_call> <function=look><parameter=at>x</parameter><parameter=count> 3 </parameter></function></tool_call>"),
        (BARE, ' {"name": "look", "parameters": {"at": "x", "count": 3}}'),
        (Dialect(calls=Calls(NamedCall(("(",), KeywordArguments()), section_opens="[", section_closes="]")), "[look(at='x', count=3)]"),
        (
            Dialect(calls=Calls(NamedCall(("",), QuotedArguments('<|"|>')), "<call>", "</call>")),
            '<call>look{at:<|"|>x<|"|>,count:3}</call>',
        ),
    ],
)
def test_every_form_of_arguments(dialect: Dialect, text: str) -> None:
    assert read(dialect, text) == [Call(0, "look"), Arguments(0, '{"at": "x", "count": 3}')]


@pytest.mark.parametrize(
    ("text", "deltas"),
    [
        ("<tool_call>no</tool_call>", [Text("<tool_call>no</tool_call>")]),
        ('<tool_call>{"name": "leap", "arguments": {}}', [Text('<tool_call>{"name": "leap", "arguments": {}}')]),
        ('<tool_call>{"name": "look", "arguments": {"at": oops}}</tool_call> y', [Call(0, "look"), Arguments(0, '{"at": '), Text("y")]),
        ('<tool_call>{"name": "look", "arguments": {"at": "x', [Call(0, "look"), Arguments(0, '{"at": "x')]),
        ('a <tool_call>\n{"name": "lo', [Text("a")]),
        ("a < b <tool_c", [Text("a < b <tool_c")]),
        ('<tool_call>{"name": "look"}</tool_call>', [Call(0, "look"), Arguments(0, "{}")]),
        ('<tool_call>{"name": "look", "arguments": ' + '{"a": ' * 5000, [Call(0, "look"), Arguments(0, '{"a": ' * 100)]),
        ("<think>\nhm\n</think>\n\nsay <think>", [Thought("hm"), Text("say <think>")]),
        ("<think>hm", [Thought("hm")]),
        ("</think>\n\nyes", [Text("yes")]),
    ],
)
def test_what_is_malformed_or_cut_short(text: str, deltas: list[Delta]) -> None:
    got = read(HERMES, text)
    assert [type(delta) for delta in got] == [type(delta) for delta in deltas]
    assert all(
        g == w or (isinstance(w, Arguments) and isinstance(g, Arguments) and g.text.startswith(w.text))
        for g, w in zip(got, deltas, strict=True)
    )


@pytest.mark.parametrize(
    ("dialect", "text", "deltas"),
    [
        (HERMES, "a < b <tool", [Text("a < b")]),
        (HERMES, "a\n<", [Text("a")]),
        (HERMES, "a ", [Text("a ")]),
        (HERMES, "\n", []),
        (HERMES, "a <tool> b", [Text("a <tool> b")]),
        (HERMES, "<think>\nhm\n</thi", [Thought("hm")]),
        (HERMES, '<tool_call>\n{"name": "look", "arguments": {"at": "x"}}\n</tool', [Call(0, "look"), Arguments(0, '{"at": "x"}')]),
        (CODER, "<tool_call>\n<function=look>\n<parameter=at>\nx\n</par", [Call(0, "look"), Arguments(0, '{"at": "x')]),
        (BARE, '{"name": "lo', []),
        (BARE, '{"na', []),
        (BARE, '{"nation": "Oman', [Text('{"nation": "Oman')]),
        (BARE, '{"name": "Ann", "age": ', [Text('{"name": "Ann", "age": ')]),
        (Dialect(calls=Calls(JsonCall(""))), '{"look": ', [Call(0, "look")]),
        (Dialect(calls=Calls(JsonCall(""))), '{"lo', []),
    ],
)
def test_an_answer_that_is_cut_short_tells_no_marker(dialect: Dialect, text: str, deltas: list[Delta]) -> None:
    whole, single = AnswerParser(dialect, TOOLS), AnswerParser(dialect, TOOLS)
    assert joined(whole.feed(text) + whole.finish(cut=True)) == deltas
    assert joined([delta for character in text for delta in single.feed(character)] + single.finish(cut=True)) == deltas


class Counted(str):
    """A chunk that counts the characters that are copied when it is put behind a text."""

    __slots__ = ()
    copied = 0

    def __radd__(self, other: str) -> str:
        Counted.copied += len(other) + len(self)
        return "".join((other, self))


@pytest.mark.parametrize(
    ("dialect", "begin", "part", "end"),
    [
        (HERMES, '<tool_call>\n{"name": "look", "arguments": {"at": "', "some text ", '"}}\n</tool_call>'),
        (HERMES, '<tool_call>\n{"name": "look", "arguments": {"tags": [', '"x", ', '"y"]}}\n</tool_call>'),
        (HERMES, '<tool_call>\n{"name": "look", "arguments": {"options": {', '"x": 123, ', '"y": 4}}}\n</tool_call>'),
        (CODER, "<tool_call>\n<function=look>\n<parameter=at>\n", "some <text> ", "\n</parameter>\n</function>\n</tool_call>"),
    ],
)
def test_the_work_of_a_long_call_grows_as_its_length_does(dialect: Dialect, begin: str, part: str, end: str) -> None:
    work = []
    for times in (1000, 8000):
        text, Counted.copied = begin + part * times + end, 0
        parser = AnswerParser(dialect, TOOLS)
        deltas = joined([d for at in range(0, len(text), 4) for d in parser.feed(Counted(text[at : at + 4]))] + parser.finish())
        assert [type(delta) for delta in deltas] == [Call, Arguments]
        assert isinstance(deltas[1], Arguments)
        assert json.loads(deltas[1].text)
        assert len(deltas[1].text) > len(part) * (times - 1)
        work.append(Counted.copied / len(text))
    assert work[1] < 1.2 * work[0]
    assert work[1] < 60


def test_a_delta_comes_with_the_character_that_makes_it_certain() -> None:
    parser = AnswerParser(HERMES, TOOLS, "<|im_start|>assistant\n<think>\n")
    assert parser.feed("I ") == [Thought("I")]
    assert parser.feed("think") == [Thought(" think")]
    assert parser.feed("\n</think>") == []
    assert parser.feed("\n\nSo") == [Text("So")]
    assert parser.feed(" it <") == [Text(" it")]
    assert parser.feed("b> is") == [Text(" <b> is")]
    assert parser.feed('\n<tool_call>\n{"name": "look') == []
    assert parser.feed('"') == [Call(0, "look")]
    assert parser.feed(', "arguments": {"at": "Ro') == [Arguments(0, '{"at": "Ro')]
    assert parser.feed('me"}}\n</tool_call>') == [Arguments(0, 'me"}')]
    assert parser.finish() == []


def test_without_tools_nothing_is_a_call() -> None:
    parser = AnswerParser(HERMES, [])
    text = '<tool_call>{"name": "look", "arguments": {}}</tool_call>'
    assert joined(parser.feed(text) + parser.finish()) == [Text(text)]


def test_tagged_texts_become_what_the_schema_says() -> None:
    properties = {
        "a": {"type": "string"},
        "b": {"type": ["integer", "null"]},
        "c": {"$ref": "#/$defs/c"},
        "d": {},
        "e": {"type": "boolean"},
    }
    tool = Tool("look", {"type": "object", "properties": properties, "$defs": {"c": {"type": "array"}}})
    values = {"a": "3", "b": "null", "c": "[1, 2]", "d": "x y", "e": "True"}
    text = "".join(f"<parameter={name}>\n{value}\n</parameter>\n" for name, value in values.items())
    parser = AnswerParser(CODER, [tool])
    _, arguments = joined(parser.feed(f"<tool_call>\n<function=look>\n{text}</function>\n</tool_call>") + parser.finish())
    assert isinstance(arguments, Arguments)
    assert json.loads(arguments.text) == {"a": "3", "b": None, "c": [1, 2], "d": "x y", "e": True}


def test_the_markers_that_the_engine_spells_out() -> None:
    assert set(markers(HERMES)) == {"<think>", "</think>", "<tool_call>", "</tool_call>"}


@pytest.mark.parametrize("dialect", [HERMES, CODER, BARE])
@pytest.mark.parametrize("seed", range(5))
def test_texts_of_the_grammar_are_calls_that_validate(dialect: Dialect, seed: int) -> None:
    grammar = call_grammar(dialect, TOOLS, Choice(Mode.REQUIRED), True)
    assert grammar is not None
    deltas = read(dialect, Gbnf(grammar.gbnf).draw(random.Random(seed)))
    calls = [delta for delta in deltas if isinstance(delta, Call)]
    arguments = [delta for delta in deltas if isinstance(delta, Arguments)]
    assert calls
    assert len(calls) == len(arguments)
    assert not [delta for delta in deltas if isinstance(delta, Text)]
    for part in arguments:
        jsonschema.validate(json.loads(part.text), SCHEMA)


def test_tools_are_described_with_the_form_in_which_they_are_called() -> None:
    told = tools_message([{"type": "function", "function": {"name": tool.name, "parameters": tool.parameters}} for tool in TOOLS])
    assert all(tool.name in told for tool in TOOLS)
    deltas = read(Dialect(calls=GENERIC), told[told.index("To call a tool") :].replace("the tool's name", TOOLS[0].name))
    assert Call(0, TOOLS[0].name) in deltas  # the form that the model is told is the one that is read
