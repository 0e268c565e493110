"""Finds out how a model writes its answers, from what its chat template writes for conversations with words that are searched for.

The idea is that of llama.cpp's auto parser (docs/autoparser.md there): two renders that differ in one thing show how this thing is
written. Fed by `template_needs`, which knows in what form the template takes a conversation; feeds `answer_parser` and `call_grammar`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from echorator.errors import TemplateError
from echorator.prompting.dialects.dialect import (
    ID,
    NUMBER,
    Arguments,
    Calls,
    Dialect,
    JsonArguments,
    JsonCall,
    KeywordArguments,
    NamedCall,
    QuotedArguments,
    TaggedArguments,
    Thoughts,
)
from echorator.prompting.dialects.literals import common_prefix, common_suffix, repeated, tokens
from echorator.prompting.template_needs import SLOW_S, CallForm, Render, TemplateNeeds, TemplateProbe, shaped, short_id

# Words that no template contains. The first value and key of a call are found by them.
_QUESTION, _MORE, _ANSWER, _THOUGHT, _RESULT = "zqquestionz", "zqmorez", "zqanswerz", "zqthoughtz", "zqresultz"
_NAMES, _KEYS, _VALUES = ("zqtoolaz", "zqtoolbz"), ("zqkeyaz", "zqkeybz"), ("zqvalueaz", "zqvaluebz")
_KINDS: dict[str, tuple[Any, str]] = {  # a value of each kind, and what its text begins with
    "number": (12321, "12321"),
    "boolean": (True, r"[tT]rue"),
    "null": (None, r"null|None"),
    "array": ([12321], r"\["),
    "object": ({"zqinnerz": 12321}, r"\{"),
}
_PROPERTIES = {key: {"type": "string", "description": ""} for key in _KEYS}
_PARAMETERS = {"type": "object", "properties": _PROPERTIES, "required": list(_KEYS)}
_TOOLS = [{"type": "function", "function": {"name": name, "description": "", "parameters": _PARAMETERS}} for name in _NAMES]
_USER = {"role": "user", "content": _QUESTION}
_VARIABLES = ("enable_thinking", "thinking")
REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking")  # where templates look for the thought of a message
_THINKING_TAG = re.compile(r"<([\w:|]*(?:think|reason|thought)[\w:|]*)>", re.IGNORECASE)
_SIDES = re.compile(r"START|END|BEGIN|OPEN|CLOSE", re.IGNORECASE)


async def inferred(render: Render, probe: TemplateProbe) -> Dialect:
    """Return the dialect that a template's renders show; what they do not show is None in it.

    Args:
        render: the template's render function.
        probe: of the same template; it keeps what it finds out.
    """
    needs = await probe.with_tools()
    form = await probe.calls()
    observed = _Template(render, needs or await probe.plain(), form, needs is not None)
    return await observed.dialect()


@dataclass(frozen=True)
class _Frame:
    """What surrounds a final answer."""

    begins: str  # from the question to the answer, without thoughts
    head: str  # from the question to the answer
    tail: str  # behind the answer
    goes_on: str  # from the answer to the next question


class _Template:
    def __init__(self, render: Render, needs: TemplateNeeds, form: CallForm | None, tools: bool) -> None:
        self._render, self._needs, self._form, self._tools = render, needs, form, tools

    async def _turn(self, messages: list[dict[str, Any]], begin: bool = False, **variables: Any) -> str:
        """Return what the template writes behind the question; "" where it refuses. Raises TemplateError where that took long."""
        given = {**({"tools": _TOOLS} if self._tools else {}), **variables}
        shaped_messages, arguments = shaped([_USER, *messages], given, self._needs, self._form)
        begun_s = time.monotonic()
        try:
            text = await self._render(shaped_messages, arguments, begin)
        except TemplateError:
            if time.monotonic() - begun_s >= SLOW_S:
                raise  # it may have run out of time, which says nothing of the template
            return ""
        return text.rpartition(_QUESTION)[2] if _QUESTION in text else ""

    async def dialect(self) -> Dialect:
        """Render what is needed and compare."""
        answer = await self._turn([{"role": "assistant", "content": _ANSWER}])
        longer = await self._turn([{"role": "assistant", "content": _ANSWER}, {"role": "user", "content": _MORE}])
        head, _, tail = answer.partition(_ANSWER)
        begun = await self._turn([], True)
        before_more = longer.partition(_ANSWER)[2].partition(_MORE)[0]
        openings = {begun: ""}
        for variable in _VARIABLES:
            off, on = await self._turn([], True, **{variable: False}), await self._turn([], True, **{variable: True})
            if off != on:
                openings |= {on: variable, off: variable}
        thoughts = await self._thoughts(openings, head)
        begins = common_prefix(begun, head) if head else begun
        for marker in (thoughts.opens, thoughts.closes) if thoughts else ():
            begins = begins.partition(marker.strip())[0] if marker.strip() else begins
        frame = _Frame(begins, head, tail, before_more)
        wrapper = _without_thought(head.removeprefix(begins), thoughts)
        leading = wrapper if not wrapper.strip() and head.endswith(begins + wrapper) else ""
        calls = await self._calls(frame, thoughts)
        silent = _silent(wrapper, tail, thoughts)
        bare = await self._turn([])
        shown = begins.removeprefix(bare) if bare and begins.startswith(bare) and begins != bare else begins
        return Dialect(thoughts, calls, shown, silent, wrapper.strip(), leading=leading, ends=tail)

    # Thoughts

    async def _thoughts(self, openings: Mapping[str, str], head: str) -> Thoughts | None:
        variable = next(filter(None, openings.values()), "")
        for told in (True, False):
            said: dict[str, Any] = {"role": "assistant", "content": _ANSWER, **dict.fromkeys(REASONING_FIELDS, _THOUGHT)}
            if not told:
                said |= {"content": "", "tool_calls": _calls(1)}
            for results in ([], _results(1)):
                turn = await self._turn([said, *([] if told else results)])
                if _THOUGHT in turn:
                    before, _, behind = turn.partition(_THOUGHT)
                    found = _surroundings(before, re.split("|".join((_ANSWER, *_NAMES, _THOUGHT)), behind)[0], list(openings), head)
                    if found is not None:
                        return Thoughts(*found, variable)
        for begun in openings:
            tags = list(_THINKING_TAG.finditer(begun))
            if tags:
                opens = f"<{tags[-1][1]}>"
                space = re.match(r"\s*", begun.rpartition(opens)[2])
                return Thoughts(opens + (space[0] if space else ""), f"</{tags[-1][1]}>", variable)
        return None

    # Calls

    async def _calls(self, frame: _Frame, thoughts: Thoughts | None) -> Calls | None:
        if self._form is None:
            return None
        two = await self._turn([{"role": "assistant", "content": "", "tool_calls": _calls(2)}]) if self._form.parallel else ""
        if not two:
            two = (
                await self._turn([{"role": "assistant", "content": "", "tool_calls": _calls(2)}, *_results(2)])
                if self._form.parallel
                else ""
            )
            two = two.partition(_RESULT)[0]
        one = await self._turn([{"role": "assistant", "content": "", "tool_calls": _calls(1)}])
        if not one:
            one = (await self._turn([{"role": "assistant", "content": "", "tool_calls": _calls(1)}, *_results(1)])).partition(_RESULT)[0]
        several = all(word in two for word in (*_NAMES, *_VALUES))
        turn = _with_holes(two if several else one, self._form)
        if _NAMES[0] not in turn or _KEYS[0] not in turn:
            return None
        found = _json_calls(turn, several) or await self._named_calls(turn)
        if found is None:
            return None
        head, calls, tail = found
        return _trimmed(head, replace(calls, several=several), tail, frame, thoughts)

    async def _named_calls(self, turn: str) -> tuple[str, Calls, str] | None:
        """Return what stands before the calls, the calls, and what stands behind them, where the name is outside of the arguments."""
        first = turn.index(_NAMES[0])
        key = turn.find(_KEYS[0], first)
        name_ends = turn[first + len(_NAMES[0]) : key]
        arguments: Arguments
        if re.search(r"\{\s*\"$", name_ends):
            opened = first + len(_NAMES[0]) + name_ends.rindex("{")
            value = _decoded(turn, opened)
            if value is None:
                return None
            name_ends, arguments, ended = name_ends[: name_ends.rindex("{")], JsonArguments(), value[1]
            behind = turn[ended:]
        else:
            second = turn.find(_KEYS[1], key)
            places = [turn.find(value, key) for value in _VALUES]
            if min(second, *places) < 0:
                return None
            mid = turn[key + len(_KEYS[0]) : places[0]]
            between = turn[places[0] + len(_VALUES[0]) : second]
            behind = turn[places[1] + len(_VALUES[1]) :]
            if mid.startswith("=") and len(mid) <= 2 and name_ends.strip() == "(":
                arguments, behind = KeywordArguments(), behind.lstrip(mid[1:])
            elif mid.startswith(":") and name_ends.endswith("{") and between.startswith(mid[1:]):
                arguments, name_ends = QuotedArguments(mid[1:]), name_ends[:-1]
                behind = behind.removeprefix(mid[1:]).removeprefix("}")
            else:
                until = behind.find(_NAMES[1])
                parts = repeated(name_ends, between, behind if until < 0 else behind[:until])
                mids = await self._mids(parts.opens, mid)
                arguments = TaggedArguments(parts.opens, mids, parts.closes, parts.separator)
                name_ends, behind = parts.outer_opens, behind.removeprefix(parts.closes)
            if isinstance(arguments, KeywordArguments):
                behind = behind.removeprefix(")")
        at = behind.find(_NAMES[1])
        if at >= 0:
            last = turn.rindex(_VALUES[1]) + len(_VALUES[1])
            tail = _behind_arguments(turn[last:], arguments)
            row = repeated(turn[:first], behind[:at], tail)
            ends = _numbered(name_ends, turn[turn.index(_NAMES[1]) :])
            made = Calls(NamedCall((ends,), arguments), row.opens, row.closes, row.separator)
            return row.outer_opens, made, row.outer_closes
        return turn[:first], Calls(NamedCall((name_ends,), arguments)), behind

    async def _mids(self, opens: str, mid: str) -> tuple[tuple[str, str], ...]:
        """Return what stands between the name of an argument and its value, by the value's kind where it matters."""
        keys = {kind: f"zqkey{kind}z" for kind in _KINDS}
        made = _calls(1)
        made[0]["function"]["arguments"] = {_KEYS[0]: _VALUES[0], **{keys[kind]: value for kind, (value, _) in _KINDS.items()}}
        turn = await self._turn([{"role": "assistant", "content": "", "tool_calls": made}])
        mids = {"string": mid}
        for kind, (_, begins) in _KINDS.items():
            found = re.search(re.escape(opens + keys[kind]) + r"(.*?)(?:" + begins + ")", turn, re.DOTALL)
            if found and len(found[1]) <= 2 * len(mid) + 8:
                mids[kind] = found[1]
        return (("", mid),) if set(mids.values()) == {mid} else tuple(mids.items())


