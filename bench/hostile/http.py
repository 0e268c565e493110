"""Measures what 2,000 hostile HTTP connections cost an ordinary client of `echorator up`.

    python -m bench.hostile.http [--connections 2000] [--seconds 60]

A process of its own holds the hostile connections, a sixth of each kind, and reopens each one a second after it was closed. It runs at the
lowest priority, since a real attacker does not compute on the machine under attack:

- silent: connects and sends nothing;
- slow: sends its head one byte a second;
- huge: sends a header that does not end, as fast as it is read;
- half: announces a body and stops in the middle of it;
- deep: sends JSON that nests 100,000 deep;
- many: asks for 300,000 completions in one body of 1.5 MB.

The ordinary client asks for one short chat after another, each on a new connection, before the attack, while it goes on and after it. Both
come from the same address. The memory is the resident one of the process that listens. Printed: times of the ordinary client and their
ratio, memory before, during and a minute after. Bars: p99 at most twice as long, memory within a tenth after a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.parts import quantile
from tests.support.ports import free_port
from tests.support.processes import Process

AGAIN_S = 1.0
AFTER_S = 60.0
JSON_HEAD = b"HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
CHAT = b'{"model":"echo-nano","messages":[{"role":"user","content":"Hello!"}],"max_tokens":8,"temperature":0,"ignore_eos":true}'


def posted(path: str, body: bytes, sent: float = 1.0) -> bytes:
    """Return the bytes of a POST request, of whose body only the share `sent` is included."""
    head = b"POST %s %scontent-length: %d\r\n\r\n" % (path.encode(), JSON_HEAD, len(body))
    return head + body[: int(len(body) * sent)]


DEEP = posted("/v1/chat/completions", b'{"model":"echo-nano","tools":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
MANY = posted("/v1/completions", json.dumps({"model": "echo-nano", "prompt": ["a"] * 300_000, "max_tokens": 1}).encode())


async def silent(_writer: asyncio.StreamWriter) -> None:
    """Send nothing on the connection."""


async def slow(writer: asyncio.StreamWriter) -> None:
    """Send a request head at one byte per second."""
    for byte in b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: " + b"a" * 10_000:
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(1.0)


async def huge(writer: asyncio.StreamWriter) -> None:
    """Send one header of up to 200 MB."""
    writer.write(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-huge: ")
    for _ in range(200 << 4):
        writer.write(b"a" * (64 << 10))
        await writer.drain()


async def half(writer: asyncio.StreamWriter) -> None:
    """Send the first half of a body of up to 1 MiB."""
    writer.write(posted("/v1/chat/completions", b" " * random.randrange(1 << 20), 0.5))
    await writer.drain()


async def deep(writer: asyncio.StreamWriter) -> None:
    """Send a whole request whose JSON body nests 100,000 deep."""
    writer.write(DEEP)
    await writer.drain()


async def many(writer: asyncio.StreamWriter) -> None:
    """Send a whole request for 300,000 completions."""
    writer.write(MANY)
    await writer.drain()


KINDS: tuple[Callable[[asyncio.StreamWriter], Awaitable[None]], ...] = (silent, slow, huge, half, deep, many)


async def hostile(port: int, kind: Callable[[asyncio.StreamWriter], Awaitable[None]], until_s: float) -> None:
    """Open a connection of one kind again and again until `until_s`."""
    await asyncio.sleep(random.random() * 5.0)
    while time.monotonic() < until_s:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(AGAIN_S)
            continue
        sending = asyncio.ensure_future(kind(writer))
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + until_s - time.monotonic()):
                while await reader.read(1 << 16):
                    pass
        except (OSError, TimeoutError):
            pass
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.transport.abort()
        await asyncio.sleep(AGAIN_S)


async def attack(port: int, connections: int, seconds: float) -> None:
    """Hold all hostile connections for `seconds`."""
    until_s = time.monotonic() + seconds
    await asyncio.gather(*(hostile(port, KINDS[i % len(KINDS)], until_s) for i in range(connections)))


async def chat(port: int) -> float:
    """Return the seconds that one short chat takes, its connection included."""
    begin_s = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(posted("/v1/chat/completions", CHAT).replace(b"host:", b"connection: close\r\nhost:"))
    answer = await reader.read()
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the ordinary client was answered {answer[:300]!r}")
    return time.perf_counter() - begin_s


async def ordinary(port: int, seconds: float) -> list[float]:
    """Return the seconds of each of the chats that one client sends one after another."""
    until_s, times = time.monotonic() + seconds, []
    while time.monotonic() < until_s:
        times.append(await chat(port))
        await asyncio.sleep(0.01)
    return times


def resident_mb(pid: int) -> float:
    """Return the resident memory of one process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def said(name: str, times: list[float]) -> str:
    """Return one line of the report: count, p50, p99 and maximum in milliseconds."""
    p50, p99 = (1000 * quantile(times, q) for q in (0.5, 0.99))
    return f"{name:16} {len(times):6} answers   p50 {p50:8.1f} ms   p99 {p99:8.1f} ms   most {1000 * max(times):8.1f} ms"


