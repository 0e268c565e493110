"""Turns a conversation into the tokens of its prompt, in the form that the chat template takes and without forged control tokens.

Stands between `requests`, which says what a client may send, and the template and tokenizer of one model, which `served_model` hands in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from echorator.agent.answered_texts import Earlier
from echorator.errors import InvalidRequestError, TemplateError
from echorator.prompting.control_tokens import ControlTokens, free_marks, mapped, texts_of
from echorator.prompting.roles import TURNS, is_named, like
from echorator.prompting.template_needs import Render, TemplateNeeds, TemplateProbe, shaped

Tokenize = Callable[[str, bool, bool], Awaitable[list[int]]]  # text, add_special, parse_special

INLINE_CHARACTERS = 16_384  # longer conversations are searched on a thread
AT_ONCE = 64  # texts tokenized between two yields to the event loop
_LEAD = "\x01"  # put before a continued text, so that the tokenizer puts no space there; no vocabulary has a longer token that contains it

R = TypeVar("R")


@dataclass(frozen=True)
class Vocabulary:
    """The properties of a model's vocabulary that a prompt depends on."""

    control: ControlTokens
    bos: str  # text of the begin token
    adds_bos: bool
    adds_eos: bool
    spaced: bool  # the tokenizer puts a space before every text


@dataclass(frozen=True)
class Opening:
    """The end of a prompt: a new message of the assistant is begun, or the last message goes on, or neither.

    Invariant: `answer` and `continues` are not both true.
    """

    answer: bool = True  # the prompt ends with the beginning of a new message of the assistant
    continues: bool = False  # the prompt ends within the last message, which the assistant continues


def opening_of(messages: Sequence[Mapping[str, Any]], continue_last: bool | None, add_generation_prompt: bool | None) -> Opening:
    """Return how the prompt of these messages ends; None stands for a flag that the client did not send.

    Raises:
        InvalidRequestError: the wishes contradict each other or the messages.
    """
    roles = [message["role"] for message in messages[-2:]]
    if roles == ["assistant", "assistant"]:
        raise InvalidRequestError("messages ends with two messages of the assistant; join them to one, or put one of the user between them")
    if not continue_last and (roles[-1:] != ["assistant"] or continue_last is False or add_generation_prompt):
        return Opening(add_generation_prompt is not False)
    if roles[-1:] != ["assistant"]:
        raise InvalidRequestError("only a message of the assistant can be continued, and the last one is of the role " + repr(roles[-1]))
    if add_generation_prompt:
        raise InvalidRequestError("the last message cannot be continued and a new one begun: leave add_generation_prompt out")
    if messages[-1].get("tool_calls"):
        raise InvalidRequestError(
            "the last message has tool calls and cannot be continued: add their results as messages of the role tool, "
            "or set continue_last_message (over HTTP continue_final_message) to false"
        )
    return Opening(False, True)


class Prompt(NamedTuple):
    """The prompt of a conversation: its tokens, and the text that the template rendered.

    `plain`: each control token that is written in the text is that token.
    """

    tokens: list[int]
    text: str
    plain: bool = True


