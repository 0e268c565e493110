"""What tests install in a control plane, and how they wait."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TypeVar

from echorator.kube.crd import definition
from tests.kube.control_plane import ControlPlane

T = TypeVar("T")
WAIT_S = 60.0


def install_crd(plane: ControlPlane) -> None:
    """Returns once Models can be made."""
    plane.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", input=json.dumps(definition()))
    plane.kubectl("wait", "--for=condition=Established", "crd/models.echorator.dev", "--timeout=30s")


def eventually(look: Callable[[], T], wanted: Callable[[T], bool] = bool, wait_s: float = WAIT_S) -> T:
    """What `look` sees once it is as wanted. Fails with what it saw last."""
    deadline_s = time.monotonic() + wait_s
    while not wanted(seen := look()):
        assert time.monotonic() < deadline_s, f"still {seen!r}"
        time.sleep(0.05)
    return seen
