"""A place is open exactly while its agent is ready and the circuit breaker of the agent's connection lets a call through."""

from __future__ import annotations

import asyncio

from echorator.gateway.balancing.agents import Connection, Place
from echorator.gateway.balancing.circuit_breaker import State
from echorator.gateway.settings import GatewaySettings
from echorator.rpc.v1 import controller_pb2 as pb
from tests.support.waiting import eventually

MODEL = pb.AgentModel(name="m", state=pb.AGENT_MODEL_STATE_READY, slots=2)
READY = pb.Agent(id="a", address="127.0.0.1:1", state=pb.AGENT_STATE_READY, models=[MODEL])
SETTINGS = GatewaySettings(breaker_failures=2, breaker_open_s=0.05)


def test_a_place_is_open_while_its_breaker_lets_calls_through() -> None:
    async def scenario() -> None:
        opened: list[State] = []
        connection = Connection(READY, SETTINGS)
        place = Place(connection, lambda: opened.append(connection.breaker.state))
        connection.places.append(place)
        assert not place.open, "nothing was reported yet"
        place.update(READY, MODEL, "gateway")
        assert place.open

        connection.failed()
        assert place.open, "one failure is not enough"
        connection.failed()
        assert not place.open
        await eventually(lambda: place.open, "half-open")
        assert opened == [State.HALF_OPEN], "what waits is told"

        connection.sent()
        assert not place.open, "the trial is under way"
        connection.gave_up()
        assert place.open, "the trial's client went away, so the next call is the trial"
        assert opened == [State.HALF_OPEN] * 2, "what waits is told"

        connection.sent()
        connection.succeeded()
        assert place.open
        connection.gave_up()
        assert len(opened) == 2, "a closed breaker has no trial"

        place.withdraw()
        connection.refresh()
        assert not place.open, "it left its pool"
        await connection.close()

    asyncio.run(scenario())
