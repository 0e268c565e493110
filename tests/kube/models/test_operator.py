"""The operator on a real API server: what it makes, mends and removes, how little it asks, and how it stands faults and bad input."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kube.operating import apply_models, but_for_lists, children, get, make, of_models, operating, reconciles, status
from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.fault_proxy import FaultProxy, refusal
from tests.support.kube_cluster.installed import install_crd
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import eventually, in_thread

pytestmark = pytest.mark.asyncio(loop_scope="session")
MADE = {"Deployment/model-m", "Service/model-m", "Service/model-m-agents", "NetworkPolicy/model-m"}


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane) -> ControlPlane:
    install_crd(control_plane)
    return control_plane


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("controller")
    port = free_port()
    process = Process(folder / "log", "controller", "--port", str(port), "--data", str(folder / "data")).start()
    yield f"127.0.0.1:{port}"
    process.end()


@pytest.fixture
def proxy(plane: ControlPlane, tmp_path: Path) -> Iterator[FaultProxy]:
    with FaultProxy(plane, tmp_path) as made:
        yield made


def condition(found: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((c for c in found.get("conditions", ()) if c["type"] == kind), {})


def reasons(plane: ControlPlane, namespace: str, model: str) -> list[str]:
    """Of the events that `kubectl describe` shows of a Model."""
    return [event["reason"] for event in get(plane, namespace, "events") if event["involvedObject"]["name"] == model]


async def test_a_model_becomes_its_objects_with_few_calls(plane: ControlPlane, namespace: str, proxy: FaultProxy, controller: str) -> None:
    async with operating(proxy.kubeconfig, namespace, controller) as operator:
        await eventually(in_thread(lambda: operator.synced))
        proxy.faults.passed.clear()
        await make(plane, namespace, "m")
        await eventually(in_thread(lambda: set(children(plane, namespace)) == MADE))
        found = await eventually(in_thread(lambda: status(plane, namespace, "m")), wanted=lambda s: s.get("phase") == "ModelDeploying")
        assert found["selector"] == "echorator.dev/model=m,app.kubernetes.io/component=agent"
        assert found["endpoint"] == f"model-m.{namespace}.svc:50051"
        assert condition(found, "WorkloadReady")["message"] == "0 of 1 agents run"
        assert all(c["observedGeneration"] == 1 and c["reason"] for c in found["conditions"])
        calls = of_models(proxy.faults.passed)
        assert len(calls) <= 8, calls
        assert [p for p in calls if p.method == "GET"] == []
        for thing in children(plane, namespace).values():
            (owner,) = thing["metadata"]["ownerReferences"]
            assert (owner["kind"], owner["controller"]) == ("Model", True)


async def test_a_resync_without_change_asks_and_writes_nothing(
    plane: ControlPlane, namespace: str, proxy: FaultProxy, controller: str
) -> None:
    names = [f"m{number}" for number in range(5)]
    await make(plane, namespace, *names, replicas=2)
    async with operating(proxy.kubeconfig, namespace, controller):
        await eventually(in_thread(lambda: all(status(plane, namespace, name).get("phase") == "ModelDeploying" for name in names)))
    before = {name: thing["metadata"]["resourceVersion"] for name, thing in children(plane, namespace).items()}
    proxy.faults.passed.clear()
    async with operating(proxy.kubeconfig, namespace, controller, "b", 1.0) as operator:
        await eventually(in_thread(lambda: operator.synced))
        looked = reconciles("success")
        await eventually(
            in_thread(lambda: reconciles("success") >= looked + 4 * len(names))
        )  # several resyncs, and the first look of a new leader
    assert but_for_lists(of_models(proxy.faults.passed)) == []
    assert before == {name: thing["metadata"]["resourceVersion"] for name, thing in children(plane, namespace).items()}


async def test_drift_is_mended(plane: ControlPlane, namespace: str, controller: str) -> None:
    await make(plane, namespace, "m")
    async with operating(plane.kubeconfig, namespace, controller):
        await eventually(in_thread(lambda: set(children(plane, namespace)) == MADE))
        plane.kubectl("delete", "service", "model-m", "-n", namespace)
        plane.kubectl("delete", "networkpolicy", "model-m", "-n", namespace)
        await eventually(in_thread(lambda: set(children(plane, namespace)) == MADE))
        patch = {"spec": {"replicas": 7, "template": {"spec": {"containers": [{"name": "agent", "image": "evil:1"}]}}}}
        plane.kubectl("patch", "deployment", "model-m", "-n", namespace, "-p", json.dumps(patch))

        def restored() -> bool:
            spec = get(plane, namespace, "deployment", "model-m")["spec"]
            return bool(spec["replicas"] == 1 and spec["template"]["spec"]["containers"][0]["image"] == "image:1")

        await eventually(in_thread(restored))
        plane.kubectl("annotate", "service", "model-m", "-n", namespace, "mine=stays")
        plane.kubectl("scale", "mdl/m", "--replicas=3", "-n", namespace)
        await eventually(in_thread(lambda: "PodDisruptionBudget/model-m" in children(plane, namespace)))
        assert children(plane, namespace)["Service/model-m"]["metadata"]["annotations"]["mine"] == "stays"
        patch = {"spec": {"nodeSelector": {"a": "b"}, "replicas": 1}}
        plane.kubectl("patch", "model", "m", "-n", namespace, "--type=merge", "-p", json.dumps(patch))
        await eventually(in_thread(lambda: "nodeSelector" in get(plane, namespace, "deployment", "model-m")["spec"]["template"]["spec"]))
        plane.kubectl("patch", "model", "m", "-n", namespace, "--type=merge", "-p", json.dumps({"spec": {"nodeSelector": None}}))
        await eventually(
            in_thread(lambda: "nodeSelector" not in get(plane, namespace, "deployment", "model-m")["spec"]["template"]["spec"])
        )
        await eventually(in_thread(lambda: set(children(plane, namespace)) == MADE))


async def test_what_others_add_is_taken_out(plane: ControlPlane, namespace: str, proxy: FaultProxy, controller: str) -> None:
    """An apply leaves what other managers own: a container beside the agent, a variable of it."""
    await make(plane, namespace, "m")
    async with operating(proxy.kubeconfig, namespace, controller, resync_s=1.0):
        await eventually(in_thread(lambda: status(plane, namespace, "m").get("phase") == "ModelDeploying"))
        agent = {"name": "agent", "env": [{"name": "EVIL", "value": "1"}]}
        sidecar = {"name": "sidecar", "image": "evil:1"}
        patch = {"spec": {"template": {"spec": {"containers": [agent, sidecar], "nodeSelector": {"mine": "stays"}}}}}
        plane.kubectl("patch", "deployment", "model-m", "-n", namespace, "-p", json.dumps(patch))

        def clean() -> bool:
            pod = get(plane, namespace, "deployment", "model-m")["spec"]["template"]["spec"]
            names = [[variable["name"] for variable in container.get("env", ())] for container in pod["containers"]]
            return len(names) == 1 and "EVIL" not in names[0] and "POD_NAME" in names[0] and pod["nodeSelector"] == {"mine": "stays"}

        await eventually(in_thread(clean))
        await eventually(in_thread(lambda: "Repaired" in reasons(plane, namespace, "m")))
        proxy.faults.passed.clear()
        before = reconciles("success")
        await eventually(in_thread(lambda: reconciles("success") >= before + 3))
        assert [p for p in of_models(proxy.faults.passed) if p.writes] == []


async def test_a_model_that_is_deleted_leaves_the_mesh_and_is_gone(plane: ControlPlane, namespace: str, controller: str) -> None:
    await make(plane, namespace, "m")
    async with operating(plane.kubeconfig, namespace, controller):
        await eventually(in_thread(lambda: status(plane, namespace, "m").get("phase") == "ModelDeploying"))
        await asyncio.to_thread(plane.kubectl, "delete", "model", "m", "-n", namespace, "--timeout=20s")
        assert get(plane, namespace, "model", "m") is None


async def test_a_model_can_go_while_the_controller_is_away(plane: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from echorator.kube.models import surroundings

    monkeypatch.setattr(surroundings, "DEREGISTER_S", 1.0)
    await make(plane, namespace, "m")
    async with operating(plane.kubeconfig, namespace, "127.0.0.1:1"):
        await eventually(in_thread(lambda: status(plane, namespace, "m").get("phase") == "ModelDeploying"))
        await asyncio.to_thread(plane.kubectl, "delete", "model", "m", "-n", namespace, "--timeout=20s")


async def test_the_store_is_shared_and_goes_with_its_last_model(plane: ControlPlane, namespace: str, controller: str) -> None:
    await make(plane, namespace, "a", "b", image="127.0.0.1:1/x/phi")
    async with operating(plane.kubeconfig, namespace, controller):

        def stores() -> list[Any]:
            return list(get(plane, namespace, "statefulset"))

        def owners() -> list[list[str]]:
            return [[o["name"] for o in store["metadata"]["ownerReferences"]] for store in stores()]

        await eventually(in_thread(owners), wanted=lambda found: found == [["a", "b"]])
        patch = json.dumps({"spec": {"image": "127.0.0.1:1/x/other"}})
        plane.kubectl("patch", "model", "a", "-n", namespace, "--type=merge", "-p", patch)
        await eventually(in_thread(owners), wanted=lambda found: sorted(found) == [["a"], ["b"]])
        plane.kubectl("patch", "model", "b", "-n", namespace, "--type=merge", "-p", patch)
        await eventually(in_thread(owners), wanted=lambda found: found == [["a", "b"]])
        found = status(plane, namespace, "a")
        assert found["phase"] == "ImagePulling"
        assert "Deployment/model-a" not in children(plane, namespace), "nothing is deployed before its model is there"


async def test_models_that_would_pull_differently_have_stores_of_their_own(
    plane: ControlPlane, namespace: str, proxy: FaultProxy, controller: str
) -> None:
    """One store for both would be made over and over again, by each of them as its own spec says."""
    env = [{"name": "HF_ENDPOINT", "value": "https://hub.example.com"}]
    await make(plane, namespace, "a", image="127.0.0.1:1/x/phi")
    await make(plane, namespace, "b", image="127.0.0.1:1/x/phi", extraEnv=env)
    await make(plane, namespace, "c", image="127.0.0.1:1/x/phi", resourceClass="Large")
    await make(plane, namespace, "d", image="127.0.0.1:1/x/phi", tolerations=[{"key": "gpu", "operator": "Exists"}])
    await make(plane, namespace, "e", image="127.0.0.1:1/x/phi", extraEnv=[{"name": "LANG", "value": "C"}])  # of its agents: with the first
    async with operating(proxy.kubeconfig, namespace, controller, resync_s=1.0):
        await eventually(in_thread(lambda: len(get(plane, namespace, "statefulset")) == 4))
        await eventually(in_thread(lambda: [status(plane, namespace, name).get("phase") for name in "abcde"] == ["ImagePulling"] * 5))
        stores = get(plane, namespace, "statefulset")
        owners = sorted([owner["name"] for owner in store["metadata"]["ownerReferences"]] for store in stores)
        assert owners == [["a", "e"], ["b"], ["c"], ["d"]]
        generations = [store["metadata"]["generation"] for store in stores]
        before = reconciles("success", "requeue_after")
        await eventually(in_thread(lambda: reconciles("success", "requeue_after") >= before + 10))
        assert [store["metadata"]["generation"] for store in get(plane, namespace, "statefulset")] == generations
        assert [status(plane, namespace, name).get("lastError") for name in "abcde"] == [None] * 5


# Two of them


async def test_the_leader_is_lost_and_nothing_is_written_twice(
    plane: ControlPlane, namespace: str, tmp_path: Path, controller: str
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with FaultProxy(plane, tmp_path / "a") as first, FaultProxy(plane, tmp_path / "b") as second:
        async with operating(first.kubeconfig, namespace, controller, "a") as a:
            await eventually(in_thread(lambda: a.synced))
            async with operating(second.kubeconfig, namespace, controller, "b") as b:
                await make(plane, namespace, "m")
                await eventually(in_thread(lambda: status(plane, namespace, "m").get("phase") == "ModelDeploying"))
                assert of_models(second.faults.passed) == [], "who stands by does nothing"
                first.faults.silent = True
                before = {name: thing["metadata"]["resourceVersion"] for name, thing in children(plane, namespace).items()}
                await make(plane, namespace, "n")
                await eventually(in_thread(lambda: "Deployment/model-n" in children(plane, namespace)))
                assert not a.election.leading
                assert b.election.leading
                after = {name: thing["metadata"]["resourceVersion"] for name, thing in children(plane, namespace).items()}
                assert {name: after[name] for name in before} == before
        writes = [p for p in of_models(second.faults.passed) if p.writes and "model-m" in p.path]
        assert writes == []


# Faults


async def test_it_converges_through_faults(plane: ControlPlane, namespace: str, proxy: FaultProxy, controller: str) -> None:
    rng = random.Random(11)
    names = [f"m{number}" for number in range(12)]
    faults = 0

    def sometimes(method: str, path: str, _query: str) -> Any:
        nonlocal faults
        if "/leases" in path or rng.random() > 0.25 or faults >= 200:
            return None
        faults += 1
        code, reason = rng.choice([(429, "TooManyRequests"), (500, "InternalError"), (503, "ServiceUnavailable"), (409, "Conflict")])
        if method == "GET" and code == 409:
            code, reason = 410, "Expired"
        return code, refusal(code, reason, "a fault of the test"), {"Retry-After": "0"}

    proxy.faults.answer = sometimes
    async with operating(proxy.kubeconfig, namespace, controller):
        apply_models(plane, namespace, *names)
        for _ in range(5):
            proxy.cut_watches()
            await asyncio.sleep(0.2)
        await eventually(in_thread(lambda: len(children(plane, namespace)) == 4 * len(names)), within_s=60)
        await eventually(
            in_thread(lambda: all(status(plane, namespace, name).get("phase") == "ModelDeploying" for name in names)), within_s=60
        )
        proxy.faults.answer = lambda _method, _path, _query: None
        await asyncio.to_thread(plane.kubectl, "delete", "models", "--all", "-n", namespace, "--timeout=50s")
    assert faults > 20


@pytest.mark.slow
async def test_an_api_server_that_restarts(plane: ControlPlane, namespace: str, controller: str) -> None:
    async with operating(plane.kubeconfig, namespace, controller):
        await make(plane, namespace, "m")
        await eventually(in_thread(lambda: set(children(plane, namespace)) == MADE))
        await asyncio.to_thread(plane.kill_apiserver)
        await asyncio.to_thread(plane.start_apiserver)
        plane.kubectl("delete", "service", "model-m", "-n", namespace)
        await eventually(in_thread(lambda: set(children(plane, namespace)) == MADE), within_s=60)


# Bad input


async def failed(plane: ControlPlane, namespace: str, name: str, words: str, kind: str) -> None:
    found = await eventually(
        in_thread(lambda: status(plane, namespace, name)), wanted=lambda s: words in s.get("lastError", {}).get("message", "")
    )
    assert found["lastError"]["class"] == kind
    stalled = condition(found, "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", kind)
    assert found["phase"] == "Failed"
    await eventually(in_thread(lambda: reasons(plane, namespace, name)), wanted=lambda told: f"{kind}Error" in told)


@pytest.mark.slow
async def test_what_a_person_has_to_mend(plane: ControlPlane, namespace: str, controller: str) -> None:
    async with operating(plane.kubeconfig, namespace, controller):
        await make(plane, namespace, "image", image="hf://nobody")
        await failed(plane, namespace, "image", "is not hf://ORG/REPOSITORY/FILE.gguf", "Configuration")
        await make(plane, namespace, "storage", image="127.0.0.1:1/x/phi", storage={"className": "absent"})
        await failed(plane, namespace, "storage", "there is no StorageClass 'absent'", "Configuration")
        await make(plane, namespace, "claim", image="pvc://absent/m.gguf")
        await failed(plane, namespace, "claim", "there is no PersistentVolumeClaim 'absent'", "Configuration")
        other = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "model-owned"}, "spec": {"ports": [{"port": 1}]}}
        plane.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(other))
        await make(plane, namespace, "owned")
        await failed(plane, namespace, "owned", "Service model-owned is there already and is not of this Model", "Configuration")
        plane.kubectl("delete", "service", "model-owned", "-n", namespace)
        plane.kubectl("annotate", "model", "owned", "-n", namespace, "echorator.dev/retry=1")
        await eventually(in_thread(lambda: status(plane, namespace, "owned").get("phase") == "ModelDeploying"))
        await make(plane, namespace, "rival", servedName="owned")
        await failed(plane, namespace, "rival", "serves 'owned' already; give this one another spec.servedName", "Configuration")
        await asyncio.to_thread(plane.kubectl, "delete", "model", "owned", "-n", namespace, "--timeout=20s")
        await eventually(in_thread(lambda: status(plane, namespace, "rival").get("phase") == "ModelDeploying"))
        await make(plane, namespace, "template", podTemplate={"spec": {"containers": [{"name": "agent", "imagePullPolicy": "Sometimes"}]}})
        await failed(plane, namespace, "template", "imagePullPolicy", "Configuration")


async def test_ports_and_quotas(plane: ControlPlane, namespace: str, controller: str) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"count/deployments.apps": "1"}}}
    async with operating(plane.kubeconfig, namespace, controller):
        await make(plane, namespace, "port", expose={"type": "NodePort", "nodePort": 30777})
        await eventually(in_thread(lambda: status(plane, namespace, "port").get("phase") == "ModelDeploying"))
        await make(plane, namespace, "taken", expose={"type": "NodePort", "nodePort": 30777})
        await failed(plane, namespace, "taken", "provided port is already allocated", "Configuration")
        assert "Deployment/model-taken" in children(plane, namespace), "one object that cannot be made keeps no other from being made"
        plane.kubectl("scale", "mdl/taken", "--replicas=3", "-n", namespace)
        await eventually(in_thread(lambda: children(plane, namespace)["Deployment/model-taken"]["spec"]["replicas"] == 3))
        plane.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(quota))
        plane.kubectl(
            "patch",
            "resourcequota",
            "q",
            "-n",
            namespace,
            "--subresource=status",
            "--type=merge",
            "-p",
            json.dumps({"status": {"hard": {"count/deployments.apps": "1"}, "used": {"count/deployments.apps": "1"}}}),
        )  # what its controller would write
        await make(plane, namespace, "more")
        await failed(plane, namespace, "more", "exceeded quota", "Resource")


async def test_rights_that_are_missing_are_named(plane: ControlPlane, namespace: str, controller: str) -> None:
    plane.kubectl("create", "serviceaccount", "weak", "-n", namespace)
    kubeconfig = plane.kubeconfig_for(namespace, "weak")
    plane.kubectl("create", "role", "weak", "-n", namespace, "--verb=*", "--resource=leases.coordination.k8s.io")
    plane.kubectl("create", "rolebinding", "weak", "-n", namespace, "--role=weak", f"--serviceaccount={namespace}:weak")
    async with operating(kubeconfig, namespace, controller) as operator:
        trouble = await eventually(in_thread(operator.trouble), wanted=lambda said: "forbidden" in said)
        assert 'cannot watch resource "' in trouble


async def test_an_api_server_that_is_not_there(plane: ControlPlane, namespace: str, proxy: FaultProxy, controller: str) -> None:
    proxy.faults.answer = lambda _method, _path, _query: (503, refusal(503, "ServiceUnavailable", "starting"), {})
    async with operating(proxy.kubeconfig, namespace, controller) as operator:
        await asyncio.sleep(1)
        assert not operator.election.leading
        proxy.faults.answer = lambda _method, _path, _query: None
        await make(plane, namespace, "m")
        await eventually(in_thread(lambda: set(children(plane, namespace)) == MADE))
