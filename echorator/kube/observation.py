"""What the objects of the cluster and the mesh say of one Model, as the phase machine wants it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from echorator.errors import ErrorClass
from echorator.kube.pods import AGENT
from echorator.kube.resources import Object, asked_name
from echorator.kube.source import Source, Way
from echorator.model.conditions import Failure, Observed
from echorator.model.kube_spec import KubeModelSpec
from echorator.model.mesh_spec import failure_of, mesh_spec, serving_of
from echorator.rpc.v1 import controller_pb2 as pb

_UNPULLED = ("ImagePullBackOff", "ErrImagePull")
_UNMADE = ("InvalidImageName", "CreateContainerConfigError", "CreateContainerError")
_CRASHED = "CrashLoopBackOff"
_EXITS: Mapping[int, ErrorClass] = {  # by the exit code of the project's commands
    1: ErrorClass.CONFIGURATION,
    2: ErrorClass.CONFIGURATION,
    69: ErrorClass.TRANSIENT,
    74: ErrorClass.RESOURCE,
}
_OUT_OF_MEMORY = "OOMKilled"
RESTARTS = 5  # of a container, before a person is called; with the kubelet's waits they take about five minutes


@dataclass(frozen=True)
class Download:
    """How far a store is, as it says itself. `total_bytes` 0: not known."""

    done_bytes: int = 0
    total_bytes: int = 0


@dataclass(frozen=True)
class Around:
    """A Model's surroundings. `store` and `workload` are None where they are not there, `mesh` where the controller does not know it.

    `storage_class_absent` is the name of a class that the claim waits for in vain, "" where there is none. `memory_ready` None: it uses
    none.
    """

    source: Source
    workload: Object | None = None
    pods: Sequence[Object] = ()
    store: Object | None = None
    store_pods: Sequence[Object] = ()
    claim: Object | None = None
    storage_class_absent: str = ""
    binds_later: bool = False  # the claim is bound when its first pod has a node
    download: Download = Download()
    mesh: pb.MeshModel | None = None
    memory_ready: bool | None = None
    failure: Failure | None = None


def observed(model: Object, spec: KubeModelSpec, around: Around) -> Observed:
    """For `model.plan` and `model.status`."""
    wanted = mesh_spec(asked_name(model), around.source.image, spec)
    mesh = around.mesh
    current = mesh is not None and mesh.spec == wanted
    failure = around.failure or _stored_wrong(around) or _refused(around.workload)
    if mesh is not None and current and mesh.status.observed_generation == mesh.generation and mesh.status.HasField("last_error"):
        failure = failure or failure_of(mesh.status.last_error)
    stuck = _stuck((*around.pods, *around.store_pods))
    serving, outdated = serving_of(mesh, wanted)
    started = sum(1 for pod in around.pods if _started(pod))
    return Observed(
        fetched=_fetched(model, around),
        fetched_bytes=around.download.done_bytes,
        image_bytes=around.download.total_bytes,
        storage_needed=around.source.way in (Way.STORE, Way.CLAIM),
        storage_ready=_bound(around),
        replicas=spec.replicas,
        running=started,
        trouble=_homeless((*around.pods, *around.store_pods)) or (stuck.message if stuck is not None else ""),
        workload_made=around.workload is not None,
        registered=current,
        serving=min(serving, len(around.pods)),
        outdated=outdated,
        cognition_wanted=around.memory_ready is not None,
        cognition_ready=bool(around.memory_ready),
        failure=failure or stuck,
        carried_out=around.failure is None,
    )


def _bound(around: Around) -> bool:
    """A user's claim that waits for its first consumer waits for the pods, so those cannot wait for it."""
    phase = ((around.claim or {}).get("status") or {}).get("phase")
    return phase == "Bound" or (phase == "Pending" and around.binds_later and around.source.way is Way.CLAIM)


