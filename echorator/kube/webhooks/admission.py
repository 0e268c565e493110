"""Answers the API server's admission reviews of a Model: whether it may be stored, and which fields are filled in. Pure.

The schema and its CEL rules have checked the Model before, and hold where no webhook answers. This module checks what they cannot: whether
the image names a model, whether the name is free, whether quantities can be parsed. A mistake that a Model had before is no reason to
refuse another change of it, or a deletion. Fed by `server`; `kubectl apply` prints the messages.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from echorator import json_digits
from echorator.errors import InvalidRequestError
from echorator.kube.api.differences import quantity
from echorator.kube.api.resources import GROUP, MODEL, VERSION, Object, asked_name, name_of
from echorator.kube.installation import Install
from echorator.kube.models.pods import resources_of, storage_of
from echorator.kube.models.source import Way, asked_security, source_of
from echorator.model_files.reference import LATEST, Registry, parse
from echorator.model_resource.kube_names import OBJECT_NAME_WORDS, is_object_name
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.schema import Fault, Path, SpecError, check

REVIEW_VERSION, REVIEW_KIND = "admission.k8s.io/v1", "AdmissionReview"
REFUSED = 422
MOST_WARNING = 256  # characters; API servers cut longer warnings
MOST_QUANTITY = 32
_HUGE = re.compile(r"[eE][+-]?[0-9]{3,}$")  # such an exponent is a mistake, or an attack


class MalformedReviewError(InvalidRequestError):
    """The request is no review of a Model; the message is for whoever set up the webhook."""


@dataclass(frozen=True)
class _Asked:
    """A question of a review. `old` is None for a new Model; `new` is None where there is nothing to check."""

    uid: str
    namespace: str
    new: Object | None = None
    old: Object | None = None

    @property
    def unchanged(self) -> bool:
        """Whether nothing is to be checked: the spec is unchanged, or the Model is being deleted."""
        if self.new is None or "deletionTimestamp" in _mapping(self.new.get("metadata")):
            return True
        return self.old is not None and self.old.get("spec") == self.new.get("spec")


def read(body: bytes) -> Object:
    """Return the review in a request's body. Raises MalformedReviewError."""
    try:
        review = json_digits.loads(body)
        json.dumps(review, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedReviewError(f"the body is to be an {REVIEW_KIND} as JSON, and is not JSON: {error}") from error
    if not isinstance(review, dict):
        raise MalformedReviewError(f"the body is to be an {REVIEW_KIND}, not {type(review).__name__}")
    return review


def reviewed(review: Object, others: Iterable[Object]) -> Object:
    """Return the answer to a validating review; `others` are the existing Models. Raises MalformedReviewError."""
    asked = _asked(review)
    if asked.new is None or asked.unchanged:
        return _answer(asked, {"allowed": True})
    spec = asked.new.get("spec")
    known = set(map(str, _faults(asked.old.get("spec")))) if asked.old is not None else set()
    all_faults = _faults(spec)
    faults = [fault for fault in all_faults if str(fault) not in known]
    if asked.old is None:
        faults += _rivals(asked, asked.new, others)
    warnings = [f"as before: {fault}" for fault in all_faults if str(fault) in known]
    if not all_faults:
        warnings += _warnings(check(KubeModelSpec, spec), asked.old)
    said = {"warnings": [_cut(warning) for warning in warnings]} if warnings else {}
    if not faults:
        return _answer(asked, {"allowed": True, **said})
    return _answer(asked, {"allowed": False, "status": _refusal(asked.new, faults), **said})


def defaulted(review: Object) -> Object:
    """Return the answer to a mutating review: always allowed, with a patch for fields to fill in. Raises MalformedReviewError."""
    asked = _asked(review)
    operations = [] if asked.new is None or asked.unchanged else _filled(asked.new, asked.old)
    if not operations:
        return _answer(asked, {"allowed": True})
    patch = base64.b64encode(json.dumps(operations).encode()).decode()
    return _answer(asked, {"allowed": True, "patchType": "JSONPatch", "patch": patch})


# The envelope of a review


def _asked(review: Object) -> _Asked:
    if not isinstance(review, Mapping) or review.get("apiVersion") != REVIEW_VERSION or review.get("kind") != REVIEW_KIND:
        raise MalformedReviewError(f"only {REVIEW_KIND} of {REVIEW_VERSION} is answered here; set admissionReviewVersions to [v1]")
    request = review.get("request")
    if not isinstance(request, Mapping):
        raise MalformedReviewError("the review has no request")
    uid = request.get("uid")
    if not isinstance(uid, str) or not uid:
        raise MalformedReviewError("the review's request has no uid")
    if request.get("kind") != {"group": GROUP, "version": VERSION, "kind": MODEL.name}:
        raise MalformedReviewError(f"only {MODEL.name} of {MODEL.api_version} is reviewed here; look at the webhook's rules")
    namespace = request.get("namespace")
    namespace = namespace if isinstance(namespace, str) else ""
    if request.get("operation") not in ("CREATE", "UPDATE"):
        return _Asked(uid, namespace)
    new, old = request.get("object"), request.get("oldObject")
    if not isinstance(new, dict):
        raise MalformedReviewError("the review's request has no object")
    return _Asked(uid, namespace, new, old if isinstance(old, dict) else None)


def _answer(asked: _Asked, response: Object) -> Object:
    return {"apiVersion": REVIEW_VERSION, "kind": REVIEW_KIND, "response": {"uid": asked.uid, **response}}


def _refusal(model: Object, faults: list[Fault]) -> Object:
    causes = [{"reason": "FieldValueInvalid", "field": str(Fault(f.path, "")).removesuffix(": "), "message": f.message} for f in faults]
    name = _mapping(model.get("metadata")).get("name")
    details = {"group": GROUP, "kind": MODEL.name, "causes": causes, **({"name": name} if isinstance(name, str) else {})}
    return {
        "status": "Failure",
        "code": REFUSED,
        "reason": "Invalid",
        "message": "; ".join(map(str, faults)),
        "details": details,
    }


# Faults that refuse a Model


def _faults(spec: object) -> list[Fault]:
    found: list[Fault] = []
    try:
        check(KubeModelSpec, spec)
    except SpecError as error:
        found += error.faults
    if isinstance(spec, Mapping):
        found += _image_faults(spec.get("image"))
        found += [fault for path, value in _amounts(spec) if (fault := _amount_fault(path, value)) is not None]
        found += _secret_faults(spec.get("imagePullSecrets"))
    return found


def _image_faults(image: object) -> list[Fault]:
    try:
        source_of(check(KubeModelSpec, {"image": image}), Install())
    except SpecError:
        return []  # the check of the whole spec reports it
    except InvalidRequestError as error:
        return [Fault(("spec", "image"), str(error))]
    return []


def _amounts(spec: Mapping[str, Any]) -> Iterator[tuple[Path, object]]:
    """Yield the path and the value of every quantity."""
    for path, holder in ((("spec",), spec), (("spec", "cognition"), _mapping(spec.get("cognition")))):
        for part in ("requests", "limits"):
            held = _mapping(_mapping(holder.get("resources")).get(part))
            yield from (((*path, "resources", part, name), value) for name, value in held.items())
    yield ("spec", "storage", "size"), _mapping(spec.get("storage")).get("size")


def _amount_fault(path: Path, value: object) -> Fault | None:
    if not isinstance(value, str):
        return None  # a number, or an error that the check of the whole spec reports
    amount = None if len(value) > MOST_QUANTITY or _HUGE.search(value) else quantity(value)
    if amount is None:
        return Fault(path, f"{value[:80]!r} is no quantity; write it as 500m, 2 or 20Gi")
    if amount < 0 or (amount == 0 and path[-1] == "size"):
        return Fault(path, f"{value!r} is too little; write it as 500m, 2 or 20Gi")
    return None


def _secret_faults(secrets: object) -> list[Fault]:
    if not isinstance(secrets, list):
        return []
    nameless = [n for n, secret in enumerate(secrets) if isinstance(secret, Mapping) and not _text(secret.get("name"))]
    faults = [Fault(("spec", "imagePullSecrets", n), "has no name; write it as {name: SECRET}") for n in nameless]
    for n, secret in enumerate(secrets):
        name = _text(secret.get("name")) if isinstance(secret, Mapping) else ""
        if name and not is_object_name(name):
            faults.append(Fault(("spec", "imagePullSecrets", n, "name"), f"{name[:80]!r} is no name of a Secret; {OBJECT_NAME_WORDS}"))
    return faults


def _rivals(asked: _Asked, model: Object, others: Iterable[Object]) -> list[Fault]:
    """Return a fault if another Model has the served name already. The name is immutable, so that only a new Model can claim another's."""
    name = _text(_mapping(model.get("metadata")).get("name"))
    served = _text(_mapping(model.get("spec")).get("servedName")) or name
    return [
        Fault(("spec", "servedName"), f"the Model {'/'.join(name_of(other))} serves {served!r} already; give this one another")
        for other in others
        if name_of(other) != (asked.namespace, name) and "deletionTimestamp" not in other["metadata"] and asked_name(other) == served
    ][:1]


# Warnings


def _warnings(spec: KubeModelSpec, old: Object | None) -> list[str]:
    found = []
    most = spec.autoscaling.max_replicas if spec.autoscaling else spec.replicas
    if most > 1 and "pvc://" not in spec.image:
        reference = parse(spec.image)
        if isinstance(reference, Registry) and reference.version == LATEST:
            found.append(
                "spec.image: the tag latest may be moved, and replicas that start later may then serve another file; "
                "name a tag that stays, or a digest"
            )
    by_class = spec.model_copy(update={"gpus": None}).gpu_count
    if spec.gpus == 0 and by_class:
        found.append(f"spec.gpus: the class {spec.resource_class} is for a GPU, and without one answers are slow; set it to {by_class}")
    if asked_security(spec) == {"securityContext": {}}:
        found.append(
            "spec.podTemplate.spec.securityContext: is empty, which changes nothing; nulls that were in it were dropped by kubectl apply, "
            "so use kubectl apply --server-side"
        )
    found += _unrequested(spec)
    if old is not None:
        found += _left_behind(spec, _mapping(old.get("spec")), by_class)
    return found


def _unrequested(spec: KubeModelSpec) -> list[str]:
    """Warn of signals that are relative to a request which the agent's container lacks; one of them stops every scale-down."""
    if spec.autoscaling is None:
        return []
    signals, resources = spec.autoscaling.signals, resources_of(spec)
    reserved = {**resources.get("limits", {}), **resources.get("requests", {})}  # a limit without a request is also the request
    return [
        f"spec.autoscaling.signals.{signal}: is of the {kind} that is requested, and none is; set spec.resources.requests.{kind}, or 0 here"
        for signal, percent, kind in (("cpuPercent", signals.cpu_percent, "cpu"), ("memoryPercent", signals.memory_percent, "memory"))
        if percent and not quantity(reserved.get(kind))
    ]


def _left_behind(spec: KubeModelSpec, old: Mapping[str, Any], gpus: int) -> list[str]:
    """Warn of values that were filled in for a class which the Model no longer has."""
    if spec.resource_class is None or old.get("resourceClass") in (None, spec.resource_class):
        return []
    size = storage_of(spec.model_copy(update={"storage": spec.storage.model_copy(update={"size": None})}))
    held = (
        ("spec.gpus", old.get("gpus"), spec.gpus, gpus),
        ("spec.storage.size", _mapping(old.get("storage")).get("size"), spec.storage.size, size),
    )
    return [
        f"{field}: is still {now}, and the class {spec.resource_class} has {usual}; change it too if that is meant"
        for field, before, now, usual in held
        if now is not None and now == before and now != usual and not (field == "spec.gpus" and now == 0)
    ]


# Fields to fill in


def _filled(model: Object, old: Object | None) -> list[Object]:
    """Return the operations of a JSON patch (RFC 6902).

    An existing Model gets only values that it had before and would now lose.
    """
    raw = model.get("spec")
    try:
        spec = check(KubeModelSpec, raw)
        source = source_of(spec, Install())
    except InvalidRequestError:
        return []  # the validating webhook refuses it
    if spec.resource_class is None:
        return []
    before = None if old is None else _mapping(old.get("spec"))
    made: list[Object] = []
    if spec.gpus is None and spec.engine.gpu_layers != 0 and (before is None or before.get("gpus") == spec.gpu_count):
        made.append({"op": "add", "path": "/spec/gpus", "value": spec.gpu_count})
    size = storage_of(spec)
    absent = source.way is Way.STORE and spec.storage.size is None and spec.storage.existing_claim is None
    if absent and (before is None or _mapping(before.get("storage")).get("size") == size):
        if isinstance(_mapping(raw).get("storage"), Mapping):
            made.append({"op": "add", "path": "/spec/storage/size", "value": size})
        else:
            made.append({"op": "add", "path": "/spec/storage", "value": {"size": size}})
    return made


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _cut(text: str) -> str:
    return text if len(text) <= MOST_WARNING else f"{text[: MOST_WARNING - 3]}..."
