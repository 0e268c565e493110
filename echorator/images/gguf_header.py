"""The metadata of a GGUF file from its first bytes, so that a pull can be refused before all of it is there. Pure.

Source: ggml/docs/gguf.md of llama.cpp; versions 2 and 3, little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from echorator.errors import ModelFileError

MAGIC = b"GGUF"
MOST_PAIRS = 1 << 16
MOST_NAME_BYTES = 1 << 16
MOST_BYTES = 256 << 20  # of a header; the largest vocabularies take a tenth of it
KEPT_VALUES = 64  # of an array; longer ones are vocabularies, of which only the length is kept

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9

Value = int | float | bool | str | list["Value"]


class NeedMore(Exception):
    """So many bytes from the beginning are needed, at least."""

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length


@dataclass
class Header:
    """Of a file: its metadata, and how long its arrays are."""

    version: int
    tensors: int
    values: dict[str, Value] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)

    def text(self, key: str) -> str:
        """ "" where there is none."""
        value = self.values.get(key, "")
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int:
        """0 where there is none."""
        value = self.values.get(key, 0)
        return int(value) if isinstance(value, int | float) else 0


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self._data = data
        self.at = 0

    def take(self, count: int) -> memoryview:
        if count > MOST_BYTES or self.at + count > MOST_BYTES:
            raise ModelFileError(f"its GGUF metadata claims more than {MOST_BYTES >> 20} MiB; the file is damaged")
        if self.at + count > len(self._data):
            raise NeedMore(self.at + count)
        taken = self._data[self.at : self.at + count]
        self.at += count
        return taken

    def scalar(self, form: str) -> int | float | bool:
        value: int | float | bool = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def count(self, most: int, what: str) -> int:
        number = int(self.scalar("<Q"))
        if number > most:
            raise ModelFileError(f"its GGUF metadata claims {number} {what}; the file is damaged")
        return number

    def string(self, most: int = MOST_BYTES) -> str:
        return bytes(self.take(self.count(most, "bytes of text"))).decode("utf-8", "replace")

    def value(self, kind: int, depth: int = 0) -> tuple[Value, int]:
        """And how many values an array has, -1 for none."""
        if kind in _SCALARS:
            return self.scalar(_SCALARS[kind]), -1
        if kind == _STRING:
            return self.string(), -1
        if kind != _ARRAY or depth > 4:
            raise ModelFileError(f"its GGUF metadata has a value of kind {kind}, which does not exist; the file is damaged")
        inner, length = int(self.scalar("<I")), self.count(MOST_BYTES, "values in an array")
        kept: list[Value] = []
        if inner in _SCALARS and length > KEPT_VALUES:
            self.take(length * struct.calcsize(_SCALARS[inner]))
            return kept, length
        for index in range(length):
            value, _ = self.value(inner, depth + 1)
            if index < KEPT_VALUES:
                kept.append(value)
        return kept, length


def parse(data: bytes | memoryview) -> Header:
    """From the first bytes of a file.

    Raises:
        NeedMore: the metadata goes on beyond them.
        ModelFileError: it is no GGUF file, or a damaged one.
    """
    view = memoryview(data)
    reader = _Reader(view)
    if view[: len(MAGIC)] != MAGIC[: len(view)]:
        raise ModelFileError(f"it begins with {bytes(view[:8])!r}: it is no GGUF file")
    reader.take(len(MAGIC))
    version = int(reader.scalar("<I"))
    if version not in (2, 3):
        hint = ", in the byte order of another machine" if version in (2 << 24, 3 << 24) else ""
        raise ModelFileError(f"it is GGUF of version {version}{hint}; versions 2 and 3 are read here")
    header = Header(version, reader.count(1 << 24, "tensors"))
    for _ in range(reader.count(MOST_PAIRS, "entries")):
        key = reader.string(MOST_NAME_BYTES)
        value, length = reader.value(int(reader.scalar("<I")))
        header.values[key] = value
        if length >= 0:
            header.lengths[key] = length
    return header
