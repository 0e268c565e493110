"""Converts the bodies of rerank requests to gRPC messages, and the replies to answers. Pure; fed by `handlers`."""

from __future__ import annotations

import uuid
from typing import Any

from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.reranking.bodies import Rerank, TextObject
from echorator.gateway.http.translation import INT32
from echorator.rpc.v1 import model_pb2 as pb


def rerank_request(body: Rerank) -> pb.RerankRequest:
    """Return the agent's request for a body. Raises BodyError that names the field."""
    if body.documents is not None and body.texts is not None:
        raise BodyError("documents and texts exclude each other: send one list", "texts")
    documents = body.documents if body.documents is not None else body.texts
    if documents is None:
        raise BodyError("documents is missing; it must be a list of texts", "documents")
    request = pb.RerankRequest(model=body.model, query=_text_of(body.query), documents=[_text_of(one) for one in documents])
    request.return_documents = body.return_documents or body.return_text
    if body.top_n is not None:
        if not 1 <= body.top_n < INT32:
            raise BodyError(f"top_n must be 1 or more, not {str(body.top_n)[:40]}", "top_n")
        request.top_n = body.top_n
    return request


def _text_of(given: str | TextObject) -> str:
    return given if isinstance(given, str) else given.text


def answer_of(reply: pb.RerankResponse, body: Rerank, model: str) -> dict[str, Any] | list[dict[str, Any]]:
    """Return the answer: TEI's list, or the object of the others, which each read a part of: `usage` Jina's, `id` and `meta` Cohere's."""
    if body.texts is not None:
        return [{"index": one.index, "score": one.score} | ({"text": one.document} if body.return_text else {}) for one in reply.results]
    results = [
        {"index": one.index, "relevance_score": one.score} | ({"document": {"text": one.document}} if body.return_documents else {})
        for one in reply.results
    ]
    tokens = reply.prompt_tokens
    return {
        "id": str(uuid.uuid4()),
        "object": "list",
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "results": results,
        "meta": {"tokens": {"input_tokens": tokens}},
    }
