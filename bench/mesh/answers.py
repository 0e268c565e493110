"""Measures the time to the first tokens of n = 8 answers to one prompt of about 1,000 tokens, against n = 1, over HTTP.

    python -m bench.mesh.answers [--rounds 9]

The gateway sends n requests with one affinity key, so that one agent gets them all, and its planner lets seven of them wait for the prefix
that the first one computes. Each round sends a prompt that nobody has sent, with n = 1 and then another one with n = 8; the time of n = 8
ends when all eight answers have begun. A random model of a real one's shape answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from openai import AsyncOpenAI

from bench.mesh.affinity import words
from bench.parts import Parts, Table
from tests.support.models.random_gguf import Shape, write
from tests.support.ports import free_port

PROMPT_TOKENS, ANSWERS, TOKENS_OUT, BAR = 1000, 8, 16, 1.15


async def first_tokens_s(client: AsyncOpenAI, prompt: str, n: int) -> tuple[float, Any]:
    """Return the seconds until each of n answers has begun, and the usage of them all."""
    begin_s = time.perf_counter()
    begun: dict[int, float] = {}
    usage: Any = None
    stream = await client.completions.create(
        model="m", prompt=prompt, n=n, max_tokens=TOKENS_OUT, temperature=1.0, stream=True, stream_options={"include_usage": True}
    )
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            begun.setdefault(choice.index, time.perf_counter() - begin_s)
    if len(begun) != n:
        raise SystemExit(f"{len(begun)} of {n} answers began")
    return max(begun.values()), usage


async def measured(url: str, rounds: int) -> tuple[list[float], list[float], float, int]:
    """Return the times of n = 1 and of n = 8, how many of the eight prompts were computed at most, and a prompt's tokens."""
    own = random.Random(20261128)
    one: list[float] = []
    many: list[float] = []
    computed, tokens = 0.0, 0
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        await first_tokens_s(client, words(own, PROMPT_TOKENS), ANSWERS)  # the model's pages are read
        for _ in range(rounds):
            one.append((await first_tokens_s(client, words(own, PROMPT_TOKENS), 1))[0])
            took_s, usage = await first_tokens_s(client, words(own, PROMPT_TOKENS), ANSWERS)
            many.append(took_s)
            cached = usage.prompt_tokens_details.cached_tokens / usage.prompt_tokens
            computed = max(computed, ANSWERS * (1.0 - cached))
            tokens = usage.prompt_tokens // ANSWERS
    return one, many, computed, tokens


def main() -> None:
    """Run the benchmark from the command line."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--rounds", type=int, default=9)
    rounds = options.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        model = write(Path(folder) / "m.gguf", Shape(dim=384, layers=8, heads=6, kv_heads=6, ffn=1024, context=16384, endless=True))
        parts = Parts(stack, Path(folder))
        parts.control()
        joined = ("--port", str(free_port()), "--controller", parts.controller, "--agent-id", "a")
        parts.echorator("a", "serve", str(model), "--name", "m", "--slots", str(ANSWERS), *joined)
        port = free_port()
        parts.gateway("--http-port", str(port))
        one, many, computed, tokens = asyncio.run(measured(f"http://127.0.0.1:{port}", rounds))
    table = Table(f"n = {ANSWERS} answers to one prompt of {tokens} tokens, medians of {rounds}")
    ratio = median(many) / median(one)
    table.row("first token, n = 1", f"{median(one) * 1e3:.0f} ms", "", None)
    table.row(f"first token of each, n = {ANSWERS}", f"{median(many) * 1e3:.0f} ms", "", None)
    table.row("ratio", f"{ratio:.2f}", f"≤ {BAR}", ratio <= BAR)
    table.row(f"prompts computed for {ANSWERS} answers, the most of all rounds", f"{computed:.2f}", "≤ 1.05", computed <= 1.05)
    print(f"\nload of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; the times mean something where nothing else runs")
    print(json.dumps({"n1_s": one, f"n{ANSWERS}_s": many}))


if __name__ == "__main__":
    main()
