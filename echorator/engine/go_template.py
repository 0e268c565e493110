"""Ollama's chat templates, which are written for Go's text/template: as much of that language as they use, without a way out of it.

A template is a stranger's data: it sees nothing but the values it is given, a budget bounds its work and its output, and whatever is wrong
is a TemplateError. Sources: pkg.go.dev/text/template; docs/template.md of Ollama for the variables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from echorator.errors import TemplateError

LONGEST_SOURCE = 256 * 1024  # characters
LONGEST_PROMPT = 8 << 20
STEPS = 2_000_000
DEEPEST = 100

_ACTION = re.compile(r"\{\{(-(?=\s))?(.*?)((?<=\s)-)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s+ | (?P<string>"(?:\\.|[^"\\\n])*" | `[^`]*`) | (?P<number>-?\d+(?:\.\d+)?) | (?P<variable>\$\w*) | (?P<field>(?:\.\w+)+)
    | (?P<word>[A-Za-z_]\w*) | (?P<sign>:=|=|\||\(|\)|,|\.)""",
    re.VERBOSE,
)
_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass
class _Text:
    text: str


@dataclass
class _Print:
    pipe: _Pipe


@dataclass
class _Branch:
    """if, with, range: a body for what is there, another for what is not."""

    kind: str
    pipe: _Pipe
    names: tuple[str, ...]
    body: list[Any] = field(default_factory=list)
    otherwise: list[Any] = field(default_factory=list)


@dataclass
class _Jump:
    kind: str


@dataclass
class _Pipe:
    """`names` are declared, or set where `assigns`; each command gets the value of the one before as its last argument."""

    commands: list[list[Any]]
    names: tuple[str, ...] = ()
    assigns: bool = False

    def mentions(self, name: str) -> bool:
        """A field of that name is read in it."""
        operands = [operand for command in self.commands for operand in command]
        return any(name in operand.fields or (operand.kind == "pipe" and operand.value.mentions(name)) for operand in operands)


@dataclass
class _Value:
    """A literal, a variable, a field of the dot, or a pipe in brackets; then its fields."""

    kind: str
    value: Any
    fields: tuple[str, ...] = ()


class _BreakError(Exception):
    """{{ break }}."""


class _ContinueError(Exception):
    """{{ continue }}."""


class GoTemplate:
    """`render` may be called from several threads at once."""

    def __init__(self, source: str) -> None:
        """Compile. Raises TemplateError, naming what is not understood."""
        if len(source) > LONGEST_SOURCE:
            raise TemplateError(f"the template of the model has {len(source)} characters, at most {LONGEST_SOURCE} are taken")
        self._nodes = _Parser(_pieces(source)).parse()
        self._whole = _mentions(self._nodes, "Messages")

    def render(self, messages: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any], add_generation_prompt: bool = True) -> str:
        """The prompt for `messages`, as `ChatTemplate.render`. Raises TemplateError."""
        del add_generation_prompt  # these templates end with the assistant's turn by themselves
        system = "\n\n".join(_content(m) for m in messages if m.get("role") == "system")
        shared = {"Tools": arguments.get("tools") or [], "System": system, "Suffix": "", "Response": "", "Think": False, "ThinkLevel": ""}
        if self._whole:
            turns = [{"Role": m.get("role", ""), **{k: v for k, v in m.items() if k != "role"}, "Content": _content(m)} for m in messages]
            return _Run({**shared, "Messages": turns, "Prompt": ""}).text(self._nodes)
        return self._turn_by_turn(messages, shared)

    def _turn_by_turn(self, messages: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]) -> str:
        """Templates of one system text, one prompt and one response: once for each turn, the last one up to its response."""
        said: list[str] = []
        turn = {"System": "", "Prompt": "", "Response": ""}
        for message in messages:
            role, content = message.get("role"), _content(message)
            if role == "system":
                if turn["Prompt"] or turn["Response"]:
                    said.append(_Run({**shared, **turn}).text(self._nodes))
                    turn = {"System": "", "Prompt": "", "Response": ""}
                turn["System"] = content
            elif role == "assistant":
                turn["Response"] = content
            else:
                if turn["Response"]:
                    said.append(_Run({**shared, **turn}).text(self._nodes))
                    turn = {"System": "", "Prompt": "", "Response": ""}
                turn["Prompt"] = f"{turn['Prompt']}\n\n{content}" if turn["Prompt"] else content
        said.append(_Run({**shared, **turn}, ends_at_response=True).text(self._nodes))
        return "".join(said)


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _pieces(source: str) -> list[str | tuple[str, int]]:
    """Texts, and the insides of actions with their line."""
    pieces: list[str | tuple[str, int]] = []
    at, trim = 0, False
    for match in _ACTION.finditer(source):
        text = source[at : match.start()]
        if trim:
            text = text.lstrip(" \t\r\n")
        if match[1]:
            text = text.rstrip(" \t\r\n")
        inside = match[2].strip()
        if text:
            pieces.append(text)
        if not (inside.startswith("/*") and inside.endswith("*/")):
            pieces.append((inside, source.count("\n", 0, match.start()) + 1))
        at, trim = match.end(), bool(match[3])
    rest = source[at:]
    if "{{" in rest:
        raise TemplateError("the template of the model has an action that does not end")
    pieces.append(rest.lstrip(" \t\r\n") if trim else rest)
    return pieces


