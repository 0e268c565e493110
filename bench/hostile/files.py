"""Hostile files, generated from a seed: damaged and absurd GGUF files, irregular files, and LoadModel requests that name them."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path

from echorator.rpc.v1 import model_pb2 as pb

ABSURD = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
KEYS = (
    "general.architecture general.alignment general.type split.no split.count llama.block_count llama.context_length llama.vocab_size "
    "llama.embedding_length llama.attention.head_count llama.attention.head_count_kv llama.rope.dimension_count tokenizer.ggml.tokens"
).split()
SOURCES = ("http://127.0.0.1:1/x.gguf", "file:///etc/passwd", "./../../..", "hf://a", "oci://x", "https://[::1", "a" * 5000, "~x/y")


def mutated(source: bytes, rng: random.Random) -> bytes:
    """Change, cut, repeat or zero some bytes, mostly near the beginning, where a byte changes what is read."""
    data = bytearray(source)
    if not data:
        return b"\0"
    near = min(len(data), rng.choice((64, 2_000, 40_000, len(data))))
    at = rng.randrange(near)
    match rng.randrange(7):
        case 0:
            data[at] ^= 1 << rng.randrange(8)
        case 1:
            for _ in range(rng.randrange(2, 50)):
                data[rng.randrange(near)] = rng.randrange(256)
        case 2:
            data[at : at + 8] = struct.pack("<Q", rng.choice(ABSURD))
        case 3:
            del data[at:]
        case 4:
            data[at : at + 16] = bytes(16)
        case 5:
            data[at:at] = data[: rng.randrange(1, 4096)]
        case _:
            data[at : at + 4] = struct.pack("<f", rng.choice((float("inf"), float("nan"), -0.0, 1e38)))
    return bytes(data)


def gguf(seed: int, whole: bytes) -> bytes:
    """Return a damaged copy of `whole`, or a header of absurd values, sometimes followed by the rest of `whole`."""
    rng = random.Random(seed)
    if rng.random() < 0.6:
        return mutated(whole, rng)
    pairs = b"".join(_pair(rng) for _ in range(rng.randrange(1, 12)))
    counts = (rng.choice((0, 1, 3, *ABSURD)), rng.choice((rng.randrange(16), *ABSURD)))
    return b"GGUF" + struct.pack("<IQQ", rng.choice((2, 3, 3, 3, 99)), *counts) + pairs + whole[: rng.choice((0, 0, 5_000))]


def _pair(rng: random.Random) -> bytes:
    key = rng.choice(KEYS).encode()
    kind = rng.choice((4, 5, 6, 7, 8, 9, 10, 11, 12, 77))
    value = {
        6: struct.pack("<f", rng.choice((float("inf"), float("-inf"), float("nan"), 1.5))),
        7: b"\2",
        8: struct.pack("<Q", rng.choice((3, *ABSURD))) + b"abc",
        9: struct.pack("<IQ", rng.choice((4, 8, 9, 99)), rng.choice((1, *ABSURD))) + bytes(12),
        12: struct.pack("<d", rng.choice((float("inf"), float("nan"), 1e300))),
    }.get(kind, struct.pack("<Q", rng.choice(ABSURD))[: 4 if kind in (4, 5) else 8])
    return struct.pack("<Q", len(key)) + key + struct.pack("<I", kind) + value


def files(folder: Path, count: int, whole: bytes, seed: int = 0) -> Iterator[Path]:
    """Create `count` paths in `folder`: most are damaged GGUF files, the others irregular files or no GGUF files."""
    foreign = (b"", b"PK\x03\x04", b"\x80\x02", b"<html>", b'{"a": 1}', b"lmgg", b"GGUF", b"\0" * 64)
    for number in range(count):
        path, rng = folder / f"{number}.gguf", random.Random(f"{seed} {number}")
        match rng.randrange(12):
            case 0:
                os.mkfifo(path)
            case 1:
                path.symlink_to(rng.choice(("/dev/zero", "/dev/tty", "/proc/self/mem", path.name, "/absent", str(folder))))
            case 2:
                path.mkdir()
            case 3:
                path.write_bytes(rng.choice(foreign))
            case _:
                path.write_bytes(gguf(rng.randrange(1 << 30), whole))
        yield path


def load_requests(folder: Path, count: int, whole: bytes, seed: int = 0) -> Iterator[pb.LoadModelRequest]:
    """Yield `count` LoadModel requests: for such files, and for a good file with legal options that cannot be served."""
    good = folder / "good.gguf"
    good.write_bytes(whole)
    paths = files(folder, count, whole, seed)
    for number, path in enumerate(paths):
        rng = random.Random(f"{seed} load {number}")
        options = pb.EngineOptions(slots=2, context_tokens=512)
        chosen = str(path)
        if rng.random() < 0.2:
            chosen = str(good)
            options = pb.EngineOptions(
                context_tokens=rng.choice((1 << 20, 1 << 24, (1 << 24) + 1, -1)),
                slots=rng.choice((1, 128, 129)),
                batch_tokens=rng.choice((32, 1 << 16, 1 << 20)),
                kv_type_k=rng.choice(("f16", "f32", "q4_0", "none")),
                kv_layout=rng.choice(("auto", "separate", "unified")),
            )
        elif rng.random() < 0.1:
            chosen = rng.choice(SOURCES)
        yield pb.LoadModelRequest(name=f"hostile-{seed}-{number}", path=chosen, options=options)
