"""Parses Go's text/template, as far as Ollama's templates use it, from a text into nodes. Feeds `go_template`.

Source: pkg.go.dev/text/template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from echorator.errors import TemplateError

DEEPEST = 100

_SPACES = " \t\r\n"
_TOKEN = re.compile(
    r"""\s+ | (?P<string>"(?:\\.|[^"\\\n])*" | `[^`]*`) | (?P<number>-?\d+(?:\.\d+)?) | (?P<variable>\$\w*) | (?P<field>(?:\.\w+)+)
    | (?P<word>[A-Za-z_]\w*) | (?P<sign>:=|=|\||\(|\)|,|\.)""",
    re.VERBOSE,
)


@dataclass
class Text:
    """The text outside of actions."""

    text: str


@dataclass
class Print:
    """An action that writes the value of its pipe."""

    pipe: Pipe


@dataclass
class Branch:
    """An if, with or range: `body` for a true value, `otherwise` for a false one."""

    kind: str
    pipe: Pipe
    names: tuple[str, ...]
    body: list[Any] = field(default_factory=list)
    otherwise: list[Any] = field(default_factory=list)


@dataclass
class Jump:
    """A {{ break }} or {{ continue }} action."""

    kind: str


@dataclass
class Pipe:
    """A pipeline: each command gets the value of the one before as its last argument; `names` are declared, or set where `assigns`."""

    commands: list[list[Any]]
    names: tuple[str, ...] = ()
    assigns: bool = False

    def mentions(self, name: str) -> bool:
        """Return whether a field of that name is read in the pipeline."""
        operands = [operand for command in self.commands for operand in command]
        return any(name in operand.fields or (operand.kind == "pipe" and operand.value.mentions(name)) for operand in operands)


@dataclass
class Value:
    """An operand: a literal, a variable, a field of the dot, or a pipeline in brackets, followed by field names."""

    kind: str
    value: Any
    fields: tuple[str, ...] = ()


def parse(source: str, functions: Collection[str]) -> list[Any]:
    """Return the nodes of a template that may call `functions`. Raises TemplateError, naming the line."""
    return _Parser(_pieces(source), functions).parse()


def _pieces(source: str) -> list[str | tuple[str, int]]:
    """Split a template into texts, and the insides of actions with their line."""
    pieces: list[str | tuple[str, int]] = []
    at, line, trim = 0, 1, False
    while (begin := source.find("{{", at)) >= 0:
        end = source.find("}}", begin + 2)
        if end < 0:
            raise TemplateError("the template of the model has an action that does not end")
        text, inside = source[at:begin], source[begin + 2 : end]
        line += source.count("\n", at, begin)
        if trim:
            text = text.lstrip(_SPACES)
        if inside.startswith("-") and inside[1:2].isspace():
            text, inside = text.rstrip(_SPACES), inside[1:]
        trim = inside.endswith("-") and inside[-2:-1].isspace()
        inside = (inside[:-1] if trim else inside).strip()
        if text:
            pieces.append(text)
        if not (inside.startswith("/*") and inside.endswith("*/")):
            pieces.append((inside, line))
        line += source.count("\n", begin, end)
        at = end + 2
    pieces.append(source[at:].lstrip(_SPACES) if trim else source[at:])
    return pieces


def mentions(nodes: Sequence[Any], name: str) -> bool:
    """Return whether a field of that name is read anywhere in the nodes."""
    pipes = [node.pipe for node in nodes if isinstance(node, Print | Branch)]
    inner = [part for node in nodes if isinstance(node, Branch) for part in (node.body, node.otherwise)]
    return any(pipe.mentions(name) for pipe in pipes) or any(mentions(part, name) for part in inner)


class _Parser:
    def __init__(self, pieces: list[str | tuple[str, int]], functions: Collection[str]) -> None:
        self._functions = functions
        self._pieces = pieces
        self._at = 0
        self._line = 1
        self._tokens: list[tuple[str, str]] = []

    def parse(self) -> list[Any]:
        nodes, ended_by = self._block(0)
        if ended_by:
            raise self._wrong(f"{ended_by} without a beginning")
        return nodes

    def _wrong(self, what: str) -> TemplateError:
        return TemplateError(f"the template of the model does not parse: line {self._line}: {what}")

    def _block(self, depth: int) -> tuple[list[Any], str]:
        """Parse up to else or end; the words after it are left in the tokens."""
        if depth > DEEPEST:
            raise self._wrong("nested too deeply")
        nodes: list[Any] = []
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            self._at += 1
            if isinstance(piece, str):
                nodes.append(Text(piece))
                continue
            self._line = piece[1]
            self._tokens = self._tokenize(piece[0])
            word = self._tokens[0][1] if self._tokens and self._tokens[0][0] == "word" else ""
            if word in ("else", "end"):
                self._tokens.pop(0)
                return nodes, word
            if word in ("if", "with", "range"):
                self._tokens.pop(0)
                nodes.append(self._branch(word, depth + 1))
            elif word in ("break", "continue"):
                nodes.append(Jump(word))
            elif word in ("define", "template", "block"):
                raise self._wrong(f"{word} is not understood here")
            else:
                nodes.append(Print(self._pipe(depth)))
        return nodes, ""

    def _branch(self, kind: str, depth: int) -> Branch:
        pipe = self._pipe(depth)
        branch = Branch(kind, pipe, pipe.names)
        if kind == "range":
            pipe.names = ()
        branch.body, ended_by = self._block(depth)
        if ended_by == "else":
            if self._tokens and self._tokens[0][1] in ("if", "with"):
                again = self._tokens.pop(0)[1]
                branch.otherwise = [self._branch(again, depth + 1)]
                return branch
            branch.otherwise, ended_by = self._block(depth)
        if ended_by != "end":
            raise self._wrong(f"{kind} without an end")
        return branch

    def _tokenize(self, text: str) -> list[tuple[str, str]]:
        tokens, at = [], 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._wrong(f"{text[at : at + 20]!r} is not understood")
            if match.lastgroup:
                spaced = match.lastgroup == "field" and at > 0 and not text[at - 1].isspace() and text[at - 1] not in "(|"
                tokens.append(("of" if spaced else match.lastgroup, match[0]))
            at = match.end()
        return tokens

    def _pipe(self, depth: int) -> Pipe:
        """Parse all tokens up to the end, or to a closing bracket."""
        names: list[str] = []
        signs = [value for kind, value in self._tokens if kind == "sign"]
        assigns = "=" in signs
        if ":=" in signs or assigns:
            while self._tokens and self._tokens[0][0] == "variable":
                names.append(self._tokens.pop(0)[1])
                if self._tokens and self._tokens[0][1] == ",":
                    self._tokens.pop(0)
            if not names or not self._tokens or self._tokens.pop(0)[1] not in (":=", "="):
                raise self._wrong("a variable is set in a way that is not understood")
        commands: list[list[Any]] = [[]]
        while self._tokens:
            kind, value = self._tokens[0]
            if value == ")" and kind == "sign":
                break
            self._tokens.pop(0)
            if kind == "sign" and value == "|":
                commands.append([])
                continue
            commands[-1].append(self._operand(kind, value, depth))
        if not all(commands):
            raise self._wrong("an action is empty")
        return Pipe(commands, tuple(names), assigns)

    def _operand(self, kind: str, value: str, depth: int) -> Value:
        if kind == "sign" and value == "(":
            if depth > DEEPEST:
                raise self._wrong("nested too deeply")
            made = Value("pipe", self._pipe(depth + 1))
            if not self._tokens or self._tokens.pop(0)[1] != ")":
                raise self._wrong("a bracket is not closed")
        elif kind == "sign" and value == ".":
            made = Value("dot", None)
        elif kind == "field":
            made = Value("dot", None, tuple(value[1:].split(".")))
        elif kind == "variable":
            made = Value("variable", value)
        elif kind == "string":
            made = Value("literal", self._text(value))
        elif kind == "number":
            made = Value("literal", float(value) if "." in value else int(value))
        elif kind == "word" and value in ("true", "false", "nil"):
            made = Value("literal", {"true": True, "false": False, "nil": None}[value])
        elif kind == "word" and value in self._functions:
            made = Value("function", value)
        else:
            raise self._wrong(f"{value!r} is not understood here")
        if self._tokens and self._tokens[0][0] == "of":
            made.fields += tuple(self._tokens.pop(0)[1][1:].split("."))
        return made

    def _text(self, literal: str) -> str:
        if literal.startswith("`"):
            return literal[1:-1]
        try:
            return str(json.loads(literal))
        except ValueError as error:
            raise self._wrong(f"{literal[:40]} is no text: {error}") from error
