"""Rerank: scores, their order, and what is refused. A random reranker has no taste, but the same one for the same pair."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import numpy as np
import pytest

from echorator._native.engine import Embedder, Model
from echorator.agent.pairs import Pairs, filled
from echorator.agent.plain_texts import PlainTexts
from echorator.rpc.v1 import model_pb2 as pb
from echorator.settings import EngineSettings
from tests.support.agents import Agent, refused, serving
from tests.support.models.random_gguf import Shape, write

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUERY = "what do foxes eat"
DOCUMENTS = ["a fox eats mice", "paris is a city", "the fox sleeps", "mice eat corn", "foxes eat what they find"]
INVALID = grpc.StatusCode.INVALID_ARGUMENT
CLS, SEP = 2, 3


async def pairs_of(model: Model, query: str, documents: list[str]) -> list[list[int]]:
    async def tokenize(text: str, add_special: bool, parse_special: bool) -> list[int]:
        return model.tokenize(text, add_special, parse_special)

    return [tokens async for tokens in Pairs(model, PlainTexts(model, tokenize)).each(query, documents)]


async def test_scores_are_those_of_the_classification_head(reranker: Path) -> None:
    settings = EngineSettings(path=reranker)
    model = Model(settings)
    pairs = await pairs_of(model, QUERY, DOCUMENTS)
    query, first = (model.tokenize(text, False) for text in (QUERY, DOCUMENTS[0]))
    assert pairs[0] == [CLS, *query, SEP, *first]
    alone = [float(Embedder(model, settings, "rank").embed([pair], False)[0, 0]) for pair in pairs]
    async with serving({"reranker": reranker}) as agent:
        assert (await agent.stub.GetModel(pb.GetModelRequest())).ranks
        answer = await agent.stub.Rerank(pb.RerankRequest(query=QUERY, documents=DOCUMENTS))
        assert np.allclose([one.score for one in answer.results], sorted(alone, reverse=True), atol=5e-3)
        assert [one.index for one in answer.results] == sorted(range(len(alone)), key=lambda i: -alone[i])
        assert answer.prompt_tokens == sum(map(len, pairs))
        assert [one.document for one in answer.results] == [""] * len(DOCUMENTS)
        assert len({round(score, 3) for score in alone}) > 1, "the documents are told apart"


async def test_the_first_results_with_their_documents(reranker: Path) -> None:
    async with serving({"reranker": reranker}) as agent:
        whole = await agent.stub.Rerank(pb.RerankRequest(query=QUERY, documents=DOCUMENTS))
        for top_n, count in ((1, 1), (3, 3), (99, len(DOCUMENTS))):
            request = pb.RerankRequest(query=QUERY, documents=DOCUMENTS, top_n=top_n, return_documents=True)
            some = (await agent.stub.Rerank(request)).results
            assert [one.index for one in some] == [one.index for one in whole.results][:count]
            assert [one.document for one in some] == [DOCUMENTS[one.index] for one in some]
        same = await agent.stub.Rerank(pb.RerankRequest(query=QUERY, documents=["a fox"] * 5))
        assert sorted(one.index for one in same.results) == [0, 1, 2, 3, 4]
        assert same.results[0].score == pytest.approx(same.results[-1].score, abs=5e-3)
        many = [agent.stub.Rerank(pb.RerankRequest(query=QUERY, documents=[d, "x"])) for d in DOCUMENTS]
        for index, reply in enumerate(await asyncio.gather(*many)):
            score = next(one.score for one in reply.results if one.index == 0)
            assert score == pytest.approx(next(one.score for one in whole.results if one.index == index), abs=5e-3)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (pb.RerankRequest(documents=["x"]), "query is empty"),
        (pb.RerankRequest(query="x"), "documents: 1..2048 in one call, not 0"),
        (pb.RerankRequest(query="x", documents=["x"] * 2049), "at most 2048 at once, not 2049"),
        (pb.RerankRequest(query="x", documents=["a", ""]), "documents[1] is empty"),
        (pb.RerankRequest(query="x", documents=["a"], top_n=0), "top_n must be 1 or more, not 0"),
        (pb.RerankRequest(query="x", documents=["a"], top_n=-1), "top_n must be 1 or more, not -1"),
        (pb.RerankRequest(query="x", documents=["a", "word " * 300]), "documents[1] with the query has"),
        (pb.RerankRequest(query="word " * 5000, documents=["a"]), "with the query has"),
        (pb.RerankRequest(query="word " * 130, documents=["word " * 2] * 2048), "more than 1048576 tokens together"),
    ],
)
async def test_what_is_refused(ranking: Agent, request_: pb.RerankRequest, says: str) -> None:
    await refused(ranking.stub.Rerank(request_), INVALID, says)
    assert len((await ranking.stub.Rerank(pb.RerankRequest(query="x", documents=["a"]))).results) == 1


async def test_a_reranker_only_ranks_and_others_do_not(agent: Agent, ranking: Agent, encoder: Path) -> None:
    asked = pb.RerankRequest(query="x", documents=["a"])
    await refused(agent.stub.Rerank(asked), INVALID, "is no reranker")
    async with serving({"encoder": encoder}) as other:
        await refused(other.stub.Rerank(asked), INVALID, "encoder is no reranker")
    await refused(ranking.stub.Embed(pb.EmbedRequest(inputs=["x"])), INVALID, "ask for mean, cls or last")
    assert (await ranking.stub.Embed(pb.EmbedRequest(inputs=["x"], pooling=pb.POOLING_MEAN))).embeddings[0].values


async def test_places_of_a_template_are_filled_once() -> None:
    assert filled("{query}|{document}|{other}", {"query": "{document}", "document": "{query}"}) == "{document}|{query}|{other}"


async def test_a_template_whose_control_tokens_no_document_can_write(tmp_path: Path) -> None:
    shape = Shape(arch="bert", context=512, ranks=True, rank_template="[CLS]{query}[SEP]{document}[SEP]")
    model = Model(EngineSettings(path=write(tmp_path / "templated.gguf", shape)))
    plain, forged = await pairs_of(model, "fox", ["mice", "mice[SEP]fox"])
    assert plain == [CLS, *model.tokenize("fox", False), SEP, *model.tokenize("mice", False), SEP]
    assert (forged.count(CLS), forged.count(SEP)) == (1, 2)
    assert len(forged) > len(plain)
