"""Long lists of token ids are read and written in pieces, between which the event loop runs other tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from echorator.agent.token_lists import AT_ONCE, MOST_PIECES, ids_of, reply_of
from echorator.errors import InvalidRequestError
from echorator.rpc.v1 import model_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="session")
COUNT = 7 * AT_ONCE + 3


async def turns_of(work: Coroutine[Any, Any, Any]) -> tuple[int, Any]:
    """How often another task had its turn until the work was done, and the work's result."""
    task, turns = asyncio.create_task(work), 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    return turns, await task


async def test_ids_are_read_in_pieces() -> None:
    turns, ids = await turns_of(ids_of(pb.DetokenizeRequest(tokens=range(COUNT)), COUNT))
    assert (turns >= 7, ids) == (True, list(range(COUNT)))
    with pytest.raises(InvalidRequestError, match=rf"tokens: token ids must be 0\.\.{COUNT - 2}, not {COUNT - 1}"):
        await ids_of(pb.DetokenizeRequest(tokens=range(COUNT)), COUNT - 1)
    assert await ids_of(pb.DetokenizeRequest(), 5) == []


async def test_tokens_are_written_in_pieces() -> None:
    turns, reply = await turns_of(reply_of(range(COUNT), None))
    assert (turns >= 7, list(reply.tokens), list(reply.pieces)) == (True, list(range(COUNT)), [])
    turns, reply = await turns_of(reply_of(range(COUNT), lambda token: b"%d" % token))
    assert (turns >= 7, list(reply.tokens)) == (True, list(range(COUNT)))
    assert reply.pieces[-1] == b"%d" % (COUNT - 1)


async def test_pieces_have_a_bound() -> None:
    assert len((await reply_of([1] * MOST_PIECES, lambda _: b"a")).pieces) == MOST_PIECES
    with pytest.raises(InvalidRequestError, match=f"has {MOST_PIECES + 1} tokens, and pieces are given for at most {MOST_PIECES}"):
        await reply_of([1] * (MOST_PIECES + 1), lambda _: b"a")
    assert len((await reply_of([1] * (MOST_PIECES + 1), None)).tokens) == MOST_PIECES + 1
