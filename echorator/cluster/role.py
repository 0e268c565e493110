"""The local cluster as a role of a server. A `Server` hosts it; who starts the cluster closes it."""

from __future__ import annotations

from grpc import aio

from echorator.cluster.cluster import Cluster
from echorator.cluster.service import NAME, ClusterService
from echorator.rpc.v1.cluster_pb2_grpc import add_ClusterServiceServicer_to_server


class ClusterRole:
    """ClusterService over a cluster."""

    names = (NAME,)

    def __init__(self, cluster: Cluster) -> None:
        self._service = ClusterService(cluster)
        self.calls = self._service

    def add_to(self, server: aio.Server) -> None:
        """Register the handlers."""
        add_ClusterServiceServicer_to_server(self._service, server)

    async def leave(self) -> None:
        """Clients of a cluster learn of its end from its health service."""

    def stop_admission(self) -> None:
        """End the streams that would last for ever."""
        self._service.end_watches()

    def cancel_all(self) -> int:
        """What waits for a worker is told when its container ends."""
        return 0

    async def close(self) -> None:
        """Who started the cluster closes it."""
