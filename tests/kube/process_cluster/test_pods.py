"""What a pod's spec says of one pod holds for its processes: environment, volumes, order, probes, rights, end."""

from __future__ import annotations

import json
import sys

import pytest

from tests.support.kube_cluster.pods.fields import resource_of
from tests.support.kube_cluster.pods.texts import Localization, ServiceName, expanded
from tests.support.kube_cluster.process_cluster import ProcessCluster
from tests.support.kube_cluster.workloads import Json, Workspace, container, pod, python
from tests.support.waiting import until

SLEEP = "import time; time.sleep(600)"
HEALTH = (
    "import sys, grpc\n"
    "from concurrent.futures import ThreadPoolExecutor\n"
    "from grpc_health.v1 import health, health_pb2_grpc\n"
    "server = grpc.server(ThreadPoolExecutor(2))\n"
    "health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)\n"
    "server.add_insecure_port(sys.argv[1])\n"
    "server.start()\n"
    "server.wait_for_termination()\n"
)


def of(name: str, **source: Json) -> Json:
    return {"name": name, "valueFrom": source}


def test_environment_and_volumes(cluster: ProcessCluster, space: Workspace) -> None:
    reference = "registry.example/models/tiny:1"
    (cluster.kubelet.images / "registry.example_models_tiny_1").mkdir(exist_ok=True)
    (cluster.kubelet.images / "registry.example_models_tiny_1/weights").write_text("w")
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "words"}, "data": {"color": "red", "shape": "round"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hidden"}, "stringData": {"key": "k"}}
    code = (
        "import json, os, pathlib, stat, sys\n"
        "read = lambda path: pathlib.Path(path).read_text()\n"
        "files = [read('/config/c'), read('/secret/key'), read('/info/name'), read('/model/weights')]\n"
        "pathlib.Path('/scratch/file').write_text('mine')\n"
        "mode = oct(stat.S_IMODE(os.stat('/secret/key').st_mode))\n"
        "print(json.dumps([files, mode, read(sys.argv[1] + '/file'), sys.argv[2], dict(os.environ)]))\n"
    )
    env = [
        {"name": "PLAIN", "value": "$(color) $$(color) $(UNKNOWN)"},
        of("NAME", fieldRef={"fieldPath": "metadata.name"}),
        of("APP", fieldRef={"fieldPath": "metadata.labels['app']"}),
        of("IP", fieldRef={"fieldPath": "status.podIP"}),
        of("NODE", fieldRef={"fieldPath": "spec.nodeName"}),
        of("CPU", resourceFieldRef={"resource": "limits.cpu"}),
        of("KEY", secretKeyRef={"name": "hidden", "key": "key"}),
        of("SHAPE", configMapKeyRef={"name": "words", "key": "shape"}),
        of("ABSENT", configMapKeyRef={"name": "words", "key": "absent", "optional": True}),
        {"name": "LISTEN", "value": "0.0.0.0:80"},
    ]
    paths = {"config": "/config", "secret": "/secret", "info": "/info", "scratch": "/scratch", "model": "/model"}
    fields: Json = {
        "args": ["$(SCRATCH)", "$(NAME)"],
        "env": [*env, {"name": "SCRATCH", "value": "/scratch"}],
        "envFrom": [{"configMapRef": {"name": "words"}}],
        "resources": {"limits": {"cpu": "1500m", "memory": "64Mi"}},
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in paths.items()],
    }
    volumes = [
        {"name": "config", "configMap": {"name": "words", "items": [{"key": "color", "path": "c"}]}},
        {"name": "secret", "secret": {"secretName": "hidden", "defaultMode": 0o400}},
        {"name": "info", "downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "model", "image": {"reference": reference}},
    ]
    space.apply(pod("one", python(code, **fields), restartPolicy="Never", volumes=volumes))
    until(lambda: "waiting" in space.container_status("one")["state"], "it waits for its ConfigMap")
    space.apply(data, secret)
    space.wait_for("jsonpath={.status.phase}=Succeeded", "pod/one")
    files, mode, scratch, name, seen = json.loads(space.kubectl("logs", "one"))
    address = space.get("pod", "one")["status"]["podIP"]
    assert files == ["red", "k", "one", "w"]
    assert (mode, scratch, name) == ("0o400", "mine", "one")
    expected = {"PLAIN": "red $(color) $(UNKNOWN)", "NAME": "one", "APP": "one", "IP": address, "NODE": "process", "CPU": "2"}
    expected |= {"KEY": "k", "SHAPE": "round", "LISTEN": f"{address}:80", "color": "red"}
    assert {key: seen.get(key) for key in expected} == expected
    assert "ABSENT" not in seen


def test_init_containers_come_first_and_sidecars_stay(space: Workspace) -> None:
    mounts = [{"name": "shared", "mountPath": "/shared"}]
    add = "import sys; open('/shared/order', 'a').write(sys.argv[1])"
    fails_once = "import os, sys\nif not os.path.exists('/shared/tried'): open('/shared/tried', 'w'); sys.exit(3)\n" + add
    sidecar = python(add + "; " + SLEEP, "s", name="sidecar", restartPolicy="Always", volumeMounts=mounts)
    inits = [python(fails_once, "a", name="first", volumeMounts=mounts), sidecar, python(add, "b", name="second", volumeMounts=mounts)]
    # The next container starts once the sidecar has started, which may be before the sidecar's program has written.
    reads = "import time\nwhile 's' not in open('/shared/order').read(): time.sleep(0.05)\nprint(open('/shared/order').read())"
    main = python(reads, volumeMounts=mounts)
    space.apply(pod("one", main, initContainers=inits, volumes=[{"name": "shared", "emptyDir": {}}], restartPolicy="OnFailure"))
    space.wait_for("jsonpath={.status.phase}=Succeeded", "pod/one")
    assert sorted(space.kubectl("logs", "one", "--container=main").strip()) == ["a", "b", "s"]
    assert space.container_status("one", "first")["restartCount"] == 1
    assert "terminated" in space.container_status("one", "sidecar")["state"]


def test_a_failure_says_why(space: Workspace) -> None:
    tail = python("import sys; sys.exit('out of luck')", terminationMessagePolicy="FallbackToLogsOnError")
    file = python("import sys; open('/dev/termination-log', 'w').write('by file'); sys.exit(7)", name="file")
    space.apply(pod("one", tail, file, container("/no/such/program", name="absent"), restartPolicy="Never"))
    space.wait_for("jsonpath={.status.phase}=Failed", "pod/one")
    ends = {name: space.container_status("one", name)["state"]["terminated"] for name in ("main", "file", "absent")}
    assert {name: end["exitCode"] for name, end in ends.items()} == {"main": 1, "file": 7, "absent": 128}
    assert (ends["main"]["message"], ends["file"]["message"]) == ("out of luck", "by file")
    assert ends["absent"]["reason"] == "StartError"


def test_a_crash_loop_shows(space: Workspace) -> None:
    space.apply(pod("one", python("raise SystemExit(1)")))
    waiting = "jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff"
    space.wait_for(waiting, "pod/one")
    until(lambda: space.container_status("one")["restartCount"] >= 2, "two restarts")
    assert space.get("pod", "one")["status"]["phase"] == "Running"


def test_grpc_and_tcp_probes(space: Workspace) -> None:
    probes: Json = {
        "startupProbe": {"grpc": {"port": 5000}, "failureThreshold": 30, "periodSeconds": 1},
        "livenessProbe": {"tcpSocket": {"port": "grpc"}},
        "readinessProbe": {"grpc": {"port": 5000}, "periodSeconds": 1},
    }
    ports = [{"name": "grpc", "containerPort": 5000}]
    unknown: Json = {"readinessProbe": {"grpc": {"port": 5000, "service": "unknown"}, "periodSeconds": 1}}
    space.apply(
        pod("known", python(HEALTH, "0.0.0.0:5000", ports=ports, **probes)),
        pod("unknown", python(HEALTH, "0.0.0.0:5000", **unknown)),
    )
    space.wait_for("condition=Ready", "pod/known")
    assert space.container_status("known")["started"]
    until(lambda: bool(space.container_status("unknown")["started"]), "the other's start")
    assert not space.container_status("unknown")["ready"]


def test_commands_probe_and_a_failed_liveness_restarts(space: Workspace) -> None:
    mounts = [{"name": "flags", "mountPath": "/flags"}]
    probe = {"exec": {"command": [sys.executable, "-c", "import os, sys; sys.exit(os.path.exists('/flags/ill'))"]}, "periodSeconds": 1}
    code = "import time, os\nill = os.path.exists('/flags/ill')\nif ill: os.remove('/flags/ill')\n"
    code += "else: time.sleep(2); open('/flags/ill', 'w')\n" + SLEEP
    volumes = [{"name": "flags", "emptyDir": {}}]
    space.apply(pod("one", python(code, livenessProbe=probe, readinessProbe=probe, volumeMounts=mounts), volumes=volumes))
    space.wait_for("condition=Ready", "pod/one")
    until(lambda: space.container_status("one")["restartCount"] == 1, "one restart")
    space.wait_for("condition=Ready", "pod/one")


def test_the_end_of_a_pod_is_orderly(cluster: ProcessCluster, space: Workspace) -> None:
    mounts = [{"name": "trace", "mountPath": "/trace"}]
    volumes = [{"name": "trace", "persistentVolumeClaim": {"claimName": "trace"}}]
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "trace"}, "spec": spec}
    note = "import signal, sys, time\nnote = lambda text: open('/trace/notes', 'a').write(text)\n"
    polite = note + "signal.signal(signal.SIGTERM, lambda *_: (note('term '), sys.exit(0)))\nnote('up ')\nsignal.pause()"
    hook = {"preStop": {"exec": {"command": [sys.executable, "-c", "open('/trace/notes', 'a').write('hook ')"]}}}
    stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP
    space.apply(claim, pod("one", python(polite, lifecycle=hook, volumeMounts=mounts), python(stubborn, name="stubborn"), volumes=volumes))
    space.wait_for("condition=Ready", "pod/one")
    notes = cluster.kubelet.folder / "claims" / space.namespace / "trace/notes"
    until(lambda: notes.exists() and notes.read_text() == "up ", "its handler is there")
    space.kubectl("delete", "pod", "one", "--grace-period=2")
    assert notes.read_text() == "up hook term "
    assert cluster.kubelet.processes(space.namespace) == []