def _calls(count: int) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{n}x", "type": "function", "function": {"name": _NAMES[n], "arguments": dict(zip(_KEYS, _VALUES, strict=True))}}
        for n in range(count)
    ]


def _results(count: int) -> list[dict[str, Any]]:
    return [{"role": "tool", "tool_call_id": f"call_{n}x", "name": _NAMES[n], "content": _RESULT} for n in range(count)]


def _with_holes(turn: str, form: CallForm) -> str:
    for n in range(2):
        turn = turn.replace(short_id(f"call_{n}x") if form.short_ids else f"call_{n}x", ID)
    return turn


def _numbered(name_ends: str, second: str) -> str:
    """Put NUMBER in the place of digits where the second call has others."""
    if second[len(_NAMES[1]) :].startswith(name_ends):
        return name_ends
    return re.sub(r"\d+", NUMBER, name_ends)


def _decoded(text: str, at: int) -> tuple[Any, int] | None:
    try:
        return json.JSONDecoder(strict=False).raw_decode(text, at)
    except (ValueError, RecursionError):
        return None


def _behind_arguments(text: str, arguments: Arguments) -> str:
    """Return what follows the arguments whose last value ends where `text` begins."""
    if isinstance(arguments, TaggedArguments):
        return text.removeprefix(arguments.closes)
    if isinstance(arguments, QuotedArguments):
        return text.removeprefix(arguments.quote).removeprefix("}")
    return text[text.index("}" if isinstance(arguments, JsonArguments) else ")") + 1 :]


