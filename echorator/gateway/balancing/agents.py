"""The gateway's side of each agent: one channel and one circuit breaker an agent, and the slots that are taken for each of its models.

Fed by `fleet` with what the controller reports of the agents, and by `forwarding` with how calls ended; `balancer` reads the slots.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import grpc
from grpc import aio

from echorator.gateway.balancing.circuit_breaker import CircuitBreaker, State
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
    ("grpc.enable_retries", 0),  # the gateway retries on another agent, which gRPC's own retries cannot
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.minimal_stack", 1),  # saves 4 % of a call's time: drops the filters that this gateway does not use
]


NEVER_REACHED = "failed to connect to all addresses"  # how gRPC's error details begin where no connection could be established
NOTICE_S = 0.2  # a channel notices its broken connection within this time


class Attempt:
    """One call under way to an agent; `abandon` cancels it from outside."""

    __slots__ = ("answered", "call", "counted", "digest", "lost")

    def __init__(self, digest: bytes = b"") -> None:
        self.call: Any = None
        self.digest = digest  # identifies the request, see `suspects.digest_of`
        self.answered = False  # the first message of the answer has arrived
        self.lost = False  # `abandon` was called
        self.counted = False  # `Connection.fallen` has returned this attempt already

    def abandon(self) -> None:
        """Cancel the call because its agent is lost, so that the coroutine that reads it can retry elsewhere or report the loss."""
        self.lost = True
        if self.call is not None:
            self.call.cancel()


class Connection:
    """The channel to one agent process, with its circuit breaker and the calls under way on it."""

    def __init__(self, agent: pb.Agent, settings: GatewaySettings) -> None:
        self.id = agent.id
        self.address = agent.address
        self.state = agent.state
        self.breaker = CircuitBreaker(settings.breaker_failures, settings.breaker_open_s, settings.breaker_open_most_s)
        self.attempts: set[Attempt] = set()
        self.places: list[Place] = []
        self.dead = False  # its process has ended, as far as this gateway knows; false again once it answers
        self._drained = agent.state == pb.AGENT_STATE_DRAINING
        self._stall_s = settings.stall_s
        self._channel = aio.insecure_channel(agent.address, options=CHANNEL_OPTIONS)
        self._calls: dict[tuple[str, bool], Callable[..., Any]] = {}
        self._stall: asyncio.TimerHandle | None = None

    def call(self, path: str, streams: bool) -> Callable[..., Any]:
        """Return the (cached) gRPC method at `path` that sends and receives raw bytes; `streams`: the response is a stream."""
        made = self._calls.get((path, streams))
        if made is None:
            made = self._channel.unary_stream(path) if streams else self._channel.unary_unary(path)
            self._calls[path, streams] = made
        return made

    def become(self, state: pb.AgentState) -> None:
        """Adopt the state that the controller reports.

        LOST abandons the calls without an answer at once, so that they are retried elsewhere, and the others after `stall_s`, unless the
        state changes before. DRAINING marks the agent's end as expected, READY takes that back.
        """
        before, self.state = self.state, state
        if state == pb.AGENT_STATE_READY:
            self._drained = False
            self.dead = self.dead and before != pb.AGENT_STATE_LOST
        elif state == pb.AGENT_STATE_DRAINING:
            self._drained = True
        if state == pb.AGENT_STATE_LOST and before != state:
            self._abandon(answered=False)
            self._stall = asyncio.get_running_loop().call_later(self._stall_s, self._abandon, True)
        elif state != pb.AGENT_STATE_LOST and self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def failed(self) -> None:
        """Count a call that found the agent broken as a failure for the circuit breaker."""
        self.breaker.failed(time.monotonic())
        self.refresh()

    async def has_ended(self, error: aio.AioRpcError) -> bool:
        """Tell whether a call that failed with UNAVAILABLE was on the agent when the agent's process ended.

        False for a call that never reached the agent, for a status that the agent sent itself, and for a process that was draining.
        """
        if self._drained or (error.details() or "").startswith(NEVER_REACHED):
            return False
        if self._channel.get_state() is not grpc.ChannelConnectivity.READY:
            return True
        try:  # the call fails before the channel's state changes, so give the channel `NOTICE_S`
            async with asyncio.timeout(NOTICE_S):
                await self._channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
        except TimeoutError:
            return False
        return True

    @property
    def leaves(self) -> bool:
        """Whether the agent has announced that it drains, so that its end is expected and blames no request."""
        return self._drained

    def fallen(self) -> list[Attempt]:
        """Mark the process as ended, open the circuit breaker, and return the calls that were on the agent and were not returned before."""
        found = [attempt for attempt in self.attempts if not attempt.counted]
        for attempt in found:
            attempt.counted = True
        if not self.dead:
            self.dead = True
            self.breaker.open_now(time.monotonic())
            self.refresh()
        return found

    def succeeded(self) -> None:
        """Record that the agent answered a call: it lives, and its circuit breaker closes."""
        self.dead = False
        if self.breaker.state is not State.CLOSED:
            self.breaker.succeeded()
            self.refresh()

    def sent(self) -> None:
        """Tell the circuit breaker that a call was sent, which is the trial request where the breaker is half-open."""
        if self.breaker.state is not State.CLOSED:
            self.breaker.sent()
            self.refresh()

    def gave_up(self) -> None:
        """Tell the circuit breaker that a call ended without a verdict, so that a half-open one lets the next call through."""
        if self.breaker.state is State.HALF_OPEN:
            self.breaker.gave_up()
            self._half_open()

    def refresh(self) -> None:
        """Recompute `open` of all places after the breaker's state changed; an open breaker schedules its half-open state."""
        now_s = time.monotonic()
        allows = self.breaker.allows(now_s)
        for place in self.places:
            place.admit(allows)
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
        """Cancel all calls on the agent and return the task that closes its channel."""
        if self._stall is not None:
            self._stall.cancel()
        self._abandon(answered=True)
        return asyncio.get_running_loop().create_task(self._channel.close(None))


