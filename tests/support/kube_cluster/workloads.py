"""Manifests of small workloads for tests, and what a cluster says of them."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.support.kube_cluster.control_plane import ControlPlane

Json = dict[str, Any]

WITHIN_S = 60.0
SERVER = (sys.executable, "-m", "http.server", "8000", "--bind", "0.0.0.0")


def container(*command: str, name: str = "main", **fields: Any) -> Json:
    return {"name": name, "image": "tests", "command": list(command), **fields}


def python(code: str, *arguments: str, name: str = "main", **fields: Any) -> Json:
    """A container that runs `code`."""
    return container(sys.executable, "-c", code, *arguments, name=name, **fields)


def pod(name: str, *containers: Json, **fields: Any) -> Json:
    spec = {"terminationGracePeriodSeconds": 5, "containers": list(containers), **fields}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def _replicated(kind: str, name: str, replicas: int, containers: tuple[Json, ...], fields: Json) -> Json:
    template = {"metadata": {"labels": {"app": name}}, "spec": pod(name, *containers)["spec"]}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template, **fields}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def deployment(name: str, replicas: int, *containers: Json, **fields: Any) -> Json:
    return _replicated("Deployment", name, replicas, containers, fields)


def stateful_set(name: str, replicas: int, *containers: Json, **fields: Any) -> Json:
    return _replicated("StatefulSet", name, replicas, containers, {"serviceName": name, **fields})


def job(name: str, *containers: Json) -> Json:
    spec = {"backoffLimit": 20, "template": {"spec": pod(name, *containers, restartPolicy="OnFailure")["spec"]}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def service(name: str, **fields: Any) -> Json:
    spec = {"selector": {"app": name}, **fields}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


class Workspace:
    """One namespace of a cluster."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.plane = plane
        self.namespace = namespace

    def kubectl(self, *args: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess.run calls it
        return self.plane.kubectl(*args, "--namespace", self.namespace, input=input).stdout

    def apply(self, *manifests: Json) -> None:
        self.kubectl("apply", "--filename=-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))

    def get(self, *args: str) -> Json:
        return dict(json.loads(self.kubectl("get", *args, "--output=json")))

    def names(self, kind: str) -> list[str]:
        return [item["metadata"]["name"] for item in self.get(kind)["items"]]

    def rolled_out(self, workload: str) -> None:
        self.kubectl("rollout", "status", workload, f"--timeout={WITHIN_S:g}s")

    def wait_for(self, what: str, *objects: str) -> None:
        """`kubectl wait --for`."""
        self.kubectl("wait", f"--for={what}", *objects, f"--timeout={WITHIN_S:g}s")

    def container_status(self, pod: str, name: str = "main") -> Json:
        statuses = self.get("pod", pod)["status"]
        for status in (*statuses.get("containerStatuses", ()), *statuses.get("initContainerStatuses", ())):
            if status["name"] == name:
                return dict(status)
        return {"state": {}, "restartCount": 0, "ready": False, "started": False}
