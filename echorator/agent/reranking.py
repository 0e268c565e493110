"""Answers Rerank calls: makes a pair of the query and each document, has the pairs scored and puts the documents in order.

Fed by `service`, feeds the embedders of a `served_model`, whose rank pooling makes the scores.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import numpy as np

from echorator.agent.embedding import MOST_TOKENS
from echorator.engine.embed_queue import check_length
from echorator.errors import EngineError, InvalidRequestError
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving.bounds import MOST_DOCUMENTS

if TYPE_CHECKING:
    from echorator.agent.loading.served_model import ServedModel


def check(request: pb.RerankRequest) -> None:
    """Check the request's own fields. Raises InvalidRequestError that names the field."""
    if not request.query:
        raise InvalidRequestError("query is empty; say what the documents are to be relevant to")
    if not 1 <= len(request.documents) <= MOST_DOCUMENTS:
        raise InvalidRequestError(f"documents: 1..{MOST_DOCUMENTS} in one call, not {len(request.documents)}")
    for i, document in enumerate(request.documents):
        if not document:
            raise InvalidRequestError(f"documents[{i}] is empty; leave it out")
    if request.HasField("top_n") and request.top_n < 1:
        raise InvalidRequestError(f"top_n must be 1 or more, not {request.top_n}; leave it out for all documents")


async def rerank(served: ServedModel, request: pb.RerankRequest, adapter: str = "") -> pb.RerankResponse:
    """Score the documents of a call, with the adapter of that name, and return them, the most relevant first.

    Raises:
        InvalidRequestError, ContextOverflowError: the model is no reranker, or the request is wrong or asks for too much.
        QueueFullError, ResourceError, DrainingError, EngineError: as the tokenizer and `EmbedQueue.embed` say.
    """
    if not served.info.ranks:
        raise InvalidRequestError(
            f"{served.name} is no reranker: its file does not name rank pooling; Embed compares texts by their vectors"
        )
    check(request)
    pairs: list[list[int]] = []
    total = 0
    async with aclosing(served.pairs.each(request.query, request.documents)) as each:
        async for tokens in each:
            check_length(len(tokens), served.longest_embedding, f"documents[{len(pairs)}] with the query")
            pairs.append(tokens)
            total += len(tokens)
            if total > MOST_TOKENS:
                raise InvalidRequestError(
                    f"the documents, each with the query, have more than {MOST_TOKENS} tokens together, the most of one call; split it"
                )
    vectors, _ = await served.embed(pairs, "rank", False, 0, adapter)
    scores = [float(score) for score in vectors[:, 0]]
    if not np.isfinite(scores).all():
        raise EngineError("the model computed scores that are no numbers")
    answer = pb.RerankResponse(prompt_tokens=total)
    best = sorted(range(len(scores)), key=lambda i: -scores[i])
    for i in best[: request.top_n] if request.HasField("top_n") else best:
        answer.results.add(index=i, score=scores[i], document=request.documents[i] if request.return_documents else "")
    return answer