def _json_calls(turn: str, several: bool) -> tuple[str, Calls, str] | None:
    """Return what stands before the calls, the calls, and what stands behind them, where a call is one JSON object."""
    spans, form = [], None
    for name in _NAMES[: 1 + several]:
        at = turn.find(name)
        begin = turn.rfind("{", 0, at)
        found = _decoded(turn, begin) if begin >= 0 else None
        if found is None or not isinstance(found[0], dict):
            return None
        form = _json_form(found[0], name)
        if form is None:
            return None
        spans.append((begin, found[1]))
    assert form is not None
    if several:
        row = repeated(turn[: spans[0][0]], turn[spans[0][1] : spans[1][0]], turn[spans[1][1] :])
        return row.outer_opens, Calls(form, row.opens, row.closes, row.separator), row.outer_closes
    return turn[: spans[0][0]], Calls(form), turn[spans[0][1] :]


def _json_form(value: Mapping[str, Any], name: str) -> JsonCall | None:
    if name in value:
        return JsonCall("", "")
    key = next((key for key, part in value.items() if part == name), None)
    arguments = next((key for key, part in value.items() if isinstance(part, dict) and _KEYS[0] in part), None)
    if key is None or arguments is None:
        return None
    rest = [
        other for other, part in value.items() if other not in (key, arguments) and isinstance(part, str) and (part == ID or part.isdigit())
    ]
    if not rest:
        return JsonCall(key, arguments)
    keys = list(value)
    return JsonCall(key, arguments, rest[0], keys.index(rest[0]) < keys.index(key), value[rest[0]].isdigit())


