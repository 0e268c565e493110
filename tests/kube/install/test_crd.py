"""The Model resource as a real API server takes it: what it refuses and with which words, its defaults, its subresources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from echorator.errors import InvalidRequestError
from echorator.kube.install.crd import _RULES, definition
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.schema import check
from echorator.model_resource.spec import EngineSpec
from echorator.settings import EngineSettings
from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.installed import install_crd

Spec = dict[str, Any]
MODEL = {"apiVersion": "echorator.dev/v1", "kind": "Model"}


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane) -> ControlPlane:
    install_crd(control_plane)
    return control_plane


def apply(plane: ControlPlane, namespace: str, spec: Spec, name: str = "m") -> str:
    """What kubectl says."""
    document = {**MODEL, "metadata": {"name": name}, "spec": spec}
    done = plane.kubectl("apply", "-n", namespace, "--validate=strict", "-f", "-", input=json.dumps(document), check=False)
    return done.stdout + done.stderr


def live(plane: ControlPlane, namespace: str, name: str = "m") -> Any:
    return json.loads(plane.kubectl("get", "model", name, "-n", namespace, "-o", "json").stdout)


def adapted(image: str, *adapters: str) -> Spec:
    return {"image": image, "engine": {"lora": [{"image": adapter} for adapter in adapters]}}


REFUSED: list[tuple[Spec, str]] = [
    ({"image": "phi latest"}, "must not contain spaces"),
    ({"image": "s3://bucket/phi.gguf"}, "or begins with hf://, oci://, pvc:// or https://"),
    ({"image": "https://example.com/phi.gguf"}, "ends with #sha256= and the 64 digits"),
    ({"image": "/models/phi.gguf"}, "pods do not see your machine's files"),
    ({"image": "file:/models/phi.gguf"}, "pods do not see your machine's files"),
    ({"image": "pvc://claim"}, "a file of a claim is pvc://CLAIM/FILE.gguf"),
    (adapted("phi", "a b"), "spec.engine.lora.image must not contain spaces"),
    (adapted("phi", "s3://bucket/a.gguf"), "spec.engine.lora.image is a name such as phi:latest, or begins"),
    (adapted("phi", "b", "https://example.com/a.gguf"), "spec.engine.lora.image: a URL ends with #sha256= and the 64 digits"),
    (adapted("phi", "./a.gguf"), "spec.engine.lora.image: pods do not see your machine's files"),
    (adapted("pvc://claim/phi.gguf", "pvc://claim"), "spec.engine.lora.image: a file of a claim is pvc://CLAIM/FILE.gguf"),
    (adapted("phi", "pvc://claim/a.gguf"), "a model on a claim and its adapters are on the same claim"),
    (adapted("pvc://claim/phi.gguf", "pvc://other/a.gguf"), "a model on a claim and its adapters are on the same claim"),
    ({"image": "phi", "engine": {"lora": [{"image": "a", "name": "n"}, {"image": "b", "name": "n"}]}}, "two adapters have the same name"),
    ({"image": "pvc://claim/phi.gguf", "storage": {"size": "1Gi"}}, "is of no use with a pvc:// image"),
    ({"image": "phi", "storage": {"existingClaim": "c", "size": "1Gi"}}, "remove size and className"),
    ({"image": "phi", "resourceClass": "Small", "resources": {}}, "either spec.resourceClass or spec.resources"),
    ({"image": "phi", "autoscaling": {"minReplicas": 3, "maxReplicas": 2}}, "minReplicas must not be above maxReplicas"),
    ({"image": "phi", "expose": {"nodePort": 30000}}, "needs spec.expose.type NodePort"),
    ({"image": "phi", "expose": {"host": "a.example.com"}}, "needs spec.expose.type Ingress or GRPCRoute"),
    ({"image": "phi", "expose": {"type": "Ingress"}}, "type Ingress needs spec.expose.host"),
    ({"image": "phi", "expose": {"tlsSecretName": "s"}}, "spec.expose.tlsSecretName is of an Ingress"),
    ({"image": "phi", "expose": {"type": "Ingress", "tlsSecretName": "s"}}, "spec.expose.tlsSecretName is of an Ingress"),
    ({"image": "phi", "expose": {"type": "GRPCRoute"}}, "spec.expose.gateway and spec.expose.type GRPCRoute need each other"),
    ({"image": "phi", "cognition": {"resources": {}}}, "which spec.cognition.store makes"),
    ({"image": "phi", "cognition": {"store": "mysql://x"}}, "must begin with redis://, rediss:// or postgresql://"),
]


def test_every_rule_is_tested() -> None:
    said = [message for _, message in _RULES]
    assert [m for m in said if not any(words in m for _, words in REFUSED)] == []


@pytest.mark.parametrize(("spec", "words"), REFUSED)
def test_a_rule_says_what_to_do(plane: ControlPlane, namespace: str, spec: Spec, words: str) -> None:
    assert words in apply(plane, namespace, spec)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({}, "spec.image"),
        ({"image": ""}, "at least 1"),
        ({"image": "phi", "replicas": -1}, "greater than or equal to 0"),
        ({"image": "phi", "replicas": "two"}, "must be of type integer"),
        ({"image": "phi", "repicas": 2}, 'unknown field "spec.repicas"'),
        ({"image": "phi", "resourceClass": "Huge"}, "supported values"),
        ({"image": "phi", "engine": {"kvTypeK": "q9"}}, "supported values"),
        ({"image": "phi", "engine": {"lora": [{"scale": 1}]}}, "spec.engine.lora[0].image"),
        ({"image": "phi", "engine": {"lora": [{"image": "a", "scale": 1000}]}}, "less than or equal to 100"),
        ({"image": "phi", "engine": {"lora": [{"image": "a"}] * 17}}, "at most 16"),
        ({"image": "phi", "engine": {"lora": [{"image": "a", "name": "a:b"}]}}, "spec.engine.lora[0].name"),
        ({"image": "phi", "resources": {"limits": {"cpu": "many"}}}, "should match"),
        ({"image": "phi", "resources": {"limits": {"memory": "512ki"}}}, "should match"),
        ({"image": "phi", "storage": {"size": "1e9"}}, "should match"),
        ({"image": "phi", "expose": {"serviceName": "a.b"}}, "must be a name of a Service"),
        ({"image": "phi", "expose": {"serviceName": "My_Service"}}, "must be a name of a Service"),
        ({"image": "phi", "expose": {"type": "Ingress", "host": "https://a.b"}}, "must be a host without scheme"),
        ({"image": "phi", "priorityClassName": "High"}, "must be a name of an object"),
        ({"image": "phi", "servedName": "two words"}, "must be a name of letters"),
        ({"image": "phi", "autoscaling": {"signals": {"cpuPercent": -1}}}, "greater than or equal to 0"),
    ],
)
def test_what_the_schema_refuses(plane: ControlPlane, namespace: str, spec: Spec, words: str) -> None:
    assert words.lower() in apply(plane, namespace, spec).lower()


@pytest.mark.parametrize("name", ["a.b", "1a", "a" * 51])
def test_names_that_no_service_can_have(plane: ControlPlane, namespace: str, name: str) -> None:
    assert "Services are named after it" in apply(plane, namespace, {"image": "phi"}, name)


def test_the_served_name_stays(plane: ControlPlane, namespace: str) -> None:
    assert "created" in apply(plane, namespace, {"image": "phi", "servedName": "a"})
    assert "cannot be changed" in apply(plane, namespace, {"image": "phi", "servedName": "b"})
    assert "cannot be changed" in apply(plane, namespace, {"image": "phi"})
    assert "configured" in apply(plane, namespace, {"image": "phi:q4", "servedName": "a"})


@pytest.mark.parametrize(
    "image",
    [
        "phi",
        "library/phi:latest",
        "registry.example.com:5000/ns/phi:tag",
        "hf://org/repo@main/file.gguf",
        "hf://org/repo:Q4_K_M",
        f"oci://ghcr.io/a/b@sha256:{'0' * 64}",
        f"https://example.com/m.gguf#sha256={'0' * 64}",
        "pvc://claim/folder/m.gguf",
        "echo-nano",
    ],
)
def test_every_kind_of_source(plane: ControlPlane, namespace: str, image: str) -> None:
    assert "created" in apply(plane, namespace, {"image": image})


def test_defaults_are_those_of_the_spec(plane: ControlPlane, namespace: str) -> None:
    apply(plane, namespace, {"image": "phi", "autoscaling": {}})
    spec = live(plane, namespace)["spec"]
    assert spec["replicas"] == 1
    signals = {"cpuPercent": 70, "memoryPercent": 80, "queueDepth": 10, "responseTimeSeconds": 5, "gpuPercent": 85}
    assert spec["autoscaling"] == {"minReplicas": 1, "maxReplicas": 10, "cooldownSeconds": 300, "signals": signals}
    assert check(KubeModelSpec, spec) == check(KubeModelSpec, {"image": "phi", "autoscaling": {}})


def test_everything_at_once_is_taken_and_read_back(plane: ControlPlane, namespace: str) -> None:
    spec = yaml.safe_load(
        (Path(__file__).parents[1] / "data/everything.yaml").read_text("utf-8"),
    )
    assert "created" in apply(plane, namespace, spec)
    read = check(KubeModelSpec, live(plane, namespace)["spec"])
    assert (
        read.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"isolation"}).keys()
        == KubeModelSpec.model_validate(spec).model_dump(mode="json", by_alias=True, exclude={"isolation"}, exclude_none=True).keys()
    )
    missing = {field.alias for field in KubeModelSpec.model_fields.values()} - spec.keys() - {"isolation", "resourceClass"}
    assert not missing, "data/everything.yaml lacks them"


def test_scale_explain_and_columns(plane: ControlPlane, namespace: str) -> None:
    apply(plane, namespace, {"image": "phi"})
    assert "scaled" in plane.kubectl("scale", "mdl/m", "--replicas=4", "-n", namespace).stdout
    assert live(plane, namespace)["spec"]["replicas"] == 4
    head, row = plane.kubectl("get", "echomodel", "-n", namespace).stdout.splitlines()
    assert head.split() == ["NAME", "PHASE", "READY", "REASON", "REPLICAS", "MODEL", "AGE"]
    assert row.split()[0] == "m"
    assert "model.echorator.dev/m" in plane.kubectl("get", "echorator", "-n", namespace, "-o", "name").stdout
    for path in ("model.spec", "model.spec.storage.accessMode", "model.status.conditions"):
        assert "DESCRIPTION" in plane.kubectl("explain", path).stdout


def test_it_is_small() -> None:
    assert len(json.dumps(definition())) < 100_000


@pytest.mark.parametrize("name", list(EngineSpec.model_fields))
def test_ranges_are_those_of_the_engine(name: str) -> None:
    field = EngineSpec.model_fields[name]
    schema: Any = field.json_schema_extra or {}
    value: Any
    for key, step in (("minimum", -1), ("maximum", 1)):
        if key in schema:
            EngineSettings(Path(), **{name: schema[key]})
            with pytest.raises(InvalidRequestError):
                EngineSettings(Path(), **{name: schema[key] + step})
    for value in schema.get("enum", ()):
        EngineSettings(Path(), **{name: value})
