"""Converts Models of ollama-operator (`ollama.ayaka.io/v1`) to Models of this operator, so that nobody has to rewrite them. Pure.

Feeds `kollama convert`. Fields without a counterpart become warnings, never dropped silently. Source: ollama-operator's model_types.go, and
its pod.go for what it does with a pod template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from echorator.errors import InvalidRequestError
from echorator.kube.api.differences import quantity
from echorator.kube.api.resources import MODEL, Object
from echorator.kube.installation import Install
from echorator.kube.models.pods import AGENT, GPU
from echorator.kube.models.source import source_of
from echorator.model_resource.kube_spec import QUANTITY, KubeModelSpec
from echorator.model_resource.names import fitting_name, is_fitting_name
from echorator.model_resource.schema import check

OLLAMA_GROUP = "ollama.ayaka.io"
ACCESS_MODES = ("ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod")
_SERVER, _PULLER, _STORE_VOLUME, _PORT = "server", "ollama-image-pull", "image-storage", 11434
# Fields of the container of Ollama's server that mean nothing to an agent's container.
_OLLAMAS_OWN = ("image", "command", "args", "livenessProbe", "readinessProbe", "startupProbe")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Converted:
    """A converted Model, with a sentence for each field that was omitted or changed."""

    model: Object
    warnings: tuple[str, ...]


def is_ollama_model(thing: object) -> bool:
    """Return whether `thing` is a Model of ollama-operator, which `converted` accepts."""
    return isinstance(thing, Mapping) and thing.get("kind") == "Model" and str(thing.get("apiVersion", "")).startswith(f"{OLLAMA_GROUP}/")


def converted(given: Mapping[str, Any]) -> Converted:
    """Convert a Model of ollama-operator. Raises InvalidRequestError if the result would not be a valid Model."""
    said: list[str] = []
    metadata = given.get("metadata")
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("name"), str):
        raise InvalidRequestError("metadata.name: is missing")
    old = given.get("spec")
    if not isinstance(old, Mapping):
        raise InvalidRequestError("spec: is missing")
    spec: Object = {}
    for field, value in old.items():
        if field not in _FIELDS:
            said.append(f"spec.{field} is no field of {OLLAMA_GROUP}/v1; it is left out")
        elif value is not None:
            _FIELDS[field](spec, value, said)
    storage = spec.get("storage", {})
    if "existingClaim" in storage and "className" in storage:
        said.append(f"spec.storageClassName {storage.pop('className')!r} is left out: the claim {storage['existingClaim']!r} has its class")
    kept = {key: metadata[key] for key in ("name", "namespace", "labels", "annotations") if metadata.get(key)}
    if "annotations" in kept:
        kept["annotations"] = {key: value for key, value in kept["annotations"].items() if key != _LAST_APPLIED}
        if not kept["annotations"]:
            del kept["annotations"]
    if not is_fitting_name(kept["name"]):
        name = fitting_name(kept["name"])
        said.append(f"metadata.name {kept['name']!r} is {name!r} now, for Services are named after it; clients go on with the old one")
        spec["servedName"], kept["name"] = kept["name"], name
    source_of(check(KubeModelSpec, spec), Install())
    return Converted({"apiVersion": MODEL.api_version, "kind": MODEL.name, "metadata": kept, "spec": spec}, tuple(said))


# Fields: each converter gets the new spec, the value, and the list of warnings

_Field = Callable[[Object, Any, list[str]], None]


def _as(name: str) -> _Field:
    def copy(spec: Object, value: Any, _said: list[str]) -> None:
        if value not in ("", [], {}):
            spec[name] = value

    return copy


def _pull_policy(_spec: Object, value: Any, said: list[str]) -> None:
    said.append(f"spec.imagePullPolicy {value!r} is left out: a model's file is pulled once, and again when spec.image changes")


def _resources(spec: Object, value: Any, said: list[str]) -> None:
    if not isinstance(value, Mapping):
        spec["resources"] = value
        return
    made = {part: _quantities(value[part]) for part in ("requests", "limits") if value.get(part)}
    if made:
        spec["resources"] = made
    if value.get("claims"):
        said.append("spec.resources.claims are left out; say spec.gpus, or write them into spec.podTemplate")
    gpus = quantity((made.get("limits") or {}).get(GPU)) if isinstance(made.get("limits", {}), Mapping) else None
    if gpus is not None and gpus.denominator == 1:
        spec["gpus"] = int(gpus)


def _quantities(given: Any) -> Any:
    """Return quantities as the schema accepts them: 0.5 becomes "0.5", 1e3 becomes 1000."""
    return {key: _plain(value) for key, value in given.items()} if isinstance(given, Mapping) else given


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        value = f"{value:f}".rstrip("0").rstrip(".")
    if not isinstance(value, str) or re.fullmatch(QUANTITY, value):
        return value
    number = quantity(value)
    if number is None:
        return value
    return str(number.numerator) if number.denominator == 1 else f"{-(-number.numerator * 1000 // number.denominator)}m"


def _class_name(spec: Object, value: Any, said: list[str]) -> None:
    if value == "":
        said.append('spec.storageClassName "" is left out: the cluster\'s default class is used; or make a claim, and name it')
        return
    spec.setdefault("storage", {})["className"] = value


def _volume(spec: Object, value: Any, said: list[str]) -> None:
    mode = value.get("accessMode") if isinstance(value, Mapping) else None
    if mode in ACCESS_MODES:
        spec.setdefault("storage", {})["accessMode"] = mode
    elif mode:
        said.append(f"spec.persistentVolume.accessMode {mode!r} is left out: the file is written there; known: {', '.join(ACCESS_MODES)}")


def _claim(spec: Object, value: Any, said: list[str]) -> None:
    if not isinstance(value, Mapping) or not value.get("claimName"):
        raise InvalidRequestError("spec.persistentVolumeClaim.claimName: is missing")
    spec.setdefault("storage", {})["existingClaim"] = value["claimName"]
    if value.get("readOnly"):
        said.append("spec.persistentVolumeClaim.readOnly is left out: the pulled file is written there")


def _env(spec: Object, value: Any, said: list[str]) -> None:
    if value:
        spec["extraEnv"] = value
        _tell_ollamas(value, "spec.extraEnv", said)


def _tell_ollamas(env: Any, where: str, said: list[str]) -> None:
    names = [str(item.get("name")) for item in env if isinstance(item, Mapping) and str(item.get("name", "")).startswith("OLLAMA_")]
    if names:
        said.append(f"{where}: {', '.join(names)} mean nothing to the agents here; spec.engine has their options")


def _pod_template(spec: Object, value: Any, said: list[str]) -> None:
    if not isinstance(value, Mapping):
        raise InvalidRequestError("spec.podTemplate: must be a mapping")
    template = _without_nothing(value)
    pod = template.get("spec") or {}
    if not isinstance(pod, Mapping):
        raise InvalidRequestError("spec.podTemplate.spec: must be a mapping")
    where = "spec.podTemplate.spec"
    made = dict(pod)
    for field in ("containers", "initContainers", "volumes"):
        if field in made and not (isinstance(made[field], list) and all(isinstance(item, Mapping) for item in made[field])):
            raise InvalidRequestError(f"{where}.{field}: must be a list of mappings")
    if any(item.get("name") == _PULLER for item in made.get("initContainers", ())):
        said.append(f"{where}.initContainers: {_PULLER!r} is left out: the operator has a puller of its own")
        made["initContainers"] = [item for item in made["initContainers"] if item.get("name") != _PULLER]
    if any(item.get("name") == _STORE_VOLUME for item in made.get("volumes", ())):
        said.append(f"{where}.volumes: {_STORE_VOLUME!r} is left out; spec.storage says where the file is")
        made["volumes"] = [item for item in made["volumes"] if item.get("name") != _STORE_VOLUME]
    if "containers" in made:
        made["containers"] = [_agent(item, said) if item.get("name") == _SERVER else item for item in made["containers"]]
    template["spec"] = made
    template = _without_nothing(template)
    if template:
        spec["podTemplate"] = template


def _agent(server: Mapping[str, Any], said: list[str]) -> Object:
    where = f"spec.podTemplate.spec.containers[{_SERVER}]"
    made = {key: value for key, value in server.items() if key not in _OLLAMAS_OWN}
    dropped = [key for key in _OLLAMAS_OWN if key in server]
    if dropped:
        said.append(f"{where}: {', '.join(dropped)} of Ollama's server are left out; the agent has its own")
    for field, key, own in (("ports", "containerPort", _PORT), ("volumeMounts", "name", _STORE_VOLUME)):
        if isinstance(made.get(field), list):
            made[field] = [item for item in made[field] if not isinstance(item, Mapping) or item.get(key) != own]
    _tell_ollamas(made.get("env") or (), f"{where}.env", said)
    if "resources" in made and isinstance(made["resources"], Mapping):
        made["resources"] = {part: _quantities(value) for part, value in made["resources"].items()}
    return {**made, "name": AGENT}


def _without_nothing(given: Mapping[str, Any]) -> Object:
    """Return a mapping without what Go writes for unset fields, such as creationTimestamp: null, containers: null and resources: {}."""
    made = {key: _without_nothing(value) if isinstance(value, Mapping) and key in _EMPTY else value for key, value in given.items()}
    return {key: value for key, value in made.items() if value is not None and not (key in _EMPTY and not value)}


_EMPTY = ("metadata", "spec", "containers", "initContainers", "volumes", "resources")

_FIELDS: Mapping[str, _Field] = {
    "image": _as("image"),
    "replicas": _as("replicas"),
    "imagePullPolicy": _pull_policy,
    "imagePullSecrets": _as("imagePullSecrets"),
    "resources": _resources,
    "storageClassName": _class_name,
    "persistentVolumeClaim": _claim,
    "persistentVolume": _volume,
    "runtimeClassName": _as("runtimeClassName"),
    "extraEnvFrom": _as("extraEnvFrom"),
    "extraEnv": _env,
    "podTemplate": _pod_template,
}
