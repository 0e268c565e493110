"""The handlers of Ollama's API. `api` routes requests to them, and turns exceptions into errors of Ollama's form."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from echorator import __version__
from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.generating.calls import Calls, Generating
from echorator.gateway.http.generating.paths import OLLAMA, Paths
from echorator.gateway.http.generating.streaming import Reply, unless_gone
from echorator.gateway.http.generating.thoughts import Wish
from echorator.gateway.http.ollama import catalogue, translation
from echorator.gateway.http.ollama.bodies import Chat, Embed, Embeddings, Generate, Generation, Named, Pull, Show, read
from echorator.gateway.http.ollama.lines import lines_of
from echorator.gateway.http.reading import CURL_TYPES, Bodies
from echorator.rpc.v1 import model_pb2 as pb

VERSION = "0.12.6"  # of Ollama, whose API is answered here; clients compare it with what they need
Handler = Callable[[Request], Awaitable[Response]]
Parts = Callable[[Reply], dict[str, Any]]  # the part of an object that a message of the agent fills
B = TypeVar("B", bound=Named)

NOT_HERE = {
    "/api/create": "models are made elsewhere: `kollama build` makes one of a Modelfile, `echorator mesh apply` has it served",
    "/api/copy": "the mesh has one name for a model; `echorator mesh apply` has it served under another name",
    "/api/delete": "a gateway deletes nothing; `echorator mesh delete` ends a model",
    "/api/push": "a gateway keeps no files; `kollama push` sends a model to a registry",
}


class Ollama:
    """The handlers of one gateway. `routes` lists them."""

    def __init__(self, calls: Calls, bodies: Bodies) -> None:
        self._front = calls.front
        self._calls = calls
        self._bodies = bodies

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        """Return the verb, the path, the name and the handler of each endpoint."""
        return [
            ("POST", "/api/chat", "ollama.chat", self.chat),
            ("POST", "/api/generate", "ollama.generate", self.generate),
            ("POST", "/api/embed", "ollama.embed", self.embed),
            ("POST", "/api/embeddings", "ollama.embeddings", self.embeddings),
            ("GET", "/api/tags", "ollama.tags", self.tags),
            ("GET", "/api/ps", "ollama.ps", self.running),
            ("POST", "/api/show", "ollama.show", self.show),
            ("GET", "/api/version", "ollama.version", self.version),
            ("POST", "/api/pull", "ollama.pull", self.pull),
            *(("DELETE" if path.endswith("delete") else "POST", path, "ollama.refused", self.refuse) for path in NOT_HERE),
            ("GET", "/", "ollama.root", self.root),
        ]

    async def chat(self, request: Request) -> Response:
        """Answer POST /api/chat."""
        body = await self._body(request, Chat)
        name = self._served(body)
        await self._check_think(request, body, name)
        if not body.messages:
            return await self._loaded(request, body, {"message": {"role": "assistant", "content": ""}})
        message, request.state.paths = translation.chat_request(body, name)
        return await self._answered(request, body, message, _chat_parts())

    async def generate(self, request: Request) -> Response:
        """Answer POST /api/generate."""
        body = await self._body(request, Generate)
        name = self._served(body)
        await self._check_think(request, body, name)
        if not (body.prompt or body.system or body.suffix):
            return await self._loaded(request, body, {"response": ""})
        return await self._answered(request, body, translation.generate_request(body, name), _text_parts)

    async def _loaded(self, request: Request, body: Generation, part: dict[str, Any]) -> Response:
        """Answer a request without a prompt, by which clients load or unload a model: models of a mesh are loaded as their specs say."""
        unloads = body.keep_alive in (0, "0", "0s", "0m")
        made = {**_head(body), **part, "done": True, "done_reason": "unload" if unloads else "load"}
        return await lines_of(request, _one(made)) if body.stream else JSONResponse(made)

    async def _answered(self, request: Request, body: Generation, message: Generating, parts: Parts) -> Response:
        objects = self._objects(request, body, message, parts)
        if body.stream:
            return await lines_of(request, objects)
        async with aclosing(objects):
            return JSONResponse(_joined(await unless_gone(request, _gathered(objects))))

    async def _objects(self, request: Request, body: Generation, message: Generating, parts: Parts) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the objects of one answer; the last one has its end and its numbers."""
        begin_s = time.monotonic()
        async with aclosing(self._calls.replies(request, message)) as replies:
            async for reply in replies:
                logprobs = translation.logprobs_of(reply)
                made = {**_head(body), **parts(reply), "done": False} | ({"logprobs": logprobs} if logprobs else {})
                if reply.HasField("finish"):
                    finish = reply.finish
                    made |= {"done": True, "done_reason": translation.REASONS.get(finish.reason, "stop")}
                    made |= translation.timings(finish.usage, time.monotonic() - begin_s)
                yield made

    async def embed(self, request: Request) -> Response:
        """Answer POST /api/embed."""
        body = await self._body(request, Embed)
        begin_s = time.monotonic()
        name = self._served(body)
        if not body.input:
            return JSONResponse({"model": body.model, "embeddings": []})
        reply = await self._embedded(request, translation.embed_request(body, name), "input")
        vectors = [list(one.values) for one in reply.embeddings]
        total = int((time.monotonic() - begin_s) * translation.NS)
        times = {"total_duration": total, "load_duration": 0, "prompt_eval_count": reply.prompt_tokens}
        return JSONResponse({"model": body.model, "embeddings": vectors, **times})

    async def embeddings(self, request: Request) -> Response:
        """Answer POST /api/embeddings."""
        body = await self._body(request, Embeddings)
        name = self._served(body)
        if not body.prompt:
            return JSONResponse({"embedding": []})
        reply = await self._embedded(request, translation.embeddings_request(body, name), "prompt")
        return JSONResponse({"embedding": list(reply.embeddings[0].values)})

    async def _embedded(self, request: Request, message: pb.EmbedRequest, field: str) -> pb.EmbedResponse:
        reply = pb.EmbedResponse.FromString(await self._calls.unary(request, "Embed", message, message.model))
        for number, one in enumerate(reply.embeddings):
            if one.error:
                raise BodyError(f"{field}[{number}]: {one.error}", field)
        return reply

    async def tags(self, _request: Request) -> Response:
        """Answer GET /api/tags: every model that a request may name."""
        return JSONResponse({"models": [catalogue.entry_of(model) for model in await self._front.asked_for()]})

    async def running(self, _request: Request) -> Response:
        """Answer GET /api/ps: the models that an agent has loaded now."""
        models = (await self._front.models()).models
        return JSONResponse({"models": [catalogue.running_of(model) for model in models if model.state == pb.MODEL_STATE_READY]})

    async def show(self, request: Request) -> Response:
        """Answer POST /api/show."""
        name = self._served(await self._body(request, Show))
        return JSONResponse(catalogue.shown_of(await self._front.model(name)))

    async def version(self, _request: Request) -> Response:
        """Answer GET /api/version."""
        return JSONResponse({"version": VERSION, "echorator": __version__})

    async def pull(self, request: Request) -> Response:
        """Refuse POST /api/pull for a model that is not served; one that is served needs no pull, and clients pull before they chat."""
        body = await self._body(request, Pull)
        self._served(body)
        done = {"status": "success"}
        return await lines_of(request, _one(done)) if body.stream else JSONResponse(done)

    async def refuse(self, request: Request) -> Response:
        """Refuse what changes the models of the mesh."""
        raise BodyError(NOT_HERE[request.url.path], status=501)

    async def root(self, _request: Request) -> Response:
        """Answer GET /, by which clients ask whether a server is there."""
        return PlainTextResponse("Echorator is running")

    async def _body(self, request: Request, kind: type[B]) -> B:
        reading = request.state.reading = self._bodies.begin()
        request.state.paths, request.state.renamed = Paths(OLLAMA), {}
        body, request.state.ignored = read(kind, await self._bodies.json_of(request, reading, CURL_TYPES))
        return body

    async def _check_think(self, request: Request, body: Generation, name: str) -> None:
        await self._calls.check_thoughts(request, name, [Wish("think")] if body.think else [])

    def _served(self, body: Named) -> str:
        """Return the name of the model that a body means, which from then on the body's `model` has as the client wrote it.

        Raises:
            BodyError: it names none.
            ModelNotFoundError: there is no such model.
        """
        body.model = body.model or body.name
        if not body.model:
            raise BodyError("model is required", "model")
        return self._calls.name(catalogue.served_name(body.model, self._front.fleet.models()))


