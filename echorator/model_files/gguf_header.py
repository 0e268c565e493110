"""Reads the metadata of a GGUF file from its first bytes, so that a pull can be refused before the whole file is there. Pure.

Source: ggml/docs/gguf.md of llama.cpp; versions 2 and 3, little-endian.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field

from echorator.errors import ModelFileError

MAGIC = b"GGUF"
MOST_PAIRS = 1 << 16
MOST_NAME_BYTES = 1 << 16
MOST_BYTES = 256 << 20  # largest header; the largest vocabularies take a tenth of it
KEPT_VALUES = 64  # values kept of an array; longer arrays are vocabularies, of which only the length is kept

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9

Value = int | float | bool | str | list["Value"]


class NeedMore(Exception):
    """The data is too short: at least `length` bytes from the beginning are needed."""

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length


@dataclass
class Header:
    """The header of a file: its metadata, and the length of each array in it."""

    version: int
    tensors: int
    values: dict[str, Value] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)

    def text(self, key: str) -> str:
        """Return the text of a key; "" if the key is absent or no text."""
        value = self.values.get(key, "")
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int:
        """Return the number of a key; 0 if the key is absent. Raises ModelFileError for anything but a whole number of 0 or more."""
        value = self.values.get(key, 0)
        if not isinstance(value, int | float) or not math.isfinite(value) or value != int(value) or value < 0:
            raise ModelFileError(f"its {key} is {str(value)[:40]}, which is no whole number; the file is damaged")
        return int(value)


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
        """Return a value, and the number of its elements if it is an array, else -1."""
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
    """Return the header in the first bytes of a file.

    Raises:
        NeedMore: the metadata goes on beyond `data`.
        ModelFileError: the file is no GGUF file, or a damaged one.
    """
    view = memoryview(data)
    reader = _Reader(view)
    if view[: len(MAGIC)] != MAGIC[: len(view)]:
        raise ModelFileError("it is no GGUF file, which begins with GGUF")  # the message omits the first bytes, which may be private
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
