"""The control plane that other tests stand on is a real one: its version, its RBAC, its data over a restart."""

from __future__ import annotations

import json

import pytest

from tests.support.kube_cluster.control_plane import ControlPlane, kubernetes_version


def test_version(control_plane: ControlPlane) -> None:
    versions = json.loads(control_plane.kubectl("version", "--output=json").stdout)
    assert versions["serverVersion"]["gitVersion"] == kubernetes_version()
    assert versions["clientVersion"]["gitVersion"] == kubernetes_version()


def test_a_service_account_without_rights_is_refused(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl("create", "serviceaccount", "nobody", "--namespace", namespace)
    kubeconfig = control_plane.kubeconfig_for(namespace, "nobody")
    refused = control_plane.kubectl("get", "pods", kubeconfig=kubeconfig, check=False)
    assert refused.returncode != 0
    user = f"system:serviceaccount:{namespace}:nobody"
    assert f'(Forbidden): pods is forbidden: User "{user}" cannot list resource "pods"' in refused.stderr


@pytest.mark.slow
def test_data_outlives_the_api_server(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl("create", "configmap", "kept", "--from-literal=key=value", "--namespace", namespace)
    control_plane.stop_apiserver()
    assert control_plane.kubectl("get", "namespaces", check=False).returncode != 0
    control_plane.start_apiserver()
    control_plane.kill_apiserver()
    control_plane.start_apiserver()
    kept = json.loads(control_plane.kubectl("get", "configmap", "kept", "--namespace", namespace, "--output=json").stdout)
    assert kept["data"] == {"key": "value"}
