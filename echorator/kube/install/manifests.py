"""What is to be installed in a cluster: a pure function of the namespace and the images. CI compares the copy in `manifests/` with it.

Each part is a file; `install.yaml` contains all of them in the order in which they can be applied. Fed by `admission`, `parts`, `rights`
and `crd`; feeds `echorator manifests`.
"""

from __future__ import annotations

from echorator.kube.api.resources import GROUP, MODEL, VERSION, Object
from echorator.kube.install import parts
from echorator.kube.install.admission import admission_policy, webhooks
from echorator.kube.install.crd import definition
from echorator.kube.install.rights import rights
from echorator.kube.installation import Install

ALL_IN_ONE = "install.yaml"
PHI = "phi:2.7b-chat-v2-q4_0"  # a tag that is not moved


def files_of(install: Install) -> dict[str, list[Object]]:
    """Return the documents by file name, with `install.yaml` and the samples."""
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
