"""Measures what tools cost while none is called: reading the answers, and a grammar that sleeps until its trigger.

    python -m bench.tool_costs

Two pairs of runs, in turn on one machine: 32 chats whose tools are offered, against the same prompts with the tools as plain text; and an
engine alone with a sleeping grammar, against one without. Prints medians of the ratios and their range; 1.00 is no cost. Answers are of
echo-nano, a model of 1M parameters, beside whose steps every cost looks as large as it can. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import asyncio
import json
import select
import statistics
import time

from echorator._native.engine import Engine, Model, Watch
from echorator.agent.loading.embedded import embedded_model
from echorator.prompting.dialects.generic import tools_message
from echorator.rpc.v1 import model_pb2 as pb
from echorator.settings import EngineSettings, Sampling
from tests.support.agents import Agent, serving

ROUNDS = 12
STREAMS = 32
TOKENS = 128
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = pb.Tool(name="weather", description="The weather of a city.", parameters_json=json.dumps(PARAMETERS))
SHOWN = {"function": {"name": TOOL.name, "description": TOOL.description, "parameters": PARAMETERS}}


def _chat(number: int, offered: bool) -> pb.ChatRequest:
    messages = [pb.Message(role="user", content=f"Tell me story number {number}.")]
    if not offered:
        messages.insert(0, pb.Message(role="system", content=tools_message([SHOWN])))
    limits = pb.Limits(max_tokens=TOKENS, ignore_eos=True, no_cache=True)
    return pb.ChatRequest(messages=messages, tools=[TOOL] if offered else [], limits=limits, sampling=pb.Sampling(seed=number))


async def _answered(agent: Agent, request: pb.ChatRequest) -> tuple[float, int]:
    """Return the seconds to the first message, and the tokens of the prompt."""
    begun_s, first_s = time.perf_counter(), 0.0
    async for message in agent.stub.Chat(request):  # noqa: B007 the last one is read
        first_s = first_s or time.perf_counter() - begun_s
    assert message.finish.usage.completion_tokens == TOKENS
    return first_s, message.finish.usage.prompt_tokens


async def _chats(agent: Agent, offered: bool) -> tuple[float, float, int]:
    """Return tokens per second, the median time to the first message in seconds, and the tokens of all prompts."""
    begun_s = time.perf_counter()
    answers = await asyncio.gather(*(_answered(agent, _chat(number, offered)) for number in range(STREAMS)))
    rate = STREAMS * TOKENS / (time.perf_counter() - begun_s)
    return rate, statistics.median(first for first, _ in answers), sum(tokens for _, tokens in answers)


async def _of_chats() -> None:
    rates, firsts = [], []
    async with serving({"nano": embedded_model()}, slots=STREAMS, context_tokens=STREAMS * 512) as agent:
        await _chats(agent, True)
        for _ in range(ROUNDS):
            with_tools, as_text = await _chats(agent, True), await _chats(agent, False)
            assert with_tools[2] == as_text[2], "the prompts must be the same"
            rates.append(with_tools[0] / as_text[0])
            firsts.append(with_tools[1] / as_text[1])
    _row(f"{STREAMS} chats with tools, tokens/s", rates)
    _row(f"{STREAMS} chats with tools, time to first token", firsts)


def _of_engine() -> None:
    settings = EngineSettings(embedded_model(), slots=STREAMS, context_tokens=STREAMS * 512)
    model = Model(settings)
    engine = Engine(model, settings)
    prompt = model.tokenize("<|im_start|>user\nTell me a story.<|im_end|>\n<|im_start|>assistant\n", False, True)
    grammar = model.compile_grammar('root ::= "<tool_call>" [a-z]*')
    watch = Watch(triggers=("<tool_call>",))

    def rate(**options: object) -> float:
        begun_s, running = time.perf_counter(), STREAMS
        for number in range(STREAMS):
            engine.submit(prompt, Sampling(seed=number), max_tokens=TOKENS, ignore_eos=True, use_cache=False, **options)  # type: ignore[arg-type]
        while running:
            select.select([engine.event_fd], [], [], 1.0)
            running -= sum(bool(event.finish) for event in engine.drain())
        return STREAMS * TOKENS / (time.perf_counter() - begun_s)

    rate()
    _row(f"{STREAMS} streams with a sleeping grammar, tokens/s", [rate(grammar=grammar, watch=watch) / rate() for _ in range(3 * ROUNDS)])
    engine.close()


def _row(what: str, ratios: list[float]) -> None:
    print(f"{what:52} {statistics.median(ratios):6.3f}   ({min(ratios):.3f} to {max(ratios):.3f})")


def main() -> None:
    """Print the ratios of the engine alone, then those of chats over gRPC."""
    _of_engine()
    asyncio.run(_of_chats())


if __name__ == "__main__":
    main()
