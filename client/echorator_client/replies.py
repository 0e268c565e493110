"""Results from the server's replies. Pure; both clients use it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from echorator_client.errors import InvalidRequest
from echorator_client.results import Answer, Memory, MemoryUse, Message, Model, Piece, Recalled, ToolCall, Usage
from echorator_client.rpc.v1 import cognition_pb2
from echorator_client.rpc.v1 import model_pb2 as pb


class Answering:
    """An answer while it comes: give it each reply, and `answer` is what there is so far."""

    def __init__(self, messages: list[Message | dict[str, Any]]) -> None:
        self._messages = messages
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, list[str]] = {}  # id, name and arguments by number
        self._finish = pb.Finish()

    def add(self, reply: pb.ChatResponse) -> Piece | None:
        """Take the next reply; return what it adds to the text or the thought, None for nothing."""
        self._text.append(reply.text)
        self._reasoning.append(reply.reasoning)
        for delta in reply.tool_calls:
            call = self._calls.setdefault(delta.index, ["", "", ""])
            for place, part in enumerate((delta.id, delta.name, delta.arguments)):
                call[place] += part
        if reply.HasField("finish"):
            self._finish = reply.finish
        return Piece(reply.text, reply.reasoning) if reply.text or reply.reasoning else None

    @property
    def answer(self) -> Answer:
        """What was answered so far; `finish` is "" as long as the answer has not ended."""
        usage, memory = self._finish.usage, self._finish.usage.memory
        calls = tuple(ToolCall(*self._calls[index]) for index in sorted(self._calls))
        made = Answer(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            tool_calls=calls,
            finish=_word(pb.FinishReason.Name(self._finish.reason), "FINISH_REASON_"),
            usage=Usage(
                usage.prompt_tokens,
                usage.cached_tokens,
                usage.completion_tokens,
                usage.reasoning_tokens,
                usage.time_to_first_token_s,
                usage.tokens_per_s,
            ),
            memory=MemoryUse(
                tuple(each.id for each in memory.recalled), tuple(memory.learned_ids), tuple(memory.forgotten_ids), memory.error
            ),
        )
        return replace(made, messages=(*self._messages, made.message))


def _word(name: str, prefix: str) -> str:
    word = name.removeprefix(prefix).lower()
    return "" if word == "unspecified" else word


def models(reply: pb.ListModelsResponse) -> list[Model]:
    """Return the models of a server."""
    return [
        Model(
            name=each.name,
            description=each.description,
            state=_word(pb.ModelState.Name(each.state), "MODEL_STATE_"),
            parameters=each.parameters,
            size_bytes=each.size_bytes,
            context_tokens=each.context_tokens,
            embedding_length=each.embedding_length,
            generates=each.generates,
            ranks=each.ranks,
        )
        for each in reply.models
    ]


def vectors(reply: pb.EmbedResponse) -> list[list[float]]:
    """Return one vector for each input, in order. Raises InvalidRequest where one of them has none, saying why."""
    for place, each in enumerate(reply.embeddings):
        if each.error:
            raise InvalidRequest(f"input {place}: {each.error}")
    return [[*each.values] for each in reply.embeddings]


def memory(found: cognition_pb2.Memory) -> Memory:
    """Return a memory."""
    return Memory(
        id=found.id,
        text=found.text,
        kind=_word(cognition_pb2.Kind.Name(found.kind), "KIND_"),
        speaker=found.speaker,
        session=found.session,
        said_at_s=found.said_at_s,
        valid_to_s=found.valid_to_s,
        importance=found.importance,
        pinned=found.pinned,
        key=found.key,
        categories=tuple(found.categories),
    )


def recalled(reply: cognition_pb2.RecallResponse) -> list[Recalled]:
    """Return what was recalled, the best first."""
    return [Recalled(memory(each.memory), each.score, each.confidence) for each in reply.memories]
