"""Finds out in what form a chat template takes a conversation, by rendering small ones.

Templates differ in what they expect: the arguments of a tool call as an object or as JSON text, the content of a message with
tool calls as null or as "", content as text or as a list of parts, tools as OpenAI wraps them or bare, ids of nine letters. No
list of names tells which; each template is probed once, by rendering conversations whose words are searched for in the result.
Fed and read by `agent.chat_prompt`; `shaped`, which is pure, brings a conversation into the form.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from itertools import product
from typing import Any

from echorator.errors import TemplateError

Messages = Sequence[Mapping[str, Any]]
Render = Callable[[list[dict[str, Any]], Mapping[str, Any], bool], Awaitable[str]]  # messages, arguments, add_generation_prompt

SLOW_S = 0.5  # a render that fails after this time may have run out of time, which says nothing of the template
SHORT_ID = re.compile(r"[A-Za-z0-9]{9}")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

# Words that no template contains, so they are in a prompt only where the template shows the message.
_QUESTION, _SYSTEM, _TOOL, _KEY, _VALUE, _RESULT = "zqquestionz", "zqsystemz", "zqtoolz", "zqkeyz", "zqvaluez", "zqresultz"
_USER = {"role": "user", "content": _QUESTION}
_PARAMETERS = {"type": "object", "properties": {"zqpropertyz": {"type": "string"}}}  # descriptions are optional
_TOOLS = [{"type": "function", "function": {"name": _TOOL, "parameters": _PARAMETERS}}]


@dataclass(frozen=True)
class CallForm:
    """The form in which a template takes messages with tool calls."""

    text_arguments: bool = False  # arguments as JSON text, else as an object
    null_content: bool = True  # content is null, else "", where a message with tool calls has none
    short_ids: bool = False  # ids are nine letters or digits
    parallel: bool = True  # all calls of a message are shown, or the template refuses more than one; else only the first is shown


@dataclass(frozen=True)
class TemplateNeeds:
    """The form in which a template takes a conversation. The defaults suit most templates."""

    parts: bool = False  # content is a list of typed parts, else text
    no_tools: bool = False  # without tools `tools` is an empty list, else null
    functions: bool = False  # the variables `functions` (JSON text of the tools) and `datetime`, as in Firefunction
    system: bool = True  # a system message stays; else its text is put before the first message of the user
    bare_tools: bool = False  # tools are written without OpenAI's wrapping
    known: bool = True  # False: the template renders no simple chat, so that nothing is known about it
    described: bool = False  # every tool and parameter needs a description, "" where the client gave none


class TemplateProbe:
    """The prober of one template; each result is kept, unless a render failed slowly."""

    def __init__(self, render: Render) -> None:
        """Keep the template's render function, which raises TemplateError where the template refuses."""
        self._render = render
        self._answers: dict[str, Any] = {}
        self._slow = False  # a render failed slowly: stop probing for the present result, and do not keep it

    async def plain(self) -> TemplateNeeds:
        """Return the form for a chat without tools. `known` is False where the template takes no form: its own error says why."""
        answer: TemplateNeeds = await self._kept("plain", self._found_plain)
        return answer

    async def with_tools(self) -> TemplateNeeds | None:
        """Return the form for a chat with tools; None where the template does not show them."""
        answer: TemplateNeeds | None = await self._kept("tools", self._found_tools)
        return answer

    async def calls(self) -> CallForm | None:
        """Return the form for messages with tool calls; None where the template does not show them."""
        answer: CallForm | None = await self._kept("calls", self._found_calls)
        return answer

    async def shows_results(self) -> bool:
        """Return whether the template shows messages of the role "tool"."""
        answer: bool = await self._kept("results", self._found_results)
        return answer

    async def shows_role(self, role: str) -> bool:
        """Return whether the template shows messages of this role: before a question, behind it, or behind its answer."""
        answer: bool = await self._kept(f"role {role}", lambda: self._found_role(role))
        return answer

    async def _kept(self, name: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        if name in self._answers:
            return self._answers[name]
        self._slow = False
        answer = await ask()
        if not self._slow:
            self._answers[name] = answer
        return answer

    async def _found_plain(self) -> TemplateNeeds:
        for parts, no_tools, functions in product((False, True), (False, True), (False, True)):
            needs = TemplateNeeds(parts, no_tools, functions)
            if _QUESTION in await self._text([_USER], needs):
                told = await self._text([{"role": "system", "content": _SYSTEM}, _USER], needs)
                return replace(needs, system=_SYSTEM in told and _QUESTION in told)
        return TemplateNeeds(known=False)

    async def _found_tools(self) -> TemplateNeeds | None:
        plain = await self.plain()
        for described, bare in product((False, True), (False, True)):
            needs = replace(plain, bare_tools=bare, described=described)
            if _TOOL in await self._text([_USER], needs, _TOOLS):
                return needs
        return None

    async def _found_results(self) -> bool:
        shown = await self.with_tools()
        form = await self.calls()
        history = _history(form or CallForm())
        return _RESULT in await self._text(history, shown or await self.plain(), _TOOLS if shown else None, form)

    async def _found_role(self, role: str) -> bool:
        needs, said = await self.plain(), {"role": role, "name": _TOOL, "content": _RESULT}
        for history in ([said, _USER], [_USER, said], [_USER, {"role": "assistant", "content": _VALUE}, said]):
            if _RESULT in await self._text(history, needs):
                return True
        return False

    async def _found_calls(self) -> CallForm | None:
        shown = await self.with_tools()
        needs, tools = shown or await self.plain(), _TOOLS if shown else None
        for text_arguments, short_ids in ((False, False), (False, True), (True, False), (True, True)):
            texts = {}
            for null in (True, False):
                form = CallForm(text_arguments, null, short_ids)
                texts[form] = await self._text(_history(form), needs, tools, form)
            fewest = min(text.count("None") for text in texts.values())
            for form, text in texts.items():
                if _shows_call(text) and text.count("None") == fewest:
                    two = await self._text(_history(form, 2), needs, tools, form)
                    return replace(form, parallel=not two or f"{_VALUE}2" in two)
        return None

    async def _text(self, messages: Messages, needs: TemplateNeeds, tools: Any = None, form: CallForm | None = None) -> str:
        """Render a conversation in a form; "" where the template refuses."""
        if self._slow:
            return ""
        shaped_messages, shaped_arguments = shaped(messages, {} if tools is None else {"tools": tools}, needs, form)
        begin_s = time.monotonic()
        try:
            return await self._render(shaped_messages, shaped_arguments, True)
        except TemplateError:
            self._slow = time.monotonic() - begin_s >= SLOW_S
            return ""


def _history(form: CallForm, calls: int = 1) -> list[dict[str, Any]]:
    ids = [f"abcdefgh{n}" if form.short_ids else f"call_{n}" for n in range(1, calls + 1)]
    made = [{"id": name, "type": "function", "function": {"name": _TOOL, "arguments": {_KEY: _VALUE + name[-1]}}} for name in ids]
    results = [{"role": "tool", "tool_call_id": name, "name": _TOOL, "content": _RESULT} for name in ids]
    return [_USER, {"role": "assistant", "content": "", "tool_calls": made}, *results]


def _shows_call(text: str) -> bool:
    """Return whether a call is shown with its arguments, neither as a Python dict nor as JSON within JSON."""
    return all(word in text for word in (_TOOL, _KEY, _VALUE)) and f"'{_KEY}'" not in text and f'\\"{_KEY}' not in text


def shaped(
    messages: Messages, arguments: Mapping[str, Any], needs: TemplateNeeds, form: CallForm | None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return messages and template arguments in the form that the template takes.

    Args:
        messages: of the conversation, with content as text and the arguments of tool calls as objects.
        arguments: further variables of the template; `tools` as OpenAI writes them.
        needs: the form of the conversation.
        form: the form of messages with tool calls; None writes them into the content as JSON.
    """
    made = [_shaped_calls(message, form) for message in messages]
    if not needs.system:
        made = _without_system(made)
    if form is not None and form.short_ids:
        made = [_with_short_ids(message) for message in made]
    if needs.parts:
        made = [{**m, "content": [{"type": "text", "text": m["content"]}]} if isinstance(m["content"], str) else m for m in made]
    return made, {**_further(arguments, needs), **_shaped_tools(arguments, needs)}


def _shaped_calls(message: Mapping[str, Any], form: CallForm | None) -> dict[str, Any]:
    calls = message.get("tool_calls")
    if not calls:
        return dict(message)
    if form is None:
        told = json.dumps({"tool_calls": [{"id": c.get("id"), **c["function"]} for c in calls]}, ensure_ascii=False)
        rest = {name: value for name, value in message.items() if name != "tool_calls"}
        return {**rest, "content": f"{message['content']}\n{told}" if message["content"] else told}
    if form.text_arguments:
        calls = [{**c, "function": {**c["function"], "arguments": _json(c["function"]["arguments"])}} for c in calls]
    return {**message, "content": message["content"] or (None if form.null_content else ""), "tool_calls": calls}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _without_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Move a system message at the beginning to the front of the user's first message."""
    if not messages or messages[0]["role"] != "system":
        return messages
    system, *rest = messages
    if rest and rest[0]["role"] == "user":
        return [{**rest[0], "content": f"{system['content']}\n\n{rest[0]['content']}"}, *rest[1:]]
    return [{**system, "role": "user"}, *rest]


def _with_short_ids(message: dict[str, Any]) -> dict[str, Any]:
    made = dict(message)
    if message.get("tool_calls"):
        made["tool_calls"] = [{**c, "id": short_id(c["id"])} if c.get("id") else c for c in message["tool_calls"]]
    if message.get("tool_call_id"):
        made["tool_call_id"] = short_id(message["tool_call_id"])
    return made


def short_id(name: str) -> str:
    """Return nine letters or digits, the same for the same id; an id that is so already stays."""
    if SHORT_ID.fullmatch(name):
        return name
    number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
    return "".join(_digits(number))


def _digits(number: int) -> Iterator[str]:
    for _ in range(9):
        number, digit = divmod(number, len(_LETTERS))
        yield _LETTERS[digit]


def _further(arguments: Mapping[str, Any], needs: TemplateNeeds) -> dict[str, Any]:
    made = dict(arguments)
    if needs.functions:
        tools = arguments.get("tools")
        made.setdefault("functions", json.dumps(tools, ensure_ascii=False, indent=2) if tools else "")
        made.setdefault("datetime", datetime.now().astimezone().strftime("%B %d %Y %H:%M:%S %Z"))
    return made


def _shaped_tools(arguments: Mapping[str, Any], needs: TemplateNeeds) -> dict[str, Any]:
    tools = arguments.get("tools")
    if not tools:
        return {"tools": []} if needs.no_tools else {}
    if needs.described:
        tools = [_described(tool) for tool in tools]
    if needs.bare_tools:
        tools = [tool["function"] if isinstance(tool, Mapping) and isinstance(tool.get("function"), Mapping) else tool for tool in tools]
    return {"tools": tools}


def _described(tool: Any) -> Any:
    """Add what OpenAI's format lets a client leave out: descriptions and the list of required parameters."""
    function = tool.get("function") if isinstance(tool, Mapping) else None
    if not isinstance(function, Mapping):
        return tool
    made = {"description": "", **function}
    parameters = made.get("parameters") or {"type": "object"}
    if isinstance(parameters, Mapping):
        properties = parameters.get("properties") or {}
        if isinstance(properties, Mapping):
            properties = {name: {"description": "", **part} if isinstance(part, Mapping) else part for name, part in properties.items()}
        made["parameters"] = {"required": [], **parameters, "properties": properties}
    return {**tool, "function": made}
