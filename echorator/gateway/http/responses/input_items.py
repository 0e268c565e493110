"""Gives back the input of a response that is kept, as items in pages. Pure; fed by `api`.

What is kept are messages, of which one of the assistant is several items; items of an input that had ids get others here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from echorator.gateway.http.failures import BodyError
from echorator.rpc.v1 import model_pb2 as pb

MOST_OF_A_PAGE = 100


def items_of(messages: Iterable[pb.Message], response_id: str) -> list[dict[str, Any]]:
    """Return the items of a conversation; each has the same id whenever it is asked for."""
    made = [item for message in messages for item in _of_message(message)]
    return [{"id": f"{response_id}_{index}", "status": "completed", **item} for index, item in enumerate(made)]


def _of_message(message: pb.Message) -> Iterator[dict[str, Any]]:
    if message.role == "tool":
        yield {"type": "function_call_output", "call_id": message.tool_call_id, "output": message.content}
        return
    if message.reasoning:
        yield {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": message.reasoning}]}
    if message.role != "assistant":
        yield {"type": "message", "role": message.role, "content": [{"type": "input_text", "text": message.content}]}
    elif message.content:
        part = {"type": "output_text", "text": message.content, "annotations": [], "logprobs": []}
        yield {"type": "message", "role": message.role, "content": [part]}
    for call in message.tool_calls:
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments_json}


def page_of(items: Sequence[dict[str, Any]], asked: Mapping[str, str]) -> dict[str, Any]:
    """Return one page of items.

    Args:
        items: all, the oldest first.
        asked: `limit` (20 where it is not given), `order` ("desc", the newest first, or "asc"), and `after`, the id of an item.

    Raises:
        BodyError: one of them is malformed, or names no item.
    """
    limit, order, after = asked.get("limit", "20"), asked.get("order", "desc"), asked.get("after", "")
    if not (limit.isdecimal() and limit.isascii() and len(limit) < 4 and 1 <= int(limit) <= MOST_OF_A_PAGE):
        raise BodyError(f"limit must be 1 to {MOST_OF_A_PAGE}, not {limit[:40]!r}", "limit")
    if order not in ("asc", "desc"):
        raise BodyError(f"order must be asc or desc, not {order[:40]!r}", "order")
    ordered = list(items if order == "asc" else reversed(items))
    ids = [item["id"] for item in ordered]
    if after and after not in ids:
        raise BodyError(f"after: the response has no input item {after[:80]!r}", "after")
    rest = ordered[ids.index(after) + 1 if after else 0 :]
    page = rest[: int(limit)]
    ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": None, "last_id": None}
    return {"object": "list", "data": page, **ends, "has_more": len(rest) > len(page)}
