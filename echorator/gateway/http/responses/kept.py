"""Keeps responses in the memory of one gateway process, so that a later one may go on from them. Pure: the time is given to it.

The oldest are given up first, where their time has passed or the bound on their bytes is reached. Fed by `api`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from echorator.rpc.v1 import model_pb2 as pb


@dataclass(frozen=True)
class Kept:
    """One response: its object as JSON, and the conversation up to its answer, without its instructions."""

    response: bytes
    messages: tuple[bytes, ...]  # each a serialized message; shared with the responses that it went on from
    until_s: float

    @property
    def size_bytes(self) -> int:
        """What counts towards the bound; what is shared counts each time."""
        return len(self.response) + sum(map(len, self.messages))

    def conversation(self) -> list[pb.Message]:
        """Return the messages of the conversation."""
        return [pb.Message.FromString(raw) for raw in self.messages]


class KeptResponses:
    """The responses that are kept. Invariant: `size_bytes` is the sum of theirs, and at most `most_bytes`."""

    def __init__(self, most_bytes: int, for_s: float) -> None:
        self._most_bytes = most_bytes
        self._for_s = for_s
        self._kept: dict[str, Kept] = {}  # the oldest first
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, response: dict[str, Any], messages: Sequence[pb.Message], now_s: float) -> bool:
        """Keep a response under its id, with the conversation up to its answer; return False where it is larger than the bound."""
        raw = json.dumps(response, ensure_ascii=False).encode()
        made = Kept(raw, tuple(message.SerializeToString() for message in messages), now_s + self._for_s)
        if made.size_bytes > self._most_bytes:
            return False
        self._expire(now_s)
        while self.size_bytes + made.size_bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))
        self._kept[response["id"]] = made
        self.size_bytes += made.size_bytes
        return True

    def find(self, response_id: str, now_s: float) -> Kept | None:
        """Return a response; None where it is not kept any more."""
        self._expire(now_s)
        return self._kept.get(response_id)

    def forget(self, response_id: str, now_s: float) -> bool:
        """Forget a response; return False where it was not kept."""
        self._expire(now_s)
        return self._drop(response_id)

    def _drop(self, response_id: str) -> bool:
        gone = self._kept.pop(response_id, None)
        self.size_bytes -= gone.size_bytes if gone is not None else 0
        return gone is not None

    def _expire(self, now_s: float) -> None:
        while self._kept and next(iter(self._kept.values())).until_s <= now_s:
            self._drop(next(iter(self._kept)))
