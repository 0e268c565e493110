"""The objects that Models become: accepted by a real API server, by Pod Security "restricted", and found again as they were written."""

from __future__ import annotations

import copy
import itertools
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from echorator.errors import InvalidRequestError
from echorator.host import model_store
from echorator.kube.api.differences import contained
from echorator.kube.api.resources import (
    AUTOSCALER,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    GRPC_ROUTE,
    INGRESS,
    NETWORK_POLICY,
    SERVICE,
    STATEFUL_SET,
    Object,
)
from echorator.kube.installation import Install
from echorator.kube.models.children import Wanted, wanted_of
from echorator.kube.models.pods import POD_SECURITY, merged
from echorator.kube.models.source import PULLING_ENV, Source, Way, pulling_env, source_of
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.schema import SpecError, check
from tests.kube.models.wanted import EVERYTHING, INSTALL, wanted
from tests.support.kube_cluster.control_plane import ControlPlane, mounts_images
from tests.support.kube_cluster.installed import install_crd

SPECS: dict[str, Any] = {
    "embedded": {"image": "echo-nano"},
    "pulled": {"image": "phi", "replicas": 3, "imagePullSecrets": [{"name": "s"}]},
    "shared claim": {"image": "phi", "storage": {"accessMode": "ReadWriteMany", "className": "fast", "size": "5Gi"}},
    "own claim": {"image": "phi", "storage": {"existingClaim": "mine"}},
    "claimed file": {"image": "pvc://mine/a/b.gguf"},
    "adapted": {"image": "phi", "engine": {"lora": [{"image": "hf://a/b/c.gguf"}]}},
    "image volume": {"image": "oci://registry.example.com/a/b:c"},
    "large": {"image": "hf://a/b:Q4", "resourceClass": "Large"},
    "scaled": {"image": "phi", "autoscaling": {}, "resourceClass": "Small"},
    "ingress": {"image": "phi", "expose": {"type": "Ingress", "host": "a.example.com", "className": "nginx"}},
    "load balancer": {"image": "phi", "expose": {"type": "LoadBalancer"}},
    "everything": EVERYTHING,
}
HERE = replace(INSTALL, image_volumes=mounts_images())  # as the API server of the tests is


def all_of(made: Wanted) -> list[Object]:
    return [thing for _, thing in (*made.store, *made.workload, *made.serving)]


def kinds(made: Wanted) -> list[str]:
    return [kind.name for kind, _ in (*made.store, *made.workload, *made.serving)]


@pytest.mark.parametrize("name", SPECS)
def test_a_real_api_server_takes_them_and_keeps_them(control_plane: ControlPlane, namespace: str, name: str) -> None:
    """Strictly validated, and `contained` in what the server made of them: a resync writes nothing."""
    made = all_of(wanted(SPECS[name], HERE, namespace))
    done = control_plane.kubectl(
        "apply", "--server-side", "--validate=strict", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    )
    assert done.stdout.count("serverside-applied") == len(made)
    for thing in made:
        kind, own = thing["kind"], thing["metadata"]["name"]
        there = json.loads(control_plane.kubectl("get", kind, own, "-n", namespace, "-o", "json").stdout)
        assert contained(thing, there), (kind, own)


@pytest.mark.parametrize("name", SPECS)
def test_pods_are_restricted(control_plane: ControlPlane, namespace: str, name: str) -> None:
    label = "pod-security.kubernetes.io/enforce=restricted"
    control_plane.kubectl("label", "namespace", namespace, label, "--overwrite")
    for kind, thing in (*wanted(SPECS[name], HERE).store, *wanted(SPECS[name], HERE).workload):
        if kind not in (DEPLOYMENT, STATEFUL_SET):
            continue
        template = copy.deepcopy(thing["spec"]["template"])
        template["spec"].pop("priorityClassName", None)
        template["spec"].pop("runtimeClassName", None)
        claims = thing["spec"].get("volumeClaimTemplates", ())
        volumes = [{"name": c["metadata"]["name"], "persistentVolumeClaim": {"claimName": "c"}} for c in claims]
        template["spec"]["volumes"] += volumes
        pod = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {**template["metadata"], "name": "p", "namespace": namespace}}
        done = control_plane.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", input=json.dumps(pod))
        assert "created" in done.stdout
    pod["spec"]["containers"][0]["securityContext"] = {}
    done = control_plane.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(pod), check=False)
    assert "violates PodSecurity" in done.stderr, "the test itself would notice"


