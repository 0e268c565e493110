"""An operator in the test's own process, on a real API server, with a real controller of the mesh."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from echorator.kube.client import Client
from echorator.kube.election import ElectionSettings
from echorator.kube.install import Install
from echorator.kube.operator import Operator, OperatorSettings
from tests.kube.control_plane import ControlPlane
from tests.waiting import STEP_S, looks

QUICK = ElectionSettings(lease_s=3, deadline_s=2, renew_s=0.3)
CHILDREN = "deployments,services,networkpolicies,poddisruptionbudgets,statefulsets,horizontalpodautoscalers,ingresses"


@asynccontextmanager
async def operating(
    kubeconfig: Path, namespace: str, controller: str, identity: str = "a", resync_s: float = 600.0
) -> AsyncIterator[Operator]:
    """It watches one namespace, and has its lease there."""
    install = Install(namespace, controller, "", "image:1", "gpu:1")
    async with await Client.connect(str(kubeconfig)) as client:
        operator = Operator(client, OperatorSettings(install, identity, namespace, election=QUICK, resync_s=resync_s))
        task = asyncio.create_task(operator.run())
        try:
            yield operator
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(look: Callable[[], Any], wanted: Callable[[Any], bool] = bool, within_s: float = 30) -> Any:
    """What a blocking `look` sees once it is as wanted."""
    seen = None
    for _ in looks(within_s):
        if wanted(seen := await asyncio.to_thread(look)):
            return seen
        await asyncio.sleep(STEP_S)
    raise AssertionError(f"still {seen!r}")


def make(plane: ControlPlane, namespace: str, *names: str, **spec: Any) -> None:
    """Models of one spec."""
    items = [
        {
            "apiVersion": "echorator.dev/v1",
            "kind": "Model",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"image": "echo-nano", "cognition": {"enabled": False}, **spec},
        }
        for name in names
    ]
    plane.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def get(plane: ControlPlane, namespace: str, kind: str, name: str = "") -> Any:
    """An object, or a list's items."""
    done = plane.kubectl("get", kind, *([name] if name else []), "-n", namespace, "-o", "json", check=False)
    if done.returncode:
        assert "NotFound" in done.stderr, done.stderr
        return None
    found = json.loads(done.stdout)
    return found if name else found["items"]


def status(plane: ControlPlane, namespace: str, name: str) -> dict[str, Any]:
    """Of a Model; {} for none."""
    model = get(plane, namespace, "model", name)
    return (model or {}).get("status") or {}


def children(plane: ControlPlane, namespace: str) -> dict[str, Any]:
    """Everything the operator made, by kind and name."""
    found = get(plane, namespace, CHILDREN)
    return {f"{thing['kind']}/{thing['metadata']['name']}": thing for thing in found}
