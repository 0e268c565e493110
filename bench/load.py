"""Clients that drive a server and record when each message arrives: gRPC for ours, raw HTTP/1.1 SSE for the others.

One asyncio process, apart from every server. Its own cost is reported as `client_share`, the part of a run
in which it kept a core busy.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import gguf
from grpc import aio

from bench.peers import Server, vocabulary
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub

SAMPLED = {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "seed": 7}
GREEDY = {"temperature": 0.0}


@cache
def _pieces() -> list[str]:
    field = gguf.GGUFReader(str(vocabulary())).get_field("tokenizer.ggml.tokens")
    return [str(piece) for piece in field.contents()]


def _text(prompt: tuple[int, ...]) -> str:
    """Return about as many tokens as text, for servers that take no token ids."""
    return "".join(_pieces()[t] for t in prompt[1:]).replace("▁", " ")


@dataclass
class Answer:
    """The timing of one answer in seconds of time.perf_counter(); `arrivals` has one entry per message."""

    started_s: float
    arrivals: list[float] = field(default_factory=list)
    tokens: int = 0
    cached_tokens: int = 0
    prompt_tokens: int = 0

    @property
    def first_s(self) -> float:
        return self.arrivals[0] - self.started_s

    @property
    def gaps_s(self) -> list[float]:
        return [b - a for a, b in zip(self.arrivals, self.arrivals[1:], strict=False)]


class Client:
    """A client of one server; use it as an async context manager."""

    def __init__(self, server: Server) -> None:
        self.server = server

    async def __aenter__(self) -> Client:
        if self.server.kind == "echorator":
            self.channel = aio.insecure_channel(f"127.0.0.1:{self.server.port}")
            self.stub: Any = ModelServiceStub(self.channel)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.server.kind == "echorator":
            await self.channel.close()

    async def generate(self, prompt: Sequence[int], tokens: int, sampling: dict[str, float]) -> Answer:
        """Request exactly `tokens` tokens and return the answer."""
        if self.server.kind == "echorator":
            return await self._grpc(prompt, tokens, sampling)
        return await self._sse(prompt, tokens, sampling)

    async def _grpc(self, prompt: Sequence[int], tokens: int, sampling: dict[str, float]) -> Answer:
        request = pb.GenerateRequest(
            tokens=pb.TokenIds(ids=prompt),
            sampling=pb.Sampling(**sampling),  # type: ignore[arg-type]
            limits=pb.Limits(max_tokens=tokens, ignore_eos=True),
        )
        answer = Answer(time.perf_counter())
        async for message in self.stub.Generate(request):
            answer.arrivals.append(time.perf_counter())
            if message.HasField("finish"):
                usage = message.finish.usage
                answer.tokens, answer.cached_tokens, answer.prompt_tokens = (
                    usage.completion_tokens,
                    usage.cached_tokens,
                    usage.prompt_tokens,
                )
        return answer

    async def _sse(self, prompt: Sequence[int], tokens: int, sampling: dict[str, float]) -> Answer:
        if self.server.kind == "llama-server":
            path, body = "/completion", {"prompt": list(prompt), "n_predict": tokens, "stream": True, "ignore_eos": True, **sampling}
        else:  # no ignore_eos there: the end token is forbidden by its bias instead
            path = "/v1/completions"
            body = {
                "model": "bench",
                "prompt": _text(tuple(prompt)),
                "max_tokens": tokens,
                "stream": True,
                "logit_bias": {"2": -100},
                **sampling,
            }
        data = json.dumps(body).encode()
        answer = Answer(time.perf_counter())
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port, limit=1 << 20)
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + data)
        status = await reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(f"{self.server.name}: {status!r} {await reader.read(500)!r}")
        last = b""
        async for line in reader:
            if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                continue
            answer.arrivals.append(time.perf_counter())
            last = line
        writer.close()
        final = json.loads(last[6:]) if self.server.kind == "llama-server" else {}
        answer.tokens = final.get("tokens_predicted", tokens)
        answer.cached_tokens = final.get("tokens_cached", 0)
        if self.server.kind == "llama-server" and answer.tokens != tokens:
            raise RuntimeError(f"{self.server.name} gave {answer.tokens} tokens, not {tokens}")
        return answer


@dataclass
class Wave:
    """The answers to requests that began together, and the seconds that all of them took."""

    answers: list[Answer]
    total_s: float
    client_share: float

    @property
    def tokens_per_s(self) -> float:
        return sum(a.tokens for a in self.answers) / self.total_s


async def wave(client: Client, prompts: Sequence[Sequence[int]], tokens: int, sampling: dict[str, float]) -> Wave:
    """Send all prompts at once and wait for the last answer."""
    cpu, start = time.process_time(), time.perf_counter()
    answers = await asyncio.gather(*(client.generate(p, tokens, sampling) for p in prompts))
    total = time.perf_counter() - start
    return Wave(list(answers), total, (time.process_time() - cpu) / total)
