"""Decide whether a failed call is repeated, and after how long. It does no I/O: both clients ask it, and wait in their own way."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any

import grpc

from echorator_client.errors import error_of, retry_after_s


@dataclass(frozen=True)
class Retries:
    """How often a call is repeated. The pause doubles from `first_s` to `longest_s` seconds, less a random part of up to a half."""

    most: int = 3
    first_s: float = 0.1
    longest_s: float = 5.0


class Attempts:
    """The attempts of one call: one deadline over all of them.

    A call is repeated only where that is safe. RESOURCE_EXHAUSTED with a time to retry after means that the server did nothing.
    UNAVAILABLE may come after the work was done and its reply was lost, so a call that is not `repeatable` is not repeated then.
    """

    def __init__(self, server: str, retries: Retries, timeout_s: float | None, repeatable: bool = True) -> None:
        self._server = server
        self._retries = retries
        self._repeatable = repeatable
        self._made = 0
        self._ends_s = None if timeout_s is None else time.monotonic() + timeout_s

    def left_s(self) -> float | None:
        """Return how many seconds the call has left; None where it has no deadline."""
        return None if self._ends_s is None else max(0.0, self._ends_s - time.monotonic())

    def pause_s(self, error: grpc.RpcError, begun: bool = False) -> float:
        """Return the seconds to wait before the next attempt. Raises the typed error where there is to be none.

        `begun`: a reply has come already, so that a repetition would give its text twice.
        """
        found: Any = error
        asked_s = retry_after_s(error)
        safe = found.code() is grpc.StatusCode.UNAVAILABLE and self._repeatable
        safe = safe or (found.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and asked_s is not None)
        usual_s = min(self._retries.longest_s, self._retries.first_s * 2.0**self._made) * random.uniform(0.5, 1.0)
        pause_s = usual_s if asked_s is None else max(asked_s, usual_s)
        left_s = self.left_s()
        late = left_s is not None and pause_s >= left_s
        if begun or not safe or self._made >= self._retries.most or late:
            raise error_of(error, self._server) from error
        self._made += 1
        return pause_s
