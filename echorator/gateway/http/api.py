"""The routes of the HTTP API, and the handlers of chat and text completions, embeddings, models, health and metrics.

`door` passes requests on to it; it runs them with `generating.calls`, and answers with `answers`. The handlers of the Responses API, of
Anthropic's Messages and of the memory have modules of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Match, Route

from echorator.errors import EchoratorError
from echorator.gateway.front_end import FrontEnd
from echorator.gateway.http import embeddings, translation
from echorator.gateway.http.answers import CHAT_OPENING, Answer, CompletionEvents, Whole, chat_choices, gathered, text_choices
from echorator.gateway.http.bodies import ChatCompletion, Completion, Embeddings, Generation
from echorator.gateway.http.door import IGNORED
from echorator.gateway.http.endpoints import ENDPOINTS, Endpoint
from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.forms import form_of
from echorator.gateway.http.generating import answer_fields
from echorator.gateway.http.generating.calls import Calls, release
from echorator.gateway.http.generating.paths import in_clients_words
from echorator.gateway.http.generating.streaming import unless_gone
from echorator.gateway.http.generating.thoughts import wishes_of
from echorator.gateway.http.llama_server.handlers import LlamaServer
from echorator.gateway.http.memories import Memories
from echorator.gateway.http.messages.api import MessagesApi
from echorator.gateway.http.ollama.handlers import Ollama
from echorator.gateway.http.reading import Bodies
from echorator.gateway.http.refusals import nowhere
from echorator.gateway.http.reranking.handlers import Reranking
from echorator.gateway.http.responses.api import ResponsesApi
from echorator.gateway.http.settings import HttpSettings
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving import caller
from echorator.serving.called import HttpRoute
from echorator.serving.life import Life
from echorator.telemetry import tracing
from echorator.telemetry.exposition import Exposition

Handler = Callable[[Request], Awaitable[Response]]


class Api:
    """The handlers of all routes of one gateway."""

    def __init__(self, front: FrontEnd, body_limit_bytes: int, metrics: Exposition, settings: HttpSettings | None = None) -> None:
        """Create the handlers; `metrics` is what /metrics shows."""
        self._front = front
        settings = settings or HttpSettings()
        bodies = Bodies(front.fleet.room, body_limit_bytes, settings)
        self._calls = Calls(front, bodies, settings)
        self._exposition = metrics
        self._memories = Memories(front, bodies)
        self._responses = ResponsesApi(self._calls)
        self._messages = MessagesApi(self._calls)
        self._ollama = Ollama(self._calls, bodies)
        self._llama_server = LlamaServer(self._calls)
        self._reranking = Reranking(self._calls)

    def _of_memory(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        return partial(self._memories.answer, endpoint)

    def app(self) -> Starlette:
        """Return the ASGI application with all routes."""
        further = [*self._llama_server.routes(), *self._reranking.routes(), *self._ollama.routes()]
        routes = [
            self._route("/v1/chat/completions", ["POST"], "chat.completions", self._chat),
            self._route("/v1/completions", ["POST"], "completions", self._complete),
            self._route("/v1/responses", ["POST"], "responses", self._responses.create),
            self._route("/v1/responses/input_tokens", ["POST"], "responses.input_tokens", self._responses.input_tokens),
            self._route("/v1/responses/compact", ["POST"], "responses.refused", self._responses.compact),
            self._route("/v1/responses/{id}/input_items", ["GET"], "responses.input_items", self._responses.input_items),
            self._route("/v1/responses/{id}/cancel", ["POST"], "responses.refused", self._responses.cancel),
            self._route("/v1/responses/{id}", ["GET", "DELETE"], "responses.one", self._responses.one),
            self._route("/v1/messages", ["POST"], "messages", self._messages.create),
            self._route("/v1/messages/count_tokens", ["POST"], "messages.count_tokens", self._messages.count_tokens),
            self._route("/v1/embeddings", ["POST"], "embeddings", self._embed),
            self._route("/v1/models", ["GET"], "models", self._models),
            self._route("/v1/models/{model:path}", ["GET"], "models", self._model),
            *(self._route(e.route, [e.verb], f"memories.{e.name}", self._of_memory(e)) for e in ENDPOINTS),
            Route("/openapi.json", self._memories.openapi, methods=["GET"]),
            Route("/health", self._health, methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
            self._route("/chat/completions", ["POST"], "chat.completions", self._chat),  # as llama-server, without /v1
            self._route("/completions", ["POST"], "completions", self._complete),
            self._route("/responses", ["POST"], "responses", self._responses.create),
            self._route("/embeddings", ["POST"], "embeddings", self._embed),
            self._route("/models", ["GET"], "models", self._models),
            Route("/v1/health", self._health, methods=["GET"]),
            *(self._route(path, [verb], name, handler) for verb, path, name, handler in further),
        ]
        app = Starlette(routes=routes, exception_handlers={HTTPException: self._not_served, Exception: _failed})
        app.router.redirect_slashes = False
        return app

    def _route(self, path: str, verbs: Sequence[str], name: str, handler: Handler) -> Route:
        """Return a route whose requests each have a `Life`. `path` is the pattern as Starlette reads it, `name` that of the spans."""
        return Route(path, self._handled({verb: HttpRoute(name, verb, path) for verb in verbs}, handler), methods=list(verbs))

    def _handled(self, called: Mapping[str, HttpRoute], handler: Handler) -> Handler:
        other = next(iter(called.values()))  # Starlette lets GET routes answer HEAD too

        async def handle(request: Request) -> Response:
            caller.CALLER.set(caller.http_caller(request.client))
            traceparent = request.headers.get(tracing.TRACEPARENT, "")
            life = request.state.life = Life(self._front, called.get(request.method, other), traceparent, lambda: release(request))
            streams = False
            try:
                response = await self._answered(life, request, handler)
                life.status = response.status_code
                streams = isinstance(response, StreamingResponse)  # a stream ends the life itself, after its last event
            except BaseException as error:
                life.fail(error)
                raise
            finally:
                if not streams:
                    life.end()
            response.headers["x-request-id"] = life.trace.trace_id
            if ignored := getattr(request.state, "ignored", ()):
                response.headers[IGNORED] = _listed(ignored)
            return response

        return handle

    async def _answered(self, life: Life, request: Request, handler: Callable[[Request], Awaitable[Response]]) -> Response:
        """Return the handler's response, or the error response that its exception maps to."""
        try:
            self._front.check_admission()
            return await handler(request)
        except EchoratorError as error:
            life.fail(error)
            form = form_of(request.scope["path"])
            error = in_clients_words(error, getattr(request.state, "paths", None), getattr(request.state, "renamed", {}), form.dotted)
            return form.response_of(error, self._front.code_of(error), getattr(error, "produced", ""))
        except ClientDisconnect:
            life.fail(asyncio.CancelledError())
            return Response(status_code=499)
        except Exception as error:  # noqa: BLE001 whatever fails is answered as JSON
            life.fail(error)
            return await _failed(request, error)

    # Chat and text completions

    async def _chat(self, request: Request) -> Response:
        calls = self._calls
        body = await calls.body(request, ChatCompletion)
        calls.name_memory(request, body, "user", body.user)
        request.state.paths = translation.chat_paths(body)
        await calls.check_thoughts(request, body.model, wishes_of(body, "reasoning_effort", body.reasoning_effort), body.chat_template)
        opens = calls.opens(request, body, body.session or body.prompt_cache_key or "", translation.chat_requests(body))
        answer = Answer("chatcmpl", "chat.completion", calls.name(body.model))
        if body.stream:
            _check_streamed(body)
            events = CompletionEvents(answer, chat_choices, CHAT_OPENING, body)
            return await calls.streamed(request, events, calls.merged(request, body.model, opens))
        wholes = await unless_gone(request, gathered(calls.merged(request, body.model, opens), len(opens)))
        choices = []
        for index, whole in enumerate(wholes):
            logprobs = answer_fields.chat_logprobs(whole.positions)
            choice = {"index": index, "message": whole.message, "logprobs": logprobs, "finish_reason": whole.reason}
            choices.append(choice | _of_prompt(body, whole))
        return answer.whole(choices, [whole.finish.usage for whole in wholes])

    async def _complete(self, request: Request) -> Response:
        calls = self._calls
        body = await calls.body(request, Completion)
        request.state.paths = translation.text_paths(body)
        makes = translation.generate_requests(body)
        opens = calls.opens(request, body, body.session, makes)
        answer = Answer("cmpl", "text_completion", calls.name(body.model))
        if body.stream:
            if body.echo:
                raise BodyError("echo is not streamed", "echo")
            _check_streamed(body)
            events = CompletionEvents(answer, text_choices, None, body)
            return await calls.streamed(request, events, calls.merged(request, body.model, opens))
        wholes = await unless_gone(request, gathered(calls.merged(request, body.model, opens), len(opens)))
        choices = []
        wanted = body.logprobs is not None or bool(body.n_probs)
        for index, answer_index in enumerate(translation.chosen(body, [whole.positions for whole in wholes])):
            whole = wholes[answer_index]
            before = (makes[answer_index]().prompt or answer_fields.text_of(whole.prompt)) if body.echo else ""
            logprobs = answer_fields.text_logprobs(whole.positions, len(before)) if wanted else None
            if body.echo and wanted:
                logprobs = answer_fields.echoed_logprobs(whole.prompt, whole.positions, before)
            choice = {"index": index, "text": before + whole.text, "logprobs": logprobs, "finish_reason": whole.reason}
            choices.append(choice | _of_prompt(body, whole))
        return answer.whole(choices, [whole.finish.usage for whole in wholes])

    # The rest

    async def _embed(self, request: Request) -> Response:
        body = await self._calls.body(request, Embeddings)
        reply = pb.EmbedResponse.FromString(await self._calls.unary(request, "Embed", embeddings.embed_request(body), body.model))
        content = await embeddings.answer_of(reply, self._calls.name(body.model), body.encoding_format)
        return Response(content, media_type="application/json")

    async def _models(self, _request: Request) -> Response:
        data = [_model(m) for m in await self._front.asked_for()]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
        return JSONResponse({"object": "list", "data": data, "has_more": False, **ends})

    async def _model(self, request: Request) -> Response:
        return JSONResponse(_model(await self._front.model(request.path_params["model"])))

    async def _not_served(self, request: Request, error: Exception) -> Response:
        """Answer a request for a path or a method that is not served."""
        assert isinstance(error, HTTPException)
        with Life(self._front, nowhere(request.method), request.headers.get(tracing.TRACEPARENT, "")) as life:
            life.code = "UNIMPLEMENTED" if error.status_code == 405 else "NOT_FOUND"
            life.status = error.status_code
            refusal = _refusal_of_path(request, error.status_code)
        refusal.headers["x-request-id"] = life.trace.trace_id
        return refusal

    async def _health(self, _request: Request) -> Response:
        draining = self._front.draining.is_set()
        known = {"status": "draining" if draining else "ok", "models": self._front.fleet.models()}
        return JSONResponse(known, 503 if draining else 200)

    async def _metrics(self, request: Request) -> Response:
        content = await self._exposition.text(request.query_params.getlist("name[]"))  # as prometheus-client's own servers read it
        return Response(content, media_type=CONTENT_TYPE_LATEST)


