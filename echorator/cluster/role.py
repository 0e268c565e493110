"""The local cluster as a role of a server. A `Server` hosts the role; whoever started the cluster closes it."""

from __future__ import annotations

from grpc import aio

from echorator.cluster.cluster import Cluster
from echorator.cluster.service import NAME, ClusterService
from echorator.rpc.v1.cluster_pb2_grpc import add_ClusterServiceServicer_to_server


class ClusterRole:
    """The server role that offers ClusterService for a cluster."""

    names = (NAME,)

    def __init__(self, cluster: Cluster) -> None:
        self._service = ClusterService(cluster)
        self.calls = self._service

    def add_to(self, server: aio.Server) -> None:
        """Register the handlers of ClusterService on a gRPC server."""
        add_ClusterServiceServicer_to_server(self._service, server)

    async def leave(self) -> None:
        """Do nothing: the cluster is registered nowhere; its clients learn of its end from the health service."""

    def stop_admission(self) -> None:
        """End the Watch streams, which would last for ever, and refuse further Apply calls."""
        self._service.end_watches()

    def cancel_all(self) -> int:
        """Cancel nothing and return 0: calls that wait for a worker get their error when its container ends."""
        return 0

    async def close(self) -> None:
        """Do nothing: whoever started the cluster closes it."""