def test_what_there_is_by_spec() -> None:
    plain = [DEPLOYMENT.name, SERVICE.name, SERVICE.name, NETWORK_POLICY.name]
    assert kinds(wanted(SPECS["embedded"])) == plain
    store = [STATEFUL_SET.name, SERVICE.name, NETWORK_POLICY.name]
    assert kinds(wanted({"image": "phi"})) == [*store, *plain]
    assert kinds(wanted({"image": "phi", "replicas": 2})) == [*store, *plain, DISRUPTION_BUDGET.name]
    assert kinds(wanted(SPECS["scaled"])) == [*store, *plain, DISRUPTION_BUDGET.name, AUTOSCALER.name]
    assert kinds(wanted(SPECS["claimed file"])) == plain
    assert kinds(wanted(SPECS["image volume"])) == plain
    assert STATEFUL_SET.name in kinds(wanted(SPECS["image volume"], Install(image_volumes=False)))
    assert kinds(wanted(SPECS["ingress"]))[-1] == INGRESS.name
    route = {"image": "phi", "expose": {"type": "GRPCRoute", "gateway": {"name": "g"}, "host": "a.example.com"}}
    assert kinds(wanted(route, Install(grpc_routes=True)))[-1] == GRPC_ROUTE.name
    assert GRPC_ROUTE.name not in kinds(wanted(route, Install(grpc_routes=False)))


def store_of(**more: Any) -> str:
    return source_of(check(KubeModelSpec, {"image": "phi", **more}), INSTALL).store