def _model(model: pb.Model) -> dict[str, Any]:
    meta = {"context_tokens": model.context_tokens, "parameters": model.parameters, "slots": model.slots}
    of_llama_server = {
        "n_ctx": model.context_tokens,
        "n_ctx_train": model.trained_context_tokens,
        "n_embd": model.embedding_length,
        "n_params": model.parameters,
        "size": model.size_bytes,
    }
    created = int(model.file_changed_at_s)
    of_anthropic = {
        "type": "model",
        "display_name": model.name,
        "created_at": datetime.fromtimestamp(created, UTC).isoformat().replace("+00:00", "Z"),
        "lifecycle": "active",
        "max_input_tokens": model.context_tokens,
    }
    of_openai = {"id": model.name, "object": "model", "created": created, "owned_by": "echorator"}
    return of_openai | of_anthropic | {"meta": meta | of_llama_server}


def _listed(names: Sequence[str]) -> str:
    """Return at most 32 names as a header value; other characters than printable ASCII, which a client may send, become "?"."""
    shown = ", ".join(names[:32])
    return "".join(c if " " <= c <= "~" else "?" for c in shown)


def _check_streamed(body: Generation) -> None:
    if body.prompt_logprobs is not None:
        raise BodyError("prompt_logprobs are not streamed", "prompt_logprobs")


def _of_prompt(body: Generation, whole: Whole) -> dict[str, Any]:
    return {"prompt_logprobs": answer_fields.prompt_logprobs(whole.prompt)} if body.prompt_logprobs is not None else {}


def _refusal_of_path(request: Request, status: int) -> Response:
    message = (
        "no such path here; served: /v1/chat/completions, /v1/completions, /v1/responses, /v1/messages, /v1/messages/count_tokens, "
        "/v1/embeddings, /v1/rerank, /v1/models, /tokenize, /detokenize, /apply-template, /completion, /props, "
        "Ollama's below /api, /v1/memories and what /openapi.json lists below it, /health, /metrics"
    )
    form = form_of(request.url.path)
    if status != 405:
        return form.refusal(status, message, "not_found")
    # Starlette's own Allow has the methods of one route, and a path has several
    fitting = (route for route in request.app.routes if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE)
    allowed = ", ".join(sorted({method for route in fitting for method in route.methods or ()}))
    refusal = form.refusal(405, f"this path takes another method than {request.method}: {allowed}", "method_not_allowed")
    refusal.headers["allow"] = allowed
    return refusal


async def _failed(request: Request, _error: Exception) -> Response:
    return form_of(request.url.path).failed()
