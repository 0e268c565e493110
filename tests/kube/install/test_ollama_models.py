"""What becomes of ollama-operator's Models: field by field, and as a real API server takes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from echorator.errors import InvalidRequestError
from echorator.kube.install.crd import definition
from echorator.kube.install.ollama_models import converted, is_ollama_model
from echorator.model_resource.names import NAME_LENGTH, fitting_name, is_fitting_name
from tests.support.kube_cluster.control_plane import ControlPlane

Json = dict[str, Any]


def ollamas(spec: Json, **metadata: Any) -> Json:
    return {"apiVersion": "ollama.ayaka.io/v1", "kind": "Model", "metadata": {"name": "phi", **metadata}, "spec": {"image": "phi", **spec}}


SERVER = {
    "name": "server",
    "image": "registry.example.com/ollama:rocm",
    "args": ["serve"],
    "ports": [{"containerPort": 11434, "name": "ollama"}, {"containerPort": 9100}],
    "env": [{"name": "OLLAMA_DEBUG", "value": "1"}, {"name": "TZ", "value": "UTC"}],
    "volumeMounts": [{"name": "image-storage", "mountPath": "/root/.ollama"}, {"name": "extra", "mountPath": "/extra"}],
    "resources": {"limits": {"cpu": 1.5}},
    "readinessProbe": {"httpGet": {"path": "/api/tags", "port": "ollama"}},
}
AGENT = {
    "name": "agent",
    "ports": [{"containerPort": 9100}],
    "env": SERVER["env"],
    "volumeMounts": [{"name": "extra", "mountPath": "/extra"}],
    "resources": {"limits": {"cpu": "1.5"}},
}
TEMPLATE = {
    "metadata": {"creationTimestamp": None, "labels": {"team": "a"}},
    "spec": {
        "containers": [SERVER, {"name": "sidecar", "image": "busybox"}],
        "initContainers": [{"name": "ollama-image-pull", "image": "curl"}],
        "nodeSelector": {"disk": "fast"},
        "volumes": [{"name": "image-storage", "emptyDir": {}}, {"name": "extra", "emptyDir": {}}],
    },
}
LEFT_OUT = (
    "'ollama-image-pull' is left out",
    "'image-storage' is left out",
    "image, args, readinessProbe of Ollama's server are left out",
    "OLLAMA_DEBUG mean nothing",
)
CASES: dict[str, tuple[Json, Json, tuple[str, ...]]] = {
    "only an image": ({}, {}, ()),
    "replicas": ({"replicas": 3}, {"replicas": 3}, ()),
    "no replicas": ({"replicas": 0}, {"replicas": 0}, ()),
    "as Go writes what is not set": (
        {"podTemplate": None, "resources": {}, "replicas": None, "imagePullSecrets": []},
        {},
        (),
    ),
    "a template of nothing": ({"podTemplate": {"metadata": {"creationTimestamp": None}, "spec": {"containers": None}}}, {}, ()),
    "resources": (
        {"resources": {"requests": {"cpu": "500m", "memory": "512Ki"}, "limits": {"cpu": 0.5, "memory": "8Gi"}}},
        {"resources": {"requests": {"cpu": "500m", "memory": "512Ki"}, "limits": {"cpu": "0.5", "memory": "8Gi"}}},
        (),
    ),
    "quantities written in other ways": (
        {"resources": {"limits": {"cpu": "1e1", "memory": "1500000u"}}},
        {"resources": {"limits": {"cpu": "10", "memory": "1500m"}}},
        (),
    ),
    "a GPU": (
        {"resources": {"limits": {"nvidia.com/gpu": 1}}},
        {"resources": {"limits": {"nvidia.com/gpu": 1}}, "gpus": 1},
        (),
    ),
    "claims of resources": ({"resources": {"claims": [{"name": "gpu"}]}}, {}, ("spec.resources.claims are left out",)),
    "a class": ({"storageClassName": "fast"}, {"storage": {"className": "fast"}}, ()),
    "no class": ({"storageClassName": ""}, {}, ('spec.storageClassName "" is left out',)),
    "an access mode": ({"persistentVolume": {"accessMode": "ReadWriteMany"}}, {"storage": {"accessMode": "ReadWriteMany"}}, ()),
    "an access mode to read only": ({"persistentVolume": {"accessMode": "ReadOnlyMany"}}, {}, ("'ReadOnlyMany' is left out",)),
    "a claim": (
        {"persistentVolumeClaim": {"claimName": "files", "readOnly": True}, "storageClassName": "fast"},
        {"storage": {"existingClaim": "files"}},
        ("readOnly is left out", "spec.storageClassName 'fast' is left out"),
    ),
    "a runtime class": ({"runtimeClassName": "nvidia"}, {"runtimeClassName": "nvidia"}, ()),
    "environment": (
        {"extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}, {"name": "OLLAMA_HOST", "value": "0.0.0.0"}]},
        {"extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}, {"name": "OLLAMA_HOST", "value": "0.0.0.0"}]},
        ("spec.extraEnv: OLLAMA_HOST mean nothing",),
    ),
    "environment from elsewhere": (
        {"extraEnvFrom": [{"configMapRef": {"name": "proxy"}}]},
        {"extraEnvFrom": [{"configMapRef": {"name": "proxy"}}]},
        (),
    ),
    "secrets": ({"imagePullSecrets": [{"name": "registry"}]}, {"imagePullSecrets": [{"name": "registry"}]}, ()),
    "a pull policy": ({"imagePullPolicy": "Always"}, {}, ("spec.imagePullPolicy 'Always' is left out",)),
    "a pod template": (
        {"podTemplate": TEMPLATE},
        {
            "podTemplate": {
                "metadata": {"labels": {"team": "a"}},
                "spec": {
                    "containers": [AGENT, {"name": "sidecar", "image": "busybox"}],
                    "nodeSelector": {"disk": "fast"},
                    "volumes": [{"name": "extra", "emptyDir": {}}],
                },
            }
        },
        LEFT_OUT,
    ),
    "a field that nobody knows": ({"nonsense": 1}, {}, ("spec.nonsense is no field",)),
}


@pytest.mark.parametrize(("given", "wanted", "warnings"), CASES.values(), ids=CASES)
def test_fields(given: Json, wanted: Json, warnings: tuple[str, ...]) -> None:
    before = json.dumps(ollamas(given))
    made = converted(json.loads(before))
    assert made.model == {
        "apiVersion": "echorator.dev/v1",
        "kind": "Model",
        "metadata": {"name": "phi"},
        "spec": {"image": "phi", **wanted},
    }
    assert len(made.warnings) == len(warnings), made.warnings
    for said, part in zip(made.warnings, warnings, strict=True):
        assert part in said
    given_once_more = json.loads(before)
    converted(given_once_more)
    assert given_once_more == json.loads(before), "what is given is not changed"


def test_metadata() -> None:
    annotations = {"note": "kept", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    given = ollamas({}, namespace="ml", labels={"team": "a"}, annotations=annotations, uid="1", resourceVersion="2", generation=3)
    made = converted({**given, "status": {"replicas": 1}}).model
    assert made["metadata"] == {"name": "phi", "namespace": "ml", "labels": {"team": "a"}, "annotations": {"note": "kept"}}
    assert "status" not in made


@pytest.mark.parametrize(
    ("name", "fitting"),
    [
        ("phi", "phi"),
        ("llama3.1", "llama3-1"),
        ("7b", "model-7b"),
        ("Phi_3", "phi-3"),
        ("a" * 60, "a" * 50),
        (f"{'a' * 49}.b", "a" * 49),
        ("...", "model"),
        ("phi:latest", "phi-latest"),
    ],
)
def test_names(name: str, fitting: str) -> None:
    assert fitting_name(name) == fitting
    assert is_fitting_name(fitting)
    assert is_fitting_name(name) == (name == fitting)
    assert len(fitting) <= NAME_LENGTH


def test_a_name_that_no_service_can_have_stays_the_one_that_clients_ask_for() -> None:
    made = converted(ollamas({}, name="llama3.1"))
    assert (made.model["metadata"]["name"], made.model["spec"]["servedName"]) == ("llama3-1", "llama3.1")
    assert made.warnings == ("metadata.name 'llama3.1' is 'llama3-1' now, for Services are named after it; clients go on with the old one",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"metadata": {}}, "metadata.name: is missing"),
        ({"spec": None}, "spec: is missing"),
        ({"spec": {}}, "spec.image: is missing"),
        ({"spec": {"image": "a b"}}, "'a b' is no part of a model's name"),
        ({"spec": {"image": "phi", "replicas": "3"}}, "spec.replicas: must be a whole number, not '3'"),
        ({"spec": {"image": "phi", "replicas": -1}}, "spec.replicas: must be at least 0, not -1"),
        ({"spec": {"image": "phi", "resources": "much"}}, "spec.resources: must be a mapping"),
        ({"spec": {"image": "phi", "resources": {"limits": [1]}}}, "spec.resources.limits: must be a mapping"),
        ({"spec": {"image": "phi", "persistentVolumeClaim": {}}}, "spec.persistentVolumeClaim.claimName: is missing"),
        ({"spec": {"image": "phi", "podTemplate": 1}}, "spec.podTemplate: must be a mapping"),
        ({"spec": {"image": "phi", "podTemplate": {"spec": {"containers": [1]}}}}, "spec.podTemplate.spec.containers: must be a list"),
        ({"spec": {"image": "phi", "podTemplate": {"spec": [1]}}}, "spec.podTemplate.spec: must be a mapping"),
        ({"spec": {"image": "phi", "extraEnv": "A=1"}}, "spec.extraEnv: must be a list"),
    ],
)
def test_what_no_model_can_be_made_of(given: Json, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said.replace("[", r"\[")):
        converted({**ollamas({}), **given})


def test_other_objects_are_none_of_them() -> None:
    assert is_ollama_model(ollamas({}))
    assert not is_ollama_model(converted(ollamas({})).model)
    assert not is_ollama_model({"apiVersion": "v1", "kind": "Service"})
    assert not is_ollama_model("text")
    assert not is_ollama_model(None)


@pytest.fixture(scope="module")
def models(control_plane: ControlPlane) -> ControlPlane:
    """With the definition of Model."""
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(definition()))
    control_plane.kubectl("wait", "--for=condition=Established", "crd/models.echorator.dev", "--timeout=60s")
    return control_plane


def test_an_api_server_takes_them_all(models: ControlPlane, namespace: str) -> None:
    made = [converted(ollamas(given, name=f"case-{number}")).model for number, (given, _, _) in enumerate(CASES.values())]
    whole = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*made, converted(ollamas({}, name="llama3.1")).model]})
    done = models.kubectl("apply", "--namespace", namespace, "--validate=strict", "-f", "-", input=whole)
    assert len(done.stdout.splitlines()) == len(CASES) + 1
    assert done.stderr == ""
