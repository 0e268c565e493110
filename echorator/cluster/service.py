"""`echorator.v1.ClusterService` on grpc.aio. The only place of the cluster that chooses gRPC status codes."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ClassVar

import grpc

from echorator.cluster.cluster import Cluster
from echorator.cluster.history import history_of
from echorator.cluster.journal import JournalDamagedError
from echorator.cluster.mailbox import ContainerGoneError
from echorator.cluster.messages import kind_from, message_of, wish_from
from echorator.cluster.resources import Kind, Resource, meets
from echorator.cluster.runs import WorkerError
from echorator.cluster.services import NoContainerError
from echorator.cluster.store import ConflictError, HistoryGoneError, Outcome, ResourceNotFoundError
from echorator.cluster.workers.loader import Refusal
from echorator.errors import DrainingError, InvalidRequestError, QueueFullError, ResourceError
from echorator.rpc.v1 import cluster_pb2 as pb
from echorator.rpc.v1.cluster_pb2_grpc import ClusterServiceServicer
from echorator.serving.calls import Calls, Codes, Context, DeadlineError, rpc
from echorator.values import python_of, value_of

_log = logging.getLogger(__name__)

NAME: str = pb.DESCRIPTOR.services_by_name["ClusterService"].full_name
MOST_RESOURCES = 10_000  # largest number of resources of one Apply call
MOST_CHANGES = 4  # Apply calls that are carried out at the same time
INLINE_BYTES = 16_384  # larger values are converted on a thread, to keep the event loop free


class ClusterService(Calls, ClusterServiceServicer):
    """The handlers of ClusterService over one `Cluster`."""

    services = (NAME,)
    codes: ClassVar[Codes] = (
        (InvalidRequestError, grpc.StatusCode.INVALID_ARGUMENT),
        (Refusal, grpc.StatusCode.INVALID_ARGUMENT),
        (ResourceNotFoundError, grpc.StatusCode.NOT_FOUND),
        (ConflictError, grpc.StatusCode.ABORTED),
        (HistoryGoneError, grpc.StatusCode.OUT_OF_RANGE),
        (NoContainerError, grpc.StatusCode.FAILED_PRECONDITION),
        (QueueFullError, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (ResourceError, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (ContainerGoneError, grpc.StatusCode.UNAVAILABLE),
        (DrainingError, grpc.StatusCode.UNAVAILABLE),
        (DeadlineError, grpc.StatusCode.DEADLINE_EXCEEDED),
        (WorkerError, grpc.StatusCode.INTERNAL),
        (JournalDamagedError, grpc.StatusCode.DATA_LOSS),
    )

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self._cluster = cluster
        self._closing = False
        self._watches: set[asyncio.Event] = set()
        self._changes = ThreadPoolExecutor(MOST_CHANGES, "cluster-apply")  # an import that hangs must not take the threads of others

    @rpc
    async def Apply(self, request: pb.ApplyRequest, _context: Context) -> pb.ApplyResponse:
        """Create or change all resources of the request, or none."""
        if self._closing:
            raise DrainingError("the cluster is shutting down; connect again")
        if len(request.resources) > MOST_RESOURCES:
            raise InvalidRequestError(f"at most {MOST_RESOURCES} resources at once, not {len(request.resources)}")

        def apply() -> list[tuple[Resource, Outcome, str]]:
            return self._cluster.apply([wish_from(resource) for resource in request.resources])

        applied = await asyncio.get_running_loop().run_in_executor(self._changes, apply)
        for resource, outcome, _ in applied:
            _log.info("resource applied", extra={"resource": str(resource.key), "outcome": outcome.value})
        return pb.ApplyResponse(applied=[pb.Applied(resource=message_of(r), outcome=o.value, warning=w) for r, o, w in applied])

    @rpc
    async def Get(self, request: pb.GetResourceRequest, _context: Context) -> pb.Resource:
        """Return one resource with its history."""
        resource = self._cluster.get(kind_from(request.kind), request.name)
        return message_of(resource, history_of(resource.key, self._cluster.store.recent()))

    @rpc
    async def List(self, request: pb.ListResourcesRequest, _context: Context) -> pb.ListResourcesResponse:
        """Return the resources of a kind, or of all, that have the labels, sorted by kind and name, and the version to watch from."""
        found, version = self._cluster.store.snapshot(_kind_or_all(request.kind))
        meant = [r for r in found if meets(r.labels, request.labels)]
        return pb.ListResourcesResponse(resources=[self._message(r) for r in meant], resource_version=version)

    def _message(self, resource: Resource) -> pb.Resource:
        return message_of(self._cluster.shown(resource))

    @rpc
    async def Watch(self, request: pb.WatchResourcesRequest, context: Context) -> None:
        """Send all resources and a SYNCED event, unless the request names a version to begin after; then send each change."""
        kind = _kind_or_all(request.kind)
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def on_change() -> None:
            loop.call_soon_threadsafe(changed.set)

        unlisten = self._cluster.store.listen(on_change)
        self._watches.add(changed)
        try:
            if request.HasField("since"):
                version = request.since
            else:
                found, version = self._cluster.store.snapshot(kind)
                for resource in found:
                    await context.write(pb.ResourceEvent(change="ADDED", resource=self._message(resource), resource_version=version))
                await context.write(pb.ResourceEvent(change="SYNCED", resource_version=version))
            while not self._closing:
                for event in self._cluster.store.since(version):
                    version = event.resource.resource_version
                    if kind is None or event.resource.kind is kind:
                        shown = self._message(event.resource)
                        await context.write(pb.ResourceEvent(change=event.change.value, resource=shown, resource_version=version))
                await changed.wait()
                changed.clear()
            raise DrainingError("the cluster is shutting down; connect again")
        finally:
            unlisten()
            self._watches.discard(changed)

    def end_watches(self) -> None:
        """End all watches, which would last for ever, with DrainingError, and refuse further Apply calls."""
        self._closing = True
        for changed in self._watches:
            changed.set()
        self._changes.shutdown(wait=False, cancel_futures=True)

    @rpc
    async def Scale(self, request: pb.ScaleRequest, _context: Context) -> pb.Resource:
        """Change the number of replicas of a resource and return the resource."""
        scaled = await asyncio.to_thread(self._cluster.scale, kind_from(request.kind), request.name, request.replicas)
        _log.info("resource scaled", extra={"resource": str(scaled.key), "replicas": request.replicas})
        return message_of(scaled)

    @rpc
    async def Delete(self, request: pb.DeleteRequest, _context: Context) -> pb.Resource:
        """Begin the deletion of a resource and return it as it is then."""
        deleted = await asyncio.to_thread(self._cluster.delete, kind_from(request.kind), request.name)
        _log.info("resource to be deleted", extra={"resource": str(deleted.key)})
        return message_of(deleted)

    @rpc
    async def Send(self, request: pb.SendRequest, _context: Context) -> pb.SendResponse:
        """Send a message to a container or a service and return the worker's reply."""
        large = request.value.ByteSize() > INLINE_BYTES
        value, wants = await asyncio.to_thread(python_of, request.value) if large else python_of(request.value), not request.no_reply
        match request.WhichOneof("to"):
            case "container":
                send = partial(self._cluster.send_to_container, request.container, value, wants)
            case "service":
                send = partial(self._cluster.send_to_service, request.service, value, wants)
            case _:
                raise InvalidRequestError("say where to: a container or a service")
        reply = send() if self._cluster.caught_up else await asyncio.to_thread(send)
        if reply is None:
            return pb.SendResponse()
        answer = await asyncio.wrap_future(reply)
        try:
            return pb.SendResponse(value=value_of(answer))
        except InvalidRequestError as error:
            raise WorkerError(f"the worker's answer: {error}") from error


def _kind_or_all(name: str) -> Kind | None:
    return kind_from(name) if name else None
