"""One HTTP/1.1 request as bytes, for what no client library would send."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class HttpAnswer:
    """As it came; a chunked body with its chunks' sizes."""

    status: int
    headers: dict[str, str]
    body: bytes


async def http(url: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> HttpAnswer:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    fields = {"host": parts.netloc, "connection": "close", "content-type": "application/json"} | (headers or {})
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    try:
        raw = await reader.read()
    finally:
        writer.close()
    top, _, rest = raw.partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    found = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return HttpAnswer(int(first.split()[1]), found, rest)
