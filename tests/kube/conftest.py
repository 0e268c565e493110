"""Kubernetes for tests, started by the first test that asks: an API server alone, or a whole cluster whose pods are processes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.images.servers import RegistryServer, registry_server
from tests.kube.control_plane import ControlPlane
from tests.kube.in_cluster import install
from tests.kube.process_cluster import ProcessCluster
from tests.kube.workloads import Workspace
from tests.mesh_processes import Process, free_port


@pytest.fixture(scope="package")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver alone: nothing acts on what is stored."""
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessCluster]:
    """Another one, with its controllers, its scheduler and a node whose pods are processes."""
    with ProcessCluster(tmp_path_factory.mktemp("cluster")) as whole:
        yield whole


@pytest.fixture(scope="package")
def installed(cluster: ProcessCluster) -> ProcessCluster:
    """`cluster` with manifests/install.yaml in it; nothing is taken back, for it ends with the tests."""
    install(cluster)
    return cluster


@pytest.fixture(scope="package")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """A real one that asks for no credentials."""
    with registry_server(tmp_path_factory.mktemp("registry")) as server:
        yield server


@contextmanager
def _namespace_of(plane: ControlPlane) -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:10]}"
    plane.kubectl("create", "namespace", name)
    try:
        yield name
    finally:
        plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """One of the test's own, in `control_plane`."""
    with _namespace_of(control_plane) as name:
        yield name


@pytest.fixture
def cluster_namespace(cluster: ProcessCluster) -> Iterator[str]:
    """One of the test's own, in `cluster`."""
    with _namespace_of(cluster) as name:
        yield name


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[str]:
    """The address of a mesh's controller, as a process."""
    port = free_port()
    process = Process(tmp_path / "controller.log", "controller", "--port", str(port), "--data", str(tmp_path / "data")).start()
    yield f"127.0.0.1:{port}"
    process.end()


@pytest.fixture
def space(cluster: ProcessCluster, cluster_namespace: str) -> Workspace:
    """`cluster_namespace` with what tests do in one."""
    return Workspace(cluster, cluster_namespace)
