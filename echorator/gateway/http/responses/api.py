"""The handlers of /v1/responses. Fed by `http.api`, which has the routes; runs its calls with `generating.calls`."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response as HttpResponse

from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.generating.calls import Calls
from echorator.gateway.http.generating.segments import Segments
from echorator.gateway.http.generating.streaming import divided, unless_gone
from echorator.gateway.http.generating.thoughts import wishes_of
from echorator.gateway.http.responses.bodies import NOT_COUNTED, ResponseBody
from echorator.gateway.http.responses.events import ResponseEvents
from echorator.gateway.http.responses.input_items import items_of, page_of
from echorator.gateway.http.responses.kept import Kept, KeptResponses
from echorator.gateway.http.responses.objects import Response
from echorator.gateway.http.responses.translation import messages_of, paths_of, request_of, turn_of
from echorator.rpc.v1 import model_pb2 as pb


class ResponsesApi:
    """The Responses API of one gateway process, with the responses that it keeps."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._kept = KeptResponses(calls.settings.kept_responses_bytes, calls.settings.kept_responses_s)

    async def create(self, request: Request) -> HttpResponse:
        """Answer an input. Raises BodyError, and what a call raises."""
        calls = self._calls
        body = await calls.body(request, ResponseBody)
        calls.name_memory(request, body, "user", body.user)
        conversation = self._conversation(request, body)
        message = request_of(body, conversation)
        request.state.paths.check_tools(message.messages)
        wishes = wishes_of(body, "reasoning.effort", body.reasoning.effort if body.reasoning is not None else None)
        await calls.check_thoughts(request, body.model, wishes, body.chat_template)
        response = Response(body, calls.name(body.model))
        replies = calls.merged(
            request, body.model, calls.opens(request, body, body.session or body.prompt_cache_key or "", [lambda: message])
        )

        def ended(segments: Segments) -> dict[str, Any]:
            return self._ended(response, conversation, segments)

        if body.stream:
            return await calls.streamed(request, ResponseEvents(response, ended), replies)
        return JSONResponse(ended(await unless_gone(request, divided(replies))))

    def _conversation(self, request: Request, body: ResponseBody) -> list[pb.Message]:
        """Return the messages up to the answer, without instructions, and let errors name their places in the body. Raises BodyError."""
        before = self._before(body)
        messages, places = messages_of(body.input)
        request.state.paths = paths_of(body, len(before), places)
        return [*before, *messages]

    def _before(self, body: ResponseBody) -> list[pb.Message]:
        """Return the conversation that the body goes on from. Raises BodyError where it is not kept."""
        if body.previous_response_id is None:
            return []
        kept = self._kept.find(body.previous_response_id, time.monotonic())
        if kept is None:
            message = f"previous_response_id: no response {body.previous_response_id[:80]!r} is kept here; send the conversation as input"
            raise BodyError(message, "previous_response_id", code="previous_response_not_found")
        return kept.conversation()

    def _ended(self, response: Response, conversation: list[pb.Message], segments: Segments) -> dict[str, Any]:
        """Return the whole response, kept where the body asks for that and there is room."""
        whole = response.ended(segments)
        if response.stored:
            response.stored = self._kept.keep(whole, [*conversation, turn_of(segments.all)], time.monotonic())
            whole["store"] = response.stored
        return whole

    async def one(self, request: Request) -> HttpResponse:
        """Return a response that is kept, or forget it. Raises BodyError where it is not kept."""
        response_id = request.path_params["id"]
        if request.method == "DELETE":
            if not self._kept.forget(response_id, time.monotonic()):
                raise _not_kept(response_id)
            return JSONResponse({"id": response_id, "object": "response", "deleted": True})
        if request.query_params.get("stream", "").lower() == "true":
            raise BodyError("stream: a response that is kept is not streamed again", "stream")
        return HttpResponse(self._found(response_id).response, media_type="application/json")

    async def input_items(self, request: Request) -> HttpResponse:
        """Return a page of what a response that is kept answered. Raises BodyError where it is not kept, or for a malformed page."""
        response_id = request.path_params["id"]
        items = items_of(self._found(response_id).conversation()[:-1], response_id)
        return JSONResponse(page_of(items, request.query_params))

    async def input_tokens(self, request: Request) -> HttpResponse:
        """Count the tokens of a prompt, by reading it without an answer. Raises BodyError, and what a call raises."""
        calls = self._calls
        body = await calls.body(request, ResponseBody)
        calls.name_memory(request, body, "user", body.user)
        request.state.ignored += [name for name in NOT_COUNTED if name in body.model_fields_set]
        message = request_of(body, self._conversation(request, body))
        request.state.paths.check_tools(message.messages)
        counted = await calls.prompt_tokens(request, body, body.session or body.prompt_cache_key or "", message)
        return JSONResponse({"object": "response.input_tokens", "input_tokens": counted})

    async def compact(self, _request: Request) -> HttpResponse:
        """Refuse to compact a conversation."""
        raise BodyError("conversations are not compacted here: send fewer items, or a summary of them, as input", status=501)

    async def cancel(self, _request: Request) -> HttpResponse:
        """Refuse to cancel a response, as none is made in the background."""
        raise BodyError("no response is made in the background here; one ends when its client disconnects", status=501)

    def _found(self, response_id: str) -> Kept:
        kept = self._kept.find(response_id, time.monotonic())
        if kept is None:
            raise _not_kept(response_id)
        return kept


def _not_kept(response_id: str) -> BodyError:
    return BodyError(f"no response {response_id[:80]!r} is kept here", "response_id", 404, "not_found")