class ChatPrompts:
    """The writer of one model's prompts."""

    def __init__(self, render: Render, tokenize: Tokenize, source: Callable[[], str], vocabulary: Vocabulary) -> None:
        """Keep the model's functions; `source` returns the text of the template that `render` renders, called after a first render."""
        self._render = render
        self._tokenize = tokenize
        self._source = source
        self._vocabulary = vocabulary
        self.probe = TemplateProbe(render)

    async def prompt(
        self,
        messages: Sequence[Mapping[str, Any]],
        arguments: Mapping[str, Any],
        opening: Opening,
        control_in_messages: bool,
        earlier: Earlier | None = None,
    ) -> Prompt:
        """Return the prompt of a conversation.

        Args:
            messages: of the conversation, content as text and arguments of tool calls as objects.
            arguments: further variables of the chat template.
            opening: how the prompt ends.
            control_in_messages: whether control tokens that are written in messages and arguments are control tokens.
            earlier: answers whose tokens are taken where the prompt has their text; None for none.

        Raises:
            TemplateError: the template fails or refuses.
            InvalidRequestError: the template cannot show what is asked for.
        """
        shaped_messages, shaped_arguments = await self._shaped(messages, arguments)
        template = self._source()
        if not opening.answer and not opening.continues and "add_generation_prompt" not in template:
            raise InvalidRequestError(
                "add_generation_prompt: false cannot be honoured: the model's chat template begins the answer without asking for it"
            )
        texts = [*texts_of(shaped_messages), *texts_of(shaped_arguments)]
        small = sum(map(len, texts)) <= INLINE_CHARACTERS
        marks = free_marks(2, [*texts, template])
        end = marks[0] if opening.continues else ""
        if end:
            shaped_messages = [*shaped_messages[:-1], _with_end(shaped_messages[-1], end)]
        text = _cut(await self._render(shaped_messages, shaped_arguments, opening.answer), end)
        if not text:
            raise TemplateError("the chat template of the model made an empty prompt of these messages")
        if opening.answer and messages[-1]["role"] == "assistant" and _ends_with(text, messages[-1]["content"]):
            raise InvalidRequestError(
                "the chat template of the model leaves a last message of the assistant open, so that no new one can be begun behind it: "
                "leave continue_last_message (over HTTP continue_final_message) out, or add a message of the user"
            )
        control, mark = self._vocabulary.control, marks[1]
        if control_in_messages or not await _run(small, _any_may_hold, control, texts):
            return Prompt(await self._read(text, earlier), text)
        marked = await _run(small, _marked, control, shaped_messages, shaped_arguments, mark, template)
        try:
            guarded = _cut(await self._render(*marked, opening.answer), end)
        except TemplateError:
            if await _run(small, _any_holds, control, texts):
                raise
            return Prompt(await self._read(text, earlier), text)
        own, found = await _run(small, control.pieces, text), await _run(small, control.pieces, guarded, mark)
        if own == found or (_ids(own) == _ids(found) and not await _run(small, _any_holds, control, texts)):
            return Prompt(await self._read(text, earlier), text)
        return Prompt(await self._assembled(found, guarded), text, plain=False)

    async def _shaped(
        self, messages: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return messages and arguments in the template's form. Raises InvalidRequestError where the template would drop a part."""
        if not self._vocabulary.control.compiled:
            await asyncio.to_thread(self._vocabulary.control.compile)
        plain = await self.probe.plain()
        needs, form = plain, None
        calls = any(message.get("tool_calls") for message in messages)
        if arguments.get("tools"):
            needs = await self.probe.with_tools() or self._unknown(plain, "shows no tools: leave tools out, or set tool_choice to none")
        if calls:
            form = await self.probe.calls()
            if form is None and not await self.probe.with_tools():
                self._unknown(plain, "shows no tool calls: leave tool_calls out of the messages")
            if form is not None and not form.parallel and any(len(message.get("tool_calls") or ()) > 1 for message in messages):
                self._unknown(plain, "shows one tool call of a message: give each call a message of its own, with its result behind it")
        if any(message["role"] == "tool" for message in messages) and not await self.probe.shows_results():
            self._unknown(plain, 'shows no results of tools: give them as messages of the role "user"')
        await self._check_roles(messages, plain)
        return shaped(messages, arguments, needs, form)

    async def _check_roles(self, messages: Sequence[Mapping[str, Any]], plain: TemplateNeeds) -> None:
        """Raise InvalidRequestError for a role that the template does not name, though many write any into the prompt, or does not show."""
        template = self._source()
        for role in {message["role"]: None for message in messages if message["role"] not in TURNS}:
            said = f"{role[:40]!r}; use system, user, assistant or tool"
            if not is_named(role, template):
                raise InvalidRequestError(f"the chat template of the model knows no role {said}, or a role that it names")
            if not await self.probe.shows_role(like(role)):
                self._unknown(plain, f"shows no messages of the role {said}")

    def _unknown(self, plain: TemplateNeeds, what: str) -> TemplateNeeds:
        """Return `plain` for a template that renders no simple chat, since its own error says why; else raise InvalidRequestError."""
        if plain.known:
            raise InvalidRequestError(f"the chat template of the model {what}")
        return plain

    async def _read(self, text: str, earlier: Earlier | None) -> list[int]:
        """Tokenize a text; every control token that is written in it becomes that token."""
        length, known = earlier.begins(text) if earlier is not None else (0, ())
        if earlier is not None and length and not self._vocabulary.adds_eos and self._vocabulary.control.begins(text[length:]):
            tokens = [*known, *await self._tokenize(text[length:], False, True)]
            if len(tokens) < earlier.most_tokens:
                return tokens
        twice = bool(self._vocabulary.bos) and text.startswith(self._vocabulary.bos)
        return await self._tokenize(text, not twice, True)

    async def _assembled(self, pieces: Sequence[int | str], text: str) -> list[int]:
        """Return the tokens of pieces whose only control tokens are the ids among them."""
        vocabulary = self._vocabulary
        twice = bool(vocabulary.bos) and text.startswith(vocabulary.bos)
        added = [] if twice else await self._tokenize("", True, False)
        tokens = added[:1] if vocabulary.adds_bos else []
        for number, piece in enumerate(pieces):
            if isinstance(piece, int):
                tokens.append(piece)
                continue
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            first, *rest = vocabulary.control.unread(piece)
            tokens += await self._tokenize(first, False, False)
            for part in rest:
                tokens += await self._behind(part)
        return tokens + (added[-1:] if vocabulary.adds_eos else [])

    async def _behind(self, text: str) -> list[int]:
        """Tokenize a text that continues another one, without the space that some tokenizers put before a text."""
        if self._vocabulary.spaced:
            lead, tokens = await self._tokenize(_LEAD, False, False), await self._tokenize(_LEAD + text, False, False)
            if tokens[: len(lead)] == lead:
                return tokens[len(lead) :]
        return await self._tokenize(text, False, False)


async def _run(here: bool, work: Callable[..., R], *arguments: Any) -> R:
    return work(*arguments) if here else await asyncio.to_thread(work, *arguments)


def _ids(pieces: Sequence[int | str]) -> list[int]:
    return [piece for piece in pieces if isinstance(piece, int)]


def _any_may_hold(control: ControlTokens, texts: Sequence[str]) -> bool:
    return any(map(control.may_hold, texts))


def _any_holds(control: ControlTokens, texts: Sequence[str]) -> bool:
    return any(map(control.holds, texts))


def _with_end(message: Mapping[str, Any], end: str) -> dict[str, Any]:
    """Return the message with the character `end` behind its content, which marks the end of the content in the prompt."""
    content = message["content"]
    if isinstance(content, list):
        return {**message, "content": [*content[:-1], {**content[-1], "text": content[-1]["text"] + end}]}
    return {**message, "content": (content or "") + end}


def _cut(text: str, end: str) -> str:
    """Return the text before `end`. Raises InvalidRequestError where `end` does not occur exactly once in the rendered text."""
    if not end:
        return text
    if text.count(end) != 1:
        raise InvalidRequestError(
            "the last message cannot be continued: the chat template of the model does not show it word for word; set "
            "continue_last_message (over HTTP continue_final_message) to false to begin a new one behind it"
        )
    return text[: text.index(end)]


def _ends_with(text: str, content: str) -> bool:
    return bool(said := content.strip()) and text.rstrip().endswith(said)


def _marked(
    control: ControlTokens, messages: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any], mark: str, template: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Mark messages and arguments so that no text in them can form a control token; names of fields and common roles stay as they are."""

    def whole(text: str) -> str:
        return control.marked(text, mark)

    def signs(text: str) -> str:
        return control.marked(text, mark, name=False)

    def answer(text: str) -> str:
        return control.marked_answer(text, mark, template)

    def call(made: Mapping[str, Any]) -> dict[str, Any]:
        function = made["function"]
        told = {**mapped(function, whole, signs), "arguments": mapped(function["arguments"], whole, whole)}
        return {**mapped(made, signs, signs), "function": {name: told[name] for name in function}}

    def message(given: Mapping[str, Any]) -> dict[str, Any]:
        changed = answer if given["role"] == "assistant" else whole
        made: dict[str, Any] = {}
        for name, value in given.items():
            if name == "tool_calls":
                made[name] = [call(one) for one in value]
            elif name in ("role", "tool_call_id"):
                made[name] = mapped(value, signs, signs)
            elif name == "content" and isinstance(value, list):
                made[name] = [{**part, "text": changed(part["text"])} for part in value]
            else:
                made[signs(name)] = mapped(value, changed, signs)
        return made

    return [message(given) for given in messages], mapped(arguments, signs, signs)