async def measure(port: int, pid: int, connections: int, seconds: float) -> None:
    """Measure before, during and after the attack, and print the figures."""
    await ordinary(port, 5.0)  # caches are filled
    quiet = await ordinary(port, seconds)
    before_mb = resident_mb(pid)
    command = (sys.executable, "-m", "bench.hostile.http", "--attack", str(port), str(connections), str(seconds + 10.0))
    attacker = await asyncio.create_subprocess_exec(*command)
    await asyncio.sleep(8.0)  # all of them are connected
    most_mb, watched = before_mb, True

    async def watch() -> None:
        nonlocal most_mb
        while watched:
            most_mb = max(most_mb, resident_mb(pid))
            await asyncio.sleep(0.2)

    watching = asyncio.create_task(watch())
    under_attack = await ordinary(port, seconds)
    watched = False
    await watching
    await attacker.wait()
    await asyncio.sleep(AFTER_S)
    after_mb = resident_mb(pid)
    later = await ordinary(port, 10.0)
    for name, times in (("quiet", quiet), ("under attack", under_attack), ("a minute later", later)):
        print(said(name, times))
    ratios = [quantile(under_attack, q) / quantile(quiet, q) for q in (0.5, 0.99)]
    print(f"ratio            p50 {ratios[0]:.2f}   p99 {ratios[1]:.2f}   (bar: p99 at most 2)")
    print(f"memory           {before_mb:.0f} MiB before, {most_mb:.0f} at most, {after_mb:.0f} a minute after:", end=" ")
    print(f"{after_mb / before_mb:.2f} of before (bar: 1.10)")


def main() -> None:
    """Run the benchmark, or with --attack the attacking process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--attack", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.attack:
        os.nice(19)
        port, connections, seconds = arguments.attack
        asyncio.run(attack(int(port), int(connections), float(seconds)))
        return
    with tempfile.TemporaryDirectory() as folder:
        ports = [free_port() for _ in range(3)]
        options = [f"{part}" for pair in zip(("--port", "--http-port", "--controller-port"), ports, strict=True) for part in pair]
        up = Process(Path(folder) / "up.log", "up", "--no-memory", "--view", "lines", "--data", f"{folder}/data", *options)
        up.start()
        try:
            assert up.popen is not None
            subprocess.run(
                (sys.executable, "-m", "echorator", "status", "--server", f"127.0.0.1:{ports[2]}", "--wait", "60"),
                check=True,
                capture_output=True,
            )
            asyncio.run(measure(ports[1], up.popen.pid, arguments.connections, arguments.seconds))
            print(f"lines in its log: {len((Path(folder) / 'up.log').read_text().splitlines())}")
        finally:
            up.terminate()


if __name__ == "__main__":
    main()
