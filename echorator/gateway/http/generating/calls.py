"""Runs the calls behind the requests of all HTTP APIs: reads the body, names the memory, opens the stream of an agent's messages.

Fed by the handlers of each API, which convert bodies to messages and messages to answers; feeds `forwarding` of the gateway.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response

from echorator.gateway.balancing.hash_ring import hash64
from echorator.gateway.forwarding import Call
from echorator.gateway.front_end import MODEL_SERVICE, FrontEnd
from echorator.gateway.http.bodies import Body, Conversation, Sampled, name_memory, names_of
from echorator.gateway.http.fields import renamed_in, served
from echorator.gateway.http.forms import form_of
from echorator.gateway.http.generating.streaming import Events, Replies, Reply, Streamed, divided, unless_gone
from echorator.gateway.http.generating.thoughts import Wish, without_effect
from echorator.gateway.http.generating.validation import validated
from echorator.gateway.http.parts import merged
from echorator.gateway.http.reading import Bodies
from echorator.gateway.http.settings import HttpSettings
from echorator.gateway.request_keys import Destination, chat_key, priority_of, prompt_key
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving import caller
from echorator.serving.headers import PRIORITY, SESSION
from echorator.telemetry import tracing

B = TypeVar("B", bound=Body)
Generating = pb.ChatRequest | pb.GenerateRequest
Open = Callable[[], AsyncGenerator[Reply, None]]


class Calls:
    """The calls of one gateway's HTTP server."""

    def __init__(self, front: FrontEnd, bodies: Bodies, settings: HttpSettings) -> None:
        self.front = front
        self.settings = settings
        self._bodies = bodies

    async def body(self, request: Request, kind: type[B]) -> B:
        """Return the validated body; its bytes count towards the room until `release`. Raises BodyError that names the field."""
        reading = request.state.reading = self._bodies.begin()
        sent = await self._bodies.json_of(request, reading)
        request.state.renamed = renamed_in(sent, names_of(kind))
        fields, ignored = served(sent, names_of(kind))
        body = validated(kind, fields)
        memory = getattr(body, "memory", None)
        request.state.life.model, request.state.life.tenant = getattr(body, "model", ""), getattr(memory, "tenant", "")
        request.state.ignored = [*ignored, *(request.state.renamed.get(name, name) for name in body.ignored())]
        return body

    async def check_thoughts(self, request: Request, model: str, wishes: Sequence[Wish], template: str = "") -> None:
        """List the wishes that have no effect as ignored, by the model's chat template, or by that of the request."""
        template = template or ((await self.front.described(self.front.fleet.find(model).name)).chat_template if wishes else "")
        if template:
            request.state.ignored += [request.state.renamed.get(name, name) for name in without_effect(wishes, template)]

    def name_memory(self, request: Request, body: Conversation, field: str, user: Any) -> None:
        """Let the API's own `field`, whose value is `user`, say whose memory the chat uses, or list the field as ignored."""
        if not name_memory(body, user, request.headers, self.settings.memory_by):
            request.state.ignored.append(field)

    def call(self, method: str, message: Message, to: Destination, slot: bool) -> Call:
        """Return the call of one method of ModelService; `slot`: it takes a slot at an agent."""
        trace = tracing.current()
        metadata = ((tracing.TRACEPARENT, trace.header),) if trace is not None else ()
        return Call(f"/{MODEL_SERVICE}/{method}", message.SerializeToString(), to, metadata, slot=slot)

    async def unary(self, request: Request, method: str, message: Message, model: str) -> bytes:
        """Return the reply to a call of ModelService that takes no slot. Raises StatusError as the agent, ClientDisconnect."""
        call = self.call(method, message, Destination(model), False)
        with self.front.measured(call):
            return await unless_gone(request, self.front.forwarding.unary(call))

    def replies(self, request: Request, message: Generating) -> AsyncGenerator[Reply, None]:
        """Return the messages of the one answer of a request, whose headers may name a session and a priority."""
        session = request.headers.get(SESSION, "")
        caller.SESSION.set(session)
        release(request)  # the buffer counts the message's bytes while it waits; do not count them twice
        priority = priority_of(request.headers.get(PRIORITY, "")) or message.limits.priority
        return self._replies(message, Destination(message.model, hash64(session.encode()) if session else _key_of(message), priority))

    def opens(self, request: Request, body: Sampled, session: str, makes: Sequence[Callable[[], Generating]]) -> list[Open]:
        """Return functions that begin each answer of a request.

        Args:
            request: its headers may name a session and a priority.
            body: the request's body.
            session: the name of the session that the body has, or "".
            makes: builds the message of each answer, which is done as late as when the answer begins, to save memory.
        """
        named = request.headers.get(SESSION, "") or session
        caller.SESSION.set(named)
        key = hash64(named.encode()) if named else None
        priority = priority_of(request.headers.get(PRIORITY, ""))
        return [partial(self._replies_to, body, make, key, priority) for make in makes]

    def _replies_to(self, body: Sampled, make: Callable[[], Generating], session: int | None, priority: int) -> AsyncGenerator[Reply, None]:
        message = make()
        return self._replies(
            message, Destination(body.model, session if session is not None else _key_of(message), priority or body.priority)
        )

    async def _replies(self, message: Generating, to: Destination) -> AsyncGenerator[Reply, None]:
        """Yield the messages of one answer, measured by a stopwatch."""
        method, kind = ("Chat", pb.ChatResponse) if isinstance(message, pb.ChatRequest) else ("Generate", pb.GenerateResponse)
        call = self.call(method, message, to, True)
        with self.front.measured(call) as watch:
            async with aclosing(self.front.forwarding.stream(call)) as messages:
                async for reply in messages:
                    made = kind.FromString(reply)
                    if not made.HasField("progress"):  # which comes before the first token
                        watch.message()
                    if made.HasField("finish"):
                        watch.used(made.finish.usage)
                    yield made

    def merged(self, request: Request, model: str, opens: Sequence[Open]) -> Replies:
        """Return the messages of all answers of a request, as they come."""
        if len(opens) == 1:
            release(request)  # the buffer counts the message's bytes while it waits; do not count them twice
        places = self.front.fleet.find(model).places.values()
        return merged(opens, sum(place.slots for place in places if place.open))

    async def prompt_tokens(self, request: Request, body: Sampled, session: str, message: pb.ChatRequest) -> int:
        """Return how many tokens the prompt of a chat has, by reading it without an answer.

        What is read is in the prefix cache for the answer to come; a memory is read, and not written to.
        """
        message.limits.max_tokens = 0
        message.limits.ClearField("logprobs")
        message.limits.ClearField("prompt_logprobs")
        if message.HasField("memory"):
            message.memory.read_only = True
        replies = self.merged(request, body.model, self.opens(request, body, session, [lambda: message]))
        return (await unless_gone(request, divided(replies))).finish.usage.prompt_tokens

    async def streamed(self, request: Request, events: Events, replies: Replies) -> Response:
        """Return the response that streams the events of the answers; it ends the call's life. Raises early exceptions of `replies`."""
        streamed = Streamed(events, form_of(request.scope["path"]), request.state.life, self.front.code_of)
        return await streamed.response(request, replies)

    def name(self, model: str) -> str:
        """Return the name of a model as a request gives it, with its adapter; "" stands for the only one. Raises ModelNotFoundError."""
        pool = self.front.fleet.find(model)
        return model or pool.name


def _key_of(message: Generating) -> int | None:
    return chat_key(message) if isinstance(message, pb.ChatRequest) else prompt_key(message)


def release(request: Request) -> None:
    """Stop counting the bytes of the request's body towards the room."""
    reading = getattr(request.state, "reading", None)
    if reading is not None:
        reading.release()
