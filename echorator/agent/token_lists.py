"""Reads and writes long lists of token ids in pieces, so that other calls are answered between two of them.

A text of 4 MiB can have some million tokens, and Python needs a second to read, check and write them. Fed by `service`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from echorator.agent.requests import check_tokens
from echorator.errors import InvalidRequestError
from echorator.rpc.v1 import model_pb2 as pb

AT_ONCE = 16_384  # tokens between two yields to the event loop
MOST_PIECES = 1 << 17  # protobuf encodes a message in one go; this many pieces take it 0.1 s


async def ids_of(request: pb.DetokenizeRequest, vocabulary: int) -> list[int]:
    """Return the token ids of a request. Raises InvalidRequestError for one that is not in the vocabulary."""
    made: list[int] = []
    for start in range(0, len(request.tokens), AT_ONCE):
        part = request.tokens[start : start + AT_ONCE]
        check_tokens(part, vocabulary, "tokens")
        made += part
        await asyncio.sleep(0)
    return made


async def reply_of(tokens: Sequence[int], bytes_of: Callable[[int], bytes] | None) -> pb.TokenizeResponse:
    """Return the answer with these tokens, and with their bytes where `bytes_of` is given.

    Raises:
        InvalidRequestError: there are more than `MOST_PIECES` tokens with bytes.
    """
    if bytes_of is not None and len(tokens) > MOST_PIECES:
        raise InvalidRequestError(
            f"the text has {len(tokens)} tokens, and pieces are given for at most {MOST_PIECES}; leave out pieces (over HTTP with_pieces), "
            "or send shorter texts"
        )
    made = pb.TokenizeResponse()
    for start in range(0, len(tokens), AT_ONCE):
        part = tokens[start : start + AT_ONCE]
        made.tokens.extend(part)
        if bytes_of is not None:
            made.pieces.extend(map(bytes_of, part))
        await asyncio.sleep(0)
    return made
