"""POST /v1/embeddings and /embedding: converts an OpenAI or llama.cpp body to an agent's request, and the agent's vectors to the answer.

Pure, but that `answer_of` and `list_of` yield to the event loop. `input` is one input or a list. One input is a text, token ids, a list of
texts and token ids that are joined, or llama-server's object with a text. An empty input among others gets no vector; its entry has an
`error`, and the other inputs get their vectors. Fed by `api`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Callable, Sequence
from typing import Any

from echorator.gateway.http.bodies import Embeddings
from echorator.gateway.http.failures import BodyError
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving.bounds import MOST_INPUTS

MOST_PARTS = 1024  # texts and runs of token ids in one input
LARGEST_TOKEN = (1 << 31) - 1
BREATH = 1 << 15  # vector values that are written as JSON before the event loop gets a turn
POOLINGS = {"mean": pb.POOLING_MEAN, "cls": pb.POOLING_CLS, "last": pb.POOLING_LAST}
_FORMS = 'a text, token ids, a list of these, {"prompt_string": text} or {"content": [{"type": "text", "text": text}]}'

Part = str | list[int]


def embed_request(body: Embeddings) -> pb.EmbedRequest:
    """Return the agent's request for a body. Raises BodyError that names the field."""
    request = pb.EmbedRequest(model=body.model)
    inputs = _inputs_of(body.input)
    if len(inputs) > MOST_INPUTS:
        raise BodyError(f"input: at most {MOST_INPUTS} inputs are taken at once, not {len(inputs)}; send several requests", "input")
    if all(isinstance(one, str) for one in inputs):
        request.inputs.extend(one for one in inputs if isinstance(one, str))
    else:
        for one in inputs:
            _add(request, one)
    if body.dimensions is not None:
        if not 1 <= body.dimensions <= LARGEST_TOKEN:
            raise BodyError(f"dimensions must be 1 or more, not {body.dimensions}", "dimensions")
        request.dimensions = body.dimensions
    if body.pooling is not None:
        if body.pooling not in POOLINGS:
            what = "none, a vector for each token, is not served here" if body.pooling == "none" else f"{body.pooling[:40]!r} is not known"
            raise BodyError(f"pooling must be mean, cls or last: {what}", "pooling")
        request.pooling = POOLINGS[body.pooling]
    if body.embd_normalize is not None:
        if body.embd_normalize not in (-1, 2):
            raise BodyError(f"embd_normalize must be 2 (to length 1) or -1 (as computed), not {body.embd_normalize}", "embd_normalize")
        request.normalize = body.embd_normalize == 2
    return request


def _add(request: pb.EmbedRequest, one: str | list[Part]) -> None:
    item = request.items.add()
    if isinstance(one, str):
        item.text = one
    elif len(one) == 1 and isinstance(one[0], list):
        item.tokens.ids.extend(one[0])
    else:
        for part in one:
            if isinstance(part, str):
                item.parts.parts.add(text=part)
            else:
                item.parts.parts.add().tokens.ids.extend(part)


def _inputs_of(value: Any) -> list[str | list[Part]]:
    """Return the inputs; each is a text, or a list of texts and runs of token ids. Raises BodyError."""
    if not isinstance(value, list):
        return [_one(value, "input")]
    if not value:
        raise BodyError(f"input is empty; it must be {_FORMS}", "input")
    numbers = sum(type(part) is int for part in value)
    if numbers and numbers + sum(isinstance(part, str) for part in value) == len(value):
        return [_one(value, "input")]
    return [_one(part, f"input.{i}") for i, part in enumerate(value[: MOST_INPUTS + 1])]


def _one(value: Any, where: str) -> str | list[Part]:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return _text_of(value, where)
    if not isinstance(value, list):
        raise BodyError(f"{where} must be {_FORMS}", where)
    parts: list[Part] = []
    for part in value:
        if isinstance(part, str):
            parts.append(part)
        elif type(part) is not int or not 0 <= part <= LARGEST_TOKEN:
            raise BodyError(f"{where}: token ids are whole numbers of 0 to {LARGEST_TOKEN}, not {str(part)[:40]}", where)
        elif parts and isinstance(parts[-1], list):
            parts[-1].append(part)
        else:
            parts.append([part])
        if len(parts) > MOST_PARTS:
            raise BodyError(f"{where}: at most {MOST_PARTS} texts and runs of token ids are taken in one input", where)
    return parts or [[]]


def _text_of(value: dict[str, Any], where: str) -> str:
    """Return the text of one of llama-server's input objects. Raises BodyError."""
    text, content = value.get("prompt_string"), value.get("content")
    if isinstance(text, str) and len(value) == 1:
        return text
    if isinstance(content, list) and content and len(value) == 1:
        texts = [p["text"] for p in content if isinstance(p, dict) and p.get("type") == "text" and isinstance(p.get("text"), str)]
        if len(texts) == len(content):
            return "\n".join(texts)
    raise BodyError(f"{where} must be {_FORMS}; only texts are embedded", where)


async def answer_of(reply: pb.EmbedResponse, model: str, encoding: str) -> bytes:
    """Return the answer of /v1/embeddings as JSON."""
    entries = await _joined(reply, lambda embedding, index: _entry(embedding, index, encoding))
    usage = {"prompt_tokens": reply.prompt_tokens, "total_tokens": reply.prompt_tokens}
    pooling = next((name for name, number in POOLINGS.items() if number == reply.pooling), None)
    rest = json.dumps({"model": model, "usage": usage, "pooling": pooling}, separators=(",", ":"))
    return f'{{"object":"list","data":[{entries}],{rest[1:]}'.encode()


async def list_of(reply: pb.EmbedResponse, encoding: str) -> bytes:
    """Return the answer of llama-server's own /embedding as JSON: a list, whose entries have a list of one vector."""

    def entry(embedding: pb.Embedding, index: int) -> dict[str, Any]:
        known = _entry(embedding, index, encoding)
        return {name: [value] if name == "embedding" else value for name, value in known.items() if name != "object"}

    return f"[{await _joined(reply, entry)}]".encode()


async def _joined(reply: pb.EmbedResponse, entry: Callable[[pb.Embedding, int], dict[str, Any]]) -> str:
    """Return the JSON of all entries; yields to the event loop after every `BREATH` values, so that many delay no other request."""
    entries = []
    values = 0
    for index, embedding in enumerate(reply.embeddings):
        entries.append(json.dumps(entry(embedding, index), separators=(",", ":")))
        values += len(embedding.values)
        if values >= BREATH:
            values = 0
            await asyncio.sleep(0)
    return ",".join(entries)


def _entry(embedding: pb.Embedding, index: int, encoding: str) -> dict[str, Any]:
    if not embedding.error:
        return {"object": "embedding", "index": index, "embedding": vector_of(embedding.values, encoding)}
    error = {"message": embedding.error, "type": "invalid_request_error", "param": f"input[{index}]", "code": "no_embedding"}
    return {"object": "embedding", "index": index, "embedding": [], "error": error}


def vector_of(values: Sequence[float], encoding: str) -> list[float] | str:
    """Return a vector in the `encoding` that was asked for: a list, or base64 of little-endian float32."""
    return list(values) if encoding == "float" else base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
