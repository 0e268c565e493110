"""`kollama deploy`, `list`, `scale`, `expose` and `undeploy` against a real API server, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from echorator.model_resource.conditions import Observed
from tests.cli.kollama.user import Kollama
from tests.support.commands import failed, kollama
from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.waiting import until


@pytest.mark.slow
def test_from_deploy_to_undeploy(k: Kollama) -> None:
    assert k("list", err="no models in namespace") == ""
    assert k("deploy", "phi", "--dry-run", "server") == "model/phi created (server dry run)\n"
    assert k("list", "-o", "name", err=None) == ""
    assert k("deploy", "phi", "--limit", "cpu=2") == "model/phi created\n"
    assert k("deploy", "phi", "--limit", "cpu=2") == "model/phi unchanged\n"
    changed = "model/phi changed: spec.replicas 1 -> 2, spec.resources.limits.cpu 2 -> 4\n"
    assert k("deploy", "phi", "--limit", "cpu=4", "--replicas", "2") == changed
    assert k("scale", "phi", "3") == "model/phi scaled from 2 to 3\n"
    assert k("expose", "phi", err="shows its port") == "model/phi exposed: spec.expose.type ClusterIP -> NodePort\n"
    assert k("expose", "phi", "--service-type", "NodePort", "--node-port", "31001", err="") == (
        "model/phi exposed: spec.expose.nodePort nothing -> 31001\n"
    )
    assert k("deploy", "phi", "--limit", "cpu=4") == "model/phi unchanged\n", "what scale and expose have set stays"
    assert (
        k("deploy", "phi", "--replicas", "1", "--service-type", "LoadBalancer", code=2, err="nodePort needs spec.expose.type NodePort")
        == ""
    )
    assert k("expose", "phi", "--service-type", "LoadBalancer", err="") == (
        "model/phi exposed: spec.expose.nodePort 31001 -> nothing, spec.expose.type NodePort -> LoadBalancer\n"
    )
    spec = k.get("phi")["spec"]
    assert (spec["replicas"], spec["expose"]) == (3, {"type": "LoadBalancer"})
    k("deploy", "qwen", "--image", "hf://Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M")
    assert k("list", "-o", "name") == "model/phi\nmodel/qwen\n"
    k.tell("phi", Observed(fetched=True, replicas=3, running=3, workload_made=True, registered=True, serving=3, cognition_ready=True))
    rows = [re.split(r" {2,}", line.strip()) for line in k("list").splitlines()]
    assert rows[0] == ["NAME", "PHASE", "READY", "SIZE", "AGE", "SOURCE", "SAYS"]
    assert rows[1][:3] == ["phi", "Ready", "3/3"]
    assert f"model-phi.{k.namespace}.svc:50051" in k("list", "-o", "wide")
    assert rows[2][:3] == ["qwen", "Pending", "0/1"]
    assert "hf://Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M" in rows[2]
    everywhere = [line.split() for line in k("list", "-A").splitlines()]
    assert everywhere[0][:2] == ["NAMESPACE", "NAME"]
    assert [k.namespace, "qwen"] in [row[:2] for row in everywhere]
    assert [item["metadata"]["name"] for item in json.loads(k("list", "-o", "json"))["items"]] == ["phi", "qwen"]
    assert yaml.safe_load(k("list", "-o", "yaml")) == json.loads(k("list", "-o", "json"))
    assert k("undeploy", "phi", "quen", code=1, err="there is no model 'quen' in namespace") == ""
    assert k("undeploy", "phi", "-n", k.namespace, "qwen") == "model/phi deleted\nmodel/qwen deleted\n"
    assert k("list", "-o", "name") == ""


def test_what_others_have_set_is_theirs(k: Kollama) -> None:
    theirs = {"apiVersion": "echorator.dev/v1", "kind": "Model", "metadata": {"name": "phi"}, "spec": {"image": "phi", "replicas": 2}}
    k.plane.kubectl("apply", "-n", k.namespace, "-f", "-", input=json.dumps(theirs))
    said = "spec.image is 'phi', not 'qwen', spec.replicas is 2, not 3; kubectl-client-side-apply set that, --force takes it over"
    k("deploy", "phi", "--image", "qwen", "--replicas", "3", code=1, err=said)
    assert k("deploy", "phi", "--image", "qwen", "--replicas", "3", "--force") == (
        "model/phi changed: spec.image phi -> qwen, spec.replicas 2 -> 3\n"
    )


@pytest.mark.slow
def test_errors_of_a_cluster(k: Kollama) -> None:
    k("deploy", "phi")
    for command in (("status", "phj"), ("scale", "phj", "1"), ("expose", "phj"), ("logs", "phj"), ("chat", "phj", "Hi")):
        k(*command, code=1, err=f"there is no model 'phj' in namespace {k.namespace}; did you mean 'phi'?")
    k("status", "other", code=1, err="; there are phi")
    k("logs", "phi", code=1, err="has no agents now; kollama status phi says why")
    k("deploy", "files", "--image", "pvc://files/phi.gguf", "--storage-size", "1Gi", code=2, err="spec.storage is of no use with a pvc://")
    k("pull", "qwen", "--name", "phi", code=1, err="is there already with image phi; choose another --name")
    absent = Kollama(k.plane, "nosuch", k.kubeconfig)
    absent("deploy", "phi", code=1, err="there is no namespace 'nosuch'; kubectl create namespace nosuch")


@pytest.mark.slow
def test_a_service_account_may_not_do_everything(k: Kollama) -> None:
    k("deploy", "phi")
    k.plane.kubectl("create", "serviceaccount", "viewer", "-n", k.namespace)
    nobody = Kollama(k.plane, k.namespace, k.plane.kubeconfig_for(k.namespace, "viewer"))
    said = f"viewer may not list models.echorator.dev in namespace {k.namespace}; ask whoever gives rights here (the role 'view' has"
    nobody("list", code=1, err=said)
    nobody("list", "-A", code=1, err="may not list models.echorator.dev of all namespaces")
    k.plane.kubectl("create", "role", "viewer", "--verb=get,list,watch", "--resource=models.echorator.dev", "-n", k.namespace)
    k.plane.kubectl("create", "rolebinding", "viewer", "--role=viewer", f"--serviceaccount={k.namespace}:viewer", "-n", k.namespace)
    until(lambda: kollama("list", "--kubeconfig", str(nobody.kubeconfig)).returncode == 0, "the right is known")
    assert nobody("list", "-o", "name") == "model/phi\n"
    nobody("deploy", "phi", "--replicas", "2", code=1, err="may not patch models.echorator.dev in namespace")
    nobody("scale", "phi", "2", code=1, err="may not patch models/scale.echorator.dev")
    nobody("undeploy", "phi", code=1, err="may not delete models.echorator.dev in namespace")
    shown = nobody("status", "phi")
    assert "model/phi  Pending  0/1 ready" in shown
    assert "viewer may not list pods in namespace" in shown


@pytest.mark.slow
@pytest.mark.needs("kube-apiserver")
def test_the_definition_is_not_installed(tmp_path: Path) -> None:
    with ControlPlane(tmp_path / "plane") as plane:
        for command in (("list",), ("deploy", "phi"), ("status", "phi"), ("undeploy", "phi"), ("pull", "phi")):
            done = kollama(*command, "-n", "default", "--kubeconfig", str(plane.kubeconfig))
            failed(done, 69, "the Model resource is not installed; kubectl apply --server-side -f install.yaml")
