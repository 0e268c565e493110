"""The agents as this gateway uses them: a connection and a circuit breaker each, and for each model the slots that are taken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from grpc import aio

from echorator.gateway.circuit_breaker import CircuitBreaker, State
from echorator.gateway.settings import GatewaySettings
from echorator.rpc.v1 import controller_pb2 as pb

CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.enable_retries", 0),  # this gateway retries itself, elsewhere
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.minimal_stack", 1),  # 4 % of a call's time: no filters that this gateway has no use for
]


class Attempt:
    """One call to an agent that is under way. `abandon` breaks it off from outside."""

    __slots__ = ("answered", "call", "lost")

    def __init__(self) -> None:
        self.call: Any = None
        self.answered = False  # the first message has come
        self.lost = False

    def abandon(self) -> None:
        """The agent is lost: end the call, so that whoever reads it can go elsewhere or say so."""
        self.lost = True
        if self.call is not None:
            self.call.cancel()


class Connection:
    """To one agent process."""

    def __init__(self, agent: pb.Agent, settings: GatewaySettings) -> None:
        self.id = agent.id
        self.address = agent.address
        self.state = agent.state
        self.breaker = CircuitBreaker(settings.breaker_failures, settings.breaker_open_s, settings.breaker_open_most_s)
        self.attempts: set[Attempt] = set()
        self.places: list[Place] = []
        self._stall_s = settings.stall_s
        self._channel = aio.insecure_channel(agent.address, options=CHANNEL_OPTIONS)
        self._calls: dict[tuple[str, bool], Callable[..., Any]] = {}
        self._stall: asyncio.TimerHandle | None = None

    def call(self, path: str, streams: bool) -> Callable[..., Any]:
        """The method at `path` with bytes in and out."""
        made = self._calls.get((path, streams))
        if made is None:
            made = self._channel.unary_stream(path) if streams else self._channel.unary_unary(path)
            self._calls[path, streams] = made
        return made

    def become(self, state: pb.AgentState) -> None:
        """LOST: calls without an answer so far go elsewhere now, those with one have a while. READY: all is well again."""
        before, self.state = self.state, state
        if state == pb.AGENT_STATE_LOST and before != state:
            self._abandon(answered=False)
            self._stall = asyncio.get_running_loop().call_later(self._stall_s, self._abandon, True)
        elif state != pb.AGENT_STATE_LOST and self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def failed(self) -> None:
        """A call found the agent broken."""
        self.breaker.failed(time.monotonic())
        self.refresh()

    def succeeded(self) -> None:
        """A call was answered."""
        if self.breaker.state is not State.CLOSED:
            self.breaker.succeeded()
            self.refresh()

    def sent(self) -> None:
        """A call is under way."""
        if self.breaker.state is not State.CLOSED:
            self.breaker.sent()
            self.refresh()

    def refresh(self) -> None:
        """Whether calls may be sent here has changed, or will when the breaker's time is over."""
        now_s = time.monotonic()
        allows = self.breaker.allows(now_s)
        for place in self.places:
            place.open = place.ready and allows
        if self.breaker.state is State.OPEN:
            loop = asyncio.get_running_loop()
            loop.call_later(max(0.0, self.breaker.retry_s() - now_s) + 0.001, self._half_open)

    def _half_open(self) -> None:
        self.refresh()
        for place in self.places:
            place.on_open()

    def _abandon(self, answered: bool) -> None:
        for attempt in [a for a in self.attempts if answered or not a.answered]:
            attempt.abandon()

    def close(self) -> asyncio.Task[None]:
        """The agent is no more: what still runs there is broken off."""
        if self._stall is not None:
            self._stall.cancel()
        self._abandon(answered=True)
        return asyncio.get_running_loop().create_task(self._channel.close(None))


class Place:
    """One model on one agent: what `balancer` looks at."""

    __slots__ = ("connection", "failover", "light", "mine", "name", "on_open", "open", "others", "ready", "slots", "taken")

    def __init__(self, connection: Connection, on_open: Callable[[], None]) -> None:
        self.connection = connection
        self.on_open = on_open  # called when calls may be sent here again
        self.name = connection.id
        self.failover = 0  # 1 and higher: takes calls where no agent of a lower number does
        self.slots = 0
        self.mine = 0  # slots taken through this gateway
        self.others = 0  # and by others, as the agent last said
        self.taken = 0
        self.light = 0  # calls of this gateway that take no slot
        self.ready = False
        self.open = False  # ready, and the breaker lets a call through

    def update(self, agent: pb.Agent, model: pb.AgentModel | None, gateway: str) -> None:
        """As the controller says now."""
        self.ready = (
            model is not None and agent.state == pb.AGENT_STATE_READY and model.state == pb.AGENT_MODEL_STATE_READY and model.slots > 0
        )
        self.failover = agent.priority
        if model is not None:
            self.slots = model.slots
            self.others = max(0, model.busy + model.queued - model.callers.get(gateway, 0))
            self.taken = self.mine + self.others
        self.open = self.ready and self.connection.breaker.allows(time.monotonic())

    def take(self) -> None:
        """A slot, for a request of this gateway."""
        self.mine += 1
        self.taken += 1

    def give_back(self) -> None:
        """It has ended."""
        self.mine -= 1
        self.taken -= 1
