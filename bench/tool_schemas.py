"""Asks models for forced calls of tools with random schemas, and counts the calls whose arguments are valid.

    python -m bench.tool_schemas [--schemas N] [--model FILE] [--seed N]

Each schema is the parameters of one tool, which the model must call: one of random weights, and a GGUF file of one's own. A call that
`max_tokens` cuts short is counted apart, since no grammar can end it. The same seed gives the same schemas.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import grpc

from bench.hostile.schemas import ordinary
from bench.hostile.verdicts import faults
from echorator.rpc.v1 import model_pb2 as pb
from tests.support.agents import Agent, serving
from tests.support.models.random_gguf import Shape, write

TOKENS = 2000
AT_ONCE = 8
SHOWN = 5  # faults that are printed


def parameters(chance: random.Random) -> dict[str, Any]:
    """Return a schema of an object, as the parameters of a tool are."""
    while (schema := ordinary(chance)).get("type") != "object":
        pass
    return schema


async def _verdict(agent: Agent, model: str, schema: dict[str, Any], seed: int) -> str:
    tool = pb.Tool(name="act", description="Do what is asked.", parameters_json=json.dumps(schema))
    request = pb.ChatRequest(
        model=model,
        messages=[pb.Message(role="user", content="Act now.")],
        tools=[tool],
        tool_choice=pb.ToolChoice(mode=pb.ToolChoice.MODE_REQUIRED),
        parallel_tool_calls=False,
        limits=pb.Limits(max_tokens=TOKENS),
        sampling=pb.Sampling(seed=seed),
    )
    names: list[str] = []
    arguments = ""
    finish = pb.Finish()
    try:
        async for reply in agent.stub.Chat(request):
            if reply.text:
                return f"INVALID: text beside the call: {reply.text!r}"
            for delta in reply.tool_calls:
                names += [delta.name] if delta.name else []
                arguments += delta.arguments
            finish = reply.finish
    except grpc.aio.AioRpcError as error:
        return f"refused: {error.details()}" if error.code() is grpc.StatusCode.INVALID_ARGUMENT else f"FAILED: {error.details()}"
    if finish.reason == pb.FINISH_REASON_LENGTH:
        return "cut by max_tokens"
    if names != ["act"]:
        return f"INVALID: calls of {names}"
    found = faults(arguments, schema)
    return f"INVALID under {json.dumps(schema)}: {arguments} {found}" if found else "valid"


async def _of_model(agent: Agent, model: str, schemas: list[dict[str, Any]]) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> str:
        async with room:
            return await _verdict(agent, model, schemas[number], number)

    verdicts = await asyncio.gather(*(one(number) for number in range(len(schemas))))
    counts = Counter(verdict.partition(":")[0].partition(" under")[0] for verdict in verdicts)
    print(f"{model}: " + ", ".join(f"{count} {kind}" for kind, count in counts.most_common()), flush=True)
    for verdict in [verdict for verdict in verdicts if verdict.startswith(("INVALID", "FAILED"))][:SHOWN]:
        print(f"  {verdict[:1000]}")


async def _run(count: int, seed: int, file: Path | None) -> None:
    chance = random.Random(seed)
    schemas = [parameters(chance) for _ in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        models = {"random": write(Path(folder) / "random.gguf", Shape(context=8192))}
        if file is not None:
            models[file.stem] = file
        for name, path in models.items():
            async with serving({name: path}, slots=AT_ONCE, context_tokens=AT_ONCE * 8192) as agent:
                await _of_model(agent, name, schemas)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schemas", type=int, default=1000, metavar="N", help="how many schemas (1000)")
    parser.add_argument("--model", type=Path, metavar="FILE", help="a GGUF file beside the model of random weights")
    parser.add_argument("--seed", type=int, default=20261128, metavar="N", help="of the schemas (20261128)")
    given = parser.parse_args()
    asyncio.run(_run(given.schemas, given.seed, given.model))


if __name__ == "__main__":
    main()
