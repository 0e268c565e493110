"""Runs a cluster on one machine: resources in memory, controllers, and containers that are threads or agent processes.

`Cluster` is the Python API; `role` serves it as `echorator.v1.ClusterService`.
"""

from echorator.cluster.cluster import Cluster
from echorator.cluster.workers.loader import Refusal, WorkerContext

__all__ = ["Cluster", "Refusal", "WorkerContext"]
