"""The metadata of a GGUF file from its first bytes."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.agent.loading.embedded import embedded_model
from echorator.errors import ModelFileError
from echorator.model_files.gguf_header import NeedMore, parse

DATA = embedded_model().read_bytes()


def test_a_whole_header() -> None:
    header = parse(DATA)
    assert header.text("general.architecture") == "llama"
    assert header.number("llama.context_length") == 1024
    assert header.lengths["tokenizer.ggml.tokens"] > 64
    assert header.tensors > 0


def test_it_asks_for_more_until_it_has_enough() -> None:
    lengths = [1]
    header = None
    while header is None:
        try:
            header = parse(DATA[: lengths[-1]])
        except NeedMore as more:
            lengths.append(more.length)
    assert header == parse(DATA)
    assert lengths == sorted(set(lengths))
    assert len(lengths) > 100
    assert lengths[-1] < len(DATA)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<html>", "it is no GGUF file"),
        (b"GG", None),
        (b"GGUF" + struct.pack("<I", 1), "it is GGUF of version 1; versions 2 and 3"),
        (b"GGUF" + struct.pack(">I", 3), "byte order of another machine"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 40), "claims 1099511627776 entries"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 40), "bytes of text; the file is damaged"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<I", 77), "kind 77, which does not exist"),
    ],
)
def test_what_is_no_header(data: bytes, said: str | None) -> None:
    with pytest.raises(NeedMore if said is None else ModelFileError, match=said):
        parse(data)


@given(st.integers(0, 1 << 30))
def test_damage_is_refused_or_read_but_never_crashes(seed: int) -> None:
    rng = random.Random(seed)
    data = bytearray(DATA[: 60 << 10])
    for _ in range(rng.randrange(1, 20)):
        data[rng.randrange(4, 4000)] = rng.randrange(256)
    try:
        parse(bytes(data))
    except (ModelFileError, NeedMore):
        return
