"""The routes: chat, text completions, embeddings, models, health, metrics."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from echorator.errors import EchoratorError, EngineError
from echorator.gateway.forwarding import Call
from echorator.gateway.hash_ring import hash64
from echorator.gateway.http import translation
from echorator.gateway.http.bodies import Body, ChatCompletion, Completion, Embeddings
from echorator.gateway.http.failures import BodyError, body_of, response_of
from echorator.gateway.passthrough import MODEL_SERVICE, Passthrough
from echorator.gateway.request_keys import Destination, chat_key, prompt_key
from echorator.gateway.stopwatch import Stopwatch
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving.headers import SESSION
from echorator.telemetry import tracing
from echorator.telemetry.exposition import text_of

B = TypeVar("B", bound=Body)
Generating = pb.ChatRequest | pb.GenerateRequest
Reply = pb.ChatResponse | pb.GenerateResponse
EVENT_STREAM = {"cache-control": "no-cache", "x-accel-buffering": "no"}


class Api:
    """Handlers over the gateway's own calls."""

    def __init__(self, gateway: Passthrough, body_limit_bytes: int, observe: Callable[[], None]) -> None:
        """`observe` brings gauges up to date before they are read."""
        self._gateway = gateway
        self._limit = body_limit_bytes
        self._observe = observe

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/v1/chat/completions", self._handled("chat.completions", self._chat), methods=["POST"]),
            Route("/v1/completions", self._handled("completions", self._complete), methods=["POST"]),
            Route("/v1/embeddings", self._handled("embeddings", self._embed), methods=["POST"]),
            Route("/v1/models", self._handled("models", self._models), methods=["GET"]),
            Route("/v1/models/{model:path}", self._handled("models", self._model), methods=["GET"]),
            Route("/health", self._health, methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: _not_served})

    def _handled(self, name: str, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            trace = tracing.begin(name, request.headers.get(tracing.TRACEPARENT, ""))
            failed, response = "", Response(status_code=500)
            try:
                self._gateway.check_admission()
                response = await handler(request)
            except EchoratorError as error:
                code = self._gateway.code_of(error)
                failed = code.name
                response = response_of(error, code, getattr(error, "produced", ""))
            except ClientDisconnect:
                failed = "CANCELLED"
                response = Response(status_code=499)
            finally:
                if failed or not isinstance(response, StreamingResponse):  # a stream ends its trace itself
                    trace.end(failed)
            response.headers["x-request-id"] = trace.trace_id
            return response

        return handle

    async def _body(self, request: Request, kind: type[B]) -> B:
        """Raises BodyError, naming the field."""
        raw = bytearray()
        async for part in request.stream():
            raw += part
            if len(raw) > self._limit:
                raise BodyError(f"the body is larger than {self._limit} bytes", status=413)
        try:
            return kind.model_validate_json(bytes(raw))
        except ValidationError as error:
            first = max(error.errors(include_url=False, include_input=False), key=lambda e: len(e["loc"]))  # of a union, what it meant
            where = ".".join(str(part) for part in first["loc"] if part != "str" and "[" not in str(part))
            message = first["msg"]
            if first["type"] == "json_invalid":
                raise BodyError(f"the body is not JSON: {first['ctx']['error']}") from error
            raise BodyError(f"{where}: {message}" if where else message, where) from error

    def _call(self, method: str, message: Generating | pb.EmbedRequest, to: Destination, slot: bool) -> Call:
        trace = tracing.current()
        metadata = ((tracing.TRACEPARENT, trace.header),) if trace is not None else ()
        return Call(f"/{MODEL_SERVICE.full_name}/{method}", message.SerializeToString(), to, metadata, slot=slot)

    async def _replies(self, request: Generating, to: Destination) -> AsyncGenerator[Reply, None]:
        """The answer's messages; counted as a call of the gateway's, so that it drains."""
        method, kind = ("Chat", pb.ChatResponse) if isinstance(request, pb.ChatRequest) else ("Generate", pb.GenerateResponse)
        call = self._call(method, request, to, True)
        watch = Stopwatch(call.path, to.model)
        self._gateway.enter()
        try:
            async with aclosing(self._gateway.forwarding.stream(call)) as messages:
                async for message in messages:
                    watch.message()
                    yield kind.FromString(message)
        except BaseException as error:
            watch.failed(error, self._gateway)
            raise
        finally:
            watch.end()
            self._gateway.leave()

    # Chat and text completions

    async def _chat(self, request: Request) -> Response:
        body = await self._body(request, ChatCompletion)
        message = translation.chat_request(body)
        to = Destination(body.model, _key(request, body.session or body.prompt_cache_key or "") or chat_key(message), body.priority)
        answer = _Answer("chatcmpl", "chat.completion", self._name(body.model))
        if body.stream:
            wants_usage = body.stream_options is not None and body.stream_options.include_usage
            opening = {"role": "assistant", "content": ""}
            return await self._streamed(request, answer, self._replies(message, to), _chat_choice, wants_usage, opening)
        (text, positions, finish), *_ = await _unless_gone(request, [self._whole(self._replies(message, to))])
        said = {"role": "assistant", "content": text, "refusal": None}
        reason, logprobs = translation.REASONS.get(finish.reason, "stop"), translation.chat_logprobs(positions)
        choice = {"index": 0, "message": said, "logprobs": logprobs, "finish_reason": reason}
        return answer.whole([choice], [finish.usage])

    async def _complete(self, request: Request) -> Response:
        body = await self._body(request, Completion)
        messages = translation.generate_requests(body)
        answer = _Answer("cmpl", "text_completion", self._name(body.model))
        session = _key(request, body.session)
        replies = [self._replies(m, Destination(body.model, session or prompt_key(m), body.priority)) for m in messages]
        if body.stream:
            wants_usage = body.stream_options is not None and body.stream_options.include_usage
            if body.echo:
                raise BodyError("echo is not streamed", "echo")
            return await self._streamed(request, answer, replies[0], _text_choice, wants_usage, None)
        answers = await _unless_gone(request, [self._whole(r) for r in replies])
        choices = []
        for index, (message, (text, positions, finish)) in enumerate(zip(messages, answers, strict=True)):
            before = message.prompt if body.echo else ""
            logprobs = translation.text_logprobs(positions, len(before))
            reason = translation.REASONS.get(finish.reason, "stop")
            choices.append({"index": index, "text": before + text, "logprobs": logprobs, "finish_reason": reason})
        return answer.whole(choices, [finish.usage for _, _, finish in answers])

    def _name(self, model: str) -> str:
        return self._gateway.dispatcher.find(model).name

    async def _whole(self, replies: AsyncGenerator[Reply, None]) -> tuple[str, list[pb.PositionLogprobs], pb.Finish]:
        texts: list[str] = []
        positions: list[pb.PositionLogprobs] = []
        finish = pb.Finish()
        try:
            async with aclosing(replies):
                async for reply in replies:
                    texts.append(reply.text)
                    positions.extend(translation.positions_of(reply))
                    if reply.HasField("finish"):
                        finish = reply.finish
        except EchoratorError as error:
            error.produced = "".join(texts)  # type: ignore[attr-defined]
            raise
        return "".join(texts), positions, finish

    async def _streamed(
        self,
        request: Request,
        answer: _Answer,
        replies: AsyncGenerator[Reply, None],
        choice: Callable[[Reply, int], dict[str, Any]],
        wants_usage: bool,
        opening: dict[str, Any] | None,
    ) -> Response:
        """Server-sent events. The first message is waited for here, so that what fails before it has a status of its own."""
        (first,) = await _unless_gone(request, [_next(replies)])
        if first is None:
            raise EngineError("the agent ended its answer before the first word")
        trace = tracing.current()

        async def events() -> AsyncGenerator[bytes, None]:
            failed = ""
            try:
                async with aclosing(replies):
                    if opening is not None:
                        yield answer.chunk([{"index": 0, "delta": opening, "logprobs": None, "finish_reason": None}])
                    reply, offset = first, 0
                    while True:
                        yield answer.chunk([choice(reply, offset)])
                        offset += len(reply.text)
                        following = await _next(replies)
                        if following is None:
                            break
                        reply = following
                    if wants_usage:
                        yield answer.chunk([], translation.usage_of([reply.finish.usage]))
                    yield b"data: [DONE]\n\n"
            except EchoratorError as error:
                code = self._gateway.code_of(error)
                failed = code.name
                yield b"data: " + json.dumps(body_of(error, code)).encode() + b"\n\n"
            finally:
                if trace is not None:
                    trace.end(failed)

        return StreamingResponse(events(), media_type="text/event-stream", headers=EVENT_STREAM)

    # The rest

    async def _embed(self, request: Request) -> Response:
        body = await self._body(request, Embeddings)
        call = self._call("Embed", translation.embed_request(body), Destination(body.model), False)
        watch = Stopwatch(call.path, body.model)
        self._gateway.enter()
        try:
            (raw,) = await _unless_gone(request, [self._gateway.forwarding.unary(call)])
        except BaseException as error:
            watch.failed(error, self._gateway)
            raise
        finally:
            watch.end()
            self._gateway.leave()
        reply = pb.EmbedResponse.FromString(raw)
        vectors = [translation.vector_of(e.values, body.encoding_format) for e in reply.embeddings]
        data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
        usage = {"prompt_tokens": reply.prompt_tokens, "total_tokens": reply.prompt_tokens}
        return JSONResponse({"object": "list", "data": data, "model": self._name(body.model), "usage": usage})

    async def _models(self, _request: Request) -> Response:
        models = (await self._gateway.models()).models
        return JSONResponse({"object": "list", "data": [_model(m) for m in models]})

    async def _model(self, request: Request) -> Response:
        name = self._name(request.path_params["model"])
        return JSONResponse(next(_model(m) for m in (await self._gateway.models()).models if m.name == name))

    async def _health(self, _request: Request) -> Response:
        draining = self._gateway.draining.is_set()
        known = {"status": "draining" if draining else "ok", "models": self._gateway.dispatcher.models()}
        return JSONResponse(known, 503 if draining else 200)

    async def _metrics(self, _request: Request) -> Response:
        return Response(text_of(self._observe), media_type=CONTENT_TYPE_LATEST)


class _Answer:
    """What all objects of one answer share."""

    def __init__(self, prefix: str, kind: str, model: str) -> None:
        self._kind = kind
        self._head = {"id": f"{prefix}-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}

    def whole(self, choices: list[dict[str, Any]], usages: Sequence[pb.Usage]) -> Response:
        return JSONResponse({**self._head, "object": self._kind, "choices": choices, "usage": translation.usage_of(usages)})

    def chunk(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
        kind = f"{self._kind}.chunk" if self._kind.startswith("chat") else self._kind
        made = {**self._head, "object": kind, "choices": choices} | ({"usage": usage} if usage is not None else {})
        return b"data: " + json.dumps(made, ensure_ascii=False).encode() + b"\n\n"


def _chat_choice(reply: Reply, _offset: int) -> dict[str, Any]:
    reason = translation.REASONS.get(reply.finish.reason, "stop") if reply.HasField("finish") else None
    delta = {"content": reply.text} if reply.text or reason is None else {}
    return {"index": 0, "delta": delta, "logprobs": translation.chat_logprobs(translation.positions_of(reply)), "finish_reason": reason}


def _text_choice(reply: Reply, offset: int) -> dict[str, Any]:
    reason = translation.REASONS.get(reply.finish.reason, "stop") if reply.HasField("finish") else None
    return {
        "index": 0,
        "text": reply.text,
        "logprobs": translation.text_logprobs(translation.positions_of(reply), offset),
        "finish_reason": reason,
    }


def _model(model: pb.Model) -> dict[str, Any]:
    meta = {"context_tokens": model.context_tokens, "parameters": model.parameters, "slots": model.slots}
    return {"id": model.name, "object": "model", "created": 0, "owned_by": "echorator", "meta": meta}


def _key(request: Request, session: str) -> int | None:
    named = request.headers.get(SESSION, "") or session
    return hash64(named.encode()) if named else None


R = TypeVar("R")


async def _unless_gone(request: Request, work: Sequence[Awaitable[R]]) -> list[R]:
    """All results; breaks the work off where the client goes away before. Raises ClientDisconnect."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.ensure_future(w) for w in work]
    watcher = asyncio.create_task(gone())
    everything = asyncio.gather(*tasks)
    try:
        await asyncio.wait((everything, watcher), return_when=asyncio.FIRST_COMPLETED)
        if not everything.done():
            raise ClientDisconnect
        return await everything
    finally:
        for task in (watcher, *tasks):
            task.cancel()
        await asyncio.gather(watcher, *tasks, return_exceptions=True)


async def _next(replies: AsyncGenerator[Reply, None]) -> Reply | None:
    return await anext(replies, None)


async def _not_served(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = "no such path here; served: /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models, /health, /metrics"
    if error.status_code == 405:
        message = "this path takes another method; see the Allow header"
    found = {"message": message, "type": "invalid_request_error", "param": None, "code": "not_found"}
    return JSONResponse({"error": found}, error.status_code, error.headers)
