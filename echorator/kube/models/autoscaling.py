"""Decides who scales a Model by which of its signals, and what the mesh's own signals ask for.

The cluster's HorizontalPodAutoscaler follows what the cluster measures: CPU, memory, GPUs. The queue and the response time are known to
the controller of the mesh, so the operator follows them itself, without an adapter. Where there is an HPA, the replicas they ask for
become its minReplicas, and it takes the maximum of all signals as it does among its own; where there is none, they become spec.replicas.
Fed by the mesh's status of a model; feeds `children` and `reconciler`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from echorator.kube.api.resources import Object, asked_name
from echorator.kube.installation import Install
from echorator.model_resource.autoscale import Load, Recommendation, within
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.rpc.v1 import controller_pb2 as pb

CUSTOM_METRICS = "custom.metrics.k8s.io"
GPU_METRIC = "DCGM_FI_DEV_GPU_UTIL"  # the metric of NVIDIA's DCGM exporter


def cluster_metrics(spec: KubeModelSpec, install: Install) -> list[Object]:
    """Return the metrics of a Model's HPA; [] if it is to have no HPA, because one without metrics would follow the CPU."""
    if spec.autoscaling is None:
        return []
    signals = spec.autoscaling.signals
    followed: list[Object] = []
    for kind, percent in (("cpu", signals.cpu_percent), ("memory", signals.memory_percent)):
        if percent:
            target: Object = {"type": "Utilization", "averageUtilization": percent}
            followed.append({"type": "Resource", "resource": {"name": kind, "target": target}})
    if _by_gpu(spec) and install.gpu_metrics:  # an HPA with a missing metric never scales down
        target = {"type": "AverageValue", "averageValue": str(signals.gpu_percent)}
        followed.append({"type": "Pods", "pods": {"metric": {"name": GPU_METRIC}, "target": target}})
    return followed


def _by_gpu(spec: KubeModelSpec) -> bool:
    return spec.autoscaling is not None and bool(spec.autoscaling.signals.gpu_percent and spec.gpu_count)


def ignored(spec: KubeModelSpec, install: Install) -> str:
    """Return which signal cannot be followed in this cluster, and what to do; "" for none."""
    if not _by_gpu(spec) or install.gpu_metrics:
        return ""
    return (
        f"spec.autoscaling.signals.gpuPercent is not followed: this cluster has no pods/{GPU_METRIC} in {CUSTOM_METRICS}; install the DCGM "
        "exporter and an adapter that serves its metrics, or set the signal to 0"
    )


@dataclass(frozen=True)
class Scaling:
    """The replicas that the load of one Model asks for now, and when to ask again."""

    again_s: float  # seconds until the load may ask for something else; 0: not before a new report
    replicas: int | None = None  # to be written into the spec; None: no change. Invariant: differs from the spec's
    reason: str = ""  # of the event that tells of `replicas`. Invariant: not empty where it is a number
    note: str = ""  # the event's text
    news: str = ""  # which signal cannot be followed here, and what to do; "" where there is none, or it was told before