def _mentions(nodes: Sequence[Any], name: str) -> bool:
    pipes = [node.pipe for node in nodes if isinstance(node, _Print | _Branch)]
    inner = [part for node in nodes if isinstance(node, _Branch) for part in (node.body, node.otherwise)]
    return any(pipe.mentions(name) for pipe in pipes) or any(_mentions(part, name) for part in inner)


class _Parser:
    def __init__(self, pieces: list[str | tuple[str, int]]) -> None:
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
        """Up to else or end; the words after it are left in the tokens."""
        if depth > DEEPEST:
            raise self._wrong("nested too deeply")
        nodes: list[Any] = []
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            self._at += 1
            if isinstance(piece, str):
                nodes.append(_Text(piece))
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
                nodes.append(_Jump(word))
            elif word in ("define", "template", "block"):
                raise self._wrong(f"{word} is not understood here")
            else:
                nodes.append(_Print(self._pipe(depth)))
        return nodes, ""

    def _branch(self, kind: str, depth: int) -> _Branch:
        pipe = self._pipe(depth)
        branch = _Branch(kind, pipe, pipe.names)
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

    def _pipe(self, depth: int) -> _Pipe:
        """All tokens up to the end, or to a closing bracket."""
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
        return _Pipe(commands, tuple(names), assigns)

    def _operand(self, kind: str, value: str, depth: int) -> _Value:
        if kind == "sign" and value == "(":
            if depth > DEEPEST:
                raise self._wrong("nested too deeply")
            made = _Value("pipe", self._pipe(depth + 1))
            if not self._tokens or self._tokens.pop(0)[1] != ")":
                raise self._wrong("a bracket is not closed")
        elif kind == "sign" and value == ".":
            made = _Value("dot", None)
        elif kind == "field":
            made = _Value("dot", None, tuple(value[1:].split(".")))
        elif kind == "variable":
            made = _Value("variable", value)
        elif kind == "string":
            made = _Value("literal", self._text(value))
        elif kind == "number":
            made = _Value("literal", float(value) if "." in value else int(value))
        elif kind == "word" and value in ("true", "false", "nil"):
            made = _Value("literal", {"true": True, "false": False, "nil": None}[value])
        elif kind == "word" and value in _FUNCTIONS:
            made = _Value("function", value)
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


