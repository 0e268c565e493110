"""The routes of the HTTP API, and the handlers of chat and text completions, embeddings, models, health and metrics.

`door` passes requests on to it; it runs them with `generating.calls`, and answers with `answers`. The handlers of the Responses API, of
Anthropic's Messages and of the memory have modules of their own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
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
from echorator.gateway.http.answers import Answer, CompletionEvents, Whole, chat_choices, chat_opening, gathered, text_choices
from echorator.gateway.http.bodies import ChatCompletion, Completion, Embeddings, Generation
from echorator.gateway.http.door import IGNORED
from echorator.gateway.http.endpoints import ENDPOINTS, Endpoint
from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.forms import form_of
from echorator.gateway.http.generating.calls import Calls, release
from echorator.gateway.http.generating.paths import in_clients_words
from echorator.gateway.http.generating.streaming import unless_gone
from echorator.gateway.http.generating.thoughts import wishes_of
from echorator.gateway.http.llama_server.handlers import LlamaServer
from echorator.gateway.http.memories import Memories
from echorator.gateway.http.messages.api import MessagesApi
from echorator.gateway.http.ollama.handlers import Ollama
from echorator.gateway.http.reading import Bodies
from echorator.gateway.http.reranking.handlers import Reranking
from echorator.gateway.http.responses.api import ResponsesApi
from echorator.gateway.http.settings import HttpSettings
from echorator.gateway.request_keys import Destination
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving import caller
from echorator.serving.life import Life
from echorator.telemetry import tracing
from echorator.telemetry.exposition import text_of

_log = logging.getLogger(__name__)


class Api:
    """The handlers of all routes of one gateway."""

    def __init__(self, front: FrontEnd, body_limit_bytes: int, observe: Callable[[], None], settings: HttpSettings | None = None) -> None:
        """Create the handlers; `observe` sets the gauges and is called before each read of the metrics."""
        self._front = front
        settings = settings or HttpSettings()
        bodies = Bodies(front.fleet.room, body_limit_bytes, settings)
        self._calls = Calls(front, bodies, settings)
        self._observe = observe
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
            Route("/v1/chat/completions", self._handled("chat.completions", self._chat), methods=["POST"]),
            Route("/v1/completions", self._handled("completions", self._complete), methods=["POST"]),
            Route("/v1/responses", self._handled("responses", self._responses.create), methods=["POST"]),
            Route("/v1/responses/input_tokens", self._handled("responses.input_tokens", self._responses.input_tokens), methods=["POST"]),
            Route("/v1/responses/compact", self._handled("responses.refused", self._responses.compact), methods=["POST"]),
            Route("/v1/responses/{id}/input_items", self._handled("responses.input_items", self._responses.input_items), methods=["GET"]),
            Route("/v1/responses/{id}/cancel", self._handled("responses.refused", self._responses.cancel), methods=["POST"]),
            Route("/v1/responses/{id}", self._handled("responses.one", self._responses.one), methods=["GET", "DELETE"]),
            Route("/v1/messages", self._handled("messages", self._messages.create), methods=["POST"]),
            Route("/v1/messages/count_tokens", self._handled("messages.count_tokens", self._messages.count_tokens), methods=["POST"]),
            Route("/v1/embeddings", self._handled("embeddings", self._embed), methods=["POST"]),
            Route("/v1/models", self._handled("models", self._models), methods=["GET"]),
            Route("/v1/models/{model:path}", self._handled("models", self._model), methods=["GET"]),
            *(Route(e.route, self._handled(f"memories.{e.name}", self._of_memory(e)), methods=[e.verb]) for e in ENDPOINTS),
            Route("/openapi.json", self._memories.openapi, methods=["GET"]),
            Route("/health", self._health, methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
            Route("/chat/completions", self._handled("chat.completions", self._chat), methods=["POST"]),  # as llama-server, without /v1
            Route("/completions", self._handled("completions", self._complete), methods=["POST"]),
            Route("/responses", self._handled("responses", self._responses.create), methods=["POST"]),
            Route("/embeddings", self._handled("embeddings", self._embed), methods=["POST"]),
            Route("/models", self._handled("models", self._models), methods=["GET"]),
            Route("/v1/health", self._health, methods=["GET"]),
            *(Route(path, self._handled(name, handler), methods=[verb]) for verb, path, name, handler in further),
        ]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _not_served, Exception: _failed})
        app.router.redirect_slashes = False
        return app

    def _handled(self, name: str, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            caller.CALLER.set(caller.http_caller(request.client))
            life = request.state.life = Life(self._front, name, request.headers.get(tracing.TRACEPARENT, ""), lambda _: release(request))
            streams = False
            try:
                response = await self._answered(life, request, handler)
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
            error = in_clients_words(error, getattr(request.state, "paths", None), getattr(request.state, "renamed", {}))
            form = form_of(request.scope["path"])
            return form.response_of(error, self._front.code_of(error), getattr(error, "produced", ""))
        except ClientDisconnect:
            life.fail(asyncio.CancelledError())
            return Response(status_code=499)
        except Exception as error:  # noqa: BLE001 whatever fails is answered as JSON
            life.fail(error)
            _log.exception("a request over HTTP failed", extra={"path": request.url.path})
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
            events = CompletionEvents(answer, chat_choices, chat_opening, _wants_usage(body))
            return await calls.streamed(request, events, calls.merged(request, body.model, opens))
        wholes = await unless_gone(request, gathered(calls.merged(request, body.model, opens), len(opens)))
        choices = []
        for index, whole in enumerate(wholes):
            logprobs = translation.chat_logprobs(whole.positions)
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
            events = CompletionEvents(answer, text_choices, None, _wants_usage(body))
            return await calls.streamed(request, events, calls.merged(request, body.model, opens))
        wholes = await unless_gone(request, gathered(calls.merged(request, body.model, opens), len(opens)))
        choices = []
        wanted = body.logprobs is not None or bool(body.n_probs)
        for index, answer_index in enumerate(translation.chosen(body, [whole.positions for whole in wholes])):
            whole = wholes[answer_index]
            before = (makes[answer_index]().prompt or translation.text_of(whole.prompt)) if body.echo else ""
            logprobs = translation.text_logprobs(whole.positions, len(before)) if wanted else None
            if body.echo and wanted:
                logprobs = translation.echoed_logprobs(whole.prompt, whole.positions, before)
            choice = {"index": index, "text": before + whole.text, "logprobs": logprobs, "finish_reason": whole.reason}
            choices.append(choice | _of_prompt(body, whole))
        return answer.whole(choices, [whole.finish.usage for whole in wholes])

    # The rest

    async def _embed(self, request: Request) -> Response:
        body = await self._calls.body(request, Embeddings)
        call = self._calls.call("Embed", embeddings.embed_request(body), Destination(body.model), False)
        with self._front.measured(call.path, body.model):
            raw = await unless_gone(request, self._front.forwarding.unary(call))
        reply = pb.EmbedResponse.FromString(raw)
        content = await embeddings.answer_of(reply, self._calls.name(body.model), body.encoding_format)
        return Response(content, media_type="application/json")

    async def _models(self, _request: Request) -> Response:
        data = [_model(m) for m in await self._front.asked_for()]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
        return JSONResponse({"object": "list", "data": data, "has_more": False, **ends})

    async def _model(self, request: Request) -> Response:
        return JSONResponse(_model(await self._front.model(request.path_params["model"])))

    async def _health(self, _request: Request) -> Response:
        draining = self._front.draining.is_set()
        known = {"status": "draining" if draining else "ok", "models": self._front.fleet.models()}
        return JSONResponse(known, 503 if draining else 200)

    async def _metrics(self, _request: Request) -> Response:
        return Response(text_of(self._observe), media_type=CONTENT_TYPE_LATEST)


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
    return {"prompt_logprobs": translation.prompt_logprobs(whole.prompt)} if body.prompt_logprobs is not None else {}


def _wants_usage(body: Generation) -> bool:
    return body.stream_options is not None and body.stream_options.include_usage


async def _not_served(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = (
        "no such path here; served: /v1/chat/completions, /v1/completions, /v1/responses, /v1/messages, /v1/messages/count_tokens, "
        "/v1/embeddings, /v1/rerank, /v1/models, /tokenize, /detokenize, /apply-template, /completion, /props, "
        "Ollama's below /api, /v1/memories and what /openapi.json lists below it, /health, /metrics"
    )
    form = form_of(request.url.path)
    if error.status_code != 405:
        return form.refusal(error.status_code, message, "not_found")
    # Starlette's own Allow has the methods of one route, and a path has several
    fitting = (route for route in request.app.routes if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE)
    allowed = ", ".join(sorted({method for route in fitting for method in route.methods or ()}))
    refusal = form.refusal(405, f"this path takes another method than {request.method}: {allowed}", "method_not_allowed")
    refusal.headers["allow"] = allowed
    return refusal


async def _failed(request: Request, _error: Exception) -> Response:
    return form_of(request.url.path).failed()
