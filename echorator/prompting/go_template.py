"""Renders Ollama's chat templates, written for Go's text/template: the part of that language that they use, safely.

A template is untrusted: it sees only the values that it is given, its steps and its output are counted, and every
fault is a TemplateError. The child process in which it runs bounds its time and memory.
Sources: pkg.go.dev/text/template; docs/template.md of Ollama for the variables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from echorator.engine.template_limits import LONGEST_PROMPT, LONGEST_SOURCE
from echorator.errors import TemplateError
from echorator.prompting.go_template_syntax import Branch, Jump, Pipe, Print, Text, Value, mentions, parse

STEPS = 500_000

_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class _BreakError(Exception):
    """Raised by {{ break }} and caught by the innermost range."""


class _ContinueError(Exception):
    """Raised by {{ continue }} and caught by the innermost range."""


class GoTemplate:
    """A Go template, compiled once and rendered for every chat."""

    def __init__(self, source: str) -> None:
        """Compile a template. Raises TemplateError, naming what is not understood."""
        if len(source) > LONGEST_SOURCE:
            raise TemplateError(f"the template of the model has {len(source)} characters, at most {LONGEST_SOURCE} are taken")
        self.source = source
        self._nodes = parse(source, _FUNCTIONS)
        self._whole = mentions(self._nodes, "Messages")

    def render(self, messages: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any], add_generation_prompt: bool = True) -> str:
        """Return the prompt for `messages`, as `ChatTemplate.render` does. Raises TemplateError.

        A template of whole conversations begins the answer by itself; for the others False writes out the last answer.
        """
        system = "\n\n".join(_content(m) for m in messages if m.get("role") == "system")
        shared = {"Tools": arguments.get("tools") or [], "System": system, "Suffix": "", "Response": "", "Think": False, "ThinkLevel": ""}
        if self._whole:
            turns = [{"Role": m.get("role", ""), **{k: v for k, v in m.items() if k != "role"}, "Content": _content(m)} for m in messages]
            return _Run({**shared, "Messages": turns, "Prompt": ""}).text(self._nodes)
        return self._turn_by_turn(messages, shared, add_generation_prompt)

    def _turn_by_turn(self, messages: Sequence[Mapping[str, Any]], shared: Mapping[str, Any], begins: bool) -> str:
        """Render a template of one system text, one prompt and one response once per turn; `begins` stops the last one at its response."""
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
        if begins and turn["Response"]:
            said.append(_Run({**shared, **turn}).text(self._nodes))
            turn = {"System": "", "Prompt": "", "Response": ""}
        said.append(_Run({**shared, **turn}, ends_at_response=begins).text(self._nodes))
        return "".join(said)


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


class _Run:
    """The state of one rendering: output, steps left, and whether it has ended."""

    def __init__(self, root: Mapping[str, Any], ends_at_response: bool = False) -> None:
        self._root = root
        self._ends_at_response = ends_at_response
        self._ended = False
        self._left = STEPS
        self._size = 0
        self._out: list[str] = []

    def text(self, nodes: Sequence[Any]) -> str:
        """Return the text of the nodes. Raises TemplateError."""
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
            if isinstance(node, Text):
                self._write(node.text)
            elif isinstance(node, Print):
                self._print(node.pipe, dot, scopes)
            elif isinstance(node, Jump):
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

    def _print(self, pipe: Pipe, dot: Any, scopes: list[dict[str, Any]]) -> None:
        value = self._pipe(pipe, dot, scopes)
        if pipe.names:
            return
        self._write(_shown(value))

    def _branch(self, node: Branch, dot: Any, scopes: list[dict[str, Any]]) -> None:
        scopes = [*scopes, {}]
        value = self._pipe(node.pipe, dot, scopes)
        if node.kind == "range":
            self._range(node, value, dot, scopes)
        elif _true(value):
            self._nodes(node.body, value if node.kind == "with" else dot, scopes)
        else:
            self._nodes(node.otherwise, dot, scopes)

    def _range(self, node: Branch, value: Any, dot: Any, scopes: list[dict[str, Any]]) -> None:
        if isinstance(value, Mapping):
            items: list[tuple[Any, Any]] = sorted(value.items())
        elif isinstance(value, int) and not isinstance(value, bool):
            items = [(number, number) for number in range(min(value, STEPS))]
        else:
            items = list(enumerate(value or ()))
        if not items:
            self._nodes(node.otherwise, dot, scopes)
        for key, item in items:
            self._spend()
            named = dict(zip(node.names, (key, item) if len(node.names) > 1 else (item,), strict=False))
            try:
                self._nodes(node.body, item, [*scopes, named])
            except _BreakError:
                break
            except _ContinueError:
                continue

    def _pipe(self, pipe: Pipe, dot: Any, scopes: list[dict[str, Any]]) -> Any:
        value: Any = None
        if self._ends_at_response and pipe.mentions("Response"):
            self._ended = True  # what follows the response is left to the model
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

    def _value(self, operand: Value, dot: Any, scopes: list[dict[str, Any]]) -> Any:
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
    """Return a field of a mapping by its key in Go's or in JSON's spelling; None where it is absent."""
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
    "and": lambda *_: None,  # these two evaluate lazily; see `_Run._command`
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
