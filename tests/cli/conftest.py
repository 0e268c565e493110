"""Kubernetes for tests of commands, as tests/kube has it, but each file starts its own, which ends with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kube.conftest import cluster_namespace, namespace, space  # noqa: F401 - fixtures
from tests.kube.control_plane import ControlPlane
from tests.kube.in_cluster import install
from tests.kube.process_cluster import ProcessCluster


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessCluster]:
    with ProcessCluster(tmp_path_factory.mktemp("cluster")) as whole:
        yield whole


@pytest.fixture(scope="module")
def installed(cluster: ProcessCluster) -> ProcessCluster:
    install(cluster)
    return cluster