class Autoscaling:
    """The recommended replicas of all Models, with their history. All calls come from one event loop."""

    def __init__(self, install: Install, clock: Callable[[], float] = time.monotonic) -> None:
        self._install = install
        self._clock = clock
        self._known: dict[str, tuple[bool, Recommendation]] = {}  # (is for an HPA, recommendation) by the uid of the Model
        self._told: dict[str, str] = {}  # what was told of ignored signals, by the uid of the Model
        self._busy: dict[str, float] = {}  # when it last had a request, by served name

    def by_hpa(self, spec: KubeModelSpec) -> bool:
        """Return whether the cluster's HPA scales a Model, so that the operator sets only its minReplicas."""
        return bool(cluster_metrics(spec, self._install))

    def recommended(self, model: Object, spec: KubeModelSpec, mesh: pb.MeshModel | None, hpa: Object | None) -> tuple[int, float]:
        """Return the replicas that the mesh's signals ask for, and the seconds until they may become fewer; 0: only new load changes them.

        Args:
            model: the Model, with its uid.
            spec: its spec; (0, 0.0) is returned for one that does not scale by load.
            mesh: its state in the mesh; None if the controller does not know it, in which case the last recommendation stands.
            hpa: its HPA in the cluster. Until the first cooldown is over, its minReplicas (spec.replicas if there is to be no HPA) count as
                asked for: an operator that has just started does not know the earlier load.
        """
        uid, scaling, now_s, by_hpa = model["metadata"]["uid"], spec.autoscaling, self._clock(), self.by_hpa(spec)
        if scaling is None:
            self._known.pop(uid, None)
            self._told.pop(uid, None)
            return 0, 0.0
        if not scaling.signals.queue_depth and not scaling.signals.response_time_seconds:
            return within(0 if by_hpa else spec.replicas, scaling), 0.0  # only the HPA, or a user, changes the replicas
        known = self._known.get(uid)
        if known is None or known[0] != by_hpa:
            least = int(((hpa or {}).get("spec") or {}).get("minReplicas") or 0)
            known = self._known[uid] = (by_hpa, Recommendation(least if by_hpa else spec.replicas, now_s))
        recommendation = known[1]
        if mesh is not None:
            recommendation.hear(_load_of(mesh.status), scaling, now_s)
        return recommendation.now(scaling, now_s)

    def saw_busy(self, served: str) -> None:
        """Record that a request for the model of that name was made just now; the time to scaling to zero begins anew."""
        self._busy[served] = self._clock()

    def asked(self, model: Object, spec: KubeModelSpec, mesh: pb.MeshModel | None, recommended: tuple[int, float]) -> Scaling:
        """Return what the load asks for: the replicas of the signals, or zero.

        Zero is asked for where `minReplicas` allows it and no request was made for `cooldown_seconds`.

        Args:
            model: the Model, whose files are where agents can read them.
            spec: its spec.
            mesh: its state in the mesh; None where the controller does not know it.
            recommended: what `recommended` returned for it.
        """
        served = asked_name(model)
        followed = replace(self._followed(spec, *recommended), news=self._news(model, spec))
        if spec.autoscaling is None or spec.autoscaling.min_replicas > 0 or spec.replicas == 0 or mesh is None:
            self._busy.pop(served, None)
            return followed
        if mesh.status.busy or mesh.status.queued or served not in self._busy:
            self.saw_busy(served)
        left_s = self._busy[served] + spec.autoscaling.cooldown_seconds - self._clock()
        if left_s <= 0:
            note = f"nobody asked for {spec.autoscaling.cooldown_seconds} s"
            return replace(followed, again_s=0.0, replicas=0, reason="ScaledToZero", note=note)
        return replace(followed, again_s=min(left_s, followed.again_s or left_s))

    def _followed(self, spec: KubeModelSpec, replicas: int, falls_s: float) -> Scaling:
        """Return the replicas that the mesh's signals ask for; no change where an HPA scales the Model."""
        if spec.replicas in (0, replicas) or not replicas or self.by_hpa(spec):
            return Scaling(falls_s)
        return Scaling(falls_s, replicas, "Scaled", f"from {spec.replicas} to {replicas} replicas, by the signals of the mesh")

    def _news(self, model: Object, spec: KubeModelSpec) -> str:
        uid, said = model["metadata"]["uid"], ignored(spec, self._install)
        if self._told.get(uid, "") == said:
            return ""
        self._told[uid] = said
        return said

    def forget(self, model: Object) -> None:
        """Drop what is kept of a Model that is gone."""
        self._known.pop(model["metadata"]["uid"], None)
        self._told.pop(model["metadata"]["uid"], None)
        self._busy.pop(asked_name(model), None)


def _load_of(status: pb.ModelStatus) -> Load:
    return Load(status.ready, status.slots, status.busy, status.queued, status.first_token_p95_s)