def _fetched(model: Object, around: Around) -> bool:
    """Once it was there for this spec, a store that is moved to another node is no reason to stop."""
    if around.source.way is not Way.STORE:
        return True
    if around.store is None:
        return False
    if int((around.store.get("status") or {}).get("readyReplicas") or 0) > 0:
        return True
    before = {c["type"]: c for c in (model.get("status") or {}).get("conditions", ())}.get("ModelFetched", {})
    return bool(before.get("status") == "True" and before.get("observedGeneration") == model["metadata"]["generation"])


def _stored_wrong(around: Around) -> Failure | None:
    """Why the files do not come."""
    if around.storage_class_absent:
        message = f"there is no StorageClass {around.storage_class_absent!r}; `kubectl get storageclass` lists those that there are"
        return Failure(ErrorClass.CONFIGURATION, message)
    if around.source.way is Way.CLAIM and around.claim is None:
        message = f"there is no PersistentVolumeClaim {around.source.claim!r} in this namespace; make it, or correct spec.image"
        return Failure(ErrorClass.CONFIGURATION, message)
    for pod in around.store_pods:
        for status in (pod.get("status") or {}).get("containerStatuses", ()):
            ended = (status.get("state") or {}).get("terminated") or (status.get("lastState") or {}).get("terminated")
            if ended and ended.get("exitCode") and not status.get("ready"):
                return Failure(_class_of(ended), _said(ended), lasting=status.get("restartCount", 0) >= RESTARTS)
    return None


def _class_of(ended: Object) -> ErrorClass:
    """Of a container's end."""
    return ErrorClass.RESOURCE if ended.get("reason") == _OUT_OF_MEMORY else _EXITS.get(ended.get("exitCode", 0), ErrorClass.SYSTEM)


def _said(ended: Object) -> str:
    """Why a container ended: the last line of its log, or what the kubelet knows."""
    if ended.get("reason") == _OUT_OF_MEMORY:
        return f"{_OUT_OF_MEMORY}: it used more memory than it may; raise spec.resources.limits.memory, or take fewer slots or less context"
    lines = [line for line in (ended.get("message") or "").splitlines() if line.strip()]
    if lines:
        return lines[-1].removeprefix("echorator: ").removeprefix("error: ")[:1000]
    return f"{ended.get('reason') or 'it ended'} with exit code {ended.get('exitCode')}, without a word; see the log of its pod"


def _refused(workload: Object | None) -> Failure | None:
    """Pods that may not be made: a quota, an admission plugin."""
    for condition in ((workload or {}).get("status") or {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return Failure(ErrorClass.RESOURCE, str(condition.get("message", condition.get("reason", ""))))
    return None


def _started(pod: Object) -> bool:
    statuses = (pod.get("status") or {}).get("containerStatuses", ())
    return any(status["name"] == AGENT and status.get("started") for status in statuses)


def _homeless(pods: Sequence[Object]) -> str:
    """Why the first pod without a node has none. That is no failure: nodes may come, by an autoscaler of theirs for one."""
    for pod in pods:
        for condition in (pod.get("status") or {}).get("conditions", ()):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return f"{pod['metadata']['name']} has no node: {condition.get('message', '')}"
    return ""


def _stuck(pods: Sequence[Object]) -> Failure | None:
    """What keeps the first container from running that the kubelet has to try again."""
    for pod in pods:
        status = pod.get("status") or {}
        for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
            waiting = (container.get("state") or {}).get("waiting") or {}
            reason, said = waiting.get("reason", ""), waiting.get("message", "")
            kind, lasting = ErrorClass.CONFIGURATION, False
            if reason == _CRASHED:
                ended = (container.get("lastState") or {}).get("terminated") or {}
                kind, said, lasting = ErrorClass.TRANSIENT, _said(ended), container.get("restartCount", 0) >= RESTARTS
                if lasting or ended.get("reason") == _OUT_OF_MEMORY:
                    kind = _class_of(ended)
            elif reason in _UNPULLED:
                kind = ErrorClass.TRANSIENT
            elif reason not in _UNMADE:
                continue
            return Failure(kind, f"{pod['metadata']['name']}: {reason}: {said}", lasting)
    return None
