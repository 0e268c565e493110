"""Turns the objects of the cluster and the mesh into an `Observed` of one Model, which the step and the phases read. Pure.

Fed by `surroundings`, which reads those objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from echorator.errors import ErrorClass
from echorator.kube.api.resources import FINALIZER, Object
from echorator.kube.models.children import Child
from echorator.kube.models.pods import AGENT
from echorator.kube.models.source import Source, Way
from echorator.model_resource.conditions import Failure, Observed
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.lifecycle import Registration, last_error
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
RESTARTS = 5  # restarts of a container before a person is called; with the kubelet's backoff they take about five minutes


@dataclass(frozen=True)
class Download:
    """The progress of a store's download, as the store reports it. `total_bytes` 0: not known."""

    done_bytes: int = 0
    total_bytes: int = 0


@dataclass(frozen=True)
class Around:
    """The surroundings of a Model: its objects in the cluster, its download, registration and memory. None: the object does not exist."""

    source: Source
    workload: Object | None = None  # its Deployment
    own_memory: Object | None = None  # the Deployment of a memory that serves it alone
    store_as_wanted: bool = False  # whether all objects of the store are as wanted
    as_wanted: bool = False  # whether all other wanted objects are as wanted
    left_over: Sequence[Child] = ()  # objects that the Model controls and no longer wants, without those that are being deleted
    stores_left_over: Sequence[str] = ()  # stores whose files no spec asks for any more
    pods: Sequence[Object] = ()  # its agents, without those that are being deleted
    store: Object | None = None  # the StatefulSet that pulls its files. Invariant: None unless source.way is STORE
    store_pods: Sequence[Object] = ()
    claim: Object | None = None
    storage_class_absent: str = ""  # the class that the store's claim waits for in vain; "" where there is none
    binds_later: bool = False  # the claim is bound when its first pod has a node
    download: Download = Download()
    registration: Registration = field(default_factory=lambda: Registration(pb.ModelSpec(), None))
    memory_ready: bool | None = None  # whether the memory that its agents use serves; None: they use none
    hindered: bool = False  # `failure` says why nothing may be done for the Model. Invariant: implies failure
    failure: Failure | None = None  # what kept the actions of this pass from being performed, or keeps those of the next one


def observed(model: Object, spec: KubeModelSpec, around: Around) -> Observed:
    """Return what `around` means for a Model that is not being deleted."""
    registration = around.registration
    stuck = _stuck((*around.pods, *around.store_pods))
    return Observed(
        held=FINALIZER in model["metadata"].get("finalizers", ()),
        hindered=around.hindered,
        fetched=_fetched(model, around),
        fetched_bytes=around.download.done_bytes,
        image_bytes=around.download.total_bytes,
        files_asked_for=around.store_as_wanted,
        files_left_over=bool(around.stores_left_over),
        storage_needed=around.source.way in (Way.STORE, Way.CLAIM),
        storage_ready=_bound(around),
        replicas=spec.replicas,
        running=sum(1 for pod in around.pods if _started(pod)),
        trouble=_homeless((*around.pods, *around.store_pods)) or (stuck.message if stuck is not None else ""),
        workload_made=around.workload is not None,
        workload_as_asked=around.workload is not None and around.as_wanted and not around.left_over,
        registered=registration.current,
        mesh_generation=registration.generation,
        mesh_replicas=registration.replicas,
        serving=min(registration.serving, len(around.pods)),
        outdated=registration.outdated,
        cognition_wanted=around.memory_ready is not None,
        cognition_ready=bool(around.memory_ready),
        failure=last_error(around.failure, _stored_wrong(around) or _refused(around.workload), registration, stuck),
        carried_out=around.failure is None,
    )


def _bound(around: Around) -> bool:
    """Return whether pods can use the claim: a user's claim that binds to its first pod cannot be waited for."""
    phase = ((around.claim or {}).get("status") or {}).get("phase")
    return phase == "Bound" or (phase == "Pending" and around.binds_later and around.source.way is Way.CLAIM)


def _fetched(model: Object, around: Around) -> bool:
    """Return whether the files are there; once fetched for this spec they count as there while their store moves to another node."""
    if around.source.way is not Way.STORE:
        return True
    if around.store is None:
        return False
    if int((around.store.get("status") or {}).get("readyReplicas") or 0) > 0:
        return True
    before = {c["type"]: c for c in (model.get("status") or {}).get("conditions", ())}.get("ModelFetched", {})
    return bool(before.get("status") == "True" and before.get("observedGeneration") == model["metadata"]["generation"])


def _stored_wrong(around: Around) -> Failure | None:
    """Return why the files do not come; None if nothing keeps them from coming."""
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
    """Return the class of the error with which a container ended."""
    return ErrorClass.RESOURCE if ended.get("reason") == _OUT_OF_MEMORY else _EXITS.get(ended.get("exitCode", 0), ErrorClass.SYSTEM)


def _said(ended: Object) -> str:
    """Return why a container ended: the last line of its log, or what the kubelet reports."""
    if ended.get("reason") == _OUT_OF_MEMORY:
        return f"{_OUT_OF_MEMORY}: it used more memory than it may; raise spec.resources.limits.memory, or take fewer slots or less context"
    lines = [line for line in (ended.get("message") or "").splitlines() if line.strip()]
    if lines:
        return lines[-1].removeprefix("echorator: ").removeprefix("error: ")[:1000]
    return f"{ended.get('reason') or 'it ended'} with exit code {ended.get('exitCode')}, without a word; see the log of its pod"


def _refused(workload: Object | None) -> Failure | None:
    """Return why the cluster refuses to make pods, such as a quota or an admission plugin; None if it does not."""
    for condition in ((workload or {}).get("status") or {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return Failure(ErrorClass.RESOURCE, str(condition.get("message", condition.get("reason", ""))))
    return None


def _started(pod: Object) -> bool:
    statuses = (pod.get("status") or {}).get("containerStatuses", ())
    return any(status["name"] == AGENT and status.get("started") for status in statuses)


def _homeless(pods: Sequence[Object]) -> str:
    """Return why the first unscheduled pod has no node, "" for none; no failure, since a cluster autoscaler may add nodes."""
    for pod in pods:
        for condition in (pod.get("status") or {}).get("conditions", ()):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return f"{pod['metadata']['name']} has no node: {condition.get('message', '')}"
    return ""


def _stuck(pods: Sequence[Object]) -> Failure | None:
    """Return why the first container that the kubelet must retry does not run; None if there is none."""
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
