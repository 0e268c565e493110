"""The values that say how a model writes its answer: its thought, its text and its calls of tools.

Made by `inferring` from a template's own renders or written down in `declared`; read by `answer_parser` and `call_grammar`.

A literal of a dialect is written as the template writes it, white space included. Readers take any white space, or none, where a
literal has some; `ID` and `NUMBER` in a literal stand for what differs from call to call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ID = "\0"  # in a literal: the id of a call, letters, digits, "_" and "-"
NUMBER = "\1"  # in a literal: the number of a call, digits


@dataclass(frozen=True)
class Tool:
    """A function that a model may call."""

    name: str  # 1..128 letters, digits or any of _ . : -
    parameters: Mapping[str, Any]  # JSON schema of the arguments, an object


@dataclass(frozen=True)
class Thoughts:
    """How a thought stands in an answer."""

    opens: str  # such as "<think>"; the prompt may have written it already
    closes: str  # such as "</think>"
    variable: str = ""  # template variable that switches thinking on and off, such as "enable_thinking"; "" where none does
    anywhere: bool = False  # `opens` is a control token, which opens a thought in the middle of a text too


@dataclass(frozen=True)
class JsonCall:
    """A call is one JSON object with name and arguments."""

    name: str = "name"  # key of the tool's name; "" where the name itself is the key of the arguments: {"look": {…}}
    arguments: str = "arguments"  # key of the arguments
    id: str = ""  # key of the call's id, "" where none is written
    id_first: bool = False  # the id comes before the name, else behind the arguments
    number_id: bool = False  # the id is the call's number


@dataclass(frozen=True)
class JsonArguments:
    """The arguments are a JSON object."""


@dataclass(frozen=True)
class TaggedArguments:
    """Each argument has a tag of its own; text stands as it is, other values as JSON."""

    opens: str  # before the name of an argument
    mids: tuple[tuple[str, str], ...]  # between name and value, by kind of the value ("string", "number", …); the kind "" is any
    closes: str  # behind the value
    separator: str = ""  # between two arguments


@dataclass(frozen=True)
class KeywordArguments:
    """The arguments stand in brackets, as in a call of Python: (at='Rome', n=3)."""


@dataclass(frozen=True)
class QuotedArguments:
    """The arguments are like a JSON object whose keys are bare and whose texts stand between quotes of their own."""

    quote: str  # such as '<|"|>'


@dataclass(frozen=True)
class NestedArguments:
    """Each argument is an element named for it, and objects and arrays are elements within it, all with a prefix."""

    prefix: str  # stands before every tag
    item: str = "item"  # name of the elements of an array


Arguments = JsonArguments | TaggedArguments | KeywordArguments | QuotedArguments | NestedArguments


@dataclass(frozen=True)
class NamedCall:
    """The name of the tool stands outside of the arguments."""

    name_ends: tuple[str, ...]  # what may stand between name and arguments; the first is what a grammar lets the model write
    arguments: Arguments = JsonArguments()


@dataclass(frozen=True)
class Calls:
    """How calls stand in an answer: section_opens (opens call closes) separator (opens call closes) … section_closes."""

    form: JsonCall | NamedCall
    opens: str = ""
    closes: str = ""
    separator: str = ""
    section_opens: str = ""
    section_closes: str = ""
    also_opens: tuple[str, ...] = ()  # further texts in place of section_opens and opens, which only a reader has to know
    several: bool = True  # an answer may have several calls


@dataclass(frozen=True)
class Dialect:
    """How a model writes its answers."""

    thoughts: Thoughts | None = None
    calls: Calls | None = None
    begins: str = ""  # what a prompt writes before an answer, without what opens a thought
    silent: tuple[str, ...] = ()  # texts that begin or end a part of the answer and are no part of it; ID stands for a tool's name
    written_open: str = ""  # what the model writes between the prompt's end and its text, or its calls where no section says so
    carried: str = ""  # end of the prompt that is read as the beginning of the answer
    leading: str = ""  # white space that stands before every answer
    ends: str = ""  # what the template writes behind an answer, most of it a token that ends it


def markers(dialect: Dialect) -> tuple[str, ...]:
    """Return the texts which, where the vocabulary has them as control tokens, the engine must write into the answer's text.

    Each is a literal as the dialect has it, without the white space around it. A literal may hold several tokens and plain
    text between them, so a token of the vocabulary is needed where it is found within one of these texts.
    """
    found: list[str] = []
    if dialect.thoughts is not None:
        found += [dialect.thoughts.opens, dialect.thoughts.closes]
    found += dialect.silent
    calls = dialect.calls
    if calls is not None:
        found += [calls.section_opens, calls.opens, calls.closes, calls.separator, calls.section_closes, *calls.also_opens]
        if isinstance(calls.form, NamedCall):
            found += [*calls.form.name_ends, *_argument_literals(calls.form.arguments)]
    parts = (part.strip() for text in found for part in text.replace(NUMBER, ID).split(ID))
    return tuple(dict.fromkeys(part for part in parts if part))


def _argument_literals(arguments: Arguments) -> list[str]:
    if isinstance(arguments, TaggedArguments):
        return [arguments.opens, *(text for _, text in arguments.mids), arguments.closes, arguments.separator]
    if isinstance(arguments, QuotedArguments):
        return [arguments.quote]
    return [arguments.prefix] if isinstance(arguments, NestedArguments) else []


# For templates that show no tools: the tools are described in a message of the system that `generic` writes, and a call is a line
# of JSON between tags, which most models have seen.
GENERIC = Calls(JsonCall(), opens="<tool_call>\n", closes="\n</tool_call>", separator="\n")
