"""`kollama` waits for Models and tells how they stand."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import time

import pytest

from echorator.errors import ErrorClass
from echorator.kube.api.resources import PART_LABEL, STORE_LABEL
from echorator.kube.models.source import store_name
from echorator.model_resource.conditions import Failure, Observed
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.schema import check
from tests.cli.kollama.user import PULLING, READY, Kollama
from tests.support.commands import KOLLAMA, TIMEOUT_S
from tests.support.kube_cluster.workloads import pod, python
from tests.support.waiting import until


@pytest.mark.slow
def test_wait_tells_the_phases_until_it_serves(k: Kollama) -> None:
    waiting = k.start("deploy", "phi", "--wait")
    until(lambda: k.plane.kubectl("get", "models.echorator.dev", "phi", "-n", k.namespace, check=False).returncode == 0, "it is made")
    k.tell("phi", PULLING, download={"doneBytes": 30 << 20, "totalBytes": 100 << 20, "percent": 30})
    k.tell("phi", READY)
    out, err = waiting.communicate(timeout=TIMEOUT_S)
    assert waiting.returncode == 0, err
    phases = [line.removeprefix("model/phi ") for line in out.splitlines()]
    assert phases[0] == "created"
    assert "ImagePulling" in phases
    assert phases[-1] == "Ready"
    assert err == "pulling phi 30 of 100 MiB, 30 %\n"
    assert k("deploy", "phi", "--wait") == "model/phi unchanged\nmodel/phi Ready\n"
    k("scale", "phi", "2", "--wait", "--timeout", "1", code=69, err="not scaled within 1 s: no operator has looked at it")


@pytest.mark.slow
def test_wait_ends_with_what_went_wrong(k: Kollama) -> None:
    k("deploy", "phi")
    k.tell("phi", Observed(failure=Failure(ErrorClass.CONFIGURATION, "registry.ollama.ai has no model 'phi'")))
    k("deploy", "phi", "--wait", code=1, err="model/phi failed: registry.ollama.ai has no model 'phi'")
    k.tell("phi", PULLING)
    pulling = "not ready within 1 s: ImagePulling, ModelFetched is False (Pulling: 30 %, 30 of 100 MiB)"
    k("deploy", "phi", "--wait", "--timeout", "1", code=69, err=pulling)
    waiting = k.start("deploy", "phi", "--wait")
    assert waiting.stdout is not None
    assert [waiting.stdout.readline(), waiting.stdout.readline()] == ["model/phi unchanged\n", "model/phi ImagePulling\n"]
    k("undeploy", "phi")
    assert waiting.communicate(timeout=TIMEOUT_S)[1] == "kollama: error: model/phi was deleted meanwhile\n"
    assert waiting.returncode == 1


def test_pull_makes_a_model_of_no_replicas_and_waits_for_its_file(k: Kollama) -> None:
    pulling = k.start("pull", "phi:q4")
    until(lambda: k.plane.kubectl("get", "models.echorator.dev", "phi-q4", "-n", k.namespace, check=False).returncode == 0, "it is made")
    k.tell("phi-q4", Observed(fetched=True, replicas=0, workload_made=True, storage_needed=True))
    out, err = pulling.communicate(timeout=TIMEOUT_S)
    assert (pulling.returncode, err) == (0, "")
    assert out.startswith("model/phi-q4 created with no replicas; kollama deploy phi-q4 --image phi:q4 serves it\n")
    assert out.endswith("model/phi-q4 pulled: phi:q4\n")
    assert k.get("phi-q4")["spec"]["replicas"] == 0
    assert k("deploy", "phi-q4", "--image", "phi:q4") == "model/phi-q4 changed: spec.replicas 0 -> 1\n"


@pytest.mark.slow
def test_undeploy_waits_until_it_is_gone(k: Kollama) -> None:
    k("deploy", "phi")
    patch = '{"metadata": {"finalizers": ["echorator.dev/mesh"]}}'
    k.plane.kubectl("patch", "models.echorator.dev", "phi", "-n", k.namespace, "--type=merge", "-p", patch)
    assert k("undeploy", "phi") == "model/phi deleted soon: it leaves the mesh first, --wait waits for that\n"
    k("undeploy", "phi", "--wait", "--timeout", "1", code=69, err="echorator.dev/mesh")
    k("deploy", "psi")
    k.plane.kubectl("patch", "models.echorator.dev", "psi", "-n", k.namespace, "--type=merge", "-p", patch)
    waiting = k.start("undeploy", "psi", "--wait")
    until(lambda: "deletionTimestamp" in k.get("psi")["metadata"], "it is about to go")
    for name in ("phi", "psi"):
        k.plane.kubectl(
            "patch", "models.echorator.dev", name, "-n", k.namespace, "--type=merge", "-p", '{"metadata": {"finalizers": null}}'
        )
    assert waiting.communicate(timeout=TIMEOUT_S) == ("model/psi deleted\n", "")


def test_status_shows_conditions_the_download_pods_and_events(k: Kollama) -> None:
    k("deploy", "phi")
    failure = Failure(ErrorClass.TRANSIENT, "registry.ollama.ai answers 503")
    error = {"class": "Transient", "message": failure.message}
    k.tell("phi", PULLING, download={"doneBytes": 30 << 20, "totalBytes": 100 << 20, "percent": 30}, lastError=error)
    store = store_name(check(KubeModelSpec, k.get("phi")["spec"]))
    puller = pod(f"{store}-0", python("pass", name="pull"))
    puller["metadata"]["labels"] = {STORE_LABEL: store, PART_LABEL: "store"}
    model = k.get("phi")
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "phi.1"},
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime()),
        "type": "Normal",
        "reason": "Pulling",
        "action": "Reconcile",
        "note": "pulling phi",
        "regarding": {
            "apiVersion": "echorator.dev/v1",
            "kind": "Model",
            "namespace": k.namespace,
            "name": "phi",
            "uid": model["metadata"]["uid"],
        },
        "reportingController": "echorator.dev/operator",
        "reportingInstance": "tests",
    }
    of_pod = {
        **event,
        "metadata": {"name": "pod.1"},
        "type": "Warning",
        "reason": "FailedMount",
        "note": "no such claim",
        "regarding": {"apiVersion": "v1", "kind": "Pod", "namespace": k.namespace, "name": f"{store}-0"},
    }
    whole = {"apiVersion": "v1", "kind": "List", "items": [puller, event, of_pod]}
    k.plane.kubectl("create", "-n", k.namespace, "-f", "-", input=json.dumps(whole))
    shown = k("status", "phi")
    assert re.search(r"^model/phi  ImagePulling  0/1 ready$", shown, re.M)
    assert "download   █████████░░░░░░░░░░░░░░░░░░░░░ 30 %, 30 of 100 MiB" in shown
    assert "last error Transient: registry.ollama.ai answers 503" in shown
    assert re.search(r"^ModelFetched +False +Pulling +\d+s +30 %, 30 of 100 MiB", shown, re.M)
    assert re.search(rf"^{store}-0 +store +Pending +0/1 +0 +\d+s", shown, re.M)
    assert re.search(r"^\d+s +Normal +Pulling +1 +pulling phi", shown, re.M)
    assert re.search(rf"^\d+s +Warning +FailedMount +1 +{store}-0: no such claim", shown, re.M), "what keeps a pod"


def test_status_watch_tells_changes_until_ctrl_c(k: Kollama) -> None:
    k("deploy", "phi")
    k.tell("phi", PULLING)
    watching = k.start("status", "phi", "--watch")
    assert watching.stdout is not None
    assert watching.stdout.readline() == "model/phi ImagePulling, ModelFetched is False (Pulling: 30 %, 30 of 100 MiB)\n"
    k.tell("phi", READY)
    until(lambda: watching.stdout is not None and watching.stdout.readline() == "model/phi Ready\n", "it is ready")
    watching.send_signal(signal.SIGINT)
    assert watching.wait(TIMEOUT_S) == 130
    assert watching.communicate()[1] == ""


def test_status_watch_on_a_terminal_draws_what_changes(k: Kollama) -> None:
    k("deploy", "phi")
    k.tell("phi", PULLING, download={"doneBytes": 30 << 20, "totalBytes": 100 << 20, "percent": 30})
    ours, theirs = os.openpty()
    command = (*KOLLAMA, "status", "phi", "--watch", "--kubeconfig", str(k.kubeconfig), "-n", k.namespace)
    watching = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    seen = bytearray()

    def shows(text: str) -> bool:
        if select.select([ours], [], [], 0.1)[0]:
            seen.extend(os.read(ours, 65536))
        return text in seen.decode("utf-8", "replace")

    until(lambda: shows("30 %, 30 of 100 MiB"), "the download")
    k.tell("phi", READY)
    until(lambda: shows("1/1 ready"), "it is ready")
    watching.send_signal(signal.SIGINT)
    assert watching.wait(TIMEOUT_S) == 130
    os.close(ours)
    assert b"Traceback" not in seen
