"""Answers Embed calls: reads the inputs as token ids, has them embedded and writes the vectors into the answer.

An input is a text, token ids, or both in parts. An empty text has the vector of the tokens that the model puts around a text, where it does
so; any other empty input fails alone. Any other fault of an input fails the whole request before anything is computed.
Fed by `service`, feeds the embedders of a `served_model`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echorator.agent.requests import check_tokens
from echorator.engine.embed_queue import check_length
from echorator.errors import InvalidRequestError
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving.bounds import MOST_INPUTS

if TYPE_CHECKING:
    from echorator.agent.loading.served_model import ServedModel
    from echorator.engine.embed_queue import Vectors

MOST_TOKENS = 1 << 20  # of all inputs of one call
BREATH = 1 << 16  # values that are written into an answer between two yields to the event loop
EMPTY = "the input is empty; there is nothing to embed"
NOT_FINITE = "the model computed values that are no numbers"

_POOLINGS = {pb.POOLING_UNSPECIFIED: "", pb.POOLING_MEAN: "mean", pb.POOLING_CLS: "cls", pb.POOLING_LAST: "last"}
_NUMBERS = {name: number for number, name in _POOLINGS.items()}

Part = str | list[int]


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a call. `whole`: a text alone, which gets the model's begin and end tokens; parts are joined without any."""

    called: str
    parts: tuple[Part, ...]
    whole: bool = False

    def empty(self, around: int) -> bool:
        """Return whether the input has nothing to embed, where the model puts `around` tokens around a text."""
        return not any(self.parts) and not (self.whole and around)


def inputs_of(request: pb.EmbedRequest, vocabulary: int) -> list[Input]:
    """Return the inputs of a request, in their order.

    Raises:
        InvalidRequestError: there is no input, or there are too many; `inputs` and `items` are both given; an id is not in the vocabulary.
    """
    if request.inputs and request.items:
        raise InvalidRequestError("inputs and items exclude each other; put the texts of inputs into items")
    count = len(request.inputs) + len(request.items)
    if not 1 <= count <= MOST_INPUTS:
        raise InvalidRequestError(f"inputs: 1..{MOST_INPUTS} in one call, not {count}")
    made = [Input(f"inputs[{i}]", (text,), True) for i, text in enumerate(request.inputs)]
    for i, item in enumerate(request.items):
        called = f"items[{i}]"
        kind = item.WhichOneof("input")
        given: Sequence[pb.EmbedItem | pb.EmbedPart] = item.parts.parts if kind == "parts" else [item]
        parts = tuple(part.text or list(part.tokens.ids) for part in given)
        for part in parts:
            if isinstance(part, list):
                check_tokens(part, vocabulary, called)
        made.append(Input(called, parts, kind == "text"))
    return made


def dimensions_of(request: pb.EmbedRequest, length: int) -> int:
    """Return how many values each vector is to have. Raises InvalidRequestError, naming the length of the model's own vectors."""
    if not request.HasField("dimensions"):
        return length
    if not 1 <= request.dimensions <= length:
        raise InvalidRequestError(f"dimensions must be 1..{length}, the length of this model's vectors, not {request.dimensions}")
    return request.dimensions


async def embed(served: ServedModel, request: pb.EmbedRequest, adapter: str = "") -> pb.EmbedResponse:
    """Embed the inputs of a call, with the adapter of that name, and return the answer.

    Raises:
        InvalidRequestError, ContextOverflowError: the request is wrong, or asks for too much; the message names the input.
        QueueFullError, ResourceError, DrainingError, EngineError: as the tokenizer and `EmbedQueue.embed` say.
    """
    inputs = inputs_of(request, served.info.vocabulary)
    around = len(await served.tokenize("", True, False))
    if all(one.empty(around) for one in inputs):
        raise InvalidRequestError(f"{inputs[0].called} is empty; there is nothing to embed")
    pooling, dimensions = _POOLINGS[request.pooling], dimensions_of(request, served.info.embedding_length)
    normalize = request.normalize if request.HasField("normalize") else True
    tokens: list[list[int]] = []
    total = 0
    for one in inputs:
        if one.empty(around):
            continue
        tokens.append(await _tokens_of(served, one))
        total += len(tokens[-1])
        if total > MOST_TOKENS:
            raise InvalidRequestError(f"the inputs have more than {MOST_TOKENS} tokens together, which is the most of one call; split it")
        await asyncio.sleep(0)  # short texts are tokenized without a pause: let other calls have their turn between them
    vectors, used = await served.embed(tokens, pooling, normalize, dimensions, adapter)
    answer = pb.EmbedResponse(prompt_tokens=total, pooling=_NUMBERS[used])
    await _write(answer, [one.empty(around) for one in inputs], vectors)
    return answer


async def _tokens_of(served: ServedModel, one: Input) -> list[int]:
    longest = served.longest_embedding
    tokens: list[int] = []
    for part in one.parts:
        tokens += part if isinstance(part, list) else await served.tokenize(part, one.whole, False, longest, one.called)
        check_length(len(tokens), longest, one.called)
    if not tokens:
        raise InvalidRequestError(f"{one.called} has no tokens; there is nothing to embed")
    return tokens


async def _write(answer: pb.EmbedResponse, empty: Sequence[bool], vectors: Vectors) -> None:
    import numpy as np

    rows = iter(vectors)
    written = 0
    for nothing in empty:
        row = None if nothing else next(rows)
        if row is None or not np.isfinite(row).all():
            answer.embeddings.add(error=EMPTY if row is None else NOT_FINITE)
            continue
        answer.embeddings.add(values=row.tolist())
        written += len(row)
        if written >= BREATH:
            written = 0
            await asyncio.sleep(0)
