"""`envoy.service.status.v3.ClientStatusDiscoveryService`: shows what each xDS client was sent, and whether it has accepted or refused it.

grpcurl -plaintext HOST:PORT envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from envoy.service.status.v3 import csds_pb2, csds_pb2_grpc

from echorator.controller.xds.ads import Client, DiscoveryService, Subscription
from echorator.serving.calls import Calls, Context, rpc

NAME = "envoy.service.status.v3.ClientStatusDiscoveryService"


class ClientStatus(Calls, csds_pb2_grpc.ClientStatusDiscoveryServiceServicer):  # type: ignore[misc]
    """The handlers of the client status service, which read the clients of `discovery`."""

    services = (NAME,)

    def __init__(self, discovery: DiscoveryService) -> None:
        super().__init__()
        self._discovery = discovery

    def _answer(self) -> csds_pb2.ClientStatusResponse:
        return csds_pb2.ClientStatusResponse(config=[_config(client) for client in self._discovery.clients.values()])

    @rpc
    async def FetchClientStatus(self, _request: csds_pb2.ClientStatusRequest, _context: Context) -> csds_pb2.ClientStatusResponse:
        """Return the resources and their status of all clients that are connected now."""
        return self._answer()

    @rpc
    async def StreamClientStatus(self, request: AsyncIterator[csds_pb2.ClientStatusRequest], context: Context) -> None:
        """Send the status of all clients once for each request."""
        async for _ in request:
            await context.write(self._answer())


def _config(client: Client) -> csds_pb2.ClientConfig:
    config = csds_pb2.ClientConfig(node=client.node)
    for type_url, subscription in client.subscriptions.items():
        for name, resource in subscription.sent.items():
            shown = config.generic_xds_configs.add(type_url=type_url, name=name, version_info=resource.version, xds_config=resource.body)
            shown.config_status = _status(subscription)
            if subscription.error:
                shown.error_state.details = subscription.error
                shown.error_state.version_info = subscription.version
    return config


def _status(subscription: Subscription) -> csds_pb2.ConfigStatus:
    if subscription.error:
        return csds_pb2.ERROR
    return csds_pb2.SYNCED if subscription.acked_version == subscription.version else csds_pb2.STALE
