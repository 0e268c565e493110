"""Kubernetes for tests of every room, started by the first test that asks: an API server alone, or a cluster whose pods are processes.

There is one of each for a whole run (for each worker that runs such tests, see `tests.support.scheduling`); a test has a namespace of its
own. Who changes what is there for all, such as the definition of Models or the installed operator, puts it back, or starts a
`ControlPlane` or `ProcessCluster` for itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.in_cluster import install
from tests.support.kube_cluster.process_cluster import ProcessCluster
from tests.support.kube_cluster.workloads import Workspace
from tests.support.programs import needing


@pytest.fixture(scope="session")
@needing("kube-apiserver")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver alone: nothing acts on what is stored."""
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture(scope="session")
@needing("kube-apiserver")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessCluster]:
    """Another API server, with its controllers, its scheduler and a node whose pods are processes."""
    with ProcessCluster(tmp_path_factory.mktemp("cluster")) as whole:
        yield whole


@pytest.fixture(scope="session")
def installed(cluster: ProcessCluster) -> ProcessCluster:
    """`cluster` with manifests/install.yaml in it; it is not taken out again, because the cluster ends with the tests."""
    install(cluster)
    return cluster


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
    """A namespace of the test's own, in `control_plane`."""
    with _namespace_of(control_plane) as name:
        yield name


@pytest.fixture
def cluster_namespace(cluster: ProcessCluster) -> Iterator[str]:
    """A namespace of the test's own, in `cluster`."""
    with _namespace_of(cluster) as name:
        yield name


@pytest.fixture
def space(cluster: ProcessCluster, cluster_namespace: str) -> Workspace:
    """`cluster_namespace` with what tests do in a namespace."""
    return Workspace(cluster, cluster_namespace)
