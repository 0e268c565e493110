"""Compares our server with its peers in one run on one machine: ratios as a markdown table.

    python -m bench.compare [--quick] [--rows decode,burst,…] [--out FILE.md]

Same model (random weights, real vocabulary), same threads, same slots and total context; the servers take turns, so
that a drift of the machine affects them all; every figure is a median over the repetitions. Prompts are distinct random
tokens, so that no prefix cache answers unless the row is about it. "better mode" is the better of llama-server's two
KV modes in that row.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import random
import statistics
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from grpc import aio

from bench import peers
from bench.load import GREEDY, SAMPLED, Answer, Client, wave
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.models.random_gguf import Shape, write

SEED = 20261120


@dataclass
class Line:
    row: str
    ours: str
    peer: str
    ratio: float
    bar: float
    at_least: bool = True  # False: the ratio must not exceed the bar

    @property
    def met(self) -> bool:
        return self.ratio >= self.bar if self.at_least else self.ratio <= self.bar


@dataclass
class Run:
    """The settings that every row uses: the model, the repetitions, and the generator of prompts."""

    model: Path
    repetitions: int
    rng: random.Random

    def prompt(self, tokens: int) -> list[int]:
        return [1, *(self.rng.randrange(300, 31_000) for _ in range(tokens - 1))]


Servers = dict[str, Client]


@contextlib.asynccontextmanager
async def _clients(*servers: contextlib.AbstractContextManager[peers.Server]) -> Any:
    async with contextlib.AsyncExitStack() as stack:
        clients: Servers = {}
        for start in servers:
            server = stack.enter_context(start)
            clients[server.name] = await stack.enter_async_context(Client(server))
        for client in clients.values():  # warm: the first batch allocates
            await client.generate([1, 400, 401], 2, GREEDY)
        yield clients


def _trio(run: Run, slots: int, context: int) -> tuple[contextlib.AbstractContextManager[peers.Server], ...]:
    return (
        peers.echorator(run.model, slots, context, "separate"),
        peers.llama_server(run.model, slots, context, "separate"),
        peers.llama_server(run.model, slots, context, "unified"),
    )


OURS, SEPARATE, UNIFIED = "echorator separate", "llama-server separate", "llama-server unified"


async def decode(run: Run) -> list[Line]:
    """Measure tokens per second at 1, 8 and 32 clients, greedy and sampled; and memory and scheduling afterwards."""
    lines = []
    async with _clients(*_trio(run, 32, 4096)) as clients:
        for streams, bar in ((1, 1.0), (8, 1.05), (32, 1.15)):
            waves = max(2, 16 // streams)
            for name, sampling in (("greedy", GREEDY), ("sampled", SAMPLED)):
                rates: dict[str, list[float]] = {n: [] for n in clients}
                share = 0.0
                raw: dict[str, list[float]] = {"separate": [], "unified": []}
                for _ in range(run.repetitions):
                    for mode, figures in raw.items():
                        figures.append(peers.batched_bench(run.model, 24, 64, streams, mode))
                    for n, client in clients.items():
                        done = [await wave(client, [run.prompt(24) for _ in range(streams)], 64, sampling) for _ in range(waves)]
                        rates[n].append(waves * streams * 64 / sum(w.total_s for w in done))
                        share = max(share, statistics.mean(w.client_share for w in done) if n == OURS else 0)
                ours, best = statistics.median(rates[OURS]), max(statistics.median(rates[n]) for n in (SEPARATE, UNIFIED))
                title = f"tokens/s, {streams} clients, {name}"
                lines.append(
                    Line(
                        f"{title} (client {share:.0%} of a core), llama-server's better mode",
                        f"{ours:.0f}",
                        f"{best:.0f}",
                        ours / best,
                        bar,
                    )
                )
                limit = max(statistics.median(figures) for figures in raw.values())
                lines.append(Line(f"{title}, llama-batched-bench's better mode", f"{ours:.0f}", f"{limit:.0f}", ours / limit, 0.9))
        ours_rss, peer_rss = (clients[n].server.memory_bytes()[0] for n in (OURS, SEPARATE))
        lines.append(
            Line("resident memory, 32 slots, 4,096 tokens", _mb(ours_rss), _mb(peer_rss), ours_rss / peer_rss, 1.1, at_least=False)
        )
        lines.append(await _overhead(clients[OURS]))
    return lines


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f} MB"


async def _overhead(client: Client) -> Line:
    async with aio.insecure_channel(f"127.0.0.1:{client.server.port}") as channel:
        stub: Any = ModelServiceStub(channel)
        call = stub.WatchStats(pb.WatchStatsRequest(interval_ms=60_000))
        stats = await call.read()
        call.cancel()
    whole = stats.decode_s + stats.sampling_s + stats.scheduling_s
    return Line(
        "scheduling overhead, share of the step",
        f"{stats.scheduling_s:.3f} s",
        f"{whole:.1f} s",
        stats.scheduling_s / whole,
        0.03,
        at_least=False,
    )


async def burst(run: Run) -> list[Line]:
    """Measure 32 prompts that share about 900 tokens."""
    first: dict[str, list[float]] = {}
    total: dict[str, list[float]] = {}
    unified = peers.echorator(run.model, 32, 32_768, "unified")
    async with _clients(*_trio(run, 32, 32_768), unified) as clients:
        for _ in range(run.repetitions):
            for name, client in clients.items():
                prefix = run.prompt(900)
                done = await wave(client, [prefix + run.prompt(12)[1:] for _ in range(32)], 16, GREEDY)
                first.setdefault(name, []).append(statistics.median(a.first_s for a in done.answers))
                total.setdefault(name, []).append(done.total_s)
    lines = []
    for ours in (OURS, "echorator unified"):
        for figures, what, bar in ((first, "median time to first token", 8.0), (total, "total", 3.5)):
            mine = statistics.median(figures[ours])
            modes = {n: statistics.median(figures[n]) for n in (SEPARATE, UNIFIED)}
            best = min(modes.values())
            layout = ours.split()[1]
            lines.append(
                Line(f"burst of 32, {what}, ours {layout}, llama-server's better mode", f"{mine:.3f} s", f"{best:.3f} s", best / mine, bar)
            )
            if what == "total":
                peer = modes[UNIFIED]
                lines.append(
                    Line(f"burst of 32, {what}, ours {layout}, llama-server -kvu", f"{mine:.3f} s", f"{peer:.3f} s", peer / mine, 8.0)
                )
    return lines


async def contexts(run: Run) -> list[Line]:
    """Measure 8 unrelated contexts of about 2,000 tokens, 64 tokens generated for each."""
    total: dict[str, list[float]] = {}
    async with _clients(*_trio(run, 8, 8 * 2176)) as clients:
        for _ in range(run.repetitions):
            for name, client in clients.items():
                done = await wave(client, [run.prompt(2000) for _ in range(8)], 64, GREEDY)
                total.setdefault(name, []).append(done.total_s)
    mine, best = statistics.median(total[OURS]), min(statistics.median(total[n]) for n in (SEPARATE, UNIFIED))
    return [
        Line("8 contexts of 2,000 tokens, 64 out, total, llama-server's better mode", f"{mine:.2f} s", f"{best:.2f} s", best / mine, 1.0)
    ]


async def chat(run: Run) -> list[Line]:
    """Measure the second turn of a chat of about 1,000 tokens, and a prompt whose prefix a generating sequence holds."""
    ratios, shares = [], []
    async with _clients(peers.echorator(run.model, 4, 16_384, "separate")) as clients:
        client = clients[OURS]
        for _ in range(2 * run.repetitions):
            prompt = run.prompt(1000)
            turn = await client.generate(prompt, 32, GREEDY)
            again = await client.generate([*prompt, *run.prompt(40)], 32, GREEDY)
            ratios.append(again.first_s / turn.first_s)
            prompt = run.prompt(1000)
            generating = asyncio.create_task(client.generate(prompt, 400, GREEDY))
            await asyncio.sleep(turn.first_s * 2)
            other = await client.generate([*prompt, 500, 501], 4, GREEDY)
            if generating.done():
                raise RuntimeError("the first request ended before the second began")
            shares.append(1 - other.cached_tokens / len(prompt))
            await generating
    ratio, share = statistics.median(ratios), statistics.median(shares)
    return [
        Line("second turn of a chat, time to first token / the first turn's", f"{ratio:.3f}", "1", ratio, 0.2, at_least=False),
        Line("prefix held by a generating sequence, share computed again", f"{share:.4f}", "1", share, 0.05, at_least=False),
    ]


def _p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.99 * len(values)))]


async def stall(run: Run) -> list[Line]:
    """Measure 8 streams that decode while a 2,000-token prompt arrives."""
    figures: dict[str, list[float]] = {}
    async with _clients(
        peers.echorator(run.model, 9, 9 * 2304, "separate"), peers.llama_server(run.model, 9, 9 * 2304, "separate")
    ) as clients:
        for _ in range(run.repetitions):
            for name, client in clients.items():
                running = [asyncio.create_task(client.generate(run.prompt(24), 1200 if name == OURS else 400, GREEDY)) for _ in range(8)]
                await asyncio.sleep(1.0)
                long = await client.generate(run.prompt(2000), 4, GREEDY)
                streams: list[Answer] = await asyncio.gather(*running)
                quiet: list[float] = []
                mixed: list[float] = []
                for s in streams:
                    for before, after in zip(s.arrivals[1:], s.arrivals[2:], strict=False):
                        touches = after > long.started_s and before < long.arrivals[0]
                        (mixed if touches else quiet).append(after - before)
                figures.setdefault(name, []).append(_p99(mixed) / _p99(quiet))
                figures.setdefault(name + " first", []).append(long.first_s)
    ours, peer = (statistics.median(figures[n]) for n in (OURS, SEPARATE))
    mine, its = (statistics.median(figures[f"{n} first"]) for n in (OURS, SEPARATE))
    title = (
        f"p99 gap of 8 streams while a 2,000-token prompt arrives / quiet (its first token after {mine:.2f} s, llama-server's {its:.2f} s)"
    )
    return [Line(title, f"{ours:.1f}", f"llama-server {peer:.1f}", ours, 3.0, at_least=False)]


async def python_servers(run: Run) -> list[Line]:
    """Measure the servers of llama-cpp-python with 8 clients."""
    rates: dict[str, list[float]] = {}
    starts = (peers.echorator(run.model, 8, 2048, "separate"), peers.packaged(run.model, 2048), peers.example(run.model, 8, 2048))
    async with _clients(*starts) as clients:
        for _ in range(run.repetitions):
            for name, client in clients.items():
                waves = [await wave(client, [run.prompt(24) for _ in range(8)], 64, GREEDY) for _ in range(3)]
                rates.setdefault(name, []).append(statistics.mean(w.tokens_per_s for w in waves))
    ours = statistics.median(rates[OURS])
    lines = []
    for name, bar in (("llama_cpp.server", 5.0), ("llama-cpp-python example", 1.3)):
        peer = statistics.median(rates[name])
        lines.append(Line(f"tokens/s, 8 clients, {name}", f"{ours:.0f}", f"{peer:.0f}", ours / peer, bar))
    return lines


ROWS: dict[str, Callable[[Run], Coroutine[Any, Any, list[Line]]]] = {
    "decode": decode, "burst": burst, "contexts": contexts, "chat": chat, "stall": stall, "python": python_servers,
}  # fmt: skip


def table(lines: list[Line], repetitions: int) -> str:
    cpu = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")), platform.machine()
    )
    head = (
        f"{cpu}, {len(os.sched_getaffinity(0))} cores, {peers.THREADS} threads; llama-cpp-python {version('llama-cpp-python')} and the "
        f"llama.cpp inside it; seed {SEED}; medians of {repetitions}\n\n| work | ours | peer | ratio | bar | |\n|---|---|---|---|---|---|\n"
    )
    rows = [
        f"| {x.row} | {x.ours} | {x.peer} | {x.ratio:.3g} | {'≥' if x.at_least else '≤'} {x.bar:g} | {'met' if x.met else 'NOT met'} |"
        for x in lines
    ]
    return head + "\n".join(rows) + "\n"


def main() -> None:
    """Run the comparison from the command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--quick", action="store_true", help="one repetition")
    p.add_argument("--repetitions", type=int, default=3)
    p.add_argument("--rows", default=",".join(ROWS))
    p.add_argument("--model", type=Path, help="another GGUF with 32,000 tokens of vocabulary")
    p.add_argument("--out", type=Path)
    a = p.parse_args()
    repetitions = 1 if a.quick else a.repetitions
    model = a.model or peers.folder() / "random-24m.gguf"
    if not model.exists():
        peers.folder().mkdir(parents=True, exist_ok=True)
        write(model, Shape("llama", 384, 8, 6, 6, 1024, 32_768, vocab_from=peers.vocabulary(), tied=True))
    lines: list[Line] = []
    for name in a.rows.split(","):
        lines += asyncio.run(ROWS[name](Run(model, repetitions, random.Random(SEED))))
        print(table(lines, repetitions), flush=True)
    if a.out:
        a.out.write_text(table(lines, repetitions))


if __name__ == "__main__":
    main()
