"""Measures what a memory costs a chat: time to first token, and its effect on the engine's prefix cache.

    python -m bench.memory.chat [--memories 10000] [--embedder hashed]

The embedded model is served with a memory of generated facts; pairs of chats, with and without the memory, take turns over gRPC. Then
a dialogue of 10 turns shows the share of its prompt tokens that came from the prefix cache, with each wording of the block.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from bench.echo_nano import corpus
from echorator.agent.loading.embedded import embedded_model
from echorator.agent.server import AgentServer
from echorator.host.connection import connected
from echorator.host.hosted_memory import host_memory
from echorator.rpc.v1 import cognition_pb2 as memory_pb
from echorator.rpc.v1 import common_pb2
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from echorator.serving.server import ServerSettings
from echorator.settings import EngineSettings
from tests.support.models.pulling import no_pulls

BUDGET_TOKENS = 1024  # the default of a model whose context is not as small as this one's
PAIRS, TURNS, DIALOGUES, WARM = 150, 10, 10, 20
WORDINGS = {"echo-nano": "lines in the system turn", "generic": "a block before the user's turn"}


@asynccontextmanager
async def served(folder: Path, memories: int, embedder: str) -> AsyncIterator[tuple[ModelServiceStub, list[corpus.Fact]]]:
    """Serve the embedded model under the names of both wordings; yield its stub and what is remembered for user "ann"."""
    settings = EngineSettings(embedded_model(), threads=1, slots=4, context_tokens=8192)
    server = AgentServer(ServerSettings(port=0), settings, no_pulls())
    api = await host_memory(server, str(folder), embedder)
    await server.start()
    for name in WORDINGS:
        await server.registry.load(name, settings, lambda _stage, _fraction: None, checked=False)
    server.serve()
    facts = corpus.facts(random.Random(3), memories)
    for start in range(0, memories, 1000):
        some = [memory_pb.NewMemory(text=f.said) for f in facts[start : start + 1000]]
        await api.Remember(memory_pb.RememberRequest(scope=common_pb2.Scope(user="ann"), memories=some))
    async with connected(server.address) as stub:
        yield stub, facts
    await server.close()


async def chat(stub: ModelServiceStub, model: str, messages: list[pb.Message], session: str) -> tuple[str, float, pb.Usage]:
    """Return (answer, seconds to the first text, usage); an empty session chats without a memory."""
    request = pb.ChatRequest(model=model, messages=messages, sampling=pb.Sampling(temperature=0))
    request.limits.max_tokens = 24
    if session:
        request.memory.scope.CopyFrom(common_pb2.Scope(user="ann", session=session))
        request.memory.budget_tokens = BUDGET_TOKENS
    begin_s = asyncio.get_running_loop().time()
    first_s, text, usage = 0.0, "", pb.Usage()
    async for reply in stub.Chat(request):
        first_s = first_s or asyncio.get_running_loop().time() - begin_s
        text += reply.text
        if reply.HasField("finish"):
            usage = reply.finish.usage
    return text, first_s, usage


async def first_tokens(stub: ModelServiceStub, facts: list[corpus.Fact]) -> None:
    print("| wording | first token without ms | with ms | later by ms (median of pairs) | recall ms |\n|---|---|---|---|---|")
    for model, wording in WORDINGS.items():
        without, with_, recall = [], [], []
        for i in range(WARM + PAIRS):
            question = [pb.Message(role="user", content=facts[i * 7 % len(facts)].asked)]
            _, plain_s, _ = await chat(stub, model, question, "")
            _, memory_s, usage = await chat(stub, model, question, f"{model}-{i}")
            if i >= WARM:
                without.append(plain_s)
                with_.append(memory_s)
                recall.append(usage.memory.recall_s)
        later = np.array(with_) - np.array(without)
        cells = [f"{1000 * np.median(x):.1f}" for x in (without, with_, later, recall)]
        print(f"| {wording} | {' | '.join(cells)} |", flush=True)


async def prefix_hits(stub: ModelServiceStub, facts: list[corpus.Fact]) -> None:
    print(f"\n| wording | cached share without | with | ratio | ({TURNS} turns, {DIALOGUES} dialogues)\n|---|---|---|---|---|")
    rng = random.Random(9)
    for model, wording in WORDINGS.items():
        shares = []
        for remembers in (False, True):
            cached = prompt = 0
            for d in range(DIALOGUES):
                turns: list[pb.Message] = []
                for _ in range(TURNS):
                    turns.append(pb.Message(role="user", content=rng.choice(facts).asked))
                    session = f"{model}-dialogue-{d}" if remembers else ""
                    answer, _, usage = await chat(stub, model, turns, session)
                    turns.append(pb.Message(role="assistant", content=answer))
                    cached += usage.cached_tokens
                    prompt += usage.prompt_tokens
            shares.append(cached / prompt)
        print(f"| {wording} | {shares[0]:.3f} | {shares[1]:.3f} | {shares[1] / shares[0]:.2f} | |", flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--embedder", default="hashed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder), arguments.memories, arguments.embedder) as (stub, facts):
            await first_tokens(stub, facts)
            await prefix_hits(stub, facts)


if __name__ == "__main__":
    asyncio.run(main())
