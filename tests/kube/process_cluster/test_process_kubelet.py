"""The node whose pods are processes does what a kubelet does, as the real controllers and kubectl see it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.kube_cluster.process_cluster import ProcessCluster
from tests.support.kube_cluster.workloads import SERVER, Workspace, container, deployment, job, pod, python, service, stateful_set
from tests.support.waiting import until

READY = {"httpGet": {"port": 8000}}
SLEEP = "import time; time.sleep(600)"
CALLS = """\
import http.client, sys, time, urllib.request
while True:
    try:
        urllib.request.urlopen(sys.argv[1], timeout=5).close()
    except urllib.error.HTTPError:
        if 'once' in sys.argv: break
    except (OSError, http.client.HTTPException) as error:
        print(error, flush=True)
    time.sleep(0.1)
"""


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_deployment_becomes_available_scales_and_ends(cluster: ProcessCluster, space: Workspace) -> None:
    space.apply(deployment("web", 2, container(*SERVER, readinessProbe=READY)))
    space.rolled_out("deployment/web")
    pods = space.names("pods")
    assert len(pods) == 2
    addresses = [item["status"]["podIP"] for item in space.get("pods")["items"]]
    assert len(set(addresses)) == 2
    assert f"Serving HTTP on {addresses[0]} port 8000" in space.kubectl("logs", pods[0])
    assert len(space.kubectl("logs", pods[0], "--tail=1").splitlines()) == 1
    space.kubectl("scale", "deployment/web", "--replicas=3")
    space.rolled_out("deployment/web")
    pids = cluster.kubelet.processes(space.namespace)
    assert len(pids) == 3
    space.kubectl("delete", "deployment/web", "--cascade=foreground")
    until(lambda: not space.names("pods"), "no pod")
    assert cluster.kubelet.processes(space.namespace) == []
    assert not any(map(alive, pids))


def test_a_deleted_pod_is_replaced(cluster: ProcessCluster, space: Workspace) -> None:
    space.apply(deployment("web", 1, container(*SERVER, readinessProbe=READY)))
    space.rolled_out("deployment/web")
    (before,) = space.names("pods")
    (pid,) = cluster.kubelet.processes(space.namespace, before)
    space.kubectl("delete", "pod", before)
    assert not alive(pid)
    space.rolled_out("deployment/web")
    assert before not in space.names("pods")


def test_a_killed_process_is_restarted(cluster: ProcessCluster, space: Workspace) -> None:
    space.apply(deployment("web", 1, container(*SERVER, readinessProbe=READY)))
    space.rolled_out("deployment/web")
    (name,) = space.names("pods")
    cluster.kubelet.kill(space.namespace, name)
    until(lambda: space.container_status(name)["restartCount"] == 1, "one restart")
    until(lambda: bool(space.container_status(name)["ready"]), "ready again")
    terminated = space.container_status(name)["lastState"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (137, "Error")
    assert space.names("pods") == [name]


def test_claims_keep_their_data_over_pods_and_end_with_it(cluster: ProcessCluster, space: Workspace) -> None:
    count = "import time\nwith open('/var/data/runs', 'a+') as f:\n f.write('x'); f.seek(0); print(f.read(), flush=True)\n" + SLEEP
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    mounts = [{"name": "data", "mountPath": "/var/data"}]
    template = {"metadata": {"name": "data"}, "spec": claim}
    space.apply(stateful_set("store", 1, python(count, volumeMounts=mounts), volumeClaimTemplates=[template]))
    space.rolled_out("statefulset/store")
    bound = space.get("pvc", "data-store-0")
    assert bound["status"]["phase"] == "Bound"
    until(lambda: space.kubectl("logs", "store-0") == "x\n", "the first run")
    uid = space.get("pod", "store-0")["metadata"]["uid"]
    space.kubectl("delete", "pod", "store-0")
    until(lambda: "store-0" in space.names("pods") and space.get("pod", "store-0")["metadata"]["uid"] != uid, "its successor")
    space.wait_for("condition=Ready", "pod/store-0")
    until(lambda: space.kubectl("logs", "store-0") == "xx\n", "the second run")
    folder = cluster.kubelet.folder / "claims" / space.namespace / "data-store-0"
    assert (folder / "runs").read_text() == "xx"
    space.kubectl("delete", "statefulset/store", "pvc/data-store-0")
    space.wait_for("delete", f"pv/{bound['spec']['volumeName']}")
    assert not folder.exists()


def test_a_services_name_leads_to_its_pods(space: Workspace) -> None:
    url = f"http://web.{space.namespace}.svc.cluster.local:80"
    space.apply(pod("caller", python(CALLS, f"{url}/steady")), pod("early", python(CALLS, f"{url}/early", "once"), restartPolicy="Never"))
    space.wait_for("condition=Ready", "pod/caller")
    until(lambda: "refused" in space.kubectl("logs", "early"), "nobody answers yet")
    space.apply(service("web", ports=[{"port": 80, "targetPort": "http"}]))
    space.apply(service("bare", clusterIP="None", selector={"app": "web"}, ports=[{"port": 8000}]))
    ports = [{"name": "http", "containerPort": 8000}]
    space.apply(deployment("web", 1, container(*SERVER, ports=ports, readinessProbe=READY)))
    space.rolled_out("deployment/web")
    env = [{"name": "TARGET", "value": f"http://bare.{space.namespace}.svc:8000/bare"}]
    space.apply(pod("late", python(CALLS, "$(TARGET)", "once", env=env), restartPolicy="Never"))
    space.wait_for("jsonpath={.status.phase}=Succeeded", "pod/early", "pod/late")
    log = space.kubectl("logs", "deployment/web")
    assert all(f"GET /{name} " in log for name in ("early", "bare"))
    space.kubectl("delete", "pod", "--selector=app=web")
    space.rolled_out("deployment/web")
    until(lambda: "GET /steady " in space.kubectl("logs", "deployment/web"), "a process that runs on finds the new pod")
    assert space.container_status("caller")["restartCount"] == 0


def test_logs_are_followed_to_their_end(space: Workspace) -> None:
    ticks = "import time\nfor number in range(20):\n print(number, flush=True)\n time.sleep(0.05)"
    space.apply(job("ticks", python(ticks)))
    until(lambda: "ticks" in "".join(space.names("pods")), "its pod")
    (name,) = space.names("pods")
    until(lambda: bool(space.container_status(name)["state"].keys() & {"running", "terminated"}), "its start")
    assert space.kubectl("logs", "--follow", name).split() == [str(number) for number in range(20)]


def test_pods_outlive_the_api_server(cluster: ProcessCluster, space: Workspace) -> None:
    space.apply(deployment("web", 1, container(*SERVER, readinessProbe=READY)))
    space.rolled_out("deployment/web")
    pids = cluster.kubelet.processes(space.namespace)
    (name,) = space.names("pods")
    cluster.kill_apiserver()
    assert cluster.kubectl("get", "pods", check=False).returncode != 0
    cluster.kubelet.kill(space.namespace, name)  # what happens meanwhile is reported later
    cluster.start_apiserver()
    until(lambda: space.container_status(name)["restartCount"] == 1, "the restart is reported")
    assert cluster.kubelet.processes(space.namespace) != pids
    space.kubectl("scale", "deployment/web", "--replicas=2")
    space.rolled_out("deployment/web")


@pytest.mark.slow
@pytest.mark.needs("kube-apiserver")
def test_pods_die_with_the_tests(tmp_path: Path) -> None:
    code = (
        "import json, pathlib, sys\n"
        "from tests.support.kube_cluster.process_cluster import ProcessCluster\n"
        "from tests.support.kube_cluster.workloads import Workspace, python, pod\n"
        "with ProcessCluster(pathlib.Path(sys.argv[1])) as cluster:\n"
        f"    Workspace(cluster, 'default').apply(pod('one', python({SLEEP!r})))\n"
        "    cluster.kubectl('wait', '--for=condition=Ready', 'pod/one')\n"
        "    own = [process.pid for process in cluster._processes.values()]\n"
        "    print(*cluster.kubelet.processes(), *own, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        (sys.executable, "-c", code, str(tmp_path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    ) as tests:
        assert tests.stdout is not None
        pids = [int(text) for text in tests.stdout.readline().split()]
        assert len(pids) == 5
        assert all(map(alive, pids))
        tests.kill()
    until(lambda: not any(map(alive, pids)), "all are dead")
