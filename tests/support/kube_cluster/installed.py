"""What tests install in a control plane."""

from __future__ import annotations

import json

from echorator.kube.install.crd import definition
from tests.support.kube_cluster.control_plane import ControlPlane


def install_crd(plane: ControlPlane) -> None:
    """Returns once Models can be made."""
    plane.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", input=json.dumps(definition()))
    plane.kubectl("wait", "--for=condition=Established", "crd/models.echorator.dev", "--timeout=30s")
