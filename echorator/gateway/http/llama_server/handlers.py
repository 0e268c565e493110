"""The handlers of llama-server's own endpoints. `api` routes requests to them; errors have OpenAI's form, as llama-server's have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from echorator import __version__
from echorator.gateway.http import bodies, embeddings, translation
from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.generating.calls import Calls
from echorator.gateway.http.generating.paths import INFILL, TEXT, Names
from echorator.gateway.http.generating.streaming import Replies, unless_gone
from echorator.gateway.http.llama_server import tokens
from echorator.gateway.http.llama_server.bodies import Detokenize, Infill, OwnCompletion, Tokenize
from echorator.gateway.http.llama_server.completions import Completion, check_one, infill_request
from echorator.rpc.v1 import model_pb2 as pb
from echorator.settings import Sampling

Handler = Callable[[Request], Awaitable[Response]]

NOT_HERE = {
    ("POST", "/slots/{id}"): "prefixes are kept and shared by the engine; no slot is saved, restored or erased",
    ("POST", "/props"): "the properties of a model are set by its spec: `echorator mesh apply`",
    ("POST", "/lora-adapters"): "adapters are set by the spec of a model, spec.engine.lora; a request names one in model: MODEL:NAME",
    ("POST", "/models/load"): "agents load the models of the mesh's specs: `echorator mesh apply`",
    ("POST", "/models/unload"): "agents unload a model when its spec is deleted: `echorator mesh delete`",
    ("GET", "/models/sse"): "`echorator mesh get --watch` follows the models of the mesh",
}


class LlamaServer:
    """The handlers of one gateway. `routes` lists them."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        """Return the verb, the path, the name and the handler of each endpoint."""
        return [
            ("POST", "/tokenize", "tokenize", self.tokenize),
            ("POST", "/detokenize", "detokenize", self.detokenize),
            ("POST", "/apply-template", "apply_template", self.apply_template),
            ("POST", "/v1/chat/completions/input_tokens", "chat.input_tokens", self.count_tokens),
            ("POST", "/chat/completions/input_tokens", "chat.input_tokens", self.count_tokens),
            ("POST", "/completion", "completion", self.complete),
            ("POST", "/infill", "infill", self.infill),
            ("POST", "/embedding", "embedding", self.embed),
            ("GET", "/props", "props", self.props),
            ("GET", "/slots", "slots", self.slots),
            ("GET", "/lora-adapters", "lora_adapters", self.lora_adapters),
            *((verb, path, "refused", self._refusing(why)) for (verb, path), why in NOT_HERE.items()),
        ]

    async def tokenize(self, request: Request) -> Response:
        """Answer POST /tokenize."""
        body = await self._calls.body(request, Tokenize)
        asked = pb.TokenizeRequest(
            model=body.model, text=body.content, add_special=body.add_special, parse_special=body.parse_special, pieces=body.with_pieces
        )
        reply = pb.TokenizeResponse.FromString(await self._calls.unary(request, "Tokenize", asked, body.model))
        return Response(await tokens.json_of(reply, body.with_pieces), media_type="application/json")

    async def detokenize(self, request: Request) -> Response:
        """Answer POST /detokenize, with control tokens written out as llama-server does."""
        body = await self._calls.body(request, Detokenize)
        try:
            asked = pb.DetokenizeRequest(model=body.model, tokens=body.tokens, special=True)
        except ValueError as error:
            raise BodyError("tokens: token ids are whole numbers below 2^31", "tokens") from error
        reply = pb.DetokenizeResponse.FromString(await self._calls.unary(request, "Detokenize", asked, body.model))
        return JSONResponse({"content": reply.text})

    async def apply_template(self, request: Request) -> Response:
        """Answer POST /apply-template; the body is one of /v1/chat/completions."""
        body = await self._calls.body(request, bodies.ChatCompletion)
        request.state.paths = translation.chat_paths(body)
        message = translation.chat_request(body)
        reply = pb.ApplyTemplateResponse.FromString(await self._calls.unary(request, "ApplyTemplate", message, body.model))
        return JSONResponse({"prompt": reply.prompt})

    async def count_tokens(self, request: Request) -> Response:
        """Count the tokens of a chat's prompt, that of its memory among them. Raises BodyError, and what a call raises."""
        body = await self._calls.body(request, bodies.ChatCompletion)
        self._calls.name_memory(request, body, "user", body.user)
        request.state.paths = translation.chat_paths(body)
        message = translation.chat_request(body)
        counted = await self._calls.prompt_tokens(request, body, body.session or body.prompt_cache_key or "", message)
        return JSONResponse({"object": "response.input_tokens", "input_tokens": counted})

    async def complete(self, request: Request) -> Response:
        """Answer POST /completion, llama-server's own form; an answer goes on to the end of the context unless it has a limit."""
        body = await self._calls.body(request, OwnCompletion)
        if body.max_tokens is None:
            body.max_tokens = -1
        makes = translation.generate_requests(body)
        check_one(len(makes))
        return await self._completed(request, body, makes[0], TEXT)

    async def infill(self, request: Request) -> Response:
        """Answer POST /infill: fill the gap between two texts, answered as /completion is."""
        body = await self._calls.body(request, Infill)
        if body.max_tokens is None:
            body.max_tokens = -1
        message = infill_request(body)
        return await self._completed(request, body, lambda: message, INFILL)

    async def embed(self, request: Request) -> Response:
        """Answer POST /embedding, llama-server's own form of /v1/embeddings."""
        body = await self._calls.body(request, bodies.Embeddings)
        reply = pb.EmbedResponse.FromString(await self._calls.unary(request, "Embed", embeddings.embed_request(body), body.model))
        return Response(await embeddings.list_of(reply, body.encoding_format), media_type="application/json")

    async def _completed(self, request: Request, body: OwnCompletion, make: Callable[[], pb.GenerateRequest], names: Names) -> Response:
        request.state.paths = translation.text_paths(body, names)
        made = Completion(self._calls.name(body.model), body, body.prompt, body.response_fields)
        replies = self._calls.merged(request, body.model, self._calls.opens(request, body, body.session, [make]))
        if body.stream:
            return await self._calls.streamed(request, made, replies)
        await unless_gone(request, _gather(made, replies))
        return JSONResponse(made.whole())

    async def props(self, request: Request) -> Response:
        """Answer GET /props, for the model of the parameter `model`, else the only one."""
        model = await self._calls.front.model(request.query_params.get("model", ""))
        defaults = {name: value for name, value in asdict(Sampling()).items() if name not in ("logit_bias", "grammar")}
        return JSONResponse(
            {
                "default_generation_settings": {"n_ctx": model.context_tokens, "params": defaults},
                "total_slots": model.slots,
                "model_alias": model.name,
                "model_path": model.name,
                "chat_template": model.chat_template,
                "modalities": {"vision": False, "audio": False},
                "build_info": f"echorator {__version__}",
                "is_sleeping": not model.slots,
                "warnings": list(model.warnings),
            }
        )

    async def slots(self, request: Request) -> Response:
        """Answer GET /slots: of all agents of a model, as these reported them last; with `fail_on_no_slot`, 503 where none is idle."""
        name = request.query_params.get("model", "")
        context = (await self._calls.front.model(name)).context_tokens
        listed: list[dict[str, Any]] = []
        for place in self._calls.front.fleet.find(name).places.values():
            for number in range(place.slots):
                known = {"id": len(listed), "n_ctx": context, "speculative": False, "is_processing": number < place.taken}
                listed.append(known | {"agent": place.name})
        if request.query_params.get("fail_on_no_slot") and all(slot["is_processing"] for slot in listed):
            raise BodyError("no slot is idle", status=503)
        return JSONResponse(listed)

    async def lora_adapters(self, request: Request) -> Response:
        """Answer GET /lora-adapters, for the model of the parameter `model`, else the only one."""
        model = await self._calls.front.model(request.query_params.get("model", ""))
        return JSONResponse([{"id": i, "path": PurePath(lora.source).name, "scale": lora.scale} for i, lora in enumerate(model.lora)])

    def _refusing(self, why: str) -> Handler:
        async def refuse(_request: Request) -> Response:
            raise BodyError(why, status=501)

        return refuse


async def _gather(made: Completion, replies: Replies) -> None:
    async with aclosing(replies):
        async for _, reply in replies:
            made.add(reply)
