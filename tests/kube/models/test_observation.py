"""What pods that do not run are told to mean: the words, the class, and whether a person is called."""

from __future__ import annotations

from typing import Any

import pytest

from echorator.errors import ErrorClass
from echorator.kube.models.observation import RESTARTS, Around, observed
from echorator.kube.models.source import Source, Way
from echorator.model_resource.conditions import Failure, Observed
from echorator.model_resource.kube_spec import KubeModelSpec

MODEL = {"metadata": {"name": "m", "namespace": "n", "generation": 1}, "spec": {"image": "echo-nano"}}
SPEC = KubeModelSpec(image="echo-nano")


def waiting(reason: str, message: str = "", restarts: int = 0, ended: dict[str, Any] | None = None) -> dict[str, Any]:
    """The status of a container."""
    last = {"lastState": {"terminated": ended}} if ended else {}
    return {"name": "agent", "restartCount": restarts, "state": {"waiting": {"reason": reason, "message": message}}, **last}


def pod(*containers: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "m-0"}, "status": {"containerStatuses": list(containers), **status}}


def seen(*pods: dict[str, Any], failure: Failure | None = None) -> Observed:
    return observed(MODEL, SPEC, Around(Source(Way.EMBEDDED, "echo-nano"), workload={}, pods=pods, failure=failure))


ENDED = {"exitCode": 1, "reason": "Error", "message": "loading\nechorator: error: no such file\n"}
OOM = {"exitCode": 137, "reason": "OOMKilled", "message": "listening on 0.0.0.0:50051"}


@pytest.mark.parametrize(
    ("container", "kind", "lasting", "words"),
    [
        (waiting("CrashLoopBackOff", "back-off", 1, ENDED), ErrorClass.TRANSIENT, False, "m-0: CrashLoopBackOff: no such file"),
        (waiting("CrashLoopBackOff", "back-off", RESTARTS, ENDED), ErrorClass.CONFIGURATION, True, "m-0: CrashLoopBackOff: no such file"),
        (waiting("CrashLoopBackOff", "", RESTARTS, {"exitCode": 139}), ErrorClass.SYSTEM, True, "with exit code 139, without a word"),
        (waiting("CrashLoopBackOff", "", 1, OOM), ErrorClass.RESOURCE, False, "OOMKilled: it used more memory than it may; raise spec.res"),
        (waiting("ImagePullBackOff", "no such host"), ErrorClass.TRANSIENT, False, "m-0: ImagePullBackOff: no such host"),
        (waiting("InvalidImageName", "bad"), ErrorClass.CONFIGURATION, False, "m-0: InvalidImageName: bad"),
        (waiting("CreateContainerConfigError", 'secret "x" not found'), ErrorClass.CONFIGURATION, False, 'secret "x" not found'),
    ],
)
def test_a_container_that_does_not_run(container: dict[str, Any], kind: ErrorClass, lasting: bool, words: str) -> None:
    for stuck in (pod(container), {**pod(), "status": {"initContainerStatuses": [container]}}):
        found = seen(stuck)
        assert found.failure is not None
        assert (found.failure.kind, found.failure.lasting) == (kind, lasting)
        assert words in found.failure.message
        assert words in found.trouble
        assert found.carried_out


def test_a_pod_without_a_node_is_trouble_and_no_failure() -> None:
    homeless = pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes have nvidia.com/gpu"}])
    assert seen(homeless).trouble == "m-0 has no node: 0/3 nodes have nvidia.com/gpu"
    assert seen(homeless).failure is None


def test_pods_that_start_or_run_are_neither() -> None:
    running = {"name": "agent", "started": True, "restartCount": 9, "state": {"running": {}}, "lastState": {"terminated": OOM}}
    found = seen(pod(waiting("ContainerCreating")), pod(running))
    assert (found.trouble, found.failure, found.running) == ("", None, 1)


def test_what_keeps_the_spec_from_being_carried_out_comes_first() -> None:
    found = seen(pod(waiting("InvalidImageName")), failure=Failure(ErrorClass.RESOURCE, "quota"))
    assert (found.failure, found.carried_out) == (Failure(ErrorClass.RESOURCE, "quota"), False)
