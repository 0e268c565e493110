"""Writes the answer of /tokenize in pieces, so that other requests are answered between two of them. Fed by `handlers`.

The JSON of a million tokens takes the gateway's event loop a second, with their texts several. A thread would not help: the JSON of one
list is written without a release of Python's lock.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from echorator.rpc.v1 import model_pb2 as pb

AT_ONCE = 4096  # tokens between two yields to the event loop


async def json_of(reply: pb.TokenizeResponse, with_pieces: bool) -> bytes:
    """Return the body of the answer: {"tokens": [1, …]}, or {"tokens": [{"id": 1, "piece": "a"}, …]} with pieces."""
    parts: list[str] = []
    for start in range(0, len(reply.tokens), AT_ONCE):
        end = start + AT_ONCE
        rows: list[Any] = reply.tokens[start:end]
        if with_pieces:
            rows = [{"id": token, "piece": _piece(raw)} for token, raw in zip(rows, reply.pieces[start:end], strict=True)]
        parts.append(json.dumps(rows, ensure_ascii=False, separators=(",", ":"))[1:-1])
        await asyncio.sleep(0)
    return f'{{"tokens":[{",".join(parts)}]}}'.encode()


def _piece(raw: bytes) -> Any:
    """Return a token's text, or the list of its bytes where they are a part of a character."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return list(raw)