def test_a_pod_has_the_rights_of_its_service_account(cluster: ProcessCluster, space: Workspace) -> None:
    space.kubectl("create", "serviceaccount", "reader")
    space.kubectl("create", "role", "reader", "--verb=list", "--resource=configmaps")
    space.kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={space.namespace}:reader")
    kubectl = str(cluster.bin / "kubectl")
    code = (
        "import os, subprocess, sys\n"
        "print(os.environ.get('KUBECONFIG') is not None)\n"
        "for kind in ('configmaps', 'secrets'): subprocess.run((sys.argv[1], 'get', kind))\n"
    )
    space.apply(
        pod("one", python(code, kubectl), serviceAccountName="reader", restartPolicy="Never"),
        pod("two", python("import os; print(os.environ.get('KUBECONFIG'))"), automountServiceAccountToken=False, restartPolicy="Never"),
    )
    space.wait_for("jsonpath={.status.phase}=Succeeded", "pod/one", "pod/two")
    log = space.kubectl("logs", "one")
    assert log.startswith("True\n")
    assert "kube-root-ca.crt" in log
    assert f'User "system:serviceaccount:{space.namespace}:reader" cannot list resource "secrets"' in log
    assert space.kubectl("logs", "two") == "None\n"


def test_the_image_is_echorator(space: Workspace) -> None:
    probe = {"grpc": {"port": 50050}, "periodSeconds": 1}
    args = ["controller", "--host", "0.0.0.0", "--data", "/state"]
    mounts = [{"name": "state", "mountPath": "/state"}]
    main: Json = {"name": "main", "image": "echorator", "args": args, "readinessProbe": probe, "volumeMounts": mounts}
    version: Json = {"name": "version", "image": "echorator", "command": ["echorator", "--version"]}
    space.apply(pod("one", main, initContainers=[version], volumes=[{"name": "state", "emptyDir": {}}]))
    space.wait_for("condition=Ready", "pod/one")
    address = space.get("pod", "one")["status"]["podIP"]
    assert f"listening on {address}:50050" in space.kubectl("logs", "one", "--container=main")


