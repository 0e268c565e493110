"""llama-server's own form of a completion: one object, or events whose last one is that object. Pure; fed by `handlers`."""

from __future__ import annotations

from typing import Any

from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.generating.answer_fields import positions_of
from echorator.gateway.http.generating.streaming import COMMENT, Reply, event
from echorator.gateway.http.llama_server.bodies import Infill
from echorator.gateway.http.translation import generate_requests
from echorator.rpc.v1 import model_pb2 as pb


class Completion:
    """The answer to one request, as its messages arrive."""

    ping = COMMENT

    def __init__(self, model: str, streams: bool) -> None:
        self._model = model
        self._streams = streams
        self._texts: list[str] = []
        self._tokens: list[int] = []
        self._probabilities: list[dict[str, Any]] = []
        self.finish = pb.Finish()

    def add(self, reply: Reply) -> None:
        """Take the next message of the answer."""
        self._texts.append(reply.text)
        self._tokens += reply.tokens
        self._probabilities += [_probability(position) for position in positions_of(reply)]
        if reply.HasField("finish"):
            self.finish = reply.finish

    def whole(self) -> dict[str, Any]:
        """Return the object of the whole answer, of which a stream has sent the text and the tokens before."""
        usage, finish = self.finish.usage, self.finish
        stop_type = "limit" if finish.reason == pb.FINISH_REASON_LENGTH else "word" if finish.stop else "eos"
        made: dict[str, Any] = {
            "index": 0,
            "content": "" if self._streams else "".join(self._texts),
            "tokens": [] if self._streams else self._tokens,
            "id_slot": -1,
            "stop": True,
            "model": self._model,
            "tokens_predicted": usage.completion_tokens,
            "tokens_evaluated": usage.prompt_tokens,
            "tokens_cached": usage.cached_tokens,
            "truncated": False,
            "stop_type": stop_type,
            "stopping_word": finish.stop,
            "timings": timings_of(usage),
        }
        return made | ({"completion_probabilities": self._probabilities} if self._probabilities and not self._streams else {})

    # The events of a stream

    def opening(self) -> bytes:
        """Return nothing, for a stream in this form begins with its first text."""
        return b""

    def message(self, index: int, reply: Reply) -> bytes:
        """Return the event of one message; the end of the answer has one of its own."""
        self.add(reply)
        if not reply.text and not reply.tokens:
            return b""
        part: dict[str, Any] = {"index": index, "content": reply.text, "tokens": list(reply.tokens), "stop": False, "id_slot": -1}
        found = [_probability(position) for position in positions_of(reply)]
        return event("", part | ({"completion_probabilities": found} if found else {}))

    def end(self) -> bytes:
        """Return the event with the whole object."""
        return event("", self.whole())

    def failure(self, error: dict[str, Any]) -> bytes:
        """Return the event of an error."""
        return event("", error)


def timings_of(usage: pb.Usage) -> dict[str, Any]:
    """Return llama-server's `timings` of an answer: counts of tokens, milliseconds, and tokens per second."""
    return {
        "cache_n": usage.cached_tokens,
        "prompt_n": usage.prompt_tokens - usage.cached_tokens,
        "prompt_ms": 1000 * max(usage.time_to_first_token_s - usage.queue_s, 0.0),
        "predicted_n": usage.completion_tokens,
        "predicted_per_second": usage.tokens_per_s,
    }


def _probability(position: pb.PositionLogprobs) -> dict[str, Any]:
    return {**_token(position.chosen), "top_logprobs": [_token(token) for token in position.top]}


def _token(token: pb.TokenLogprob) -> dict[str, Any]:
    return {"id": token.token, "token": token.text, "bytes": list(token.raw), "logprob": token.logprob}


def infill_request(body: Infill) -> pb.GenerateRequest:
    """Return the agent's request for a gap. Raises BodyError that names the field."""
    if body.echo or body.suffix:
        raise BodyError("echo and suffix are not taken here; the text behind the gap is input_suffix", "suffix")
    made = body.model_copy(update={"prompt": body.input_prefix + body.prompt})
    makes = generate_requests(made)
    check_one(len(makes))
    request = makes[0]()
    request.suffix = body.input_suffix
    request.files.extend(pb.ContextFile(name=file.filename, text=file.text) for file in body.input_extra)
    return request


def check_one(answers: int) -> None:
    """Raise BodyError where a request asks for several answers."""
    if answers != 1:
        raise BodyError("one prompt and one answer are taken here; /v1/completions takes several prompts and n", "prompt")
