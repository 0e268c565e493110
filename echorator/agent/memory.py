"""Gives a chat a memory: recalls memories into its messages before the answer, and learns from the turn after the answer.

Calls a CognitionService of the same process or behind a stub: both have the same two coroutines. The service itself tags what was
recalled; only the client's own words and the answer are given back to the service.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

from grpc import aio

from echorator.errors import EchoratorError, InvalidRequestError, ResourceError
from echorator.rpc.v1 import cognition_pb2, model_pb2
from echorator.telemetry import agent_metrics as metrics

BUDGET_TOKENS = 1024  # of all memories in a prompt, where the client names no budget

_log = logging.getLogger(__name__)

_recalling, _recording = (metrics.memory_seconds.labels(operation) for operation in ("recall", "record"))


class MemoryUnavailableError(EchoratorError):
    """The memory service could not be reached."""

    retryable = True


class MemoryFailedError(EchoratorError):
    """The memory service refused the request; the message is the service's own."""

    ours = True


class MemoryFullError(ResourceError):
    """The memory has no room left: its disk is full, or a limit is reached."""


class Cognition(Protocol):
    """The two methods of a CognitionService that a chat calls."""

    def BuildContext(self, request: cognition_pb2.BuildContextRequest, /) -> Awaitable[cognition_pb2.BuildContextResponse]:
        """Return the messages of a chat with recalled memories in them; defined in cognition.proto."""
        ...

    def RecordExperience(self, request: cognition_pb2.RecordExperienceRequest, /) -> Awaitable[cognition_pb2.RecordExperienceResponse]:
        """Learn from one turn of a chat; defined in cognition.proto."""
        ...


def cache_scope(tenant: str) -> int:
    """Return a tenant's cache scope, 64 bits and not 0: requests of one tenant share cached prefixes with each other only."""
    return int.from_bytes(blake2b((tenant or "default").encode(), digest_size=8).digest(), "little") | 1


def cache_scope_of(callers: str) -> int:
    """Return the 64-bit cache scope of a group of callers, which is no tenant's; 0 for "", the scope that all callers share."""
    return int.from_bytes(blake2b(callers.encode(), digest_size=8, key=b"callers").digest(), "little") | 1 if callers else 0


@dataclass
class Turn:
    """One turn of a chat with a memory, from the recalled messages until it has been learned."""

    messages: list[dict[str, Any]]
    cache_scope: int
    erasures: int
    answer: list[str] = field(default_factory=list)
    _memory: ChatMemory | None = None
    _said: cognition_pb2.RecordExperienceRequest | None = None  # None: nothing is to be learned, or has been already
    _usage: model_pb2.MemoryUsage = field(default_factory=model_pb2.MemoryUsage)

    async def learn(self, cut: bool) -> model_pb2.MemoryUsage:
        """Learn from the complete answer; durable on return. A memory that fails does not fail the answer: `error` of the usage says so."""
        if self._said is not None and self._memory is not None:
            said, self._said = self._said, None
            said.answer = "".join(self.answer)
            said.outcome = cognition_pb2.OUTCOME_CUT if cut else cognition_pb2.OUTCOME_ANSWERED
            try:
                done = await self._memory.record(said)
                self._usage.learned_ids.extend(done.memory_ids)
                self._usage.superseded_ids.extend(done.superseded_ids)
                self._usage.confirmed_ids.extend(done.confirmed_ids)
                self._usage.forgotten_ids.extend(done.forgotten_ids)
            except EchoratorError as error:
                _log.exception("a turn could not be remembered", extra={"error": str(error)}, exc_info=False)
                self._usage.error = str(error)
        return self._usage

    def leave(self) -> None:
        """Release the turn at the end of its call; if the answer was broken off, what the user said is recorded in the background."""
        if self._said is not None and self._memory is not None:
            said, self._said = self._said, None
            said.answer = "".join(self.answer)
            said.outcome = cognition_pb2.OUTCOME_CANCELLED
            self._memory.record_later(said)


