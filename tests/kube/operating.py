"""An operator in the test's own process, on a real API server, with a real controller of the mesh."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY

from echorator.kube.api.client import Client
from echorator.kube.api.election import ElectionSettings
from echorator.kube.installation import Install
from echorator.kube.operator import Operator, OperatorSettings
from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.fault_proxy import Passed

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


async def make(plane: ControlPlane, namespace: str, *names: str, **spec: Any) -> None:
    """What `apply_models` does, beside an operator of this event loop, which must renew its lease meanwhile."""
    await asyncio.to_thread(functools.partial(apply_models, plane, namespace, *names, **spec))


def apply_models(plane: ControlPlane, namespace: str, *names: str, **spec: Any) -> None:
    """Models of one spec. The first `kubectl apply` after their definition takes 2.5 s."""
    items = [
        {
            "apiVersion": "echorator.dev/v1",
            "kind": "Model",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"image": "echo-nano", "cognition": {"enabled": False}, **spec},
        }
        for name in names
    ]
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    plane.kubectl("apply", "-f", "-", input=document)


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


def of_models(passed: list[Passed]) -> list[Passed]:
    """Without the lease and the questions of the beginning."""
    return [p for p in passed if "/leases" not in p.path and "watch=true" not in p.query and p.path not in ("/version", "/apis")]


def but_for_lists(passed: list[Passed]) -> list[Passed]:
    """What a new operator asks besides one list of each kind, where the server cannot stream lists."""
    listed, others = set[tuple[str, str]](), []
    for call in passed:
        if call.method == "GET" and "limit=" in call.query and (call.path, call.query) not in listed:
            listed.add((call.path, call.query))
        else:
            others.append(call)
    return others


def reconciles(*results: str) -> float:
    """Of this process, so far."""
    counts = (REGISTRY.get_sample_value("controller_runtime_reconcile_total", {"controller": "model", "result": r}) for r in results)
    return sum(count or 0.0 for count in counts)