def _head(body: Generation) -> dict[str, Any]:
    return {"model": body.model, "created_at": translation.now()}


def _chat_parts() -> Parts:
    calls = translation.Calls()

    def parts(reply: Reply) -> dict[str, Any]:
        assert isinstance(reply, pb.ChatResponse)
        message: dict[str, Any] = {"role": "assistant", "content": reply.text}
        if reply.reasoning:
            message["thinking"] = reply.reasoning
        if whole := calls.whole(reply):
            message["tool_calls"] = whole
        return {"message": message}

    return parts


def _text_parts(reply: Reply) -> dict[str, Any]:
    thought = reply.reasoning if isinstance(reply, pb.ChatResponse) else ""
    return {"response": reply.text} | ({"thinking": thought} if thought else {})


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one object of all parts of an answer: texts and lists of the parts joined, all else as the last part has it."""
    made = dict(parts[-1])
    for name in ("response", "thinking", "logprobs"):
        if found := [part[name] for part in parts if name in part]:
            made[name] = _sum(found)
    if "message" in made:
        messages = [part["message"] for part in parts]
        made["message"] = {"role": "assistant"} | {
            name: _sum(found) for name in ("content", "thinking", "tool_calls") if (found := [m[name] for m in messages if name in m])
        }
    return made


def _sum(parts: list[Any]) -> Any:
    return "".join(parts) if isinstance(parts[0], str) else [one for part in parts for one in part]


async def _gathered(objects: AsyncGenerator[dict[str, Any], None]) -> list[dict[str, Any]]:
    return [made async for made in objects]


async def _one(made: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    yield made
