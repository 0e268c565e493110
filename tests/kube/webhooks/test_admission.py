"""What admission says of Models: every rule and its words, what is filled in, and that no review at all makes it fail."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from echorator.kube.api.resources import Object
from echorator.kube.webhooks.admission import MOST_WARNING, MalformedReviewError, defaulted, read, reviewed
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.schema import check

KIND = {"group": "echorator.dev", "version": "v1", "kind": "Model"}
EVERYTHING = yaml.safe_load((Path(__file__).parents[1] / "data/everything.yaml").read_text("utf-8"))
Spec = dict[str, Any]


def model(spec: Any, name: str = "m", namespace: str = "n", **metadata: Any) -> Object:
    return {"metadata": {"name": name, "namespace": namespace, **metadata}, "spec": spec}


def review(new: Any, old: Any = None, namespace: str = "n", **more: Any) -> Object:
    operation = "CREATE" if old is None else "UPDATE"
    request = {"uid": "u", "kind": KIND, "operation": operation, "namespace": namespace, "object": new, "oldObject": old, **more}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def answer(asked: Object, *others: Object) -> Object:
    said = reviewed(asked, others)
    assert (said["apiVersion"], said["kind"], said["response"]["uid"]) == ("admission.k8s.io/v1", "AdmissionReview", "u")
    return dict(said["response"])


def patched(asked: Object) -> Any:
    """The spec as /default makes it."""
    response = defaulted(asked)["response"]
    assert response["allowed"]
    spec = json.loads(json.dumps(asked["request"]["object"]["spec"]))
    if "patch" not in response:
        return spec
    assert response["patchType"] == "JSONPatch"
    for operation in json.loads(base64.b64decode(response["patch"])):
        assert operation["op"] == "add"
        empty, *path, last = operation["path"].split("/")
        assert (empty, path[0]) == ("", "spec")
        place = spec
        for step in path[1:]:
            place = place[step]
        assert last not in place
        place[last] = operation["value"]
    return spec


REFUSED: list[tuple[Any, str, str]] = [
    (None, "spec", "must be a mapping, not nothing"),
    ({}, "spec.image", "is missing"),
    ({"image": "phi", "repicas": 2}, "spec.repicas", "did you mean 'replicas'?"),
    ({"image": "phi", "engine": {"slots": 1000}}, "spec.engine.slots", "slots must be 1..128"),
    ({"image": "hf://nobody"}, "spec.image", "is not hf://ORG/REPOSITORY/FILE.gguf"),
    ({"image": "library//phi"}, "spec.image", "is no part of a model's name"),
    ({"image": "phi@sha256:12"}, "spec.image", "is no digest, which is sha256: and 64 hexadecimal digits"),
    ({"image": "oci://phi"}, "spec.image", "an oci:// source is oci://REGISTRY/REPOSITORY:TAG"),
    ({"image": "models/phi.gguf"}, "spec.image", "put it on a claim and write pvc://CLAIM/FILE.gguf"),
    ({"image": "pvc://claim/../m.gguf"}, "spec.image", "a file of a claim is pvc://CLAIM/FILE.gguf"),
    ({"image": "phi", "storage": {"size": "20GB"}}, "spec.storage.size", "'20GB' is no quantity; write it as 500m, 2 or 20Gi"),
    ({"image": "phi", "storage": {"size": "0"}}, "spec.storage.size", "is too little"),
    ({"image": "phi", "storage": {"size": "1e999999999"}}, "spec.storage.size", "is no quantity"),
    ({"image": "phi", "resources": {"limits": {"cpu": "many"}}}, "spec.resources.limits.cpu", "is no quantity"),
    ({"image": "phi", "resources": {"requests": {"memory": "-1Gi"}}}, "spec.resources.requests.memory", "is too little"),
    (
        {"image": "phi", "cognition": {"store": "redis://r", "resources": {"requests": {"cpu": "1 core"}}}},
        "spec.cognition.resources.requests.cpu",
        "is no quantity",
    ),
    ({"image": "phi", "expose": {"serviceName": "a.b"}}, "spec.expose.serviceName", "must be a name of a Service"),
    ({"image": "phi", "expose": {"serviceName": "My_Service"}}, "spec.expose.serviceName", "must be a name of a Service"),
    ({"image": "phi", "expose": {"serviceName": "a\n"}}, "spec.expose.serviceName", "must be a name of a Service"),
    ({"image": "phi", "expose": {"host": "https://a.b"}}, "spec.expose.host", "must be a host without scheme"),
    ({"image": "phi", "expose": {"className": "A"}}, "spec.expose.className", "must be a name of an object"),
    ({"image": "phi", "expose": {"tlsSecretName": "a_b"}}, "spec.expose.tlsSecretName", "must be a name of an object"),
    ({"image": "phi", "expose": {"gateway": {"name": "a/b"}}}, "spec.expose.gateway.name", "must be a name of an object"),
    ({"image": "phi", "expose": {"gateway": {"name": "g", "namespace": "a.b"}}}, "spec.expose.gateway.namespace", "a name of a namespace"),
    ({"image": "phi", "expose": {"annotations": {"a b": "c"}}}, "spec.expose.annotations", "'a b' is no key"),
    ({"image": "phi", "storage": {"className": "a..b"}}, "spec.storage.className", "must be a name of an object"),
    ({"image": "phi", "storage": {"existingClaim": "-a"}}, "spec.storage.existingClaim", "must be a name of an object"),
    ({"image": "phi", "priorityClassName": "High"}, "spec.priorityClassName", "must be a name of an object"),
    ({"image": "phi", "runtimeClassName": "a b"}, "spec.runtimeClassName", "must be a name of an object"),
    ({"image": "phi", "servedName": "two words"}, "spec.servedName", "must be a name of letters"),
    ({"image": "phi", "nodeSelector": {"a/b/c": "d"}}, "spec.nodeSelector", "'a/b/c' is no key"),
    ({"image": "phi", "nodeSelector": {"a": "b c"}}, "spec.nodeSelector", "'b c' is no value of the label a"),
    ({"image": "phi", "resources": {"limits": {"c p u": 1}}}, "spec.resources.limits", "'c p u' is no key"),
    ({"image": "phi", "imagePullSecrets": [{"name": "a_b"}]}, "spec.imagePullSecrets[0].name", "is no name of a Secret"),
    ({"image": "phi", "imagePullSecrets": [{"name": "a"}, {}]}, "spec.imagePullSecrets[1]", "has no name; write it as {name: SECRET}"),
]


@pytest.mark.parametrize(("spec", "field", "words"), REFUSED)
def test_what_is_refused(spec: Any, field: str, words: str) -> None:
    response = answer(review(model(spec)))
    assert response["allowed"] is False
    status = response["status"]
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert status["message"].startswith(f"{field}: ")
    assert words in status["message"]
    (cause,) = status["details"]["causes"]
    assert (cause["field"], status["message"]) == (field, f"{field}: {cause['message']}")
    assert defaulted(review(model(spec)))["response"] == {"uid": "u", "allowed": True}, "it says nothing of what is refused anyway"


def test_all_mistakes_are_told_at_once() -> None:
    response = answer(review(model({"image": "hf://nobody", "repicas": 1, "storage": {"size": "big"}, "imagePullSecrets": [{}]})))
    fields = {cause["field"] for cause in response["status"]["details"]["causes"]}
    assert fields == {"spec.image", "spec.repicas", "spec.storage.size", "spec.imagePullSecrets[0]"}
    assert response["status"]["message"].count("; ") >= 3


@pytest.mark.parametrize(
    "spec",
    [
        {"image": "echo-nano"},
        {"image": "phi"},
        {"image": "phi", "autoscaling": {"minReplicas": 0, "maxReplicas": 1}},
        {"image": "hf://a/b:Q4", "replicas": 3, "resourceClass": "Large"},
        {"image": "phi:v1", "replicas": 3},
        {"image": "phi:v1", "autoscaling": {}},
        {"image": "phi:v1", "autoscaling": {}, "resources": {"requests": {"cpu": 1}, "limits": {"memory": "1Gi"}}},
        {"image": "phi:v1", "autoscaling": {"signals": {"cpuPercent": 0, "memoryPercent": 0}}, "resources": {}},
        {"image": "pvc://claim/m.gguf", "replicas": 3},
        {"image": "phi", "resourceClass": "Small", "gpus": 0},
        {"image": "phi", "resources": {"limits": {"cpu": 2, "memory": "1.5Gi", "nvidia.com/gpu": "1"}}},
        {**EVERYTHING, "image": "phi:v1"},
    ],
)
def test_what_is_good_passes_without_a_word(spec: Spec) -> None:
    assert answer(review(model(spec))) == {"uid": "u", "allowed": True}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"image": "phi", "replicas": 2}, "the tag latest may be moved"),
        ({"image": "phi:latest", "autoscaling": {}}, "the tag latest may be moved"),
        ({"image": "oci://ghcr.io/a/b", "replicas": 2}, "the tag latest may be moved"),
        ({"image": "phi:v1", "podTemplate": {"spec": {"securityContext": {}}}}, "nulls that were in it were dropped by kubectl apply"),
        ({"image": "phi", "resourceClass": "Medium", "gpus": 0}, "the class Medium is for a GPU"),
        ({"image": "phi", "resourceClass": "Large", "gpus": 0}, "the class Large is for a GPU"),
        (
            {"image": "phi:v1", "autoscaling": {}, "resources": {"requests": {"cpu": 1}}},
            "signals.memoryPercent: is of the memory that is requested, and none is; set spec.resources.requests.memory",
        ),
        (
            {"image": "phi:v1", "autoscaling": {"signals": {"memoryPercent": 0}}, "resources": {"requests": {"cpu": "0"}}},
            "signals.cpuPercent: is of the cpu that is requested, and none is; set spec.resources.requests.cpu",
        ),
    ],
)
def test_what_is_warned_of(spec: Spec, words: str) -> None:
    response = answer(review(model(spec)))
    assert response["allowed"]
    (warning,) = response["warnings"]
    assert words in warning
    assert len(warning) <= MOST_WARNING


# Names


@pytest.mark.parametrize(
    ("other", "taken"),
    [
        (model({"image": "phi", "servedName": "x"}, "a", "b"), True),
        (model({"image": "phi"}, "x", "b"), True),
        (model({"image": "phi"}, "y", "b"), False),
        (model({"image": "phi", "servedName": "y"}, "x", "b"), False),
        (model({"image": "phi", "servedName": "x"}, "m", "n"), False),
        (model({"image": "phi", "servedName": "x"}, "a", "b", deletionTimestamp="2026-01-01T00:00:00Z"), False),
    ],
    ids=["by servedName", "by its own name", "another", "has another servedName", "is the same Model", "is about to go"],
)
def test_a_name_that_is_taken(other: Object, taken: bool) -> None:
    response = answer(review(model({"image": "phi", "servedName": "x"})), other)
    assert response["allowed"] is not taken
    if taken:
        where = f"{other['metadata']['namespace']}/{other['metadata']['name']}"
        assert response["status"]["message"] == f"spec.servedName: the Model {where} serves 'x' already; give this one another"


def test_a_rival_that_came_later_does_not_hold_up_an_update() -> None:
    rival = model({"image": "phi", "servedName": "m"}, "late", "b")
    assert answer(review(model({"image": "phi:b"}), model({"image": "phi:a"})), rival)["allowed"]
    assert not answer(review(model({"image": "phi:b"})), rival)["allowed"]


# Updates


def test_an_old_mistake_holds_up_no_other_change() -> None:
    bad = {"image": "hf://nobody", "replicas": 1}
    response = answer(review(model({**bad, "replicas": 2}), model(bad)))
    assert response["allowed"]
    assert response["warnings"][0].startswith("as before: spec.image: ")
    response = answer(review(model({**bad, "image": "hf://somebody"}), model(bad)))
    assert not response["allowed"], "another mistake is a new one"
    response = answer(review(model({**bad, "storage": {"size": "x"}}), model(bad)))
    assert response["status"]["message"].startswith("spec.storage.size: ")


def test_what_leaves_the_spec_alone_passes() -> None:
    bad = {"image": "hf://nobody", "resourceClass": "Small"}
    finalized = model(bad, finalizers=["echorator.dev/mesh"])
    assert answer(review(finalized, model(bad))) == {"uid": "u", "allowed": True}
    going = model({"image": "hf://other"}, deletionTimestamp="2026-01-01T00:00:00Z")
    assert answer(review(going, model(bad))) == {"uid": "u", "allowed": True}
    assert "patch" not in defaulted(review(going, model(bad)))["response"]
    assert answer(review(None, model(bad), operation="DELETE")) == {"uid": "u", "allowed": True}


def test_what_a_class_had_is_not_forgotten_when_it_is_changed() -> None:
    old = {"image": "phi", "resourceClass": "Large", "gpus": 1, "storage": {"size": "80Gi"}}
    said = answer(review(model({**old, "resourceClass": "Small"}), model(old)))["warnings"]
    assert said == [
        "spec.gpus: is still 1, and the class Small has 0; change it too if that is meant",
        "spec.storage.size: is still 80Gi, and the class Small has 20Gi; change it too if that is meant",
    ]
    small = {"image": "phi", "resourceClass": "Small", "gpus": 0, "storage": {"size": "20Gi"}}
    said = answer(review(model({**small, "resourceClass": "Large"}), model(small)))["warnings"]
    assert [warning.partition(":")[0] for warning in said] == ["spec.gpus", "spec.storage.size"]
    assert "without one answers are slow" in said[0]
    changed = {**old, "resourceClass": "Small", "gpus": 0, "storage": {"size": "20Gi"}}
    assert "warnings" not in answer(review(model(changed), model(old)))


# Defaults


@pytest.mark.parametrize(
    ("spec", "added"),
    [
        ({"image": "phi"}, {}),
        ({"image": "phi", "resourceClass": "Small"}, {"gpus": 0, "storage": {"size": "20Gi"}}),
        ({"image": "phi", "resourceClass": "Medium"}, {"gpus": 1, "storage": {"size": "40Gi"}}),
        (
            {"image": "phi", "resourceClass": "Large", "storage": {"className": "fast"}},
            {"gpus": 1, "storage": {"className": "fast", "size": "80Gi"}},
        ),
        ({"image": "phi", "resourceClass": "Large", "gpus": 4, "storage": {"size": "1Ti"}}, {}),
        ({"image": "phi", "resourceClass": "Large", "gpus": None, "storage": {"size": "1Ti"}}, {"gpus": 1}),
        ({"image": "phi", "resourceClass": "Small", "storage": {"existingClaim": "c"}}, {"gpus": 0}),
        ({"image": "pvc://c/m.gguf", "resourceClass": "Medium"}, {"gpus": 1}),
        ({"image": "echo-nano", "resourceClass": "Small"}, {"gpus": 0}),
        ({"image": "phi", "resourceClass": "Medium", "engine": {"gpuLayers": 0}, "storage": {"size": "1Gi"}}, {}),
        ({"image": "hf://nobody", "resourceClass": "Small"}, {}),
    ],
)
def test_what_is_filled_in(spec: Spec, added: Spec) -> None:
    if spec.get("gpus", 0) is None:
        spec = {key: value for key, value in spec.items() if key != "gpus"}
    made = patched(review(model(spec)))
    assert made == {**spec, **added}
    assert patched(review(model(made))) == made, "once is enough"


def test_an_update_changes_nothing_that_was_there() -> None:
    plain = {"image": "phi", "resourceClass": "Large"}
    whole = {**plain, "gpus": 1, "storage": {"size": "80Gi"}}
    assert patched(review(model({**plain, "replicas": 2}), model(plain))) == {**plain, "replicas": 2}, "made while nobody filled in"
    assert patched(review(model({**plain, "replicas": 2}), model(whole))) == {**whole, "replicas": 2}, "replaced by a file that lacks it"
    other = {**whole, "gpus": 4, "storage": {"size": "1Ti"}}
    assert patched(review(model(plain), model(other))) == plain
    small = {"image": "phi", "resourceClass": "Small"}
    assert patched(review(model(small), model(whole))) == small


def test_a_store_is_the_same_whoever_fills_in_the_size() -> None:
    spec = {"image": "phi", "resourceClass": "Medium"}
    made = check(KubeModelSpec, patched(review(model(spec))))
    assert (made.gpus, made.storage.size) == (1, "40Gi")


# Reviews that are none


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b'"\\ud800"', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "not list"),
        (b'{"request":{"uid":' + b"9" * 5000 + b"}}", "request.uid is a whole number of 5000 digits"),
    ],
)
def test_bodies_that_are_none(body: bytes, words: str) -> None:
    with pytest.raises(MalformedReviewError, match=words):
        read(body)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"apiVersion": "admission.k8s.io/v1beta1"}, "set admissionReviewVersions to"),
        ({"kind": "Status"}, "only AdmissionReview of admission.k8s.io/v1"),
        ({"request": None}, "has no request"),
        ({"request": {"kind": KIND}}, "has no uid"),
        ({"request": {"uid": "u", "kind": {**KIND, "kind": "Pod"}}}, "look at the webhook's rules"),
        ({"request": {"uid": "u", "kind": KIND, "operation": "CREATE"}}, "has no object"),
    ],
)
def test_reviews_that_are_none(change: Object, words: str) -> None:
    for decide in (defaulted, lambda asked: reviewed(asked, ())):
        with pytest.raises(MalformedReviewError, match=words):
            decide({**review(model({"image": "phi"})), **change})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from([str(field.alias) for field in KubeModelSpec.model_fields.values()] + ["size", "requests", "limits", "name"])
WORDS = st.sampled_from(["phi", "hf://a/b:c", "oci://a/b", "pvc://c/m.gguf", "~x/y", "https://[", "Small", "Large", "1e9", "20Gi", "-1"])
NEAR = st.recursive(
    JSON | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS | st.text(max_size=5), inner, max_size=6),
    max_leaves=20,
)


def taken_or_malformed(asked: Any) -> None:
    for decide in (defaulted, lambda asked: reviewed(asked, [model({"image": "phi"}, "x", "b")])):
        try:
            response = decide(read(json.dumps(asked).encode()))["response"]
        except MalformedReviewError:
            continue
        assert response["uid"] == asked["request"]["uid"]
        if response["allowed"]:
            json.loads(base64.b64decode(response.get("patch", "W10=")))
        else:
            assert response["status"]["message"]
        assert all(0 < len(warning) <= MOST_WARNING for warning in response.get("warnings", ()))
        json.dumps(response, ensure_ascii=False).encode()


@given(JSON)
def test_any_json_gets_an_answer(asked: Any) -> None:
    taken_or_malformed(asked)


@given(NEAR, NEAR, st.sampled_from(["CREATE", "UPDATE", "DELETE", "CONNECT"]), NEAR)
def test_any_model_gets_an_answer(new: Any, old: Any, operation: str, metadata: Any) -> None:
    taken_or_malformed(review({"metadata": metadata, "spec": new}, {"metadata": metadata, "spec": old}, operation=operation))
    taken_or_malformed(review(new, old, operation=operation))


@given(st.dictionaries(FIELDS, NEAR), st.dictionaries(FIELDS, NEAR), WORDS)
def test_any_field_gets_an_answer(more: Spec, old: Spec, image: str) -> None:
    taken_or_malformed(review(model({**more, "image": image}), model({**old, "image": image}) if old else None))


@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(body: bytes) -> None:
    try:
        asked = read(body)
    except MalformedReviewError:
        return
    taken_or_malformed(asked)
