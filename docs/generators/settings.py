"""`settings.md`: the fields of every settings class, with type, default, range and comment.

Ranges are what the classes themselves refuse: each field is set to values that no range has, and the message of the refusal names the
range.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import echorator.agent.mesh.mesh_session
import echorator.cognition.recall.prototypes
import echorator.cognition.settings
import echorator.controller.settings
import echorator.errors
import echorator.gateway.http.settings
import echorator.gateway.settings
import echorator.kube.api.election
import echorator.kube.installation
import echorator.kube.operator
import echorator.kube.webhooks.server
import echorator.model_files.hub
import echorator.model_files.puller
import echorator.serving.server
import echorator.settings
from docs.generators.comments import comments_of
from docs.generators.markdown import code, document, prose, table

MANY = 5000  # items, more than any setting takes
INTRODUCTION = """
Settings are frozen values, checked when they are made and passed to whatever needs them; only the commands read the environment. Options of
[the commands](cli.md) and fields of [the Model resource](crd.md) become these fields. Names say units: `_s` is seconds, `_bytes` bytes,
`_tokens` tokens of the model. A field without a range takes any value of its type.
"""


@dataclass(frozen=True)
class Described:
    """A settings class under a heading, where its values come from, and an instance, which has whatever a class cannot do without."""

    title: str
    origin: str
    instance: Any


ALL = (
    Described(
        "An engine",
        "The options of `echorator serve`, `spec.engine` of a Model, `EngineOptions` over gRPC.",
        echorator.settings.EngineSettings(Path("model.gguf")),
    ),
    Described("A LoRA adapter", "`--lora` and `--lora-scaled`, `spec.engine.lora`.", echorator.settings.Lora(Path("tuned.gguf"))),
    Described(
        "Sampling of a request",
        "The fields of a request, else the parameters that a model brings along, else these defaults.",
        echorator.settings.Sampling(),
    ),
    Described("A gRPC server", "The options of every command that serves.", echorator.serving.server.ServerSettings()),
    Described(
        "An agent in a mesh",
        "`echorator serve --controller` and the options beside it.",
        echorator.agent.mesh.mesh_session.MeshSettings("127.0.0.1:50050", "agent", "127.0.0.1:50051"),
    ),
    Described("A controller", "The options of `echorator controller`.", echorator.controller.settings.ControllerSettings()),
    Described("A gateway", "The options of `echorator gateway` and `echorator up`.", echorator.gateway.settings.GatewaySettings()),
    Described(
        "The HTTP server of a gateway",
        "Its options that begin with `--http-` or `--allowed-`.",
        echorator.gateway.http.settings.HttpSettings(),
    ),
    Described("A memory", "These defaults; the command line sets none of them.", echorator.cognition.settings.CognitionSettings()),
    Described("Weights of recall", "`Weights` of a `RecallRequest`, else these defaults.", echorator.cognition.settings.Weights()),
    Described("Forgetting", "These defaults.", echorator.cognition.settings.Forgetting()),
    Described("Patterns", "These defaults.", echorator.cognition.recall.prototypes.PatternSettings()),
    Described(
        "Pulls of models",
        "`ECHORATOR_MIRRORS`, `ECHORATOR_OFFLINE` and `DOCKER_CONFIG` of the environment; the options of commands that pull.",
        echorator.model_files.puller.PullSettings(),
    ),
    Described("Hugging Face's hub", "`HF_ENDPOINT` and `HF_TOKEN` of the environment.", echorator.model_files.hub.HubSettings()),
    Described(
        "The Kubernetes operator",
        "The options of `echorator operator`.",
        echorator.kube.operator.OperatorSettings(echorator.kube.installation.Install(), "operator"),
    ),
    Described("Leader election of operators", "These defaults.", echorator.kube.api.election.ElectionSettings()),
    Described("Admission webhooks", "The options of `echorator operator`.", echorator.kube.webhooks.server.WebhookSettings(0)),
    Described(
        "An installation in a Kubernetes cluster",
        "The options of `echorator operator` and `manifests`.",
        echorator.kube.installation.Install(),
    ),
)


def impossible(value: object) -> Iterator[object]:
    """Yield values of the type of `value` that a range, if there is one, does not have."""
    match value:
        case bool():
            return
        case int():
            yield from (-(1 << 62), 1 << 62)
        case float() | None:
            yield from (math.nan, -math.inf)
        case str():
            yield ""
            yield "\0"
        case tuple():
            yield ("\0",) * MANY


def range_of(instance: Any, field: Field[Any]) -> str:
    """Return the range of a field as the class's own refusal words it; "" where it refuses none of the impossible values."""
    for value in impossible(getattr(instance, field.name)):
        try:
            replace(instance, **{field.name: value})
        except TypeError:  # a tuple's values are of another type
            continue
        except (ValueError, echorator.errors.InvalidRequestError) as error:  # ValueError: of `kube`'s settings
            if field.name in str(error) or field.name.removesuffix("_s") in str(error):
                return _bare(str(error), field.name)
    return ""


def _bare(message: str, name: str) -> str:
    text = re.sub(r", not [^,]{1,90}$|^\w+ '' is not ", "", message)
    text = re.sub(rf"^\w*(?:{name}|{name.removesuffix('_s')})(?: must be|:)(?: one of)? |^\w+: an? {name} must be ", "", text)
    return re.sub(r"(?<!\d\.)(?<!\d)\d+e\+\d+", lambda found: f"{float(found[0]):.0f}", text)


def default_of(field: Field[Any]) -> str:
    """Return the default as code, "required" where there is none, or the class that makes it."""
    value = field.default
    if field.default_factory is not MISSING:
        value = field.default_factory()
    if value is MISSING:
        return "required"
    if is_dataclass(value):
        return f"those of `{type(value).__name__}`"
    return code(repr(value) if not isinstance(value, str) else f'"{value}"'.replace("\n", "\\n"))


def page() -> str:
    """Return `settings.md`."""
    lines = []
    for one in ALL:
        kind = type(one.instance)
        comments = comments_of(kind)
        lines += [f"## {one.title}", "", f"`{kind.__name__}`: {prose(kind.__doc__ or '')}", "", f"Set by: {prose(one.origin)}", ""]
        rows = [
            (
                code(field.name),
                code(str(field.type)),
                default_of(field),
                prose(range_of(one.instance, field)),
                prose(comments.get(field.name, "")),
            )
            for field in fields(kind)
        ]
        lines += table(("Field", "Type", "Default", "Range", "Meaning"), rows)
    return document("Settings", INTRODUCTION, lines)


def without_comment() -> list[str]:
    """Return the fields, as CLASS.FIELD, that have no comment."""
    return [
        f"{type(one.instance).__name__}.{field.name}"
        for one in ALL
        for field in fields(one.instance)
        if field.name not in comments_of(type(one.instance))
    ]
