"""llama-server's own form of a completion: one object, or events whose last one is that object. Pure; fed by `handlers`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from echorator.gateway.http.bodies import Generation, stops_of
from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.generating.answer_fields import positions_of
from echorator.gateway.http.generating.streaming import COMMENT, Reply, event
from echorator.gateway.http.llama_server.bodies import Infill
from echorator.gateway.http.llama_server.timings import Reports, timings_of
from echorator.gateway.http.translation import generate_requests
from echorator.rpc.v1 import model_pb2 as pb
from echorator.settings import Sampling

_SETTINGS = [field.name for field in fields(Sampling) if field.name != "logit_bias"]


class Completion:
    """The answer to one request, as its messages arrive."""

    ping = COMMENT

    def __init__(self, model: str, body: Generation, prompt: Any, paths: Sequence[str]) -> None:
        """Begin an answer.

        Args:
            model: the name of the model.
            body: of the request.
            prompt: the prompt as the client sent it.
            paths: the places of what the whole object has, such as "timings/predicted_n"; without any it has everything.
        """
        self._model = model
        self._prompt = prompt
        self._paths = paths
        self._streams = body.stream
        self._settings = settings_of(body)
        self._reports = Reports.of(body)
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
            "prompt": self._prompt,
            "generation_settings": self._settings,
            "tokens_predicted": usage.completion_tokens,
            "tokens_evaluated": usage.prompt_tokens,
            "tokens_cached": usage.cached_tokens,
            "truncated": False,
            "stop_type": stop_type,
            "stopping_word": finish.stop,
            "timings": timings_of(usage),
        }
        made |= {"completion_probabilities": self._probabilities} if self._probabilities and not self._streams else {}
        return {path: value for path in self._paths for value in _at(made, path)} if self._paths else made

    # The events of a stream

    def opening(self) -> bytes:
        """Return nothing, for a stream in this form begins with its first text."""
        return b""

    def message(self, index: int, reply: Reply) -> bytes:
        """Return the event of one message; the end of the answer has one of its own."""
        head: dict[str, Any] = {"index": index, "id_slot": -1, "stop": False}
        if reply.HasField("progress"):
            told = self._reports.progress(reply)
            return event("", head | {"content": "", "tokens": [], **told}) if told else b""
        self.add(reply)
        timed = self._reports.timings(reply)
        if not reply.text and not reply.tokens:
            return b""
        part = head | {"content": reply.text, "tokens": list(reply.tokens), **timed}
        found = [_probability(position) for position in positions_of(reply)]
        return event("", part | ({"completion_probabilities": found} if found else {}))

    def end(self) -> bytes:
        """Return the event with the whole object."""
        return event("", self.whole())

    def failure(self, error: dict[str, Any]) -> bytes:
        """Return the event of an error."""
        return event("", error)


def settings_of(body: Generation) -> dict[str, Any]:
    """Return llama-server's `generation_settings`: what the request sets, under llama-server's names; the rest is the model's own."""
    given = {name: value for name in _SETTINGS if (value := getattr(body, name)) is not None}
    limit = -1 if body.max_tokens is None else body.max_tokens
    return given | {"n_predict": limit, "max_tokens": limit, "stop": stops_of(body.stop), "stream": body.stream}


def _at(whole: Any, path: str) -> list[Any]:
    """Return the value at a path such as "timings/predicted_n" in a list, an empty one where there is none."""
    for name in path.split("/"):
        if not isinstance(whole, dict) or name not in whole:
            return []
        whole = whole[name]
    return [whole]


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
