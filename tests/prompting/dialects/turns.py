"""Answers as the templates of the sdist write them: the turns of the assistant in small conversations, and what is in them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from echorator.errors import TemplateError
from echorator.prompting.chat_template import ChatTemplate
from echorator.prompting.dialects.answer_parser import AnswerParser
from echorator.prompting.dialects.declared import dialect_of
from echorator.prompting.dialects.deltas import Arguments, Call, Delta, Text, Thought, joined
from echorator.prompting.dialects.dialect import Dialect, Tool
from echorator.prompting.dialects.inferring import REASONING_FIELDS
from echorator.prompting.dialects.literals import common_prefix
from echorator.prompting.template_needs import CallForm, TemplateNeeds, TemplateProbe, shaped
from tests.prompting.sdist_templates import sdist_templates

# Tokens that end an answer in the vocabularies of these models. The engine hands none of them on.
END_TOKENS = (
    "<|im_end|>",
    "</s>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<seed:eos>",
    "<|END_OF_TURN_TOKEN|>",
    "<|end_of_text|>",
    "<end_of_sentence>",
    "[e~[",
    "<SPECIAL_12>",
    "<sep>",
    "<\uff5cend▁of▁sentence\uff5c>",
    "<end_of_turn>",
    "<turn|>",
    "<|role_end|>",
    "<|eot|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "</assistant>",
    "<\uff5chy_eos:opensource\uff5c>",
    "<|end_of_msg|>",
    "<|tool_response>",
    "<|message_sep|>",
    "<|START_OF_TURN_TOKEN|>",
    "<|end|>\n</s>",
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "at": {"type": "string", "description": "where"},
        "count": {"type": "integer", "description": "how many"},
        "share": {"type": "number", "description": "a part"},
        "exact": {"type": "boolean", "description": "how"},
        "options": {"type": "object", "description": "more", "additionalProperties": {"type": "string"}},
        "tags": {"type": "array", "items": {"type": "string"}, "description": "some"},
    },
    "required": ["at"],
}
TOOLS = [Tool("look", SCHEMA), Tool("find_it", SCHEMA)]
_OPENAI = [{"type": "function", "function": {"name": t.name, "description": "a tool", "parameters": t.parameters}} for t in TOOLS]
USER = {"role": "user", "content": "zqquestion"}
ANSWER = "An answer, with a < b, [brackets], {braces} and\ntwo lines."
THOUGHT = "A thought: is a < b?\n\nYes."
FIRST = ("look", {"at": 'Rome "x", it\'s <b>é\nnext', "count": 3, "share": 1.5, "exact": True, "options": {"a b": "c"}, "tags": ["x", "y"]})
SECOND = ("find_it", {"at": "Bern"})
CASES = {  # thought, text, calls, whether results stand before the answer
    "final answer": (False, True, (), False),
    "answer after thought": (True, True, (), False),
    "call": (False, False, (FIRST,), False),
    "two calls": (False, False, (FIRST, SECOND), False),
    "call after text": (False, True, (FIRST,), False),
    "call after thought": (True, False, (FIRST,), False),
    "answer after result": (False, True, (), True),
}


@dataclass(frozen=True)
class Turn:
    """One answer, as a template writes it."""

    opening: str  # what stands before it
    answer: str
    deltas: list[Delta]  # what is in it, with the arguments as json.dumps writes them
    calls: tuple[tuple[str, dict[str, Any]], ...]


@dataclass(frozen=True)
class Known:
    """A template with what is found out about it."""

    template: ChatTemplate
    needs: TemplateNeeds
    form: CallForm | None
    tools: bool
    dialect: Dialect


@cache
def known(name: str) -> Known:
    """Return the template of a name; render and infer once."""
    source = sdist_templates()[name]
    template = ChatTemplate(source, "<s>", "</s>")

    async def render(messages: list[dict[str, Any]], arguments: Any, begins: bool) -> str:
        return template.render(messages, arguments, begins)

    async def found() -> Known:
        probe = TemplateProbe(render)
        tools = await probe.with_tools()
        dialect = await dialect_of(source, render, probe)
        return Known(template, tools or await probe.plain(), await probe.calls(), tools is not None, dialect)

    return asyncio.run(found())


def _message(thought: bool, text: bool, calls: tuple[tuple[str, dict[str, Any]], ...]) -> dict[str, Any]:
    made: dict[str, Any] = {"role": "assistant", "content": ANSWER if text else ""}
    if thought:
        made |= dict.fromkeys(REASONING_FIELDS, THOUGHT)
    if calls:
        made["tool_calls"] = [
            {"id": f"call00000{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for n, (name, arguments) in enumerate(calls)
        ]
    return made


def turn(name: str, case: str) -> Turn | None:
    """Return the answer of a case as the template writes it; None where it cannot show one."""
    it, (thought, text, calls, results) = known(name), CASES[case]
    history = [USER]
    if results:
        history += [_message(False, False, (FIRST,)), {"role": "tool", "tool_call_id": "call000000", "name": "look", "content": "zqresult"}]

    def rendered(messages: list[dict[str, Any]], begin: bool) -> str:
        shaped_messages, arguments = shaped(messages, {"tools": _OPENAI} if it.tools else {}, it.needs, it.form)
        try:
            return it.template.render(shaped_messages, arguments, begin)
        except TemplateError:
            return ""

    if calls and (it.form is None or (len(calls) > 1 and not it.form.parallel)):
        return None
    prompt, full = rendered(history, True), rendered([*history, _message(thought, text, calls)], False)
    if not prompt or not full:
        return None
    begins = it.dialect.begins.strip()
    said = full.rfind("zqresult" if results else "zqquestion")
    at = full.find(begins, said) if begins else -1
    cut = at + len(begins) if at >= 0 else len(common_prefix(prompt, full))
    if thought and it.dialect.thoughts is not None and it.dialect.thoughts.opens.strip() not in full[cut:]:
        cut = len(common_prefix(prompt, full))  # the template leaves out what the prompt has written already
        return _turn(prompt, full[cut:], case)
    return _turn(full[:cut] + full[cut : len(full) - len(full[cut:].lstrip("\n"))], full[cut:].lstrip("\n"), case)


def _turn(opening: str, answer: str, case: str) -> Turn | None:
    thought, text, calls, _ = CASES[case]
    shown_thought, shown_text = THOUGHT in answer, ANSWER in answer
    if (thought and not shown_thought) or (text and not shown_text) or any(called not in answer for called, _ in calls):
        return None  # the template does not show this part of a message
    deltas: list[Delta] = [Thought(THOUGHT)] if thought else []
    deltas += [Text(ANSWER)] if text else []
    for n, (called, arguments) in enumerate(calls):
        deltas += [Call(n, called), Arguments(n, json.dumps(arguments, ensure_ascii=False))]
    return Turn(opening, _without_end(answer), deltas, calls)


def _without_end(answer: str) -> str:
    """Cut an answer where the model's end token stands: behind what was said, and what surrounds it."""
    last = max(answer.find(text) for text in (ANSWER, THOUGHT, "Bern", "tags"))
    ends = [place for token in END_TOKENS if (place := answer.find(token, last)) >= 0]
    return answer[: min(ends)] if ends else answer.rstrip()


def parsed(dialect: Dialect, opening: str, chunks: list[str], cut: bool = False) -> list[Delta]:
    """Return the joined deltas of an answer that comes in chunks, and that may be `cut` short."""
    parser = AnswerParser(dialect, TOOLS, opening)
    deltas = [delta for chunk in chunks for delta in parser.feed(chunk)]
    return joined(deltas + parser.finish(cut))


def begins(deltas: list[Delta], whole: list[Delta]) -> bool:
    """Return whether deltas are the beginning of others, but for white space at their end."""
    if not deltas:
        return True
    *before, last = deltas
    if before != whole[: len(before)] or len(deltas) > len(whole) or type(last) is not type(there := whole[len(before)]):
        return False
    if isinstance(last, Call) or isinstance(there, Call):
        return last == there
    return there.text.startswith(last.text if isinstance(last, Arguments) else last.text.rstrip())


def comparable(deltas: list[Delta]) -> list[Any]:
    """Return deltas with arguments as values, where they are JSON."""
    made: list[Any] = []
    for delta in deltas:
        if isinstance(delta, Arguments):
            try:
                made.append((delta.index, json.loads(delta.text)))
            except ValueError:
                made.append(delta)
        else:
            made.append(delta)
    return made