async def nobody(name: ServiceName) -> str:
    return f"<{name.host},{name.service},{name.namespace},{name.port}>"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("--dir=/data/x", "--dir=/local/x"),
        ("/data", "/local"),
        ("file:///data/x", "file:///local/x"),
        ("/database /my/data data/x /data.x", "/database /my/data data/x /data.x"),
        ("/data/deep/x,/data/deeper", "/below/x,/local/deeper"),
        (f"/data {sys.executable}", f"/local {sys.executable}"),
        ("10.0.0.0 0.0.0.0:80 [::]:80", "10.0.0.0 127.1.0.9:80 127.1.0.9:80"),
        ("http://a.b.svc:80/x", "http://<None,a,b,80>/x"),
        ("dns:///h-0.a.b.svc.cluster.local", "dns:///<h-0,a,b,None>"),
        ("*.a.b.svc a.svc a.b.svcs", "*.a.b.svc a.svc a.b.svcs"),
    ],
)
async def test_texts(text: str, seen: str) -> None:
    mounts = {"/data": "/local", "/data/deep/": "/below", sys.executable.rpartition("/")[0]: "/elsewhere"}
    assert await Localization(mounts, "127.1.0.9", nobody).text(text) == seen


def test_references_and_resources() -> None:
    assert expanded("$(A) $$(A) $(B) $", {"A": "1"}) == "1 $(A) $(B) $"
    limited = {"resources": {"limits": {"memory": "1Gi", "cpu": "250m"}}}
    assert resource_of(limited, {"resource": "limits.memory", "divisor": "1Mi"}) == "1024"
    assert resource_of(limited, {"resource": "limits.cpu", "divisor": "1m"}) == "250"
    assert resource_of({}, {"resource": "limits.cpu", "divisor": "0"}) == "64"
