"""Converts what agents say of an answer to OpenAI's fields: usage, finish reasons and log probabilities. Pure.

Fed by `answers` and the handlers of the other APIs; `translation` converts the requests.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from echorator.gateway.http.transcoding import json_of as json_object
from echorator.rpc.v1 import model_pb2 as pb

REASONS = {pb.FINISH_REASON_STOP: "stop", pb.FINISH_REASON_LENGTH: "length", pb.FINISH_REASON_TOOL_CALLS: "tool_calls"}


def usage_of(usages: Sequence[pb.Usage]) -> dict[str, Any]:
    """Return the summed token counts of the answers to one request, and what its memory did, to which only the first answer writes."""
    prompt, completion = sum(u.prompt_tokens for u in usages), sum(u.completion_tokens for u in usages)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": sum(u.cached_tokens for u in usages)},
        "completion_tokens_details": {"reasoning_tokens": sum(u.reasoning_tokens for u in usages)},
    } | ({"memory": json_object(usages[0].memory)} if usages and usages[0].HasField("memory") else {})


def positions_of(reply: pb.ChatResponse | pb.GenerateResponse) -> list[pb.PositionLogprobs]:
    """Return the positions of a message's text, without the token that ends the answer, which OpenAI's clients do not expect."""
    return list(reply.logprobs[:-1] if reply.finish.HasField("end_token") else reply.logprobs)


def chat_logprobs(positions: Sequence[pb.PositionLogprobs]) -> dict[str, Any] | None:
    """Return the logprobs in the form of chat completions; None for no positions."""
    if not positions:
        return None
    return {"content": [{**_token(p.chosen), "top_logprobs": [_token(t) for t in p.top]} for p in positions], "refusal": None}


def _token(token: pb.TokenLogprob) -> dict[str, Any]:
    return {"token": token.text, "logprob": token.logprob, "bytes": list(token.raw)}


def text_logprobs(positions: Sequence[pb.PositionLogprobs], offset: int) -> dict[str, Any] | None:
    """Return the logprobs in the form of text completions; `offset` is where the first token begins in the text, in characters."""
    if not positions:
        return None
    return {
        "tokens": [_spelled(p.chosen) for p in positions],
        "token_logprobs": [p.chosen.logprob for p in positions],
        "top_logprobs": [{_spelled(t): t.logprob for t in p.top} for p in positions],
        "text_offset": list(_offsets((p.chosen.raw for p in positions), offset)),
    }


def echoed_logprobs(prompt: Sequence[pb.PositionLogprobs], answer: Sequence[pb.PositionLogprobs], text: str) -> dict[str, Any]:
    """Return the logprobs of a prompt that is echoed as `text`, and of the answer after it.

    The first token has nothing before it, and so no probability. A begin-of-text token that the model wants before the prompt is the first
    token, and takes no part of the text.
    """
    raws = [p.chosen.raw for p in prompt]
    if raws and b"".join(raws[1:]).strip() == text.encode().strip():
        raws[0] = b""
    known = text_logprobs([*prompt, *answer], len(text))
    made: dict[str, Any] = known if known is not None else {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    within = [min(offset, len(text)) for offset in _offsets(raws, 0)]
    made["text_offset"] = [*within, *_offsets((p.chosen.raw for p in answer), len(text))]
    if prompt:
        made["token_logprobs"][0] = made["top_logprobs"][0] = None
    return made


def prompt_logprobs(positions: Sequence[pb.PositionLogprobs]) -> list[dict[str, dict[str, Any]] | None]:
    """Return vLLM's form of the prompt's logprobs: by token id, the chosen token first; None for the first token of the prompt."""

    def ranked(position: pb.PositionLogprobs) -> dict[str, dict[str, Any]]:
        tokens = {t.token: t for t in (position.chosen, *position.top)}
        ranks = {t.token: rank for rank, t in enumerate(position.top, 1)}
        return {str(token): {"logprob": t.logprob, "rank": ranks.get(token), "decoded_token": _spelled(t)} for token, t in tokens.items()}

    return [ranked(position) if index else None for index, position in enumerate(positions)]


def text_of(positions: Sequence[pb.PositionLogprobs]) -> str:
    """Return the text that the chosen tokens spell together."""
    return b"".join(p.chosen.raw for p in positions).decode("utf-8", "replace")


def _spelled(token: pb.TokenLogprob) -> str:
    """Return a token's text; a part of a character is spelled as OpenAI does, so that no two tokens look the same."""
    try:
        return token.raw.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token.raw)


def _offsets(raws: Iterable[bytes], begin: int) -> Iterator[int]:
    """Yield where each token begins, in characters; a character counts at the token with its last byte."""
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    for raw in raws:
        yield begin
        begin += len(decoder.decode(raw))
