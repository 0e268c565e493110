"""`envoy.service.discovery.v3.AggregatedDiscoveryService`, in the state-of-the-world variant.

A client has one stream, which carries several resource types. A request is answered at once, and again whenever its resources change. A
plain ACK gets no answer; a request with an old nonce is stale and is ignored; a NACK is logged and shown by `csds`, and the client keeps
what it had. A client that reconnects with an old version and no nonce is answered in full. Fed by `snapshot`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from hashlib import blake2b

from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2

from echorator.controller.watching import Watchers
from echorator.controller.xds.bootstrap import CONTROLLER
from echorator.controller.xds.resources import PUSH_ORDER
from echorator.controller.xds.snapshot import Snapshot, Versioned
from echorator.errors import DrainingError, InvalidRequestError
from echorator.ports import GATEWAY_PORT
from echorator.serving.address import host_port
from echorator.serving.calls import Calls, Context, rpc
from echorator.serving.whole_writes import whole

_log = logging.getLogger(__name__)

NAME = "envoy.service.discovery.v3.AggregatedDiscoveryService"
MOST_TYPES = 16  # resource types of one client; gRPC's and Envoy's clients ask for four
GATHER_S = 0.01  # changes within this time are combined into one push


@dataclass
class Subscription:
    """A client's subscription to one resource type, and what it was sent."""

    names: frozenset[str] | None = None  # None: all resources of the type
    sent: dict[str, Versioned] = field(default_factory=dict)
    sent_any: bool = False
    version: str = ""
    nonce: str = ""
    acked_version: str = ""
    error: str = ""  # message of the last NACK, cleared by the next ACK


@dataclass
class Client:
    """The stream of one client, with what its bootstrap says of it."""

    node: base_pb2.Node
    listen: tuple[str, int] | None
    controller: tuple[str, int] | None
    subscriptions: dict[str, Subscription] = field(default_factory=dict)


def listen_of(node: base_pb2.Node) -> tuple[str, int] | None:
    """Return host and port on which an Envoy is to listen, as its bootstrap says; None for gRPC's own clients."""
    if not node.user_agent_name.startswith("envoy"):
        return None
    fields = node.metadata.fields
    host = fields["listen_host"].string_value if "listen_host" in fields else ""
    port = fields["listen_port"].number_value if "listen_port" in fields else 0.0
    return host or "0.0.0.0", int(port) if 1.0 <= port <= 65_535.0 else GATEWAY_PORT


def controller_of(node: base_pb2.Node) -> tuple[str, int] | None:
    """Return how a client reaches the controller, as its bootstrap says; None where it says nothing that can be used."""
    fields = node.metadata.fields
    try:
        return host_port(fields[CONTROLLER].string_value, CONTROLLER) if CONTROLLER in fields else None
    except InvalidRequestError:
        return None


class DiscoveryService(Calls, ads_pb2_grpc.AggregatedDiscoveryServiceServicer):  # type: ignore[misc]
    """The handlers of the ADS service; call `changed` after every change of the mesh."""

    services = (NAME,)

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self._snapshot = snapshot
        self._changes = Watchers()
        self._nonces = itertools.count(1)
        self.closing = asyncio.Event()
        self.clients: dict[int, Client] = {}
        self.on_push: Callable[[str], None] = lambda _: None  # called with the type URL of each response
        self.on_nack: Callable[[str], None] = lambda _: None  # called with the type URL of each NACK

    def settle(self) -> None:
        """Answer requests for unknown models from now on, as the state has been rebuilt after the start."""
        self._snapshot.settle()
        self.changed()

    def changed(self) -> None:
        """Rebuild the resources on demand, and push those that differ to all clients within `GATHER_S`."""
        self._snapshot.changed()
        self._changes.notify("mesh", False)

    @rpc
    async def StreamAggregatedResources(self, request: AsyncIterator[discovery_pb2.DiscoveryRequest], context: Context) -> None:
        """Serve the stream of one client until it or the control plane ends; DrainingError in the latter case."""
        key = next(self._nonces)
        reader = pusher = closing = None
        with self._changes.watch() as watch:
            try:
                async for first in request:
                    client = Client(first.node, listen_of(first.node), controller_of(first.node))
                    break
                else:
                    return
                self.clients[key] = client
                writing = asyncio.Lock()

                async def read() -> None:
                    await self._asked(client, first, context, writing)
                    async for message in request:
                        await self._asked(client, message, context, writing)

                async def push() -> None:
                    while True:
                        await watch.next(GATHER_S)
                        for type_url in PUSH_ORDER:
                            subscription = client.subscriptions.get(type_url)
                            if subscription is not None:
                                await self._send(client, type_url, subscription, context, writing)

                reader, pusher = asyncio.create_task(read()), asyncio.create_task(push())
                closing = asyncio.create_task(self.closing.wait())
                done, _ = await asyncio.wait((reader, pusher, closing), return_when=asyncio.FIRST_COMPLETED)
                if closing in done:
                    raise DrainingError("the control plane is shutting down; keep what you have and connect again")
                for task in done:
                    task.result()
            finally:
                self.clients.pop(key, None)
                tasks = [task for task in (reader, pusher, closing) if task is not None]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _asked(self, client: Client, message: discovery_pb2.DiscoveryRequest, context: Context, writing: asyncio.Lock) -> None:
        known = client.subscriptions.get(message.type_url)
        if known is None and len(client.subscriptions) >= MOST_TYPES:
            raise InvalidRequestError(f"type_url: one stream asks for at most {MOST_TYPES} types of resources; open another one")
        if known is not None and message.response_nonce and message.response_nonce != known.nonce:
            return
        subscription = client.subscriptions.setdefault(message.type_url, Subscription())
        if message.HasField("error_detail"):
            subscription.error = message.error_detail.message
            self.on_nack(message.type_url)
            _log.error(
                "xDS resources refused",
                extra={"node": client.node.id, "type": message.type_url, "version": subscription.version, "error": subscription.error},
            )
        elif message.response_nonce:
            subscription.acked_version, subscription.error = subscription.version, ""
        names = frozenset(message.resource_names) or None
        if not subscription.sent_any or names != subscription.names:
            subscription.names = names
            await self._send(client, message.type_url, subscription, context, writing, asked=True)

    async def _send(
        self, client: Client, type_url: str, subscription: Subscription, context: Context, writing: asyncio.Lock, asked: bool = False
    ) -> None:
        async with writing:
            resources = self._snapshot.select(type_url, subscription.names, client.listen, client.controller)
            same = resources.keys() == subscription.sent.keys() and all(
                resource.version == subscription.sent[name].version for name, resource in resources.items()
            )
            if same and not asked:
                return
            if subscription.names and not resources:
                subscription.sent_any = True
                return  # the requested resources are unknown so far; they are pushed once they exist
            digest = blake2b(digest_size=6)
            for name in sorted(resources):
                digest.update(f"{name}={resources[name].version};".encode())
            subscription.sent, subscription.sent_any = resources, True
            subscription.version, subscription.nonce = digest.hexdigest(), str(next(self._nonces))
            response = discovery_pb2.DiscoveryResponse(
                version_info=subscription.version,
                type_url=type_url,
                nonce=subscription.nonce,
                resources=[resources[name].body for name in sorted(resources)],
            )
            response.control_plane.identifier = "echorator"
            await whole(context.write(response))
            self.on_push(type_url)
