"""Carries a call to an agent and the answer back, as bytes.

An attempt that ends before its first message because the agent is gone or full is retried on another agent, unseen by the client. After the
first message no retry is possible: the client gets UNAVAILABLE with the number of messages it has received. A request that was on an agent
when the agent's process ended is tried on one other agent at most, see `suspects` and `quarantine`. Fed by `passthrough` and `http`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import grpc
from grpc import aio

from echorator.errors import EchoratorError, QueueFullError
from echorator.gateway.balancing.agents import Attempt, Place
from echorator.gateway.balancing.pool import Pool
from echorator.gateway.balancing.quarantine import Asked
from echorator.gateway.balancing.suspects import Standing, Suspects, digest_of
from echorator.gateway.dispatcher import Applicant, Dispatcher, NoAgentError
from echorator.gateway.fleet import Fleet
from echorator.gateway.request_keys import Destination
from echorator.gateway.settings import GatewaySettings
from echorator.serving import headers
from echorator.serving.caller import CALLER, SESSION
from echorator.serving.calls import DeadlineError
from echorator.serving.life import current
from echorator.serving.prefix_scope import SHARED, scope_of
from echorator.serving.statuses import DETAILS, PUSHBACK, reason_in
from echorator.telemetry import gateway_metrics as metrics

_log = logging.getLogger(__name__)

EOF = aio.EOF
LOSSES = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)  # how a call to a lost agent ends
OWN_ENDS = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)  # by the client or its deadline, not by the agent


class StatusError(EchoratorError):
    """An agent ended the call with a status of its own, which is passed on to the client."""

    def __init__(self, error: aio.AioRpcError) -> None:
        super().__init__(error.details() or "")
        self.code = error.code()
        self.param = ""  # the field of the client's body that the message names, where the HTTP server knows it
        self.trailers = tuple((key, value) for key, value in error.trailing_metadata() or () if key in (DETAILS, PUSHBACK))

    @property
    def reason(self) -> str:
        """The agent's own reason in its machine-readable form, else the name of the status."""
        return reason_in(self.trailers) or self.code.name


class AgentLostError(EchoratorError):
    """An agent was lost during its answer, or too many agents were lost before they answered."""

    retryable = True


@dataclass(slots=True)
class Call:
    """One call of a client. `stream` fills `trailers` when the answer has ended; both it and `unary` fill `served`."""

    path: str  # /package.Service/Method
    body: bytes
    to: Destination
    metadata: tuple[tuple[str, str | bytes], ...] = ()
    deadline_s: float = 0.0  # on CLOCK_MONOTONIC; 0 for none
    slot: bool = True  # False: a call that takes no slot at an agent, such as GetModel or Embed
    trailers: tuple[tuple[str, str | bytes], ...] = field(default=())
    served: str = ""  # the full name of the model, once it is found
    caller: tuple[str, str] = field(default_factory=CALLER.get)  # the address and the connection of the client
    session: str = field(default_factory=SESSION.get)  # named by an HTTP request; a gRPC request names it in its metadata


@dataclass(slots=True)
class _Trial:
    """The state of one call across its attempts."""

    digest: bytes
    failed: list[str] = field(default_factory=list)  # names of the agents that broke or were full
    fallen: int = 0  # number of agents whose process ended during the call
    careful: bool = False  # the running attempt holds a place of the quarantine, because the request is suspected
    unproved: Place | None = None  # where the attempt runs, until an answer to the request or one of its equals begins