class _Run:
    """One rendering."""

    def __init__(self, root: Mapping[str, Any], ends_at_response: bool = False) -> None:
        self._root = root
        self._ends_at_response = ends_at_response
        self._ended = False
        self._left = STEPS
        self._size = 0
        self._out: list[str] = []

    def text(self, nodes: Sequence[Any]) -> str:
        """Raises TemplateError."""
        try:
            self._nodes(nodes, self._root, [{"$": self._root}])
        except (_BreakError, _ContinueError) as error:
            raise TemplateError("the template of the model failed: break or continue outside of a range") from error
        except (TypeError, ValueError, IndexError, KeyError, ArithmeticError, RecursionError) as error:
            raise TemplateError(f"the template of the model failed: {str(error)[:300] or type(error).__name__}") from error
        return "".join(self._out)

    def _nodes(self, nodes: Sequence[Any], dot: Any, scopes: list[dict[str, Any]]) -> None:
        scopes = [*scopes, {}]
        for node in nodes:
            self._spend()
            if self._ended:
                return
            if isinstance(node, _Text):
                self._write(node.text)
            elif isinstance(node, _Print):
                self._print(node.pipe, dot, scopes)
            elif isinstance(node, _Jump):
                raise _BreakError if node.kind == "break" else _ContinueError
            else:
                self._branch(node, dot, scopes)

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise TemplateError("the template of the model computes more than a prompt can need")

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > LONGEST_PROMPT:
            raise TemplateError(f"the template of the model writes more than {LONGEST_PROMPT} characters")
        self._out.append(text)

    def _print(self, pipe: _Pipe, dot: Any, scopes: list[dict[str, Any]]) -> None:
        value = self._pipe(pipe, dot, scopes)
        if pipe.names:
            return
        self._write(_shown(value))

    def _branch(self, node: _Branch, dot: Any, scopes: list[dict[str, Any]]) -> None:
        scopes = [*scopes, {}]
        value = self._pipe(node.pipe, dot, scopes)
        if node.kind == "range":
            self._range(node, value, dot, scopes)
        elif _true(value):
            self._nodes(node.body, value if node.kind == "with" else dot, scopes)
        else:
            self._nodes(node.otherwise, dot, scopes)

    def _range(self, node: _Branch, value: Any, dot: Any, scopes: list[dict[str, Any]]) -> None:
        if isinstance(value, Mapping):
            items: list[tuple[Any, Any]] = sorted(value.items())
        elif isinstance(value, int) and not isinstance(value, bool):
            items = [(number, number) for number in range(min(value, STEPS))]
        else:
            items = list(enumerate(value or ()))
        if not items:
            self._nodes(node.otherwise, dot, scopes)
        for key, item in items:
            named = dict(zip(node.names, (key, item) if len(node.names) > 1 else (item,), strict=False))
            try:
                self._nodes(node.body, item, [*scopes, named])
            except _BreakError:
                break
            except _ContinueError:
                continue

    def _pipe(self, pipe: _Pipe, dot: Any, scopes: list[dict[str, Any]]) -> Any:
        value: Any = None
        if self._ends_at_response and pipe.mentions("Response"):
            self._ended = True  # what would come after the response is left to the model
        for index, command in enumerate(pipe.commands):
            value = self._command(command, dot, scopes, [value] if index else [])
        if pipe.names:
            name = pipe.names[-1]
            scope = next((s for s in reversed(scopes) if name in s), scopes[-1]) if pipe.assigns else scopes[-1]
            scope[name] = value
        return value

    def _command(self, command: list[Any], dot: Any, scopes: list[dict[str, Any]], last: list[Any]) -> Any:
        self._spend()
        first, rest = command[0], command[1:]
        if first.kind != "function":
            if rest or last:
                raise TemplateError("the template of the model failed: a value is called like a function")
            return self._value(first, dot, scopes)
        if first.value in ("and", "or"):
            value: Any = None
            for operand in rest:
                value = self._value(operand, dot, scopes)
                if _true(value) == (first.value == "or"):
                    return value
            return last[0] if last else value
        return _FUNCTIONS[first.value](*(self._value(operand, dot, scopes) for operand in rest), *last)

    def _value(self, operand: _Value, dot: Any, scopes: list[dict[str, Any]]) -> Any:
        if operand.kind == "function":
            return _FUNCTIONS[operand.value]()
        if operand.kind == "variable":
            found = next((scope for scope in reversed(scopes) if operand.value in scope), None)
            if found is None:
                raise TemplateError(f"the template of the model failed: {operand.value} is not set")
            value = found[operand.value]
        elif operand.kind == "pipe":
            value = self._pipe(operand.value, dot, scopes)
        else:
            value = dot if operand.kind == "dot" else operand.value
        for name in operand.fields:
            value = _field(value, name)
        return value


def _field(value: Any, name: str) -> Any:
    """Of a mapping, whether its keys are written as in Go or as in JSON; None where it is not there."""
    if not isinstance(value, Mapping):
        return None
    for key in (name, name.lower(), _SNAKE.sub("_", name).lower()):
        if key in value:
            return value[key]
    return None


def _true(value: Any) -> bool:
    return bool(value)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _compare(name: str, holds: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    def compare(first: Any, *others: Any) -> bool:
        if not others:
            raise TypeError(f"{name} compares two values")
        return any(holds(first, other) for other in others)

    return compare


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = value[key] if not isinstance(value, Mapping) else value.get(key)
    return value


def _slice(value: Any, begin: int = 0, end: int | None = None) -> Any:
    length = len(value)
    if not 0 <= begin <= length or (end is not None and not begin <= end <= length):
        raise IndexError(f"slice {begin}:{end} of {length}")
    return value[begin:end]


def _printf(form: str, *values: Any) -> str:
    if not re.fullmatch(r"(?:[^%]|%%|%[svdq])*", form, re.DOTALL):
        raise TypeError(f"the format {form[:40]!r} is not understood")
    left = list(values)

    def put(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        value = left.pop(0)
        return json.dumps(value) if match[0] == "%q" else _shown(value)

    return re.sub(r"%[%svdq]", put, form)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "and": lambda *_: None,  # these two look at no more than they need; see `_Run._command`
    "or": lambda *_: None,
    "not": lambda value: not _true(value),
    "eq": _compare("eq", lambda a, b: a == b),
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "len": lambda value: len(value or ()),
    "index": _index,
    "slice": _slice,
    "print": lambda *values: "".join(_shown(value) for value in values),
    "printf": _printf,
    "json": lambda value: json.dumps(value, ensure_ascii=False),
}
