"""The tools of the served models: each is one call of ModelService. Fed by `service`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from echorator.mcp.calls import Calls, Whose
from echorator.mcp.tool import Answer, Arguments, Session, Tool, ToolFailure
from echorator.rpc.v1 import model_pb2 as pb

Name = Annotated[str, Field(max_length=1024)]
_MODEL = "Name of a model, from list_models; leave it out where only one is served."
_STATES = {
    pb.MODEL_STATE_LOADING: "loading",
    pb.MODEL_STATE_READY: "ready",
    pb.MODEL_STATE_DRAINING: "draining",
    pb.MODEL_STATE_STALLED: "stalled",
}
_ENDS = {pb.FINISH_REASON_STOP: "stop", pb.FINISH_REASON_LENGTH: "length"}


class ListingModels(Arguments):
    """Arguments of `list_models`: none."""


class Chatting(Arguments):
    """Arguments of `chat`."""

    prompt: str = Field(
        min_length=1, max_length=4194304, description="What to ask or tell the model; it sees nothing else of this conversation."
    )
    system: str = Field(default="", max_length=4194304, description="How the model is to answer.")
    model: Name = Field(default="", description=_MODEL)
    max_tokens: int = Field(default=1024, ge=1, le=1048576, description="Largest number of tokens of the answer.")
    temperature: float | None = Field(default=None, ge=0, le=2, description="0 for the likeliest answer, more for variety.")
    use_memory: bool = Field(default=False, description="Answer with what is remembered about the user, and learn from the prompt.")
    session: Session = Field(default="", description="With use_memory: name of the conversation that the prompt belongs to.")


class Embedding(Arguments):
    """Arguments of `embed`."""

    texts: list[str] = Field(min_length=1, max_length=256, description="Texts to turn into vectors.")
    model: Name = Field(default="", description=_MODEL)


class ServedModel(BaseModel):
    """A model as tools show it."""

    name: str
    description: str
    state: str
    generates: bool = Field(description="False for one that only makes vectors.")
    context_tokens: int = Field(description="Longest prompt and answer together.")


class ServedModels(BaseModel):
    """Result of `list_models`."""

    models: list[ServedModel]


class Chatted(BaseModel):
    """Result of `chat`."""

    text: str
    finish_reason: str = Field(description='"stop", or "length" where max_tokens or the context ended the answer.')
    prompt_tokens: int
    completion_tokens: int
    recalled_ids: list[int] = Field(description="Memories that stood in the prompt.")


class Vectors(BaseModel):
    """Result of `embed`."""

    vectors: list[list[float]] = Field(description="One for each text, of length 1.")


class ModelTools:
    """The models' tools over these calls. With `read_only` a chat recalls and learns nothing."""

    def __init__(self, calls: Calls, whose: Whose, read_only: bool) -> None:
        self._calls = calls
        self._whose = whose
        self._read_only = read_only

    def all(self) -> list[Tool[Any]]:
        """Return the tools of the models."""
        return [
            Tool(
                "list_models",
                "List models",
                "List the local language models that are served, with what each can do. Use it to choose a model for chat or embed.",
                ListingModels,
                ServedModels,
                self._list,
            ),
            Tool(
                "chat",
                "Ask a local model",
                "Have a local language model answer a prompt. Use it when the user asks for a local model, or for text that must not "
                "leave the machine.",
                Chatting,
                Chatted,
                self._chat,
                writes=not self._read_only,
            ),
            Tool(
                "embed",
                "Embed texts",
                "Turn texts into vectors whose dot product says how alike they are. Use it only where vectors are needed; to search "
                "the memory use recall.",
                Embedding,
                Vectors,
                self._embed,
            ),
        ]

    async def _list(self, _: ListingModels) -> Answer:
        async with self._calls.models() as server:
            served = await server.ListModels(pb.ListModelsRequest())
        models = [
            ServedModel(
                name=name,
                description=one.description,
                state=_STATES.get(one.state, "unknown"),
                generates=one.generates,
                context_tokens=one.context_tokens,
            )
            for one in served.models
            for name in (one.name, *one.aliases)
        ]
        lines = [f"{one.name}: {one.description}, {one.state}, {'chat and embed' if one.generates else 'embed only'}" for one in models]
        return Answer("\n".join(lines) or "No model is served.", ServedModels(models=models))

    async def _chat(self, given: Chatting) -> Answer:
        system = [pb.Message(role="system", content=given.system)] if given.system else []
        request = pb.ChatRequest(
            model=given.model,
            messages=[*system, pb.Message(role="user", content=given.prompt)],
            limits=pb.Limits(max_tokens=given.max_tokens),
        )
        if given.temperature is not None:
            request.sampling.temperature = given.temperature
        if given.use_memory:
            request.memory.scope.CopyFrom(self._whose.scope(given.session))
            request.memory.read_only = self._read_only
        parts: list[str] = []
        finish = pb.Finish()
        async with self._calls.models() as server:
            call = server.Chat(request)
            try:
                async for reply in call:
                    parts.append(reply.text)
                    if reply.HasField("finish"):
                        finish = reply.finish
            finally:
                call.cancel()  # where the client has cancelled the tool; it does nothing to a call that has ended
        text = "".join(parts)
        values = Chatted(
            text=text,
            finish_reason=_ENDS.get(finish.reason, "unknown"),
            prompt_tokens=finish.usage.prompt_tokens,
            completion_tokens=finish.usage.completion_tokens,
            recalled_ids=[one.id for one in finish.usage.memory.recalled],
        )
        return Answer(text, values)

    async def _embed(self, given: Embedding) -> Answer:
        async with self._calls.models() as server:
            done = await server.Embed(pb.EmbedRequest(model=given.model, inputs=given.texts))
        for number, one in enumerate(done.embeddings):
            if one.error:
                raise ToolFailure(f"texts.{number}: {one.error}")
        vectors = [list(one.values) for one in done.embeddings]
        return Answer(f"{len(vectors)} vectors of {len(vectors[0])} numbers.", Vectors(vectors=vectors))