class Forwarding:
    """The path of calls from clients to agents, with retries.

    `stream` and `unary` raise StatusError, AgentLostError, PoisonError, DeadlineError and what the dispatcher raises.
    """

    def __init__(self, fleet: Fleet, dispatcher: Dispatcher, settings: GatewaySettings, gateway_id: str, synced: asyncio.Event) -> None:
        self._fleet = fleet
        self._dispatcher = dispatcher
        self._settings = settings
        self._tag = ((headers.GATEWAY, gateway_id),)
        self._synced = synced
        self.suspects = Suspects(settings.suspicion_s, settings.refusal_s)
        self.on_convicted: Callable[[], None] = lambda: None

    async def _sync(self, call: Call) -> None:
        """Wait for the first snapshot of the mesh. Raises NoAgentError."""
        wait_s = self._remaining_s(call)
        try:
            async with asyncio.timeout(wait_s):
                await self._synced.wait()
        except TimeoutError:
            raise NoAgentError(f"the controller has not answered for {wait_s:.1f} s, so no agent is known yet") from None

    async def _pool(self, call: Call) -> Pool:
        """Return the pool of the call's model, once the mesh is known, and note the model. Raises NoAgentError, ModelNotFoundError."""
        if not self._synced.is_set():
            await self._sync(call)
        life = current()
        if life is not None:
            life.model = call.to.model  # which stays where no such model is served
        pool = self._fleet.find(call.to.model)
        call.served = pool.name
        if life is not None:
            life.model = pool.name
        return pool

    def _remaining_s(self, call: Call) -> float:
        """Return how long the call may wait: `wait_s` of the settings, at most until its deadline. Raises DeadlineError."""
        if not call.deadline_s:
            return self._settings.wait_s
        left_s = call.deadline_s - time.monotonic()
        if left_s <= 0.0:
            raise DeadlineError("the deadline passed before an agent could take the request")
        return min(self._settings.wait_s, left_s)

    async def _place(self, call: Call, pool: Pool, trial: _Trial) -> Place:
        """Return the place of the next attempt, its slot taken; goes through the quarantine where the request demands it."""
        siblings = False
        while True:
            self.suspects.check(trial.digest, time.monotonic())
            trial.careful = self.suspects.standing(trial.digest, time.monotonic()) is Standing.SUSPECTED
            try:
                if trial.careful or siblings:
                    place = await self._careful_slot(call, pool, trial)
                else:
                    place = await self._slot(call, pool, trial)
            except QueueFullError:
                metrics.shed.inc()
                raise
            except EchoratorError as error:
                if call.deadline_s and error.retryable and time.monotonic() >= call.deadline_s:
                    raise DeadlineError(f"the deadline passed while the request waited: {error}") from error
                raise
            if not call.slot:
                place.light += 1
            standing = self.suspects.standing(trial.digest, time.monotonic())
            siblings = not self.suspects.is_known(trial.digest, time.monotonic())
            if standing is Standing.FREE and siblings and not pool.quarantine.may_begin(trial.digest, place):
                self._leave(call, pool, place, trial)
                continue
            if standing is Standing.FREE or (trial.careful and standing is Standing.SUSPECTED):
                if siblings:
                    trial.unproved = place
                    pool.quarantine.begin(trial.digest, place)
                return place
            self._leave(call, pool, place, trial)  # an equal request ended an agent while this one waited: judge anew

    async def _careful_slot(self, call: Call, pool: Pool, trial: _Trial) -> Place:
        def check() -> None:
            self.suspects.check(trial.digest, time.monotonic())

        wait_s = self._remaining_s(call)
        asked = Asked(trial.digest, trial.careful, call.slot, trial.failed)
        return await self._dispatcher.take_with_care(pool, asked, call.to.key, wait_s, check)

    async def _slot(self, call: Call, pool: Pool, trial: _Trial) -> Place:
        """Take a slot, or find an agent for a call that takes none."""
        wait_s = self._remaining_s(call)
        if not call.slot:
            return await self._dispatcher.any_agent(pool, wait_s, trial.failed)
        now = self._dispatcher.take_now(pool, call.to.key, trial.failed)
        if now is not None:
            return now
        return await self._dispatcher.take(pool, Applicant(call.to, len(call.body), call.caller), wait_s, trial.failed)

    def _release(self, pool: Pool, place: Place, trial: _Trial) -> None:
        """Let the request's equals be tried: its answer has begun, or the attempt has ended."""
        if trial.careful:
            pool.quarantine.release(place, trial.digest)
        if trial.unproved is not None:
            trial.unproved = None
            pool.quarantine.end(trial.digest, place)

    def _leave(self, call: Call, pool: Pool, place: Place, trial: _Trial) -> None:
        self._release(pool, place, trial)
        if call.slot:
            self._dispatcher.give_back(pool, place, call.to.key)
        else:
            place.light -= 1

    def _begin(self, call: Call, place: Place, attempt: Attempt, streams: bool) -> Any:
        timeout_s = max(0.001, call.deadline_s - time.monotonic()) if call.deadline_s else None
        metadata = call.metadata + self._tag if call.slot else call.metadata
        if self._settings.prefix_scope != SHARED:
            metadata += ((headers.SCOPE, self._scope(call)),)
        made = place.connection.call(call.path, streams)(call.body, timeout=timeout_s, metadata=metadata)
        attempt.call = made
        place.connection.attempts.add(attempt)
        return made

    def _scope(self, call: Call) -> str:
        session = next((str(value) for key, value in call.metadata if key == headers.SESSION), call.session)
        scope = scope_of(self._settings.prefix_scope, call.caller, session)
        return blake2b(scope.encode(), digest_size=16).hexdigest()  # a digest, so that an agent does not learn who calls

    async def stream(self, call: Call) -> AsyncGenerator[bytes, None]:
        """Yield the messages of a streaming call, each as its serialized bytes."""
        pool = await self._pool(call)
        trial = _Trial(digest_of(call.path, call.body))
        while True:
            place = await self._place(call, pool, trial)
            attempt, sent = Attempt(trial.digest), 0
            try:
                made = self._begin(call, place, attempt, True)
                while True:
                    message = await made.read()
                    if message is EOF:
                        break
                    if not sent:
                        attempt.answered = True
                        place.connection.succeeded()
                        self.suspects.began(trial.digest, time.monotonic())
                        self._release(pool, place, trial)
                    sent += 1
                    yield message
                call.trailers = tuple(await made.trailing_metadata() or ())
            except (aio.AioRpcError, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and not attempt.lost:
                    raise  # by the client; raised in `_judge`, the error and that call would keep each other until a garbage collection
                await self._judge(pool, place, attempt, error, sent, trial)
                continue
            else:
                self._answered(place, trial)
                return
            finally:
                self._end(call, pool, place, attempt, trial)

    async def unary(self, call: Call) -> bytes:
        """Return the serialized answer of a unary call."""
        pool = await self._pool(call)
        trial = _Trial(digest_of(call.path, call.body))
        while True:
            place = await self._place(call, pool, trial)
            attempt = Attempt(trial.digest)
            try:
                made = self._begin(call, place, attempt, False)
                reply: bytes = await made
            except (aio.AioRpcError, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and not attempt.lost:
                    raise  # by the client; raised in `_judge`, the error and that call would keep each other until a garbage collection
                await self._judge(pool, place, attempt, error, 0, trial)
            else:
                self._answered(place, trial)
                return reply
            finally:
                self._end(call, pool, place, attempt, trial)

    def _answered(self, place: Place, trial: _Trial) -> None:
        place.connection.succeeded()
        self.suspects.answered(trial.digest, time.monotonic())

    def _end(self, call: Call, pool: Pool, place: Place, attempt: Attempt, trial: _Trial) -> None:
        place.connection.attempts.discard(attempt)
        if attempt.call is not None and not attempt.call.done():
            attempt.call.cancel()
            place.connection.gave_up()
        self._leave(call, pool, place, trial)

    async def _judge(self, pool: Pool, place: Place, attempt: Attempt, error: BaseException, sent: int, trial: _Trial) -> None:
        """Judge a failed attempt: return where another attempt may follow, else raise the error for the client."""
        broken = ended = attempt.lost and not (isinstance(error, aio.AioRpcError) and error.code() not in LOSSES)
        if isinstance(error, aio.AioRpcError) and not broken:
            broken = error.code() is grpc.StatusCode.UNAVAILABLE
            full = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and any(key == PUSHBACK for key, _ in error.trailing_metadata() or ())
            if not broken and not full:
                place.connection.succeeded()  # an answer, even an error, proves that the agent lives
                if error.code() not in OWN_ENDS:
                    self._answered(place, trial)
                raise StatusError(error) from error
            ended = broken and not _draining(error) and await place.connection.has_ended(error)
        if ended and not place.connection.leaves:
            self._bury(pool, place)
            trial.fallen += 1
            self.suspects.check(trial.digest, time.monotonic())
        if broken and not _draining(error):
            place.connection.failed()
        if sent and isinstance(error, aio.AioRpcError) and _draining(error):
            raise StatusError(error) from error  # the agent lives, and its own status says why the answer ends
        if sent:
            raise AgentLostError(
                f"the agent {place.name} was lost after {sent} messages; what they carried is all there is, send the request again"
            ) from error
        if trial.fallen > 1:
            raise AgentLostError("two agents ended while they computed this request, so it is tried on no other one; try again") from error
        if len(trial.failed) >= self._settings.retries:
            if isinstance(error, aio.AioRpcError):
                raise StatusError(error) from error
            raise AgentLostError(f"{len(trial.failed) + 1} agents were lost before they answered; try again") from error
        trial.failed.append(place.name)
        metrics.retries.labels(pool.name).inc()

    def _bury(self, pool: Pool, place: Place) -> None:
        """Blame the agent's end on the requests that were on it, each of them once; report the ones that this convicts."""
        fallen = place.connection.fallen()
        silent = {attempt.digest for attempt in fallen if not attempt.answered}
        digests = {attempt.digest for attempt in fallen}
        if any(self.suspects.standing(digest, time.monotonic()) is Standing.SUSPECTED for digest in silent):
            digests = silent  # most likely the suspected one did it, so requests whose answers had begun are not blamed
        if digests:
            _log.warning("an agent ended while it computed requests", extra={"agent": place.name, "requests": len(digests)})
        for digest in self.suspects.died(digests, pool.others(place.name), time.monotonic()):
            _log.error("a request ended two agents and is refused", extra={"model": pool.name, "digest": digest.hex()})
            metrics.poisoned.labels(pool.name).inc()
            self.on_convicted()


def _draining(error: BaseException) -> bool:
    """Tell whether the agent sent this status itself (it carries Echorator's details), as one that drains does: it is not broken."""
    return isinstance(error, aio.AioRpcError) and any(key == DETAILS for key, _ in error.trailing_metadata() or ())
