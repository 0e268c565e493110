"""What a model brings along beside its weights: a chat template, a system text, parameters; used where a request is silent."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from echorator.agent.requests import Limits
from echorator.engine.go_template import GoTemplate
from echorator.errors import InvalidRequestError, TemplateError
from echorator.images.puller import Image
from echorator.settings import Sampling

_log = logging.getLogger(__name__)

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
    """`sampling` by the names of `Sampling`; `max_tokens` -1: to the end of the context."""

    template: GoTemplate | None = None
    system: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    stop: tuple[str, ...] = ()
    max_tokens: int = -1

    def limits(self, asked: Limits) -> Limits:
        """With what the request leaves open."""
        limits = asked if asked.stop or not self.stop else replace(asked, stop=self.stop)
        return limits if limits.max_tokens >= 0 else replace(limits, max_tokens=self.max_tokens)

    def messages(self, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """With the model's own system text, where the conversation has none."""
        if not self.system or any(message.get("role") == "system" for message in asked):
            return asked
        return [{"role": "system", "content": self.system}, *asked]


NO_DEFAULTS = ModelDefaults()


def defaults_of(image: Image) -> ModelDefaults:
    """A template that is not understood is left out: the one in the file takes its place. Raises InvalidRequestError."""
    template = None
    if image.template:
        try:
            template = GoTemplate(image.template)
        except TemplateError as error:
            _log.warning("the model's template is not used", extra={"model": image.source, "error": str(error)})
    try:
        params: Any = json.loads(image.params) if image.params else {}
    except ValueError as error:
        raise InvalidRequestError(f"{image.source}: its parameters are no JSON: {error}") from error
    if not isinstance(params, Mapping):
        raise InvalidRequestError(f"{image.source}: its parameters are no mapping")
    sampling = {_SAMPLING[name]: value for name, value in params.items() if name in _SAMPLING}
    stop = params.get("stop") or []
    stops = (stop,) if isinstance(stop, str) else tuple(str(text) for text in stop)
    most = params.get("num_predict", -1)
    try:
        Sampling(**sampling)
    except (TypeError, InvalidRequestError) as error:
        raise InvalidRequestError(f"{image.source}: its parameters cannot be: {error}") from error
    return ModelDefaults(template, image.system.strip(), sampling, stops, most if isinstance(most, int) and most > 0 else -1)
