"""What the API server asks before it stores a Model: whether it may be, and what is to be filled in. Pure.

The schema and its CEL rules have looked at it already, and hold where nobody answers here; this says what they cannot: whether the image
names a model, whether the name is free, whether amounts can be read. A mistake that a Model had before is no reason to refuse another
change of it, or a deletion. Fed by `webhook_server`; what it says is what `kubectl apply` prints.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from echorator.errors import InvalidRequestError
from echorator.images.reference import LATEST, Registry, parse
from echorator.kube.contained import quantity
from echorator.kube.install import Install
from echorator.kube.pods import gpus_of, resources_of, storage_of
from echorator.kube.resources import GROUP, MODEL, VERSION, Object, asked_name, name_of
from echorator.kube.source import Way, source_of
from echorator.model.kube_spec import KubeModelSpec
from echorator.model.schema import Fault, Path, SpecError, check

REVIEW_VERSION, REVIEW_KIND = "admission.k8s.io/v1", "AdmissionReview"
REFUSED = 422
MOST_WARNING = 256  # characters, above which API servers cut
MOST_QUANTITY = 32
_HUGE = re.compile(r"[eE][+-]?[0-9]{3,}$")  # an exponent that is a mistake, or an attack


class MalformedReviewError(InvalidRequestError):
    """Not a review of a Model: the message is for whoever set up the webhook."""


@dataclass(frozen=True)
class _Asked:
    """One question. `old` None: the Model is new; `new` None: there is nothing to look at."""

    uid: str
    namespace: str
    new: Object | None = None
    old: Object | None = None

    @property
    def unchanged(self) -> bool:
        """Nothing here is to be judged: its spec stays, or it is on its way out."""
        if self.new is None or "deletionTimestamp" in _mapping(self.new.get("metadata")):
            return True
        return self.old is not None and self.old.get("spec") == self.new.get("spec")


def read(body: bytes) -> Object:
    """The review in a request's body. Raises MalformedReviewError."""
    try:
        review = json.loads(body)
        json.dumps(review, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedReviewError(f"the body is to be an {REVIEW_KIND} as JSON, and is not JSON: {error}") from error
    if not isinstance(review, dict):
        raise MalformedReviewError(f"the body is to be an {REVIEW_KIND}, not {type(review).__name__}")
    return review


def reviewed(review: Object, others: Iterable[Object]) -> Object:
    """The answer to a validating review; `others` are the Models that there are. Raises MalformedReviewError."""
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
    """The answer to a mutating review: always allowed, with a patch where something is to be filled in. Raises MalformedReviewError."""
    asked = _asked(review)
    operations = [] if asked.new is None or asked.unchanged else _filled(asked.new, asked.old)
    if not operations:
        return _answer(asked, {"allowed": True})
    patch = base64.b64encode(json.dumps(operations).encode()).decode()
    return _answer(asked, {"allowed": True, "patchType": "JSONPatch", "patch": patch})


# The envelope


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


# What is refused


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
        return []  # is told of the whole spec
    except InvalidRequestError as error:
        return [Fault(("spec", "image"), str(error))]
    return []


def _amounts(spec: Mapping[str, Any]) -> Iterator[tuple[Path, object]]:
    """Every quantity, and where it is."""
    for path, holder in ((("spec",), spec), (("spec", "cognition"), _mapping(spec.get("cognition")))):
        for part in ("requests", "limits"):
            held = _mapping(_mapping(holder.get("resources")).get(part))
            yield from (((*path, "resources", part, name), value) for name, value in held.items())
    yield ("spec", "storage", "size"), _mapping(spec.get("storage")).get("size")


def _amount_fault(path: Path, value: object) -> Fault | None:
    if not isinstance(value, str):
        return None  # a number, or told of the whole spec
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
    return [Fault(("spec", "imagePullSecrets", n), "has no name; write it as {name: SECRET}") for n in nameless]


def _rivals(asked: _Asked, model: Object, others: Iterable[Object]) -> list[Fault]:
    """Who has the name already and keeps it. It cannot be changed, so only a new Model can want another's."""
    name = _text(_mapping(model.get("metadata")).get("name"))
    served = _text(_mapping(model.get("spec")).get("servedName")) or name
    return [
        Fault(("spec", "servedName"), f"the Model {'/'.join(name_of(other))} serves {served!r} already; give this one another")
        for other in others
        if name_of(other) != (asked.namespace, name) and "deletionTimestamp" not in other["metadata"] and asked_name(other) == served
    ][:1]


# What is said besides


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
    by_class = gpus_of(spec.model_copy(update={"gpus": None}))
    if spec.gpus == 0 and by_class:
        found.append(f"spec.gpus: the class {spec.resource_class} is for a GPU, and without one answers are slow; set it to {by_class}")
    found += _unrequested(spec)
    if old is not None:
        found += _left_behind(spec, _mapping(old.get("spec")), by_class)
    return found


def _unrequested(spec: KubeModelSpec) -> list[str]:
    """Signals that are of an amount which the agent's container does not reserve; one of them stops every scale-down."""
    if spec.autoscaling is None:
        return []
    signals, resources = spec.autoscaling.signals, resources_of(spec)
    reserved = {**resources.get("limits", {}), **resources.get("requests", {})}  # a limit without a request is one
    return [
        f"spec.autoscaling.signals.{signal}: is of the {kind} that is requested, and none is; set spec.resources.requests.{kind}, or 0 here"
        for signal, percent, kind in (("cpuPercent", signals.cpu_percent, "cpu"), ("memoryPercent", signals.memory_percent, "memory"))
        if percent and not quantity(reserved.get(kind))
    ]


def _left_behind(spec: KubeModelSpec, old: Mapping[str, Any], gpus: int) -> list[str]:
    """What was filled in for a class that it no longer has."""
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


# What is filled in


def _filled(model: Object, old: Object | None) -> list[Object]:
    """Operations of a JSON patch (RFC 6902). Of a Model that exists only what it has had already, and now would lose."""
    raw = model.get("spec")
    try:
        spec = check(KubeModelSpec, raw)
        source = source_of(spec, Install())
    except InvalidRequestError:
        return []  # it will be refused
    if spec.resource_class is None:
        return []
    before = None if old is None else _mapping(old.get("spec"))
    made: list[Object] = []
    if spec.gpus is None and spec.engine.gpu_layers != 0 and (before is None or before.get("gpus") == gpus_of(spec)):
        made.append({"op": "add", "path": "/spec/gpus", "value": gpus_of(spec)})
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
