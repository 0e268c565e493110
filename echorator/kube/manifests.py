"""What is to be installed in a cluster: a pure function of the namespace and the images. Written into `manifests/`, where CI compares it.

Each part is a file; `install.yaml` is all of them in the order in which they can be applied. Fed by the modules `installed_*` and `crd`;
feeds `echorator manifests`.
"""

from __future__ import annotations

from echorator.kube import installed_parts as parts
from echorator.kube.crd import definition
from echorator.kube.install import Install
from echorator.kube.installed_admission import admission_policy, webhooks
from echorator.kube.installed_rights import rights
from echorator.kube.resources import GROUP, MODEL, VERSION, Object

ALL_IN_ONE = "install.yaml"
PHI = "phi:2.7b-chat-v2-q4_0"  # a tag that stays


def files_of(install: Install) -> dict[str, list[Object]]:
    """Documents by file name, `install.yaml` and the samples included."""
    files: dict[str, list[Object]] = {
        "crd.yaml": [definition()],
        "namespace.yaml": [_namespace(install)],
        "rbac.yaml": rights(install),
        "cognition.yaml": parts.cognition(install),
        "controller.yaml": parts.controller(install),
        "gateway.yaml": parts.gateway(install),
        "operator.yaml": parts.operator(install),
        "network.yaml": parts.network(install),
        "admission.yaml": admission_policy(install),
        "webhooks.yaml": webhooks(install),
    }
    kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(files)}
    everything = [document for documents in files.values() for document in documents]
    return {**files, "kustomization.yaml": [kustomization], ALL_IN_ONE: everything, **_samples()}


def _namespace(install: Install) -> Object:
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": install.namespace, "labels": labels}}


def _samples() -> dict[str, list[Object]]:
    def model(name: str, spec: Object) -> list[Object]:
        return [{"apiVersion": f"{GROUP}/{VERSION}", "kind": MODEL.name, "metadata": {"name": name}, "spec": spec}]

    return {
        "samples/nano.yaml": model("nano", {"image": "echo-nano"}),
        "samples/phi.yaml": model("phi", {"image": PHI, "replicas": 2, "resourceClass": "Small"}),
        "samples/hugging-face.yaml": model(
            "qwen",
            {
                "image": "hf://Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M",
                "gpus": 1,
                "storage": {"size": "20Gi"},
                "engine": {"slots": 16, "kvTypeK": "q8_0"},
            },
        ),
        "samples/autoscaled.yaml": model(
            "scaled",
            {"image": PHI, "resourceClass": "Small", "autoscaling": {"minReplicas": 0, "maxReplicas": 4, "signals": {"cpuPercent": 60}}},
        ),
        "samples/exposed.yaml": model(
            "exposed",
            {"image": PHI, "expose": {"type": "Ingress", "host": "phi.example.com", "className": "nginx", "tlsSecretName": "phi-tls"}},
        ),
    }