def _trimmed(head: str, calls: Calls, tail: str, frame: _Frame, thoughts: Thoughts | None) -> Calls:
    """Take what belongs to the turn and not to its calls from `head` and `tail`; the rest opens and closes their section."""
    opens = _without_thought(head.removeprefix(common_prefix(head, frame.head)).removeprefix(frame.begins), thoughts).lstrip()
    closes = tail.rstrip()
    closes = closes[: len(closes) - len(common_suffix(closes, frame.tail.rstrip()))]
    parts = tokens(frame.goes_on)
    for count in range(len(parts), 0, -1):
        if closes.endswith(ended := "".join(parts[:count])):
            closes = closes.removesuffix(ended)
            break
    if not calls.several:
        return replace(calls, opens=opens, closes=closes.rstrip())
    if opens or not closes.strip() or calls.opens or isinstance(calls.form, JsonCall):
        return replace(calls, section_opens=opens, section_closes=closes.rstrip() if opens else "")
    return calls


def _without_thought(text: str, thoughts: Thoughts | None) -> str:
    """Return what stands behind a thought that the template writes without any thinking."""
    for marker in (thoughts.closes, thoughts.opens) if thoughts else ():
        if marker.strip() and marker.strip() in text:
            return text.rpartition(marker.strip())[2]
    return text


def _silent(wrapper: str, tail: str, thoughts: Thoughts | None) -> tuple[str, ...]:
    """Return what opens and closes the text of an answer, where the template writes something that does."""
    opens = wrapper.strip()
    if not opens:
        return ()
    closes = tokens(tail.lstrip())[0] if tail.strip() else ""
    return tuple(text for text in (opens, closes) if text and (thoughts is None or text != thoughts.closes))


def _surroundings(before: str, behind: str, openings: list[str], head: str) -> tuple[str, str] | None:
    """Return what opens and what closes a thought, from the texts before it and behind it."""
    first = next((part for part in tokens(behind) if not part.isspace()), "")
    if not first:
        return None
    if first.startswith("[") and "]" in behind:  # "[BEGIN FINAL RESPONSE]" is one marker
        first = behind[behind.index("[") : behind.index("]") + 1]
    space = behind[: len(behind) - len(behind.lstrip())]
    parts = tokens(before)
    for number in range(len(parts) - 1, max(-1, len(parts) - 6), -1):
        if _bare(parts[number]) == _bare(first) and _bare(first):
            return "".join(parts[number:]), space + first
    begun = common_prefix(openings[0], head)
    rest = openings[0].removeprefix(begun)
    return (rest, space + first) if rest.strip() and before.endswith(begun) else None


def _bare(marker: str) -> str:
    return re.sub(r"[\W_]", "", _SIDES.sub("", marker))
