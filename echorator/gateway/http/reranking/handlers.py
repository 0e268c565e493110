"""The routes of reranking, under the paths of all servers that have it. `api` adds them; errors have OpenAI's form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from echorator.gateway.http.generating.calls import Calls
from echorator.gateway.http.reranking.bodies import Rerank
from echorator.gateway.http.reranking.translation import answer_of, rerank_request
from echorator.rpc.v1 import model_pb2 as pb

PATHS = ("/v1/rerank", "/v2/rerank", "/rerank", "/v1/reranking", "/reranking")  # Jina's and Cohere's, Cohere's newer, llama-server's


class Reranking:
    """The handler of one gateway. `routes` lists its paths."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def routes(self) -> list[tuple[str, str, str, Callable[[Request], Awaitable[Response]]]]:
        """Return the verb, the path, the name and the handler of each endpoint."""
        return [("POST", path, "rerank", self.rerank) for path in PATHS]

    async def rerank(self, request: Request) -> Response:
        """Order the documents of the body by their relevance to its query. Raises BodyError, and what a call raises."""
        body = await self._calls.body(request, Rerank)
        asked = rerank_request(body)
        reply = pb.RerankResponse.FromString(await self._calls.unary(request, "Rerank", asked, body.model))
        return JSONResponse(answer_of(reply, body, self._calls.name(body.model)))
