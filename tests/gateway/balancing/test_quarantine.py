"""Where suspected requests are tried: never on all agents at once, never on the last one, whatever the order of events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.gateway.balancing.agents import Place
from echorator.gateway.balancing.quarantine import Asked, LastAgentError, Quarantine

A, B, C = b"a", b"b", b"c"


def place(name: str, slots: int = 2) -> Place:
    made = Place(cast(Any, SimpleNamespace(id=name, dead=False)), lambda: None)
    made.slots, made.ready, made.open = slots, True, True
    return made


def no_conviction() -> None:
    """Nobody is convicted meanwhile."""


async def take(quarantine: Quarantine, digest: bytes, suspected: bool = True, check: Callable[[], None] = no_conviction) -> Place:
    return await quarantine.take(Asked(digest, suspected, slot=True), 5.0, check)


def test_one_agent_stays_free_of_suspects_and_each_computes_one_at_a_time() -> None:
    async def scenario() -> None:
        places = {name: place(name) for name in "xyz"}
        quarantine = Quarantine(places, 5.0)
        first, second = await take(quarantine, A), await take(quarantine, B)
        assert first is not second
        third = asyncio.create_task(take(quarantine, C))
        await asyncio.sleep(0)
        assert not third.done(), "two of three agents are tried already"
        quarantine.release(first, A)
        assert (await third) is not second

    asyncio.run(scenario())


def test_equal_requests_are_tried_one_at_a_time() -> None:
    async def scenario() -> None:
        quarantine = Quarantine({name: place(name) for name in "xyz"}, 5.0)
        first = await take(quarantine, A)
        sibling = asyncio.create_task(take(quarantine, A))
        await asyncio.sleep(0)
        assert not sibling.done()
        quarantine.release(first, A)
        await sibling

    asyncio.run(scenario())


def test_the_last_agent_is_refused_and_its_slot_stays_free() -> None:
    async def scenario() -> None:
        places = {name: place(name) for name in "xy"}
        quarantine = Quarantine(places, 0.05)
        places["x"].connection.dead = True
        with pytest.raises(LastAgentError, match="1 are left that serve the model"):
            await take(quarantine, A)
        assert places["y"].taken == 0
        assert len(quarantine) == 0

    asyncio.run(scenario())


def test_one_that_is_convicted_while_it_waits_is_told_so() -> None:
    def convicted() -> None:
        raise ValueError("convicted")

    async def scenario() -> None:
        with pytest.raises(ValueError, match="convicted"):
            await take(Quarantine({"x": place("x")}, 5.0), A, check=convicted)

    asyncio.run(scenario())


def test_equal_requests_that_nobody_answered_leave_one_agent_free() -> None:
    async def scenario() -> None:
        places = {name: place(name) for name in "xyz"}
        quarantine = Quarantine(places, 5.0)
        for name in "xy":
            assert quarantine.may_begin(A, places[name])
            quarantine.begin(A, places[name])
        assert not quarantine.may_begin(A, places["z"])
        assert quarantine.may_begin(A, places["x"])
        assert quarantine.may_begin(B, places["z"])
        waiting = asyncio.create_task(take(quarantine, A, suspected=False))
        assert (await waiting).name in "xy"
        quarantine.end(A, places["x"])
        assert quarantine.may_begin(A, places["z"])
        alone = Quarantine({"x": places["x"]}, 5.0)
        assert alone.may_begin(A, places["x"])

    asyncio.run(scenario())


EVENTS = st.lists(st.tuples(st.sampled_from(("ask", "answered", "dies")), st.integers(0, 5), st.sampled_from((A, B, C))), max_size=40)


@given(st.integers(2, 5), EVENTS)
def test_if_every_suspect_ended_its_agent_one_would_be_left(count: int, events: list[tuple[str, int, bytes]]) -> None:
    async def scenario() -> None:
        places = {str(i): place(str(i)) for i in range(count)}
        quarantine = Quarantine(places, 5.0)
        asked: list[tuple[bytes, asyncio.Task[Place]]] = []
        tried: list[tuple[bytes, Place]] = []
        for kind, number, digest in events:
            if kind == "ask":
                asked.append((digest, asyncio.create_task(take(quarantine, digest))))
            elif kind == "answered" and tried:
                of, at = tried.pop(number % len(tried))
                quarantine.release(at, of)
                at.give_back()
            elif kind == "dies" and tried:
                of, at = tried.pop(number % len(tried))
                at.connection.dead = True
                quarantine.release(at, of)
                at.give_back()
            for _ in range(3):
                await asyncio.sleep(0)
            tried += [(of, task.result()) for of, task in asked if task.done()]
            asked = [(of, task) for of, task in asked if not task.done()]
            at_risk = [at for _, at in tried]
            assert len(set(at_risk)) == len(at_risk), "one suspect an agent"
            assert len({of for of, _ in tried}) == len(tried), "one of equals"
            living = [p for p in places.values() if not p.connection.dead]
            assert not at_risk or len(living) > len(at_risk), "one is left"
        for _, task in asked:
            task.cancel()
        await asyncio.gather(*(task for _, task in asked), return_exceptions=True)

    asyncio.run(scenario())
