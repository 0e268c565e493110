"""Plans the answer of one chat: what the model may write, what the engine looks for in it, and how it is read as it comes.

Fed by `service` with the tools and the thinking that a request asks for. The dialect of the model says how calls and thoughts are written;
it is found out once, from the model's chat template.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from echorator._native.engine import Event, Grammar, SpecialToken, Watch
from echorator.agent.chat_prompt import ChatPrompts
from echorator.agent.tools import Offer
from echorator.errors import InvalidRequestError
from echorator.prompting.dialects.answer_parser import AnswerParser, thinks
from echorator.prompting.dialects.call_grammar import CallGrammar, Choice, Mode, either
from echorator.prompting.dialects.deltas import Arguments, Call, Text, Thought
from echorator.prompting.dialects.dialect import GENERIC, Dialect, Tool, markers
from echorator.prompting.dialects.generic import generic
from echorator.rpc.v1 import model_pb2 as pb

Compile = Callable[[str, tuple[int, ...]], Awaitable[Grammar]]  # GBNF text, control tokens that have a text in it
WriteCalls = Callable[[Dialect, Sequence[Tool], Choice, bool, str], Awaitable[CallGrammar | None]]
ReadMarker = Callable[[str], Awaitable[list[int]]]  # the tokens of a marker


@dataclass(frozen=True)
class Thinking:
    """How much the model thinks before it answers."""

    enabled: bool | None = None  # None: as the template does
    effort: str = ""
    budget_tokens: int = -1  # -1: no bound

    def variables(self, dialect: Dialect) -> dict[str, Any]:
        """Return the variables by which the chat template is told."""
        made: dict[str, Any] = {"reasoning_effort": self.effort} if self.effort else {}
        if self.enabled is not None and dialect.thoughts is not None and dialect.thoughts.variable:
            made[dialect.thoughts.variable] = self.enabled
        return made


def thinking_of(message: pb.Reasoning) -> Thinking:
    """Return what a request says about thinking. Raises InvalidRequestError for a negative budget."""
    if message.budget_tokens < 0:
        raise InvalidRequestError(f"reasoning.budget_tokens must be 0 or more, not {message.budget_tokens}; leave it out for no bound")
    return Thinking(
        message.enabled if message.HasField("enabled") else None,
        message.effort,
        message.budget_tokens if message.HasField("budget_tokens") else -1,
    )


@dataclass(frozen=True)
class Plan:
    """What the engine and the reader of one answer need."""

    grammar: Grammar | None = None
    watch: Watch | None = None
    reader: AnswerReader | None = None  # None: the whole answer is text
    stops: bool = True  # stop texts apply; they would cut calls that the grammar makes from the first token on


class Answers:
    """The planner of the answers of one model. All methods run on one event loop."""

    def __init__(
        self,
        special: Sequence[SpecialToken],
        find: Callable[[], Awaitable[Dialect]],
        write_calls: WriteCalls,
        compile_grammar: Compile,
        read: ReadMarker,
    ) -> None:
        """Keep the model's functions.

        Args:
            special: the control and user-defined tokens of the vocabulary.
            find: finds out the dialect of the model; called once, again where it failed.
            write_calls: returns the grammar of calls of tools; arguments and errors as `SchemaGrammars.calls_of`.
            compile_grammar: compiles GBNF text.
            read: returns the tokens of a marker.
        """
        self._special = special
        self._find = find
        self._write_calls = write_calls
        self._compile = compile_grammar
        self._read = read
        self._found: asyncio.Future[Dialect] | None = None
        self._spelled_tokens: tuple[int, ...] | None = None  # of the dialect, once an answer needed them

    async def dialect(self) -> Dialect:
        """Return how the model writes its answers."""
        if self._found is None or (self._found.done() and self._found.exception() is not None):
            self._found = asyncio.ensure_future(self._find())
            self._found.add_done_callback(_seen)
        return await asyncio.shield(self._found)

    async def conversation(
        self, messages: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any], offer: Offer, thinking: Thinking
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return messages and template arguments with the request's tools and what it says about thinking."""
        dialect = await self.dialect()
        told = {**arguments, **thinking.variables(dialect)}
        shown = [tool.shown() for tool in offer.tools]
        if dialect.calls is GENERIC and not arguments.get("tools"):
            return generic(messages, shown), told
        return [dict(message) for message in messages], told | ({"tools": shown} if shown else {})

    async def plan(self, offer: Offer, thinking: Thinking, prompt: str, shape: str) -> Plan:
        """Return the plan of an answer.

        Args:
            offer: the tools, and which of them may or must be called.
            thinking: how much is thought.
            prompt: the rendered prompt, or its end.
            shape: GBNF of the text that the request asks for; "" for any text.

        Raises:
            InvalidRequestError: a call is required that cannot be forced.
        """
        dialect = await self.dialect()
        thoughts = dialect.thoughts
        if thoughts is None and not dialect.silent and not offer.callable:
            return Plan(await self._compile(shape, ()) if shape else None)
        shape = "" if offer.required else shape  # an answer of calls has no text that could have a form
        spelled = self._spelled(dialect)
        in_thought = thinks(dialect, prompt)
        calls = await self._calls(dialect, offer, prompt) if offer.callable else None
        if calls is not None and shape:
            calls = either(calls, shape)
        gbnf = calls.gbnf if calls is not None else shape
        grammar = await self._compile(gbnf, spelled) if gbnf else None
        budget = thinking.budget_tokens
        if thoughts is not None and thinking.enabled is False and in_thought:
            budget = 0  # the template has no switch for it
        end = await self._read(thoughts.closes.strip()) if thoughts is not None and budget >= 0 else []
        watch = Watch(
            thoughts.opens.strip() if thoughts else "",
            thoughts.closes.strip() if thoughts else "",
            in_thought,
            triggers=calls.triggers if calls is not None else (),
            wakes=in_thought and bool(shape),
            spelled=spelled,
            thought_end=end,
            thought_budget=budget if end else -1,
        )
        reader = AnswerReader(AnswerParser(dialect, offer.callable, prompt), offer.required)
        return Plan(grammar, watch, reader, stops=not offer.required and not (calls is not None and shape))

    async def _calls(self, dialect: Dialect, offer: Offer, prompt: str) -> CallGrammar | None:
        """Return the grammar of the calls; None where one cannot be made, and none has to be, as no call is required."""
        names = frozenset(tool.name for tool in offer.callable)
        choice = Choice(Mode.REQUIRED if offer.required else Mode.AUTO, names)
        try:
            made = await self._write_calls(dialect, offer.callable, choice, offer.parallel, _end(dialect, prompt) if offer.required else "")
        except InvalidRequestError as error:
            if not offer.required:
                return None
            raise InvalidRequestError(f"a call of {', '.join(sorted(names))} cannot be forced: {error}") from error
        if made is None and offer.required:
            raise InvalidRequestError("the model writes its calls in a form that cannot be forced; set tool_choice to auto")
        return made

    def _spelled(self, dialect: Dialect) -> tuple[int, ...]:
        """Return the control tokens that the markers of the dialect are made of."""
        if self._spelled_tokens is None:
            texts = markers(dialect)
            found = (t for t in self._special if t.control and t.text and not t.ends)
            self._spelled_tokens = tuple(t.id for t in found if any(t.text in text for text in texts))
        return self._spelled_tokens


