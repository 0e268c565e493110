"""What `kollama convert` and `kollama deploy --dry-run client` print is what a real API server takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.support.commands import failed, kollama
from tests.support.kube_cluster.control_plane import ControlPlane

CONVERTED = """\
apiVersion: ollama.ayaka.io/v1
kind: Model
metadata: {name: phi, namespace: ml, labels: {team: a}, annotations: {note: kept}}
spec:
  image: phi
  replicas: 2
  imagePullPolicy: Always
  imagePullSecrets: [{name: registry}]
  resources: {limits: {cpu: 4, nvidia.com/gpu: 1}}
  persistentVolumeClaim: {claimName: files}
  persistentVolume: {accessMode: ReadWriteMany}
  runtimeClassName: nvidia
  extraEnv: [{name: TZ, value: UTC}]
  extraEnvFrom: [{configMapRef: {name: proxy}}]
  podTemplate: {spec: {containers: [{name: server, image: ollama/ollama:rocm}], nodeSelector: {disk: fast}}}
---
apiVersion: v1
kind: Service
metadata: {name: other}
---
apiVersion: v1
kind: List
items:
- {apiVersion: ollama.ayaka.io/v1, kind: Model, metadata: {name: qwen}, spec: {image: qwen, storageClassName: fast, podTemplate: null}}
"""


def test_convert(plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    done = kollama("convert", text_in=CONVERTED, KUBECONFIG="/nonexistent")
    phi, service, rest = yaml.safe_load_all(done.stdout)
    assert done.returncode == 0
    assert phi == {
        "apiVersion": "echorator.dev/v1",
        "kind": "Model",
        "metadata": {"name": "phi", "namespace": "ml", "labels": {"team": "a"}, "annotations": {"note": "kept"}},
        "spec": {
            "image": "phi",
            "replicas": 2,
            "imagePullSecrets": [{"name": "registry"}],
            "resources": {"limits": {"cpu": 4, "nvidia.com/gpu": 1}},
            "gpus": 1,
            "storage": {"existingClaim": "files", "accessMode": "ReadWriteMany"},
            "runtimeClassName": "nvidia",
            "extraEnv": [{"name": "TZ", "value": "UTC"}],
            "extraEnvFrom": [{"configMapRef": {"name": "proxy"}}],
            "podTemplate": {"spec": {"containers": [{"name": "agent"}], "nodeSelector": {"disk": "fast"}}},
        },
    }
    assert service == {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "other"}}
    assert [(item["kind"], item["metadata"]["name"], item["spec"]["storage"]) for item in rest["items"]] == [
        ("Model", "qwen", {"className": "fast"})
    ]
    warnings = done.stderr.splitlines()
    assert len(warnings) == 2
    assert warnings[0].startswith("kollama: warning: model/phi: spec.imagePullPolicy 'Always' is left out")
    assert "image of Ollama's server are left out" in warnings[1]
    file = tmp_path / "models.yaml"
    file.write_text(CONVERTED.replace("namespace: ml, ", ""))
    only_models = [document for document in yaml.safe_load_all(kollama("convert", str(file)).stdout) if document["kind"] != "Service"]
    taken = plane.kubectl("apply", "-n", namespace, "--validate=strict", "-f", "-", input=yaml.safe_dump_all(only_models))
    assert taken.stdout.splitlines() == ["model.echorator.dev/phi created", "model.echorator.dev/qwen created"]
    failed(kollama("convert", text_in="a: [b"), 2, "stdin is no YAML")
    failed(kollama("convert", text_in=CONVERTED.replace("image: phi", "image: 7")), 2, "model/phi: spec.image: must be text, not 7")


@pytest.mark.slow
def test_a_client_dry_run_is_what_an_api_server_takes(plane: ControlPlane, namespace: str) -> None:
    options = "--replicas 2 --limit cpu=4 --limit memory=8Gi --limit nvidia.com/gpu=1 --storage-class fast --storage-size 40Gi"
    more = "--pv-access-mode RWX --expose --service-name chat --node-port 31000 --no-memory --dry-run client -o yaml"
    done = kollama("deploy", "phi", "--image", "phi:q4", *options.split(), *more.split(), KUBECONFIG="/nonexistent")
    assert (done.returncode, done.stderr) == (0, "")
    assert yaml.safe_load(done.stdout)["spec"] == {
        "image": "phi:q4",
        "replicas": 2,
        "resources": {"limits": {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"}},
        "gpus": 1,
        "cognition": {"enabled": False},
        "storage": {"className": "fast", "size": "40Gi", "accessMode": "ReadWriteMany"},
        "expose": {"type": "NodePort", "serviceName": "chat", "nodePort": 31000},
    }
    taken = ("create", "-n", namespace, "--dry-run=server", "--validate=strict", "-f", "-")
    assert plane.kubectl(*taken, input=done.stdout).stdout == "model.echorator.dev/phi created (server dry run)\n"
    large = kollama("deploy", "big", "--resource-class", "Large", "--service-type", "LoadBalancer", "--dry-run=client", "-o", "json")
    assert json.loads(large.stdout)["spec"] == {"image": "big", "resourceClass": "Large", "expose": {"type": "LoadBalancer"}}
    assert plane.kubectl(*taken, input=large.stdout).returncode == 0
    assert kollama("deploy", "phi", "--dry-run", "client").stdout == "model/phi created (client dry run)\n"
    assert kollama("deploy", "phi", "--dry-run", "client", "-o", "name").stdout == "model/phi\n"
