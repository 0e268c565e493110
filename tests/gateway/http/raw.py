"""A connection on which a test writes what no client library would, and reads what comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

WITHIN_S = 30.0
CHAT = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


class Raw:
    """Bytes there and back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def write(self, data: bytes) -> None:
        """Where the other side has closed the connection that is seen by what `rest` returns."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError:
            pass

    async def until(self, end: bytes) -> bytes:
        """All up to `end`, which must come."""
        async with asyncio.timeout(WITHIN_S):
            return await self._reader.readuntil(end)

    async def exactly(self, size: int) -> bytes:
        async with asyncio.timeout(WITHIN_S):
            return await self._reader.readexactly(size)

    async def rest(self) -> bytes:
        """All that comes until the other side closes the connection, which it must."""
        found = b""
        async with asyncio.timeout(WITHIN_S):
            try:
                while part := await self._reader.read(1 << 16):
                    found += part
            except ConnectionError:
                pass
        return found

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        """One answer with a length: its status, its header and its JSON."""
        head = await self.until(b"\r\n\r\n")
        status, fields = parsed(head)
        body = await self.exactly(int(fields["content-length"]))
        return status, fields, json.loads(body)


def parsed(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and header fields."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    return int(first.split()[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def refused(raw: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
    """An answer that ended its connection: status, header, and the error in it."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, fields = parsed(head)
    assert fields["content-type"] == "application/json"
    error = json.loads(body)["error"]
    assert fields["x-request-id"]
    assert error["message"]
    return status, fields, error


@asynccontextmanager
async def raw_connection(url: str) -> AsyncIterator[Raw]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


def post(path: str, body: bytes, *fields: str, version: str = "1.1") -> bytes:
    """A request of JSON."""
    head = "\r\n".join((f"POST {path} HTTP/{version}", "host: localhost", "content-type: application/json", *fields))
    return f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
