"""The handlers of /v1/messages. Fed by `http.api`, which has the routes; runs its calls with `generating.calls`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from echorator.gateway.http.generating.calls import Calls
from echorator.gateway.http.generating.streaming import Replies, divided, unless_gone
from echorator.gateway.http.generating.thoughts import Wish, wishes_of
from echorator.gateway.http.messages.answers import MessageEvents, message_of
from echorator.gateway.http.messages.bodies import CountedBody, MessageBody, PromptBody
from echorator.gateway.http.messages.translation import Asked, counting_request, request_of


class MessagesApi:
    """Anthropic's Messages API of one gateway process."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def create(self, request: Request) -> Response:
        """Answer a conversation. Raises BodyError, and what a call raises."""
        body = await self._calls.body(request, MessageBody)
        self._name_memory(request, body)
        asked, model = request_of(body), self._calls.name(body.model)
        await self._check_thoughts(request, body)
        replies = self._replies(request, body, asked)
        if body.stream:
            return await self._calls.streamed(request, MessageEvents(model), replies)
        return JSONResponse(message_of(model, await unless_gone(request, divided(replies))))

    async def count_tokens(self, request: Request) -> Response:
        """Count the tokens of a prompt. Raises BodyError, and what a call raises."""
        body = await self._calls.body(request, CountedBody)
        self._name_memory(request, body)
        await self._check_thoughts(request, body)
        message, request.state.paths = counting_request(body)
        return JSONResponse({"input_tokens": await self._calls.prompt_tokens(request, body, _session(body), message)})

    async def _check_thoughts(self, request: Request, body: PromptBody) -> None:
        effort = body.output_config.effort if body.output_config is not None else None
        thinks = body.thinking is not None and body.thinking.type != "disabled"
        wishes = [*wishes_of(body, "output_config.effort", effort), *([Wish("thinking")] if thinks else [])]
        await self._calls.check_thoughts(request, body.model, wishes, body.chat_template)

    def _name_memory(self, request: Request, body: PromptBody) -> None:
        self._calls.name_memory(request, body, "metadata.user_id", body.metadata.user_id if body.metadata is not None else None)

    def _replies(self, request: Request, body: PromptBody, asked: Asked) -> Replies:
        message, request.state.paths = asked
        return self._calls.merged(request, body.model, self._calls.opens(request, body, _session(body), [lambda: message]))


def _session(body: PromptBody) -> str:
    return body.session or body.prompt_cache_key or ""
