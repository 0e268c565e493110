"""A cluster on one machine: resources in memory, controllers, containers that are threads or agent processes.

`Cluster` is the Python API; `role` serves it as `echorator.v1.ClusterService`.
"""

from echorator.cluster.cluster import Cluster
from echorator.cluster.workers import Refusal, WorkerContext

__all__ = ["Cluster", "Refusal", "WorkerContext"]
