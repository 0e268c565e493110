"""llama-server's reports about an answer: its times, and how much of its prompt is computed. Fed by what writes answers and events."""

from __future__ import annotations

import time
from typing import Any

from echorator.gateway.http.bodies import Generation
from echorator.gateway.http.generating.streaming import Reply
from echorator.rpc.v1 import model_pb2 as pb


def timings_of(usage: pb.Usage) -> dict[str, Any]:
    """Return llama-server's `timings` of an answer that has ended: counts of tokens, milliseconds, and tokens per second."""
    prompt_s = max(usage.time_to_first_token_s - usage.queue_s, 0.0)
    return _timings(usage.cached_tokens, usage.prompt_tokens, prompt_s, usage.completion_tokens, usage.tokens_per_s)


def _timings(cached: int, prompt: int, prompt_s: float, predicted: int, tokens_per_s: float) -> dict[str, Any]:
    return {
        "cache_n": cached,
        "prompt_n": prompt - cached,
        "prompt_ms": 1000 * prompt_s,
        "prompt_per_second": (prompt - cached) / prompt_s if prompt_s > 0 else 0.0,
        "predicted_n": predicted,
        "predicted_ms": 1000 * (predicted - 1) / tokens_per_s if tokens_per_s > 0 else 0.0,
        "predicted_per_second": tokens_per_s,
    }


class Reports:
    """What the events of one streamed answer tell beside its text, as the request asks for it."""

    def __init__(self, progress: bool, timings: bool) -> None:
        """Begin an answer; `progress` of the prompt is told, and the `timings` with each token."""
        self._tells_progress, self._tells_timings = progress, timings
        self._known = pb.Progress()
        self._tokens = 0
        self._first_s = 0.0

    @classmethod
    def of(cls, body: Generation) -> Reports:
        """Return the reports for one answer of a request."""
        return cls(body.return_progress, body.timings_per_token)

    def progress(self, reply: Reply) -> dict[str, Any]:
        """Return `prompt_progress` for a message about the prompt; {} where the client did not ask for it."""
        self._known = reply.progress
        if not self._tells_progress:
            return {}
        known = self._known
        counted = {"total": known.prompt_tokens, "cache": known.cached_tokens, "processed": known.computed_tokens}
        return {"prompt_progress": counted | {"time_ms": round(1000 * known.elapsed_s)}}

    def timings(self, reply: Reply) -> dict[str, Any]:
        """Return the `timings` up to a message of the answer; {} where the client did not ask for them.

        The time of the prompt has in it what the request waited for a slot; the one of the whole answer, in the last event, has not.
        """
        if not self._tells_timings:
            return {}
        now_s = time.monotonic()
        self._first_s = self._first_s or now_s
        self._tokens += len(reply.tokens)
        known, decoding_s = self._known, now_s - self._first_s
        rate = (self._tokens - 1) / decoding_s if decoding_s > 0 and self._tokens > 1 else 0.0
        return {"timings": _timings(known.cached_tokens, known.prompt_tokens, known.elapsed_s, self._tokens, rate)}
