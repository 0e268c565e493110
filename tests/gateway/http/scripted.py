"""A gateway whose only agent answers what a test's script says, over real gRPC; the agent's own parsing has tests of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anthropic import AsyncAnthropic
from grpc import aio
from openai import AsyncOpenAI

from echorator.gateway.http.settings import HttpSettings
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceServicer, add_ModelServiceServicer_to_server
from tests.gateway.serving import Gateway, gatewaying, pb_model
from tests.support.controllers import StreamAgent
from tests.support.http_client import HttpAnswer, http
from tests.support.waiting import eventually

MODEL = "m"
USAGE = pb.Usage(prompt_tokens=12, cached_tokens=5, completion_tokens=7, reasoning_tokens=3)
Script = Callable[[pb.ChatRequest], Iterable[pb.ChatResponse]]


def thinks(*parts: str) -> list[pb.ChatResponse]:
    return [pb.ChatResponse(reasoning=part) for part in parts]


def says(*parts: str) -> list[pb.ChatResponse]:
    return [pb.ChatResponse(text=part) for part in parts]


def calls(index: int, name: str, *arguments: str) -> list[pb.ChatResponse]:
    """One call of a tool, whose arguments come in these parts."""
    first = pb.ToolCallDelta(index=index, id=f"call_{name}_{index}", name=name)
    deltas = [first, *(pb.ToolCallDelta(index=index, arguments=part) for part in arguments)]
    return [pb.ChatResponse(tool_calls=[delta]) for delta in deltas]


def ends(reason: pb.FinishReason = pb.FINISH_REASON_STOP, stop: str = "") -> list[pb.ChatResponse]:
    return [pb.ChatResponse(finish=pb.Finish(reason=reason, stop=stop, usage=USAGE))]


CALLED = pb.FINISH_REASON_TOOL_CALLS
CUT = pb.FINISH_REASON_LENGTH
HELLO = [*says("Hel", "lo"), *ends()]
BOTH = [
    *thinks("I need ", "both."),
    *says("One moment."),
    *calls(0, "add", '{"a": 2,', ' "b": 3}'),
    *calls(1, "now", "{}"),
    *ends(CALLED),
]
"""A thought, a text, and two calls."""


def calculates(request: pb.ChatRequest) -> list[pb.ChatResponse]:
    """A model that computes (2 + 3) * 7 with the tools add and multiply, one after the other."""
    results = [message.content for message in request.messages if message.role == "tool"]
    if not results:
        return [*thinks("First the sum."), *calls(0, "add", '{"a": 2', ', "b": 3}'), *ends(CALLED)]
    if len(results) == 1:
        return [*says("Now times 7."), *calls(0, "multiply", json.dumps({"a": int(results[0]), "b": 7})), *ends(CALLED)]
    return [*says(f"The result is {results[-1]}."), *ends()]


TOOLS: dict[str, Callable[..., int]] = {"add": lambda a, b: a + b, "multiply": lambda a, b: a * b}
"""What a client of `calculates` runs."""
NUMBERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}


class ScriptedAgent(ModelServiceServicer):
    """Answers chats with a script."""

    def __init__(self) -> None:
        self.script: Script = lambda _: HELLO
        self.requests: list[pb.ChatRequest] = []
        self.go = asyncio.Event()  # until it is set, answers do not begin
        self.go.set()
        self.left = 0  # clients that left before their answer's end

    async def Chat(self, request: pb.ChatRequest, context: Any) -> AsyncIterator[pb.ChatResponse]:  # noqa: ARG002
        self.requests.append(request)
        try:
            await self.go.wait()
            for reply in self.script(request):
                yield reply
        except asyncio.CancelledError:
            self.left += 1
            raise


class Scripted:
    """What a test has: the agent, the gateway before it, and the clients."""

    def __init__(self, gateway: Gateway, agent: ScriptedAgent) -> None:
        self.gateway = gateway
        self.agent = agent
        self.openai = AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0)
        self.anthropic = AsyncAnthropic(base_url=gateway.url, api_key="none", max_retries=0)

    def answers(self, script: Script | list[pb.ChatResponse]) -> None:
        """Set what the agent says from now on, and forget what it was asked."""
        self.agent.script = script if callable(script) else lambda _: script
        self.agent.requests.clear()

    @property
    def asked(self) -> pb.ChatRequest:
        """The last request of the agent."""
        return self.agent.requests[-1]

    async def post(self, path: str, body: Any) -> HttpAnswer:
        return await http(self.gateway.url, "POST", path, body if isinstance(body, bytes) else json.dumps(body).encode())

    async def json(self, path: str, body: Any) -> dict[str, Any]:
        answer = await self.post(path, body)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = json.loads(answer.body)
        return found


@asynccontextmanager
async def scripting(folder: Path, limits: HttpSettings | None = None) -> AsyncIterator[Scripted]:
    async with gatewaying(folder, http_limits=limits) as gateway:
        agent, server = ScriptedAgent(), aio.server(options=[("grpc.so_reuseport", 0)])
        add_ModelServiceServicer_to_server(agent, server)
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        stream = StreamAgent(gateway.controller, "scripted", address)
        stream.own = [pb_model(MODEL, 4)]
        await stream.join()

        async def known() -> bool:
            return MODEL in gateway.role.fleet.models() and gateway.role.fleet.find(MODEL).any_open

        await eventually(known, "the gateway knows the scripted agent")
        setting = Scripted(gateway, agent)
        try:
            yield setting
        finally:
            await setting.openai.close()
            await setting.anthropic.close()
            await server.stop(None)
