"""`kollama` against the API server of all tests, in a namespace of the test's own."""

from __future__ import annotations

import pytest

from tests.cli.kollama.user import Kollama
from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.installed import install_crd


@pytest.fixture
def plane(control_plane: ControlPlane) -> ControlPlane:
    """An API server that knows Models."""
    install_crd(control_plane)
    return control_plane


@pytest.fixture
def k(plane: ControlPlane, namespace: str) -> Kollama:
    return Kollama(plane, namespace, plane.kubeconfig)