class ChatMemory:
    """The memory that chats of this agent use; there is none until `use` is called."""

    def __init__(self) -> None:
        self._cognition: Cognition | None = None
        self._later: set[asyncio.Task[Any]] = set()

    def use(self, cognition: Cognition) -> None:
        """Set the memory service that all later chats use."""
        self._cognition = cognition

    def _asked(self) -> Cognition:
        if self._cognition is None:
            raise InvalidRequestError("this server has no memory: leave `memory` out, or start it with --with-memory")
        return self._cognition

    async def recall(self, asked: model_pb2.ChatMemory, messages: list[dict[str, Any]], model: str, context_tokens: int) -> Turn:
        """Return a turn whose messages hold the recalled memories, in at most a quarter of the context where the client says no budget.

        Raises:
            InvalidRequestError: this server has no memory, or the scope is not valid.
            MemoryUnavailableError, MemoryFullError, MemoryFailedError: the service did not answer, or refused.
        """
        begin_s = time.perf_counter()
        given = [model_pb2.Message(role=m["role"], content=m["content"]) for m in messages]
        request = cognition_pb2.BuildContextRequest(scope=asked.scope, messages=given, model=model)
        request.budget_tokens = asked.budget_tokens if asked.HasField("budget_tokens") else min(BUDGET_TOKENS, context_tokens // 4)
        if asked.HasField("max_memories"):
            request.max_memories = asked.max_memories
        try:
            with _recalling.time():
                built = await self._asked().BuildContext(request)
        except (aio.AioRpcError, EchoratorError) as error:
            raise _told(error) from error
        usage = model_pb2.MemoryUsage(tokens=built.block_tokens, recall_s=time.perf_counter() - begin_s)
        for chosen in built.chosen:
            usage.recalled.add(id=chosen.recalled.memory.id, score=chosen.recalled.score, confidence=chosen.recalled.confidence)
        said = None
        if not asked.read_only:
            user = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
            said = cognition_pb2.RecordExperienceRequest(scope=asked.scope, user_text=user, model=model)
            said.recalled_ids.extend(chosen.recalled.memory.id for chosen in built.chosen)
        added = len(built.messages) - len(messages)  # BuildContext puts a system message before the others where there was none
        before: list[dict[str, Any]] = [{}] * added + messages
        turned = [{**was, "role": m.role, "content": m.content} for was, m in zip(before, built.messages, strict=True)]
        return Turn(turned, cache_scope(asked.scope.tenant), built.erasures, [], self, said, usage)

    async def record(self, said: cognition_pb2.RecordExperienceRequest) -> cognition_pb2.RecordExperienceResponse:
        """Record a turn and return the ids of the memories made of it. Raises as `recall` does."""
        try:
            with _recording.time():
                return await self._asked().RecordExperience(said)
        except (aio.AioRpcError, EchoratorError) as error:
            raise _told(error) from error

    def record_later(self, said: cognition_pb2.RecordExperienceRequest) -> None:
        """Record a turn in the background; only `close` waits for it."""
        task = asyncio.get_running_loop().create_task(self._record_quietly(said))
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _record_quietly(self, said: cognition_pb2.RecordExperienceRequest) -> None:
        try:
            await self.record(said)
        except EchoratorError as error:
            _log.warning("a turn that was broken off could not be remembered", extra={"error": str(error)})

    async def close(self) -> None:
        """Wait until all turns have been recorded that `record_later` began."""
        await asyncio.gather(*self._later)


def _told(error: aio.AioRpcError | EchoratorError) -> EchoratorError:
    """Return the error of a chat that a memory's error stands for, the same for a memory in this process and one behind a stub."""
    if isinstance(error, EchoratorError):
        if isinstance(error, InvalidRequestError):
            return error
        words, kind = str(error), _kind_of(error)
    else:
        words, kind = error.details() or error.code().name, _KINDS.get(error.code().name, MemoryUnavailableError)
    if kind is InvalidRequestError:
        return InvalidRequestError(words)
    if kind is MemoryUnavailableError:
        return MemoryUnavailableError(f"the memory did not answer ({words}); try again, or leave `memory` out to chat without it")
    return kind(f"the memory: {words}. Leave `memory` out to chat without it")


_KINDS: dict[str, type[EchoratorError]] = {
    "INVALID_ARGUMENT": InvalidRequestError,
    "RESOURCE_EXHAUSTED": MemoryFullError,
    "FAILED_PRECONDITION": MemoryFailedError,
    "DATA_LOSS": MemoryFailedError,
    "NOT_FOUND": MemoryFailedError,
    "INTERNAL": MemoryFailedError,
}


def _kind_of(error: EchoratorError) -> type[EchoratorError]:
    if isinstance(error, ResourceError):
        return MemoryFullError
    return MemoryUnavailableError if error.retryable else MemoryFailedError
