"""The routes of the HTTP API: chat, text completions, embeddings, models, the memory, health, metrics.

`door` passes requests on to it; it reads bodies with `reading` and `bodies`, sends calls through `front_end`, and answers with `answers`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from echorator.errors import EchoratorError
from echorator.gateway.balancing.hash_ring import hash64
from echorator.gateway.forwarding import Call
from echorator.gateway.front_end import MODEL_SERVICE, FrontEnd
from echorator.gateway.http import embeddings, translation
from echorator.gateway.http.answers import Answer, Replies, Reply, Streamed, Whole, chat_choice, gathered, text_choice, unless_gone
from echorator.gateway.http.bodies import Body, ChatCompletion, Completion, Embeddings, Generation, ignored_in, name_memory, names_of
from echorator.gateway.http.door import IGNORED
from echorator.gateway.http.endpoints import ENDPOINTS, Endpoint
from echorator.gateway.http.failures import BodyError, refusal_of, response_of
from echorator.gateway.http.fields import served
from echorator.gateway.http.memories import Memories
from echorator.gateway.http.ollama.handlers import Ollama, formed
from echorator.gateway.http.parts import merged
from echorator.gateway.http.reading import Bodies
from echorator.gateway.http.settings import HttpSettings
from echorator.gateway.request_keys import Destination, chat_key, priority_of, prompt_key
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving import caller
from echorator.serving.headers import PRIORITY, SESSION
from echorator.serving.life import Life
from echorator.telemetry import tracing
from echorator.telemetry.exposition import text_of

_log = logging.getLogger(__name__)

B = TypeVar("B", bound=Body)
Generating = pb.ChatRequest | pb.GenerateRequest
CHAT_OPENING = {"role": "assistant", "content": "", "refusal": None}


class Api:
    """The handlers of all routes of one gateway."""

    def __init__(self, front: FrontEnd, body_limit_bytes: int, observe: Callable[[], None], settings: HttpSettings | None = None) -> None:
        """Create the handlers; `observe` sets the gauges and is called before each read of the metrics."""
        self._front = front
        self._settings = settings or HttpSettings()
        self._bodies = Bodies(front.fleet.room, body_limit_bytes, self._settings)
        self._observe = observe
        self._memories = Memories(front, self._bodies)
        self._ollama = Ollama(front, self._bodies)

    def _of_memory(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        return partial(self._memories.answer, endpoint)

    def app(self) -> Starlette:
        """Return the ASGI application with all routes."""
        routes = [
            Route("/v1/chat/completions", self._handled("chat.completions", self._chat), methods=["POST"]),
            Route("/v1/completions", self._handled("completions", self._complete), methods=["POST"]),
            Route("/v1/embeddings", self._handled("embeddings", self._embed), methods=["POST"]),
            Route("/v1/models", self._handled("models", self._models), methods=["GET"]),
            Route("/v1/models/{model:path}", self._handled("models", self._model), methods=["GET"]),
            *(Route(e.route, self._handled(f"memories.{e.name}", self._of_memory(e)), methods=[e.verb]) for e in ENDPOINTS),
            Route("/openapi.json", self._memories.openapi, methods=["GET"]),
            Route("/health", self._health, methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
            *(Route(path, formed(self._handled(name, handler)), methods=[verb]) for verb, path, name, handler in self._ollama.routes()),
        ]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _not_served, Exception: _failed})
        app.router.redirect_slashes = False
        return app

    def _handled(self, name: str, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            caller.CALLER.set(caller.http_caller(request.client))
            life = request.state.life = Life(self._front, name, request.headers.get(tracing.TRACEPARENT, ""), lambda _: _release(request))
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
            return response_of(error, self._front.code_of(error), getattr(error, "produced", ""))
        except ClientDisconnect:
            life.fail(asyncio.CancelledError())
            return Response(status_code=499)
        except Exception as error:  # noqa: BLE001 whatever fails is answered as JSON
            life.fail(error)
            _log.exception("a request over HTTP failed", extra={"path": request.url.path})
            return await _failed(request, error)

    async def _body(self, request: Request, kind: type[B]) -> B:
        """Return the validated body; its bytes count towards the room until `_release`. Raises BodyError that names the field."""
        reading = request.state.reading = self._bodies.begin()
        fields, ignored = served(await self._bodies.json_of(request, reading), names_of(kind))
        try:
            body = kind.model_validate(fields)
        except ValidationError as error:
            raise _invalid(error) from error
        request.state.ignored = [*ignored, *ignored_in(body)]
        return body

    def _call(self, method: str, message: Generating | pb.EmbedRequest, to: Destination, slot: bool) -> Call:
        trace = tracing.current()
        metadata = ((tracing.TRACEPARENT, trace.header),) if trace is not None else ()
        return Call(f"/{MODEL_SERVICE}/{method}", message.SerializeToString(), to, metadata, slot=slot)

    async def _replies(self, request: Generating, to: Destination) -> AsyncGenerator[Reply, None]:
        """Yield the messages of one answer, measured by a stopwatch."""
        method, kind = ("Chat", pb.ChatResponse) if isinstance(request, pb.ChatRequest) else ("Generate", pb.GenerateResponse)
        call = self._call(method, request, to, True)
        with self._front.measured(call.path, to.model) as watch:
            async with aclosing(self._front.forwarding.stream(call)) as messages:
                async for message in messages:
                    watch.message()
                    yield kind.FromString(message)

    # Chat and text completions

    async def _chat(self, request: Request) -> Response:
        body = await self._body(request, ChatCompletion)
        if not name_memory(body, request.headers, self._settings.memory_by):
            request.state.ignored.append("user")
        session, priority = _key(request, body.session or body.prompt_cache_key or ""), priority_of(request.headers.get(PRIORITY, ""))
        opens = [partial(self._replies_to, body, make, session, priority) for make in translation.chat_requests(body)]
        answer = Answer("chatcmpl", "chat.completion", self._name(body.model))
        if body.stream:
            _check_streamed(body)
            streamed = Streamed(answer, chat_choice, CHAT_OPENING, _wants_usage(body), request.state.life, self._front.code_of)
            return await streamed.response(request, self._merged(request, body.model, opens))
        wholes = await unless_gone(request, gathered(self._merged(request, body.model, opens), len(opens)))
        choices = []
        for index, whole in enumerate(wholes):
            said = {"role": "assistant", "content": whole.text, "refusal": None}
            logprobs = translation.chat_logprobs(whole.positions)
            choice = {"index": index, "message": said, "logprobs": logprobs, "finish_reason": whole.reason}
            choices.append(choice | _of_prompt(body, whole))
        return answer.whole(choices, [whole.finish.usage for whole in wholes])

    async def _complete(self, request: Request) -> Response:
        body = await self._body(request, Completion)
        makes = translation.generate_requests(body)
        session, priority = _key(request, body.session), priority_of(request.headers.get(PRIORITY, ""))
        opens = [partial(self._replies_to, body, make, session, priority) for make in makes]
        answer = Answer("cmpl", "text_completion", self._name(body.model))
        if body.stream:
            if body.echo:
                raise BodyError("echo is not streamed", "echo")
            _check_streamed(body)
            streamed = Streamed(answer, text_choice, None, _wants_usage(body), request.state.life, self._front.code_of)
            return await streamed.response(request, self._merged(request, body.model, opens))
        wholes = await unless_gone(request, gathered(self._merged(request, body.model, opens), len(opens)))
        choices = []
        for index, (make, whole) in enumerate(zip(makes, wholes, strict=True)):
            before = (make().prompt or translation.text_of(whole.prompt)) if body.echo else ""
            logprobs = translation.text_logprobs(whole.positions, len(before))
            if body.echo and (body.logprobs is not None or body.n_probs):
                logprobs = translation.echoed_logprobs(whole.prompt, whole.positions, before)
            choice = {"index": index, "text": before + whole.text, "logprobs": logprobs, "finish_reason": whole.reason}
            choices.append(choice | _of_prompt(body, whole))
        return answer.whole(choices, [whole.finish.usage for whole in wholes])

    def _replies_to(
        self, body: Generation, make: Callable[[], Generating], session: int | None, priority: int
    ) -> AsyncGenerator[Reply, None]:
        """Build the request of one answer, which is done as late as this to save memory, and return its messages."""
        message = make()
        key = session
        if key is None:
            key = chat_key(message) if isinstance(message, pb.ChatRequest) else prompt_key(message)
        return self._replies(message, Destination(body.model, key, priority or body.priority))

    def _merged(self, request: Request, model: str, opens: Sequence[Callable[[], AsyncGenerator[Reply, None]]]) -> Replies:
        if len(opens) == 1:
            _release(request)  # the buffer counts the message's bytes while it waits; do not count them twice
        places = self._front.fleet.find(model).places.values()
        return merged(opens, sum(place.slots for place in places if place.open))

    def _name(self, model: str) -> str:
        return self._front.fleet.find(model).name

    # The rest

    async def _embed(self, request: Request) -> Response:
        body = await self._body(request, Embeddings)
        call = self._call("Embed", embeddings.embed_request(body), Destination(body.model), False)
        with self._front.measured(call.path, body.model):
            raw = await unless_gone(request, self._front.forwarding.unary(call))
        reply = pb.EmbedResponse.FromString(raw)
        content = await embeddings.answer_of(reply, self._name(body.model), body.encoding_format)
        return Response(content, media_type="application/json")

    async def _models(self, _request: Request) -> Response:
        models = (await self._front.models()).models
        return JSONResponse({"object": "list", "data": [_model(m) for m in models]})

    async def _model(self, request: Request) -> Response:
        name = self._name(request.path_params["model"])
        return JSONResponse(next(_model(m) for m in (await self._front.models()).models if m.name == name))

    async def _health(self, _request: Request) -> Response:
        draining = self._front.draining.is_set()
        known = {"status": "draining" if draining else "ok", "models": self._front.fleet.models()}
        return JSONResponse(known, 503 if draining else 200)

    async def _metrics(self, _request: Request) -> Response:
        return Response(text_of(self._observe), media_type=CONTENT_TYPE_LATEST)


def _model(model: pb.Model) -> dict[str, Any]:
    meta = {"context_tokens": model.context_tokens, "parameters": model.parameters, "slots": model.slots}
    return {"id": model.name, "object": "model", "created": 0, "owned_by": "echorator", "meta": meta}


def _key(request: Request, session: str) -> int | None:
    named = request.headers.get(SESSION, "") or session
    caller.SESSION.set(named)
    return hash64(named.encode()) if named else None


def _release(request: Request) -> None:
    """Stop counting the bytes of the request's body towards the room."""
    reading = getattr(request.state, "reading", None)
    if reading is not None:
        reading.release()


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


def _invalid(error: ValidationError) -> BodyError:
    """Return the error with the field's name. Of a union's members the deepest error is shown: it is the member that was meant."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    first = max(found, key=lambda e: (e["type"] == "too_long", len(e["loc"])))
    where = ".".join(str(part) for part in first["loc"] if part not in _UNION_MEMBERS and "[" not in str(part))
    return BodyError(f"{where}: {first['msg']}" if where else first["msg"], where)


_UNION_MEMBERS = ("str", "Texts", "TextParts", "TokenIds", "Prompts")


async def _not_served(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = (
        "no such path here; served: /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models, /v1/memories and what "
        "/openapi.json lists below it, /health, /metrics"
    )
    if error.status_code == 405:
        message = "this path takes another method; see the Allow header"
    found = {"message": message, "type": "invalid_request_error", "param": None, "code": "not_found"}
    return JSONResponse({"error": found}, error.status_code, error.headers)


async def _failed(_request: Request, _error: Exception) -> Response:
    return JSONResponse(refusal_of(500, "the gateway failed; its log says why", "internal"), 500)
