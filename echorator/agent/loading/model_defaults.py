"""The defaults that a model brings beside its weights: a chat template, a system text, parameters; used where a request is silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from echorator import json_digits
from echorator.agent.requests import Limits
from echorator.errors import InvalidRequestError
from echorator.model_files.puller import Image
from echorator.settings import Sampling

_SAMPLING = {
    "repeat_last_n": "penalty_last_n",
    **{
        name: name
        for name in (
            "temperature",
            "top_k",
            "top_p",
            "min_p",
            "typical_p",
            "repeat_penalty",
            "presence_penalty",
            "frequency_penalty",
            "mirostat",
            "mirostat_tau",
            "mirostat_eta",
            "seed",
        )
    },
}


@dataclass(frozen=True)
class ModelDefaults:
    """Defaults of one model. `template` is Go's; `sampling` has the names of `Sampling`; `max_tokens` -1: up to the context's end."""

    template: str = ""
    system: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    stop: tuple[str, ...] = ()
    max_tokens: int = -1

    def limits(self, asked: Limits) -> Limits:
        """Return the limits of a request, completed by this model's defaults."""
        limits = asked if asked.stop or not self.stop else replace(asked, stop=self.stop)
        return limits if limits.max_tokens >= 0 else replace(limits, max_tokens=self.max_tokens)

    def messages(self, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the messages, with the model's own system text first where the conversation has none."""
        if not self.system or any(message.get("role") == "system" for message in asked):
            return asked
        return [{"role": "system", "content": self.system}, *asked]


NO_DEFAULTS = ModelDefaults()


def defaults_of(image: Image) -> ModelDefaults:
    """Return the defaults in an image; a template that is not understood is left out later, and the file's own is used.

    Raises InvalidRequestError for parameters that are not valid.
    """
    try:
        params: Any = json_digits.loads(image.params) if image.params else {}
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"{image.source}: its parameters are no JSON: {error}") from error
    if not isinstance(params, Mapping):
        raise InvalidRequestError(f"{image.source}: its parameters are no mapping")
    sampling = {_SAMPLING[name]: value for name, value in params.items() if name in _SAMPLING}
    stop = params.get("stop") or []
    if not isinstance(stop, str | list):
        raise InvalidRequestError(f"{image.source}: its parameters cannot be: stop is neither a text nor a list of texts")
    stops = (stop,) if isinstance(stop, str) else tuple(str(text) for text in stop)
    most = params.get("num_predict", -1)
    try:
        Sampling(**sampling)
    except (TypeError, ValueError, ArithmeticError, InvalidRequestError) as error:
        raise InvalidRequestError(f"{image.source}: its parameters cannot be: {error}") from error
    return ModelDefaults(image.template, image.system.strip(), sampling, stops, most if isinstance(most, int) and most > 0 else -1)
