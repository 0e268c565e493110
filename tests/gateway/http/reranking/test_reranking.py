"""Reranking over HTTP, in the forms of Jina, Cohere, llama-server and Text Embeddings Inference."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from echorator.gateway.http.reranking.handlers import PATHS
from echorator.rpc.v1 import model_pb2 as pb
from tests.gateway.http.openai_setting import Setting, setting_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUERY = "what do foxes eat"
DOCUMENTS = ["a fox eats mice", "paris is a city", "the fox sleeps", "mice eat corn"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory, encoder: Path, reranker: Path) -> AsyncIterator[Setting]:
    async with setting_of(tmp_path_factory.mktemp("rerank"), {"rank": reranker, "embed": encoder}, 512) as setting:
        yield setting


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def order(mesh: Setting) -> list[tuple[int, float]]:
    """What the agent says itself, the most relevant first."""
    answer = await mesh.agent.stub.Rerank(pb.RerankRequest(model="rank", query=QUERY, documents=DOCUMENTS))
    return [(one.index, one.score) for one in answer.results]


async def asked(mesh: Setting, path: str, **body: Any) -> Any:
    answer = await mesh.post(path, json.dumps({"model": "rank", "query": QUERY} | body).encode())
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


@pytest.mark.parametrize("path", PATHS)
async def test_every_path_has_the_form_of_jina_cohere_and_llama_server(mesh: Setting, order: list[tuple[int, float]], path: str) -> None:
    made = await asked(mesh, path, documents=DOCUMENTS)
    assert [one["index"] for one in made["results"]] == [index for index, _ in order]
    assert [one["relevance_score"] for one in made["results"]] == pytest.approx([score for _, score in order], abs=5e-3)
    assert all(set(one) == {"index", "relevance_score"} for one in made["results"])
    assert (made["object"], made["model"]) == ("list", "rank")
    assert made["usage"]["prompt_tokens"] == made["usage"]["total_tokens"] == made["meta"]["tokens"]["input_tokens"] > 0
    assert made["id"]


async def test_documents_as_objects_and_with_their_text(mesh: Setting, order: list[tuple[int, float]]) -> None:
    objects = [{"text": text, "title": "x"} for text in DOCUMENTS]
    made = await asked(mesh, "/v1/rerank", query={"text": QUERY}, documents=objects, return_documents=True, top_n=2)
    assert [(one["index"], one["document"]) for one in made["results"]] == [(i, {"text": DOCUMENTS[i]}) for i, _ in order[:2]]
    assert len((await asked(mesh, "/rerank", documents=DOCUMENTS, top_n=99))["results"]) == len(DOCUMENTS)


async def test_the_form_of_text_embeddings_inference(mesh: Setting, order: list[tuple[int, float]]) -> None:
    made = await asked(mesh, "/rerank", texts=DOCUMENTS)
    assert [one["index"] for one in made] == [index for index, _ in order]
    assert [one["score"] for one in made] == pytest.approx([score for _, score in order], abs=5e-3)
    with_text = await asked(mesh, "/rerank", texts=DOCUMENTS, return_text=True, top_n=3)
    assert [one["text"] for one in with_text] == [DOCUMENTS[index] for index, _ in order[:3]]
    answer = await mesh.post("/rerank", json.dumps({"model": "rank", "query": "x", "texts": ["y"], "truncate": True}).encode())
    assert (answer.status, answer.headers["x-echorator-ignored"]) == (200, "truncate")


@pytest.mark.parametrize(
    ("status", "said", "body"),
    [
        (400, "query: Field required", {"documents": ["x"], "query": None}),
        (400, "documents is missing", {}),
        (400, "documents is missing", {"documents": None}),
        (400, "documents", {"documents": []}),
        (400, "documents", {"documents": 123}),
        (400, "documents", {"documents": [1, 2, 3]}),
        (400, "documents", {"documents": [{"title": "x"}]}),
        (400, "documents", {"documents": ["x"] * 2049}),
        (400, "exclude each other", {"documents": ["x"], "texts": ["x"]}),
        (400, "documents[0] is empty", {"documents": [""]}),
        (400, "top_n must be 1 or more", {"documents": ["x"], "top_n": 0}),
        (400, "top_n must be 1 or more", {"documents": ["x"], "top_n": 1 << 40}),
        (400, "documents[0] with the query has", {"documents": ["word " * 300]}),
        (400, "embed is no reranker", {"documents": ["x"], "model": "embed"}),
        (404, "no model 'none'", {"documents": ["x"], "model": "none"}),
        (400, "max_tokens_per_doc", {"documents": ["x"], "max_tokens_per_doc": 10}),
    ],
)
async def test_what_is_refused(mesh: Setting, status: int, said: str, body: Any) -> None:
    answer = await mesh.post("/v1/rerank", json.dumps({"model": "rank", "query": QUERY} | body).encode())
    assert answer.status == status, answer.body
    assert said in json.loads(answer.body)["error"]["message"]
    assert len((await asked(mesh, "/v1/rerank", documents=["x"]))["results"]) == 1


async def test_the_openapi_document_has_it(mesh: Setting) -> None:
    document = json.loads((await mesh.get("/openapi.json")).body)
    assert "RerankingRerank" in document["components"]["schemas"]
    assert "/v1/rerank" in document["paths"]
