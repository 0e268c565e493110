"""The hand-over between the pump and a call."""

from __future__ import annotations

import asyncio

import pytest

from echorator._native.engine import Event
from echorator.agent.stream import Stream

pytestmark = pytest.mark.asyncio(loop_scope="session")


def event(text: str, tokens: list[int], finish: str = "") -> Event:
    return Event(7, text, tokens, [[(t, -0.5)] for t in tokens], [], finish, "", "", -1, 1, 0, len(tokens), 0, 0, 1.0, 1.0, 1.0, 2.0)


async def test_what_waits_is_taken_at_once() -> None:
    stream = Stream(7, asyncio.get_running_loop())
    for piece in (event("a", [1]), event("b", [2, 3]), event("c", [4], "stop")):
        stream.push(piece)
    taken = await stream.next()
    assert (taken.text, taken.tokens, taken.finish, len(taken.logprobs)) == ("abc", [1, 2, 3, 4], "stop", 4)
    assert stream.finished


async def test_a_reader_that_waits_is_woken() -> None:
    stream = Stream(7, asyncio.get_running_loop())
    reader = asyncio.create_task(stream.next())
    await asyncio.sleep(0)
    stream.push(event("a", [1]))
    stream.push(event("b", [2]))
    assert (await reader).text == "ab"
    assert not stream.finished


async def test_a_reader_that_was_cancelled_disturbs_nothing() -> None:
    stream = Stream(7, asyncio.get_running_loop())
    reader = asyncio.create_task(stream.next())
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    stream.push(event("a", [1]))
    assert (await stream.next()).text == "a"
