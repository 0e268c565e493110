"""The client for ordinary code. `aio` has the same for asyncio; what both know is in the pure modules beside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import grpc

from echorator_client import replies, requests, target, tools
from echorator_client.attempts import Attempts, Retries
from echorator_client.errors import ToolError
from echorator_client.replies import Answering
from echorator_client.requests import ChatOptions, Messages
from echorator_client.results import Answer, Memory, Model, Piece, Recalled
from echorator_client.rpc.v1 import cognition_pb2, common_pb2
from echorator_client.rpc.v1 import model_pb2 as pb
from echorator_client.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator_client.rpc.v1.model_pb2_grpc import ModelServiceStub

if TYPE_CHECKING:
    from typing_extensions import Unpack

CHANNEL = [("grpc.max_receive_message_length", -1), ("grpc.keepalive_time_ms", 30_000), ("grpc.keepalive_timeout_ms", 10_000)]
TIMEOUT_S = 300.0  # of a call that names no other
Recollections = list[Recalled]


class Stream:
    """An answer while it is written: iterate over its pieces. `close`, or leaving its context, cancels what is still running."""

    def __init__(self, answering: Answering, pieces: Generator[Piece, None, None]) -> None:
        self._answering = answering
        self._pieces = pieces

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        return next(self._pieces)

    @property
    def answer(self) -> Answer:
        """What came so far, and all of it after the last piece: usage, calls of tools, memory."""
        return self._answering.answer

    def close(self) -> None:
        """Cancel the call; its slot on the server is free again."""
        self._pieces.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Client:
    """A connection to a server, usable by several threads.

    Without an `address` it is ECHORATOR_SERVER, else the running `echorator up` or `serve` of this user. `token` (else ECHORATOR_TOKEN) is
    sent as a bearer token, `metadata` with every call; `timeout` is in seconds, of every call that names no other, its retries included.

    Raises AddressError where there is no address or it cannot be one; calls raise the other errors of this package.
    """

    def __init__(
        self,
        address: str = "",
        *,
        model: str = "",
        token: str = "",
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = TIMEOUT_S,
        retries: Retries | None = None,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self.address, self._metadata = target.settings(address, token, metadata or {})
        self.model = model or target.model_of(self.address)
        self._timeout_s = timeout
        self._retries = retries or Retries()
        if credentials is None:
            self._channel = grpc.insecure_channel(self.address, CHANNEL)
        else:
            self._channel = grpc.secure_channel(self.address, credentials, CHANNEL)
        self._models: Any = ModelServiceStub(self._channel)  # type: ignore[arg-type]  # the stubs are typed for asyncio
        self._cognition: Any = CognitionServiceStub(self._channel)  # type: ignore[arg-type]

    def chat(self, messages: Messages, **options: Unpack[ChatOptions]) -> Answer:
        """Return the answer to a text or a conversation; see ChatOptions for the options."""
        stream = self.stream(messages, **options)
        for _ in stream:
            pass
        return stream.answer

    def stream(self, messages: Messages, **options: Unpack[ChatOptions]) -> Stream:
        """Return the answer to a text or a conversation while it is written."""
        spoken = requests.conversation(messages, options.get("system", ""))
        answering = Answering(spoken)
        return Stream(answering, self._pieces(requests.chat(spoken, options, self.model), answering, options.get("timeout")))

    def _pieces(self, request: pb.ChatRequest, answering: Answering, timeout_s: float | None) -> Generator[Piece, None, None]:
        attempts = self._attempts(timeout_s)
        begun = False
        while True:
            call = self._models.Chat(request, timeout=attempts.left_s(), metadata=self._metadata)
            try:
                for reply in call:
                    begun = True
                    if (piece := answering.add(reply)) is not None:
                        yield piece
            except grpc.RpcError as error:
                time.sleep(attempts.pause_s(error, begun))
            else:
                return
            finally:
                call.cancel()

    def run_tools(
        self, messages: Messages, functions: Sequence[Callable[..., Any]], rounds: int = 8, **options: Unpack[ChatOptions]
    ) -> Answer:
        """Answer with functions that the model may call: they are run and their results sent, until the model answers in words.

        A `tool_choice` holds for the first round. Raises ToolError after so many `rounds` without an answer in words,
        and whatever a function raises.
        """
        known = tools.functions_of(functions)
        options["tools"] = functions
        spoken = requests.conversation(messages, options.pop("system", ""))
        for _ in range(rounds):
            answer = self.chat(spoken, **options)
            if not answer.tool_calls:
                return answer
            options.pop("tool_choice", "")  # a choice that held on would never let the model answer
            spoken = [*answer.messages, *(tools.result_of(call, tools.called(known, call)) for call in answer.tool_calls)]
        raise ToolError(f"the model still calls tools after {rounds} rounds: raise rounds, or say in the prompt when to answer")

    def embed(self, inputs: str | Sequence[str], *, model: str = "", dimensions: int | None = None) -> list[list[float]]:
        """Return one vector for each text, as the model makes them, of length 1."""
        return replies.vectors(self._call(self._models.Embed, requests.embed(inputs, model or self.model, dimensions)))

    def models(self) -> list[Model]:
        """Return the models that the server has."""
        return replies.models(self._call(self._models.ListModels, pb.ListModelsRequest()))

    def memory(self, user: str, *, agent: str = "", tenant: str = "", session: str = "") -> UserMemory:
        """Return the memory of a user; nothing is asked of the server yet."""
        return UserMemory(self, requests.scope(user, agent, tenant, session))

    def _attempts(self, timeout_s: float | None, repeatable: bool = True) -> Attempts:
        return Attempts(self.address, self._retries, self._timeout_s if timeout_s is None else timeout_s, repeatable)

    def _call(self, method: Callable[..., Any], request: Any, repeatable: bool = True) -> Any:
        attempts = self._attempts(None, repeatable)
        while True:
            try:
                return method(request, timeout=attempts.left_s(), metadata=self._metadata)
            except grpc.RpcError as error:
                time.sleep(attempts.pause_s(error))

    def close(self) -> None:
        """Close the connection; calls that still run are cancelled."""
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class UserMemory:
    """The memory of one user, from `Client.memory`."""

    def __init__(self, client: Client, scope: common_pb2.Scope) -> None:
        self._client = client
        self._scope = scope

    def remember(self, *texts: str, kind: str = "", key: str = "", pinned: bool = False, categories: Sequence[str] = ()) -> tuple[int, ...]:
        """Store texts, all or none; return their ids. The same `key` again changes nothing, so that such a call is repeated safely."""
        request = requests.remember(self._scope, texts, kind, key, pinned=pinned, categories=categories)
        return tuple(self._client._call(self._client._cognition.Remember, request, repeatable=bool(key)).ids)

    def recall(self, query: str, k: int = 10) -> Recollections:
        """Return the at most `k` memories that are most relevant to a query, the best first."""
        request = cognition_pb2.RecallRequest(scope=self._scope, query=query, k=k)
        return replies.recalled(self._client._call(self._client._cognition.Recall, request))

    def list(self, text: str = "") -> Iterator[Memory]:
        """Yield the memories in the order of their ids, a page at a time from the server; with `text` those that have its words."""
        request = cognition_pb2.ListMemoriesRequest(scope=self._scope, text=text)
        while True:
            page = self._client._call(self._client._cognition.ListMemories, request)
            yield from map(replies.memory, page.memories)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def forget(self, *ids: int, everything: bool = False) -> int:
        """Erase memories by their ids, or the whole memory of the user; return how many were erased."""
        request = requests.forget(self._scope, ids, everything)
        return int(self._client._call(self._client._cognition.Forget, request).forgotten)
