"""A chat with a memory: recall into its messages before the answer, learn from the turn after it.

Speaks to a CognitionService, of the same process or behind a stub: both have the same two coroutines. What was recalled is tagged by
the service itself; only the client's own words and the answer are given back to it.
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

from echorator.errors import EchoratorError, InvalidRequestError
from echorator.rpc.v1 import cognition_pb2, model_pb2

BUDGET_TOKENS = 1024  # of all memories in a prompt

_log = logging.getLogger(__name__)


class MemoryUnavailableError(EchoratorError):
    """The memory could not be asked."""

    retryable = True


class Cognition(Protocol):
    """What a chat needs of a CognitionService."""

    def BuildContext(self, request: cognition_pb2.BuildContextRequest, /) -> Awaitable[cognition_pb2.BuildContextResponse]:
        """See cognition.proto."""
        ...

    def RecordExperience(self, request: cognition_pb2.RecordExperienceRequest, /) -> Awaitable[cognition_pb2.RecordExperienceResponse]:
        """See cognition.proto."""
        ...


def cache_scope(tenant: str) -> int:
    """64 bits, not 0: requests of one tenant share their prefixes with each other only."""
    return int.from_bytes(blake2b((tenant or "default").encode(), digest_size=8).digest(), "little") | 1


@dataclass
class Turn:
    """One turn of a chat with a memory."""

    messages: list[dict[str, Any]]
    cache_scope: int
    erasures: int
    answer: list[str] = field(default_factory=list)
    _memory: ChatMemory | None = None
    _said: cognition_pb2.RecordExperienceRequest | None = None  # None: nothing is to be learned, or it was
    _usage: model_pb2.MemoryUsage = field(default_factory=model_pb2.MemoryUsage)

    async def learn(self, cut: bool) -> model_pb2.MemoryUsage:
        """After the answer; durable when it returns. Raises what `ChatMemory.recall` does."""
        if self._said is not None and self._memory is not None:
            said, self._said = self._said, None
            said.answer = "".join(self.answer)
            said.outcome = cognition_pb2.OUTCOME_CUT if cut else cognition_pb2.OUTCOME_ANSWERED
            learned = await self._memory.record(said)
            self._usage.learned_ids.extend(learned.memory_ids)
        return self._usage

    def leave(self) -> None:
        """The call has ended; where it was broken off, what the user said is remembered all the same."""
        if self._said is not None and self._memory is not None:
            said, self._said = self._said, None
            said.answer = "".join(self.answer)
            said.outcome = cognition_pb2.OUTCOME_CANCELLED
            self._memory.record_later(said)


class ChatMemory:
    """The memory that chats of this agent use; none until `use`."""

    def __init__(self) -> None:
        self._cognition: Cognition | None = None
        self._later: set[asyncio.Task[Any]] = set()

    def use(self, cognition: Cognition) -> None:
        """From now on."""
        self._cognition = cognition

    def _asked(self) -> Cognition:
        if self._cognition is None:
            raise InvalidRequestError("this server has no memory: leave `memory` out, or start it with --with-memory")
        return self._cognition

    async def recall(self, asked: model_pb2.ChatMemory, messages: list[dict[str, Any]], model: str, context_tokens: int) -> Turn:
        """The messages with what is remembered, in at most a quarter of the context where the client says no budget.

        Raises:
            InvalidRequestError: there is no memory here, or the scope is none.
            MemoryUnavailableError: the service did not answer.
        """
        begin_s = time.perf_counter()
        given = [model_pb2.Message(role=m["role"], content=m["content"]) for m in messages]
        request = cognition_pb2.BuildContextRequest(scope=asked.scope, messages=given, model=model)
        request.budget_tokens = asked.budget_tokens if asked.HasField("budget_tokens") else min(BUDGET_TOKENS, context_tokens // 4)
        if asked.HasField("max_memories"):
            request.max_memories = asked.max_memories
        try:
            built = await self._asked().BuildContext(request)
        except aio.AioRpcError as error:
            raise _unavailable(error) from error
        usage = model_pb2.MemoryUsage(tokens=built.block_tokens, recall_s=time.perf_counter() - begin_s)
        for chosen in built.chosen:
            usage.recalled.add(id=chosen.recalled.memory.id, score=chosen.recalled.score, confidence=chosen.recalled.confidence)
        said = None
        if not asked.read_only:
            user = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
            said = cognition_pb2.RecordExperienceRequest(scope=asked.scope, user_text=user, model=model)
            said.recalled_ids.extend(chosen.recalled.memory.id for chosen in built.chosen)
        added = len(built.messages) - len(messages)  # a system message before the others, where there was none
        before: list[dict[str, Any]] = [{}] * added + messages
        turned = [{**was, "role": m.role, "content": m.content} for was, m in zip(before, built.messages, strict=True)]
        return Turn(turned, cache_scope(asked.scope.tenant), built.erasures, [], self, said, usage)

    async def record(self, said: cognition_pb2.RecordExperienceRequest) -> cognition_pb2.RecordExperienceResponse:
        """Raises MemoryUnavailableError."""
        try:
            return await self._asked().RecordExperience(said)
        except aio.AioRpcError as error:
            raise _unavailable(error) from error

    def record_later(self, said: cognition_pb2.RecordExperienceRequest) -> None:
        """Without anyone who waits for it but `close`."""
        task = asyncio.get_running_loop().create_task(self._record_quietly(said))
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _record_quietly(self, said: cognition_pb2.RecordExperienceRequest) -> None:
        try:
            await self.record(said)
        except EchoratorError as error:
            _log.warning("a turn that was broken off could not be remembered", extra={"error": str(error)})

    async def close(self) -> None:
        """Wait for what is being remembered."""
        await asyncio.gather(*self._later)


def _unavailable(error: aio.AioRpcError) -> EchoratorError:
    details = error.details() or error.code().name
    if error.code().name == "INVALID_ARGUMENT":
        return InvalidRequestError(details)
    return MemoryUnavailableError(f"the memory did not answer ({details}); try again, or leave `memory` out to chat without it")
