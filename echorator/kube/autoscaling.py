"""Who scales a Model by which of its signals, and what the mesh's own ask for.

The cluster's HorizontalPodAutoscaler follows what the cluster measures: CPU, memory, GPUs. The queue and the response time are known to
the controller of the mesh, so the operator follows them itself, without an adapter: where there is an HPA, what they ask for is its
minReplicas, and it takes the maximum of all signals as it does among its own; where there is none, it is spec.replicas. Fed by the mesh's
status of a model; feeds `children` and `reconciler`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from echorator.kube.install import Install
from echorator.kube.pods import gpus_of
from echorator.kube.resources import Object
from echorator.model.autoscale import Load, Recommendation, within
from echorator.model.kube_spec import KubeModelSpec
from echorator.rpc.v1 import controller_pb2 as pb

CUSTOM_METRICS = "custom.metrics.k8s.io"
GPU_METRIC = "DCGM_FI_DEV_GPU_UTIL"  # of NVIDIA's DCGM exporter


def cluster_metrics(spec: KubeModelSpec, install: Install) -> list[Object]:
    """What an HPA is to follow; none: there is to be no HPA, for without metrics it would follow the CPU."""
    if spec.autoscaling is None:
        return []
    signals = spec.autoscaling.signals
    followed: list[Object] = []
    for kind, percent in (("cpu", signals.cpu_percent), ("memory", signals.memory_percent)):
        if percent:
            target: Object = {"type": "Utilization", "averageUtilization": percent}
            followed.append({"type": "Resource", "resource": {"name": kind, "target": target}})
    if _by_gpu(spec) and install.gpu_metrics:  # one metric that is missing would stop every scale-down
        target = {"type": "AverageValue", "averageValue": str(signals.gpu_percent)}
        followed.append({"type": "Pods", "pods": {"metric": {"name": GPU_METRIC}, "target": target}})
    return followed


def _by_gpu(spec: KubeModelSpec) -> bool:
    return spec.autoscaling is not None and bool(spec.autoscaling.signals.gpu_percent and gpus_of(spec))


def ignored(spec: KubeModelSpec, install: Install) -> str:
    """Which signal cannot be followed here, and what to do; "" for none."""
    if not _by_gpu(spec) or install.gpu_metrics:
        return ""
    return (
        f"spec.autoscaling.signals.gpuPercent is not followed: this cluster has no pods/{GPU_METRIC} in {CUSTOM_METRICS}; install the DCGM "
        "exporter and an adapter that serves its metrics, or set the signal to 0"
    )


class Autoscaling:
    """What is recommended for each Model, with its history. On one event loop."""

    def __init__(self, install: Install, clock: Callable[[], float] = time.monotonic) -> None:
        self._install = install
        self._clock = clock
        self._known: dict[str, tuple[bool, Recommendation]] = {}  # with whether it is for an HPA, by the uid of the Model
        self._told: dict[str, str] = {}  # of what is ignored

    def by_hpa(self, spec: KubeModelSpec) -> bool:
        """The cluster scales it; the operator says the least."""
        return bool(cluster_metrics(spec, self._install))

    def recommended(self, model: Object, spec: KubeModelSpec, mesh: pb.MeshModel | None, hpa: Object | None) -> tuple[int, float]:
        """Replicas that the mesh's signals ask for, and in how many seconds there may be fewer; 0: not before something else is heard.

        Args:
            model: with its uid.
            spec: of the Model; (0, 0.0) for one that does not scale by load.
            mesh: how it is now; None where the controller does not know it, and what was recommended last stands.
            hpa: as it is in the cluster. Its minReplicas, or how many there are where none is to be, stand until the cooldown is over: an
                operator that has just started knows of no load before.
        """
        uid, scaling, now_s, by_hpa = model["metadata"]["uid"], spec.autoscaling, self._clock(), self.by_hpa(spec)
        if scaling is None:
            self.forget(uid)
            return 0, 0.0
        if not scaling.signals.queue_depth and not scaling.signals.response_time_seconds:
            return within(0 if by_hpa else spec.replicas, scaling), 0.0  # nobody's but the HPA's, or a person's
        known = self._known.get(uid)
        if known is None or known[0] != by_hpa:
            least = int(((hpa or {}).get("spec") or {}).get("minReplicas") or 0)
            known = self._known[uid] = (by_hpa, Recommendation(least if by_hpa else spec.replicas, now_s))
        recommendation = known[1]
        if mesh is not None:
            recommendation.hear(_load_of(mesh.status), scaling, now_s)
        return recommendation.now(scaling, now_s)

    def news(self, model: Object, spec: KubeModelSpec) -> str:
        """What is `ignored`, once; "" where it was told before."""
        uid, said = model["metadata"]["uid"], ignored(spec, self._install)
        if self._told.get(uid, "") == said:
            return ""
        self._told[uid] = said
        return said

    def forget(self, uid: str) -> None:
        """It is gone, or scales no more."""
        self._known.pop(uid, None)
        self._told.pop(uid, None)


def _load_of(status: pb.ModelStatus) -> Load:
    return Load(status.ready, status.slots, status.busy, status.queued, status.first_token_p95_s)