@pytest.mark.parametrize(
    "more",
    [
        {"replicas": 2},
        {"extraEnv": [{"name": "LANG", "value": "C"}, {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://otel:4317"}]},
        {"extraEnvFrom": [{"configMapRef": {"name": "c"}}]},
        {"affinity": {"podAntiAffinity": {}}, "runtimeClassName": "nvidia", "gpus": 1},
        {"expose": {"type": "LoadBalancer"}},
        {"podTemplate": {"metadata": {"annotations": {"a": "b"}}}},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_is_of_the_agents_alone_leaves_the_store_as_it_is(more: Any) -> None:
    """Another store would be another claim, and everything pulled again."""
    assert store_of(**more) == store_of()
    assert wanted({"image": "phi", **more}).store == wanted({"image": "phi"}).store


@pytest.mark.parametrize(
    "more",
    [
        {"image": "phi:q4"},
        {"storage": {"className": "fast"}},
        {"resourceClass": "Large"},
        {"imagePullSecrets": [{"name": "s"}]},
        {"extraEnv": [{"name": "HF_ENDPOINT", "value": "https://hub.example.com"}]},
        {"extraEnv": [{"name": "https_proxy", "value": "http://proxy:3128"}]},
        {"tolerations": [{"operator": "Exists"}]},
        {"nodeSelector": {"zone": "a"}},
        {"priorityClassName": "high"},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_a_store_is_made_of_is_in_its_name(more: Any) -> None:
    """Two Models that want one store otherwise would make it anew in turn."""
    assert store_of(**more) != store_of()


def test_the_puller_has_of_the_environment_what_it_reads() -> None:
    given = [
        {"name": "HUB", "value": "other.example.com"},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "HF_TOKEN", "value": "$(PREFIX)$(TOKEN)"},
        {"name": "PREFIX", "value": "too late to be meant"},
        {"name": "NO_PROXY", "value": ".svc"},
        {"name": "LD_PRELOAD", "value": "/x.so"},
    ]
    read = ["TOKEN", "HF_TOKEN", "NO_PROXY"]
    assert [variable["name"] for variable in pulling_env(check(KubeModelSpec, {"image": "phi", "extraEnv": given}))] == read
    made = wanted({"image": "phi", "extraEnv": given})
    agents = made.workload[0][1]["spec"]["template"]["spec"]
    pullers = (made.store[0][1]["spec"]["template"]["spec"]["containers"][0], agents["initContainers"][0])
    for container in pullers:
        assert [variable["name"] for variable in container["env"]][-3:] == read
        assert not {"HUB", "PREFIX", "LD_PRELOAD"} & {variable["name"] for variable in container["env"]}
    assert agents["containers"][0]["env"][-6:] == given


def test_the_puller_gets_all_that_pulling_reads() -> None:
    """What `echorator pull` asks its environment for, but where models are, which is said to it otherwise."""
    folders = {"ECHORATOR_MODELS", "OLLAMA_MODELS"}
    source = Path(model_store.__file__).read_text("utf-8")
    asked = {*re.findall(r"os\.environ\.get\(\"(\w+)\"", source), *model_store.OFFLINE}
    assert asked >= folders | {"HF_TOKEN"}, "the test itself would notice"
    assert asked - folders <= PULLING_ENV


@pytest.mark.parametrize("name", ["http_proxy", "HTTPS_PROXY", "no_proxy", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_puller_gets_what_requests_reads(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable in PULLING_ENV:
        monkeypatch.delenv(variable, raising=False)
    without = requests.Session().merge_environment_settings("https://a.example.com", {}, None, None, None)
    monkeypatch.setenv(name, "x.example.com")
    assert requests.Session().merge_environment_settings("https://a.example.com", {}, None, None, None) != without
    assert name in PULLING_ENV


def test_agents_copy_from_the_store_unless_all_nodes_can_read_it() -> None:
    pod = wanted({"image": "phi"}).workload[0][1]["spec"]["template"]["spec"]
    assert pod["initContainers"][0]["args"][-2:] == [
        "--from",
        f"http://{wanted({'image': 'phi'}).store[0][1]['metadata']['name']}.default.svc:8082",
    ]
    assert {"name": "models", "emptyDir": {}} in pod["volumes"]
    shared = wanted(SPECS["shared claim"]).workload[0][1]["spec"]["template"]["spec"]
    assert "initContainers" not in shared
    assert any("persistentVolumeClaim" in volume for volume in shared["volumes"])


def test_classes_are_the_table() -> None:
    def resources(spec: Any) -> Any:
        return wanted({"image": "phi", **spec}).workload[0][1]["spec"]["template"]["spec"]["containers"][0]["resources"]

    assert resources({"resourceClass": "Small"}) == {"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"cpu": "4", "memory": "16Gi"}}
    assert resources({"resourceClass": "Medium"})["limits"]["nvidia.com/gpu"] == 1
    assert resources({"resourceClass": "Large"})["limits"] == {"cpu": "16", "memory": "64Gi", "nvidia.com/gpu": 1}
    assert "nvidia.com/gpu" not in resources({"resourceClass": "Large", "gpus": 0})["limits"]
    assert wanted({"image": "phi", "resourceClass": "Large"}).store[0][1]["spec"]["volumeClaimTemplates"][0]["spec"]["resources"] == {
        "requests": {"storage": "80Gi"}
    }


def autoscaler(signals: Object, gpu_metrics: bool = True, recommended: int = 0, **scaling: Any) -> Any:
    """The spec of the one there is; None for none."""
    spec = check(KubeModelSpec, {"image": "phi", "autoscaling": {"signals": signals, **scaling}, "gpus": 1})
    install = Install(gpu_metrics=gpu_metrics)
    model = {"metadata": {"namespace": "default", "name": "m", "uid": "0b1c"}, "spec": {}}
    made = wanted_of(model, spec, source_of(spec, install), install, [model], recommended).serving
    return next((thing["spec"] for kind, thing in made if kind is AUTOSCALER), None)


@pytest.mark.parametrize(
    ("signals", "gpu_metrics", "followed"),
    [
        ({}, True, {"cpu": 70, "memory": 80, "DCGM_FI_DEV_GPU_UTIL": "85"}),
        ({}, False, {"cpu": 70, "memory": 80}),  # one that nobody exports would stop every scale-down
        ({"cpuPercent": 0}, False, {"memory": 80}),
        ({"memoryPercent": 0, "cpuPercent": 50}, False, {"cpu": 50}),
        ({"memoryPercent": 0, "cpuPercent": 0}, True, {"DCGM_FI_DEV_GPU_UTIL": "85"}),
        ({"memoryPercent": 0, "cpuPercent": 0}, False, None),  # without a metric it would follow the CPU
        ({"memoryPercent": 0, "cpuPercent": 0, "gpuPercent": 0}, True, None),
    ],
)
def test_the_autoscaler_follows_what_the_cluster_measures(signals: Object, gpu_metrics: bool, followed: Object | None) -> None:
    found = autoscaler(signals, gpu_metrics)
    if followed is None:
        assert found is None
        return
    assert found["scaleTargetRef"]["kind"] == "Model"
    targets = {}
    for metric in found["metrics"]:
        if metric["type"] == "Resource":
            targets[metric["resource"]["name"]] = metric["resource"]["target"]["averageUtilization"]
        else:
            targets[metric["pods"]["metric"]["name"]] = metric["pods"]["target"]["averageValue"]
    assert targets == followed


@pytest.mark.parametrize(("recommended", "least"), [(0, 2), (1, 2), (3, 3), (4, 4), (9, 4)])
def test_what_the_meshs_signals_ask_for_is_its_least(recommended: int, least: int) -> None:
    found = autoscaler({}, recommended=recommended, minReplicas=2, maxReplicas=4, cooldownSeconds=7)
    assert (found["minReplicas"], found["maxReplicas"]) == (least, 4)
    assert found["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 7
    assert autoscaler({}, minReplicas=0)["minReplicas"] == 1, "none at all is the operator's"


def test_a_template_of_the_users_is_merged_by_name() -> None:
    template = {
        "metadata": {"annotations": {"a": "b"}},
        "spec": {
            "containers": [
                {"name": "agent", "image": "mine:1", "env": [{"name": "HOME", "value": "/x"}]},
                {"name": "sidecar", "image": "s"},
            ],
            "volumes": [{"name": "extra", "emptyDir": {}}],
            "hostNetwork": None,
        },
    }
    made = wanted({"image": "echo-nano", "podTemplate": template}).workload[0][1]["spec"]["template"]
    agent, sidecar = made["spec"]["containers"]
    assert agent["image"] == "mine:1"
    assert agent["args"][0] == "serve"
    assert {e["name"]: e.get("value") for e in agent["env"]}["HOME"] == "/x"
    assert sidecar == {"name": "sidecar", "image": "s"}
    assert [v["name"] for v in made["spec"]["volumes"]] == ["scratch", "extra"]
    assert made["metadata"]["annotations"] == {"a": "b"}
    assert made["metadata"]["labels"]["echorator.dev/model"] == "m"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"runAsUser": None, "runAsGroup": None, "fsGroup": None}, {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}),
        ({"runAsUser": 1000}, {**POD_SECURITY, "runAsUser": 1000}),
        (None, None),
    ],
)
def test_who_a_models_processes_are_is_said_once_for_all_its_pods(asked: Any, found: Any) -> None:
    plain = {"image": "phi", "cognition": {"store": "redis://r:6379/0"}}
    spec = {**plain, "podTemplate": {"spec": {"securityContext": asked}}}
    made = wanted(spec)
    pods = [child["spec"]["template"]["spec"] for kind, child in (*made.store, *made.workload) if kind in (STATEFUL_SET, DEPLOYMENT)]
    assert len(pods) == 3
    assert [pod.get("securityContext") for pod in pods] == [found] * 3
    assert made.store[0][1]["metadata"]["name"] != wanted(plain).store[0][1]["metadata"]["name"], "its pod is another"


def test_a_cluster_that_gives_the_ids_itself() -> None:
    spec = {"image": "phi", "cognition": {"store": "redis://r:6379/0"}}
    made = wanted(spec, replace(INSTALL, fixed_ids=False))
    pods = [child["spec"]["template"]["spec"] for kind, child in (*made.store, *made.workload) if kind in (STATEFUL_SET, DEPLOYMENT)]
    assert [pod["securityContext"] for pod in pods] == [{"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}] * 3
    assert made.store[0][1]["metadata"]["name"] == wanted(spec).store[0][1]["metadata"]["name"]


def test_nulls_of_a_pod_template_over_a_real_api_server(control_plane: ControlPlane, namespace: str) -> None:
    """A server-side apply keeps them; a plain one of a newer kubectl drops them, that of 1.30 does not."""
    install_crd(control_plane)
    security = {"runAsUser": None, "runAsGroup": None, "fsGroup": None}
    dropped_by_plain = os.environ.get("ECHORATOR_TEST_KUBERNETES") != "oldest"
    for name, options in (("server", ["--server-side"]), ("plain", [])):
        model = {"apiVersion": "echorator.dev/v1", "kind": "Model", "metadata": {"name": name, "namespace": namespace}}
        spec = {"image": "phi", "podTemplate": {"spec": {"securityContext": security}}}
        control_plane.kubectl("apply", *options, "-f", "-", input=json.dumps({**model, "spec": spec}))
        there = json.loads(control_plane.kubectl("get", "model", name, "-n", namespace, "-o", "json").stdout)
        pods = there["spec"]["podTemplate"]["spec"]
        dropped = dropped_by_plain and not options
        assert pods == {"securityContext": {} if dropped else security}
        kept = wanted(there["spec"]).workload[0][1]["spec"]["template"]["spec"]["securityContext"]
        assert ("runAsUser" in kept) == dropped


def test_merging_removes_what_is_none_and_replaces_plain_lists() -> None:
    assert merged({"a": 1, "b": [1, 2]}, {"a": None, "b": [3]}) == {"b": [3]}


@pytest.mark.parametrize(
    ("image", "way"),
    [
        ("echo-nano", Way.EMBEDDED),
        ("phi", Way.STORE),
        ("hf://a/b:Q4", Way.STORE),
        ("pvc://c/m.gguf", Way.CLAIM),
        ("oci://r.example.com/a:b", Way.IMAGE_VOLUME),
    ],
)
def test_ways(image: str, way: Way) -> None:
    assert source_of(check(KubeModelSpec, {"image": image}), INSTALL).way is way


def adapted(image: str, *adapters: str) -> Object:
    return {"image": image, "engine": {"lora": [{"image": adapter} for adapter in adapters]}}


def test_adapters_come_the_same_way_as_their_model() -> None:
    def args(made: Object) -> list[str]:
        pod = made["spec"]["template"]["spec"]
        return list(pod["containers"][0]["args"])

    made = wanted(adapted("phi", "hf://a/b/c.gguf", "tuned"))
    stateful = next(thing for kind, thing in made.store if kind is STATEFUL_SET)
    assert args(stateful)[:4] == ["pull", "phi", "hf://a/b/c.gguf", "tuned"]
    deployment = next(thing for kind, thing in made.workload if kind is DEPLOYMENT)
    assert deployment["spec"]["template"]["spec"]["initContainers"][0]["args"][:4] == ["pull", "phi", "hf://a/b/c.gguf", "tuned"]

    on_claim = wanted(adapted("pvc://mine/m.gguf", "pvc://mine/tuned/a.gguf"))
    assert not on_claim.store
    options = args(next(thing for kind, thing in on_claim.workload if kind is DEPLOYMENT))
    assert [value for option, value in itertools.pairwise(options) if option == "--mount"] == [
        "pvc://mine/m.gguf=/model/m.gguf",
        "pvc://mine/tuned/a.gguf=/model/tuned/a.gguf",
    ]

    def source(image: str, *adapters: str) -> Source:
        return source_of(check(KubeModelSpec, adapted(image, *adapters)), INSTALL)

    assert source("echo-nano", "tuned").pulled == ("tuned",)
    assert source("oci://r.example.com/a:b", "tuned").way is Way.STORE, "one way for all"
    assert source("phi").store != source("phi", "tuned").store
    for image, adapter in (("phi", "pvc://c/a.gguf"), ("pvc://c/m.gguf", "tuned"), ("pvc://c/m.gguf", "pvc://d/a.gguf")):
        with pytest.raises(InvalidRequestError, match="on the same claim"):
            source(image, adapter)
    with pytest.raises(InvalidRequestError, match="echo-nano is a model, not an adapter"):
        source("phi", "echo-nano")
    with pytest.raises(InvalidRequestError, match=r"'/a\.gguf' is a file of one machine"):
        source("phi", "/a.gguf")


@pytest.mark.parametrize("image", ["/a.gguf", "pvc://c", "pvc://c/../x.gguf", "a b", "s3://x/y"])
def test_sources_that_are_none(image: str) -> None:
    with pytest.raises(InvalidRequestError):
        source_of(check(KubeModelSpec, {"image": image}), INSTALL)


def test_a_spec_with_a_mistake_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SpecError, match="did you mean 'replicas'"):
        check(KubeModelSpec, {"image": "phi", "repicas": 2})