def _seen(found: asyncio.Future[Dialect]) -> None:
    """Take note of an error that no request waits for any more, so that it is not logged as one that was lost."""
    if not found.cancelled():
        found.exception()


def _end(dialect: Dialect, prompt: str) -> str:
    """Return the end of the prompt as far as a grammar depends on it, so that few grammars are made."""
    thoughts = dialect.thoughts
    if thoughts is None:
        return ""
    if thinks(dialect, prompt):
        return dialect.begins + thoughts.opens
    return thoughts.closes if prompt.rstrip().endswith(thoughts.closes.strip()) else ""


class AnswerReader:
    """Reads one answer as it comes, and says what of it goes into the next message."""

    def __init__(self, parser: AnswerParser, only_calls: bool = False) -> None:
        """Begin an answer; one of `only_calls` has no text, but for the beginning of a marker where it is cut short, which is dropped."""
        self._parser = parser
        self._only_calls = only_calls
        self._held = pb.ChatResponse()  # tokens and logprobs of text that is not certain yet
        self.called = False

    def read(self, message: pb.ChatResponse, event: Event) -> bool:
        """Replace the text of a message by what is certain now: text, thought and parts of calls.

        Args:
            message: the next of the answer, as the model wrote it. It gets what was held back of the messages before.
            event: the event that the message was made of.

        Returns:
            False where nothing is certain and more comes: what the message has is held back for the next one.
        """
        last = bool(event.finish)
        deltas = self._parser.feed(message.text)
        if last:
            deltas += self._parser.finish(cut=event.finish != "stop" or bool(event.stop))
        message.text = ""
        self._held.MergeFrom(message)
        if not last and not deltas and not message.prompt_logprobs:
            return False
        message.CopyFrom(self._held)
        self._held.Clear()
        for delta in deltas:
            match delta:
                case Text(said):
                    message.text += "" if self._only_calls else said
                case Thought(thought):
                    message.reasoning += thought
                case Call(index, name):
                    self.called = True
                    message.tool_calls.add(index=index, id=f"call_{uuid.uuid4().hex[:24]}", name=name)
                case Arguments(index, arguments):
                    message.tool_calls.add(index=index, arguments=arguments)
        return True


class ChatForm(NamedTuple):
    """What one chat template makes of conversations: their prompts, and how their answers are read."""

    prompts: ChatPrompts
    answers: Answers
