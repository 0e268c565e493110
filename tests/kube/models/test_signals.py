"""The operator follows the signals of the mesh: what it writes for them, when it writes nothing, what it says of one it cannot follow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from echorator.kube.installation import Install
from echorator.kube.models.autoscaling import Autoscaling
from echorator.mesh_client.link import MeshLink
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.schema import check
from echorator.rpc.v1 import controller_pb2 as pb
from tests.kube.operating import apply_models, but_for_lists, get, make, of_models, operating, reconciles, status
from tests.support.controllers import PATIENT, Controller, StreamAgent, controlling
from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.fault_proxy import FaultProxy, Passed, refusal
from tests.support.kube_cluster.installed import install_crd
from tests.support.waiting import eventually, in_thread

pytestmark = pytest.mark.asyncio(loop_scope="session")
MESH_ONLY = {"cpuPercent": 0, "memoryPercent": 0}
ADAPTER = "/apis/custom.metrics.k8s.io/v1beta1"


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane) -> ControlPlane:
    install_crd(control_plane)
    return control_plane


@pytest.fixture
def proxy(plane: ControlPlane, tmp_path: Path) -> Iterator[FaultProxy]:
    with FaultProxy(plane, tmp_path) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with controlling(tmp_path / "controller", PATIENT) as running:
        yield running


class Loaded:
    """An agent that serves "m" with one slot and says that so many requests wait."""

    def __init__(self, controller: Controller) -> None:
        self._agent = StreamAgent(controller, "a")

    async def join(self) -> Loaded:
        self._say(0)
        await self._agent.join()
        return self

    def waiting(self, requests: int) -> None:
        self._say(requests)
        self._agent.report()

    def _say(self, requests: int) -> None:
        self._agent.own = [pb.AgentModel(name="m", state=pb.AGENT_MODEL_STATE_READY, slots=1, queued=requests)]


def least(plane: ControlPlane, namespace: str) -> int | None:
    """Of the autoscaler; None where there is none."""
    found = get(plane, namespace, "horizontalpodautoscalers")
    return int(found[0]["spec"]["minReplicas"]) if found else None


def replicas(plane: ControlPlane, namespace: str) -> int:
    return int(get(plane, namespace, "model", "m")["spec"]["replicas"])


def of_autoscaler(passed: list[Passed]) -> list[Passed]:
    return [p for p in passed if "horizontalpodautoscalers/" in p.path]


def ignored(plane: ControlPlane, namespace: str) -> list[tuple[str, int]]:
    """Notes, and how often each was told."""
    events = [event for event in get(plane, namespace, "events.events.k8s.io") if event["reason"] == "SignalIgnored"]
    return [(event["note"], (event.get("series") or {"count": 1})["count"]) for event in events]


async def test_the_autoscalers_least_follows_with_one_write_for_each_change(
    plane: ControlPlane, namespace: str, proxy: FaultProxy, controller: Controller
) -> None:
    agent = await Loaded(controller).join()
    async with operating(proxy.kubeconfig, namespace, controller.address):
        await make(plane, namespace, "m", autoscaling={"maxReplicas": 6, "cooldownSeconds": 1})
        await eventually(in_thread(lambda: least(plane, namespace)), wanted=lambda found: found == 1)
        await eventually(in_thread(lambda: status(plane, namespace, "m").get("phase") == "ModelDeploying"))
        proxy.faults.passed.clear()
        agent.waiting(25)
        await eventually(in_thread(lambda: least(plane, namespace)), wanted=lambda found: found == 3)
        for requests in (26, 27, 28, 45):
            agent.waiting(requests)
        await eventually(in_thread(lambda: least(plane, namespace)), wanted=lambda found: found == 5)
        agent.waiting(5000)
        await eventually(in_thread(lambda: least(plane, namespace)), wanted=lambda found: found == 6)
        agent.waiting(0)
        await eventually(in_thread(lambda: least(plane, namespace)), wanted=lambda found: found == 1)
    assert [p.method for p in of_autoscaler(proxy.faults.passed)] == ["PATCH"] * 4
    assert replicas(plane, namespace) == 1, "that is the autoscaler's to change"


async def test_a_new_leader_takes_nothing_back_before_the_cooldown_and_writes_nothing(
    plane: ControlPlane, namespace: str, proxy: FaultProxy, controller: Controller
) -> None:
    agent = await Loaded(controller).join()
    await make(plane, namespace, "m", autoscaling={"maxReplicas": 6})
    async with operating(plane.kubeconfig, namespace, controller.address):
        await eventually(in_thread(lambda: least(plane, namespace)), wanted=lambda found: found == 1)
        agent.waiting(25)
        await eventually(in_thread(lambda: least(plane, namespace)), wanted=lambda found: found == 3)
        await eventually(in_thread(lambda: status(plane, namespace, "m").get("phase") == "ModelDeploying"))
    agent.waiting(0)  # while nobody leads: the next one does not know since when
    async with operating(proxy.kubeconfig, namespace, controller.address, "b", 1.0) as operator:
        await eventually(in_thread(lambda: operator.synced))
        looked = reconciles("success", "requeue_after")
        await eventually(in_thread(lambda: reconciles("success", "requeue_after") >= looked + 4))  # several resyncs
    assert but_for_lists(of_models(proxy.faults.passed)) == []
    assert least(plane, namespace) == 3


async def test_without_an_autoscaler_the_operator_scales_the_model(plane: ControlPlane, namespace: str, controller: Controller) -> None:
    agent = await Loaded(controller).join()
    async with operating(plane.kubeconfig, namespace, controller.address):
        await make(plane, namespace, "m", autoscaling={"maxReplicas": 4, "cooldownSeconds": 1, "signals": MESH_ONLY})
        await eventually(in_thread(lambda: status(plane, namespace, "m").get("phase") == "ModelDeploying"))
        agent.waiting(25)
        await eventually(in_thread(lambda: replicas(plane, namespace)), wanted=lambda found: found == 3)
        agent.waiting(0)
        await eventually(in_thread(lambda: replicas(plane, namespace)), wanted=lambda found: found == 1)
        assert least(plane, namespace) is None
        plane.kubectl("scale", "mdl/m", "--replicas=0", "-n", namespace)
        agent.waiting(25)
        await eventually(in_thread(lambda: get(plane, namespace, "deployment", "model-m")["spec"]["replicas"] == 0))
        patch = {"spec": {"replicas": 9, "autoscaling": {"signals": {"queueDepth": 0, "responseTimeSeconds": 0}}}}
        plane.kubectl("patch", "model", "m", "-n", namespace, "--type=merge", "-p", json.dumps(patch))
        await eventually(
            in_thread(lambda: replicas(plane, namespace)), wanted=lambda found: found == 4
        )  # no signal at all: within the bounds
        patch = {"spec": {"autoscaling": {"signals": {"cpuPercent": 50}}}}
        plane.kubectl("patch", "model", "m", "-n", namespace, "--type=merge", "-p", json.dumps(patch))
        await eventually(in_thread(lambda: least(plane, namespace)), wanted=lambda found: found == 1)


async def test_a_reply_that_is_late_says_nothing_of_what_was_heard_since(controller: Controller) -> None:
    """The reply to an apply and the stream come on two threads; the one that is behind would be believed until something changes again."""
    agent = await Loaded(controller).join()
    agent.waiting(25)
    heard = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell(_name: str) -> None:
        loop.call_soon_threadsafe(heard.set)

    link = await asyncio.to_thread(MeshLink, controller.address, tell)

    def queued() -> int:
        found = link.find("m")
        return found.status.queued if found is not None else -1

    try:
        spec = pb.ModelSpec(name="m", source="echo-nano", replicas=1)
        await asyncio.to_thread(link.apply, spec)
        await eventually(in_thread(queued), wanted=lambda found: found == 25)
        apply = link._stub.ApplyModel

        def late(request: pb.ApplyModelRequest, timeout: float) -> pb.MeshModel:
            reply: pb.MeshModel = apply(request, timeout=timeout)
            assert reply.status.queued == 25
            loop.call_soon_threadsafe(agent.waiting, 0)
            while queued() != 0:
                assert asyncio.run_coroutine_threadsafe(heard.wait(), loop).result(30)
                heard.clear()
            return reply

        link._stub.ApplyModel = late
        spec.replicas = 2
        await asyncio.to_thread(link.apply, spec)
        assert (link.find("m") or pb.MeshModel()).generation == 2
        assert queued() == 0
    finally:
        await asyncio.to_thread(link.close)


async def test_a_signal_that_cannot_be_followed_is_told_once(
    plane: ControlPlane, namespace: str, proxy: FaultProxy, controller: Controller
) -> None:
    groups = json.loads(plane.kubectl("get", "--raw", "/apis").stdout)
    version = {"groupVersion": ADAPTER.removeprefix("/apis/"), "version": "v1beta1"}
    groups["groups"].append({"name": "custom.metrics.k8s.io", "versions": [version], "preferredVersion": version})
    served: list[dict[str, Any]] = []

    def adapter(_method: str, path: str, _query: str) -> tuple[int, dict[str, Any], dict[str, str]] | None:
        if path == "/apis":
            return 200, groups, {}
        if path == ADAPTER:
            found = {"kind": "APIResourceList", "groupVersion": version["groupVersion"], "resources": served}
            return (200, found, {}) if served else (503, refusal(503, "ServiceUnavailable", "the adapter is down"), {})
        return None

    def followed() -> list[str]:
        (scaler,) = get(plane, namespace, "horizontalpodautoscalers") or [{"spec": {"metrics": []}}]
        return [metric["type"] for metric in scaler["spec"]["metrics"]]

    proxy.faults.answer = adapter
    async with operating(proxy.kubeconfig, namespace, controller.address, resync_s=1.0):
        apply_models(plane, namespace, "m", gpus=1, autoscaling={})
        await eventually(in_thread(lambda: ignored(plane, namespace)))
        assert followed() == ["Resource", "Resource"]
        plane.kubectl("scale", "mdl/m", "--replicas=2", "-n", namespace)
        await eventually(in_thread(lambda: get(plane, namespace, "deployment", "model-m")["spec"]["replicas"] == 2))
        ((said, _),) = ignored(plane, namespace)
        assert "gpuPercent is not followed" in said
        assert "set the signal to 0" in said
        served.append({"name": "pods/http_requests", "namespaced": True, "kind": "MetricValueList", "verbs": ["get"]})
        await eventually(in_thread(lambda: sum(p.path == ADAPTER and p.status == 200 for p in proxy.faults.passed) >= 3))
        assert followed() == ["Resource", "Resource"], "an adapter for other metrics is asked again and again"
        served.append({"name": "pods/DCGM_FI_DEV_GPU_UTIL", "namespaced": True, "kind": "MetricValueList", "verbs": ["get"]})
        await eventually(in_thread(followed), wanted=lambda found: found == ["Resource", "Resource", "Pods"])
        assert ignored(plane, namespace) == [(said, 1)]


async def test_replicas_that_an_autoscaler_made_stay_for_the_cooldown_when_it_goes() -> None:
    def recommended(now_s: float, signals: dict[str, int], hpa: Any = None) -> tuple[int, float]:
        clock[0] = now_s
        spec = check(KubeModelSpec, {"image": "phi", "replicas": 5, "autoscaling": {"signals": signals}})
        return scaling.recommended(model, spec, pb.MeshModel(), hpa)

    clock = [0.0]
    scaling, model = Autoscaling(Install(), lambda: clock[0]), {"metadata": {"uid": "u"}}
    assert recommended(0.0, {}, {"spec": {"minReplicas": 2}}) == (2, 300.0)
    assert recommended(400.0, {}) == (1, 0.0), "the other four are by what the cluster measures"
    assert recommended(401.0, MESH_ONLY) == (5, 300.0)
    assert recommended(701.0, MESH_ONLY) == (1, 0.0)
    assert recommended(702.0, {**MESH_ONLY, "queueDepth": 0, "responseTimeSeconds": 0}) == (5, 0.0), "nothing says how many"