class Place:
    """One model on one agent, with its slots: the unit that `balancer` chooses from (its `AgentLoad`)."""

    __slots__ = ("connection", "failover", "light", "mine", "name", "on_open", "open", "others", "ready", "slots", "taken")

    def __init__(self, connection: Connection, on_open: Callable[[], None]) -> None:
        self.connection = connection
        self.on_open = on_open  # called when the breaker turns half-open, so that calls may be sent here again
        self.name = connection.id
        self.failover = 0  # 0 takes calls first; a higher number only where no agent of a lower one takes calls
        self.slots = 0  # as the agent reported last. Invariant: 0 <= slots, and ready implies slots > 0
        self.mine = 0  # slots taken through this gateway. Invariant: 0 <= mine
        self.others = 0  # slots taken and requests queued by other clients, as the agent reported last. Invariant: 0 <= others
        self.taken = 0  # Invariant: mine + others == taken. It may exceed `slots`: others queue, and slots may become fewer
        self.light = 0  # calls of this gateway that take no slot. Invariant: 0 <= light
        self.ready = False  # the agent and the model on it are ready, as the controller reported last
        # Whether the breaker lets a call through, too. Only `update`, `admit` and `withdraw` change it. Invariant: open implies ready, and
        # open == (ready and breaker.allows()) as of the last change of either, since a connection calls `admit` after each of its breaker's
        self.open = False

    def update(self, agent: pb.Agent, model: pb.AgentModel | None, gateway: str) -> None:
        """Adopt the controller's latest report of the agent.

        Args:
            agent: the report.
            model: its entry for this place's model; None where the agent has the model no more, which makes the place not ready.
            gateway: the id of this gateway, whose own calls are not counted as those of others.
        """
        self.ready = (
            model is not None and agent.state == pb.AGENT_STATE_READY and model.state == pb.AGENT_MODEL_STATE_READY and model.slots > 0
        )
        self.failover = agent.priority
        if model is not None:
            self.slots = model.slots
            self.others = max(0, model.busy + model.queued - model.callers.get(gateway, 0))
            self.taken = self.mine + self.others
        self.admit(self.connection.breaker.allows(time.monotonic()))

    def admit(self, allows: bool) -> None:
        """Adopt whether the connection's circuit breaker lets a call through."""
        self.open = self.ready and allows

    def withdraw(self) -> None:
        """Become neither ready nor open for good, because the agent has left its pool."""
        self.ready = self.open = False

    def take(self) -> None:
        """Count one more slot as taken by a request of this gateway."""
        self.mine += 1
        self.taken += 1

    def give_back(self) -> None:
        """Count one slot of this gateway as free again."""
        self.mine -= 1
        self.taken -= 1
