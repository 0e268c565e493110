"""ClusterService over a real gRPC server: what each call answers, and the status of each mistake."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Value
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from echorator.cluster import Cluster
from echorator.cluster.manifests import parse_manifests
from echorator.cluster.messages import message_of_wish
from echorator.cluster.resources import Kind
from echorator.cluster.role import ClusterRole
from echorator.cluster.store import HISTORY
from echorator.rpc.v1 import cluster_pb2 as pb
from echorator.rpc.v1.cluster_pb2_grpc import ClusterServiceStub
from echorator.serving.server import Server, ServerSettings
from echorator.values import python_of, value_of
from tests.cluster.texts import HERE, container, replica_set, service, workers_for_tests_of_clusters
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")
workers = workers_for_tests_of_clusters()


class Client:
    """A stub with short ways."""

    def __init__(self, stub: ClusterServiceStub, cluster: Cluster, server: Server, address: str) -> None:
        self.stub = stub
        self.cluster = cluster
        self.server = server
        self.address = address

    async def apply(self, *texts: str) -> pb.ApplyResponse:
        resources = [message_of_wish(wish) for wish in parse_manifests("".join(texts), "t")]
        return await self.stub.Apply(pb.ApplyRequest(resources=resources))

    async def send(self, value: Any, **to: Any) -> Any:
        reply = await self.stub.Send(pb.SendRequest(value=value_of(value), **to), timeout=10)
        return python_of(reply.value)


@asynccontextmanager
async def serving() -> AsyncIterator[Client]:
    cluster, server = Cluster([HERE]), Server(ServerSettings(port=0))
    server.host(ClusterRole(cluster))
    await server.start()
    cluster.start()
    server.serve()
    try:
        async with aio.insecure_channel(server.address) as channel:
            yield Client(ClusterServiceStub(channel), cluster, server, server.address)
    finally:
        await asyncio.to_thread(cluster.close)
        await server.close()


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(aio.AioRpcError) as failed:
        await call
    return failed.value.code(), failed.value.details() or ""


async def test_a_resource_from_apply_to_gone() -> None:
    async with serving() as client:
        applied = await client.apply(replica_set("sums", "add", 2), service("sums", "sums"))
        assert [(a.resource.kind, a.outcome, a.warning) for a in applied.applied] == [
            ("ReplicaSet", "created", ""),
            ("Service", "created", ""),
        ]
        assert await client.send({"add": [2, 3]}, service="sums") == 5
        assert await client.send({"add": [1.5, 2]}, container="sums-1") == 3.5
        scaled = await client.stub.Scale(pb.ScaleRequest(kind="rs", name="sums", replicas=1))
        assert scaled.metadata.generation == 2
        listed = await client.stub.List(pb.ListResourcesRequest(kind="containers", labels={"app": "sums"}))
        assert {r.metadata.owner for r in listed.resources} == {"replicaset/sums"}
        got = await client.stub.Get(pb.GetResourceRequest(kind="ReplicaSet", name="sums"))
        assert got.history[0].text == "created"
        deleted = await client.stub.Delete(pb.DeleteRequest(kind="replicaset", name="sums"))
        assert deleted.metadata.HasField("deleting")
        await client.stub.Delete(pb.DeleteRequest(kind="service", name="sums"))
        watch = client.stub.Watch(pb.WatchResourcesRequest())
        left = None
        async with asyncio.timeout(10):
            async for event in watch:
                key = (event.resource.kind, event.resource.metadata.name)
                left = left or {("ReplicaSet", "sums")}
                if event.change == "DELETED":
                    left.discard(key)
                there = await client.stub.List(pb.ListResourcesRequest())
                if not there.resources:
                    break
        watch.cancel()


async def test_a_watch_tells_what_is_there_and_what_comes() -> None:
    async with serving() as client:
        await client.apply(container("a", "echo"), service("s", "x"))
        watch = client.stub.Watch(pb.WatchResourcesRequest(kind="service"))
        events = aiter(watch)
        first = await anext(events)
        assert (first.change, first.resource.metadata.name) == ("ADDED", "s")
        while (event := await anext(events)).change != "SYNCED":
            assert event.resource.kind == "Service"
        version = event.resource_version
        await client.apply(service("t", "x"), container("b", "echo"))
        since = client.stub.Watch(pb.WatchResourcesRequest(kind="service", since=version))
        async with asyncio.timeout(10):
            for changes in (events, aiter(since)):
                while (event := await anext(changes)).resource.metadata.name == "s":  # its endpoint, as it became ready
                    assert (event.change, event.resource_version > version) == ("MODIFIED", True)
                assert (event.change, event.resource.metadata.name) == ("ADDED", "t")
        watch.cancel()
        since.cancel()


async def test_a_watch_that_is_too_far_behind_and_one_that_is_ended() -> None:
    async with serving() as client:
        await client.apply(container("a", "echo"))
        resource = client.cluster.store.all()[0]
        for n in range(HISTORY + 1):
            client.cluster.store.set_status(resource.key, {"n": n})
        late = client.stub.Watch(pb.WatchResourcesRequest(since=0))
        assert await refused(anext(aiter(late))) == (
            grpc.StatusCode.OUT_OF_RANGE,
            "changes after 0 are kept no more; list again and watch from there",
        )
        watch = client.stub.Watch(pb.WatchResourcesRequest())
        events = aiter(watch)
        while (await anext(events)).change != "SYNCED":
            pass
        closing = asyncio.create_task(client.server.close())

        async def rest() -> None:
            async for _ in events:
                pass

        code, details = await refused(asyncio.wait_for(rest(), 10))
        assert (code, details) == (grpc.StatusCode.UNAVAILABLE, "the cluster is shutting down; connect again")
        await closing


async def test_messages() -> None:
    async with serving() as client:
        await client.apply(container("echo", "echo"), container("log", "note"), container("odd", "odd"), container("counter", "Counter"))
        value: Any
        for value in (None, True, 3, 2.5, "text", [1, [2]], {"a": {"b": []}}):
            assert await client.send(value, container="echo") == value
        workers.SEEN.clear()
        assert await client.send("x", container="log", no_reply=True) is None
        assert await client.send("y", container="log") is None
        assert workers.SEEN == ["x", "y"]
        assert await refused(client.send(1, container="odd")) == (
            grpc.StatusCode.INTERNAL,
            "the worker's answer: a set is no value of JSON",
        )
        assert await refused(client.send("no", container="counter")) == (grpc.StatusCode.INVALID_ARGUMENT, "not this one")
        code, details = await refused(client.send("die", container="counter"))
        assert code is grpc.StatusCode.INTERNAL
        assert "ValueError: told to" in details


async def test_mistakes_have_their_codes() -> None:
    async with serving() as client:
        stub = client.stub
        not_found, invalid = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT
        await client.apply(service("nobody", "nobody"), container("a", "echo"))
        assert await refused(stub.Get(pb.GetResourceRequest(kind="model", name="x"))) == (not_found, "there is no model/x; known: none")
        assert (await refused(stub.Delete(pb.DeleteRequest(kind="container", name="x"))))[0] is not_found
        assert (await refused(stub.Scale(pb.ScaleRequest(kind="rs", name="x", replicas=1))))[0] is not_found
        assert (await refused(stub.Scale(pb.ScaleRequest(kind="co", name="a", replicas=1))))[0] is invalid
        assert (await refused(client.send(1, container="x")))[0] is not_found
        assert (await refused(client.send(1)))[1] == "say where to: a container or a service"
        code, details = await refused(client.send(1, service="nobody"))
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert "no container matches its selector app=nobody" in details
        assert await refused(stub.List(pb.ListResourcesRequest(kind="Contaner"))) == (
            invalid,
            "there is no kind 'Contaner'; did you mean 'Container'?",
        )
        resource = pb.Resource(api_version="echorator.dev/v1", kind="Container")
        resource.metadata.name = "b"
        resource.spec.update({"worker": "nowhere:f", "x": 1})
        code, details = await refused(stub.Apply(pb.ApplyRequest(resources=[resource])))
        assert code is invalid
        assert "spec.x: there is no such field" in details
        (wish,) = parse_manifests(container("a", "add"), "t")
        stale = message_of_wish(wish)
        stale.metadata.resource_version = 1
        assert (await refused(stub.Apply(pb.ApplyRequest(resources=[stale]))))[0] is grpc.StatusCode.ABORTED
        deep = Value()
        inner: Value = deep
        for _ in range(40):
            inner = inner.list_value.values.add()
        assert python_of((await stub.Send(pb.SendRequest(container="a", value=deep))).value) is not None


async def test_a_full_queue_and_a_deadline() -> None:
    workers.GATES["late"] = workers.GATES["grpc"] = gate = threading.Event()
    async with serving() as client:
        await client.apply(container("late", "gated"), container("slow", "gated", queueLimit=1))
        code, _ = await refused(client.stub.Send(pb.SendRequest(container="late", value=value_of("late")), timeout=0.2))
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        held = asyncio.ensure_future(client.send("grpc", container="slow"))
        await asyncio.to_thread(until, lambda: "grpc" in workers.HELD, "the worker holds the first")
        waiting = asyncio.ensure_future(client.send("grpc", container="slow"))
        await asyncio.to_thread(until, lambda: client.cluster.get(Kind.CONTAINER, "slow").status.get("queued") == 1, "the second waits")
        code, details = await refused(client.send("grpc", container="slow"))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "1 messages wait already" in details
        gate.set()
        assert [await held, await waiting] == ["grpc", "grpc"]


async def test_health_and_reflection() -> None:
    async with serving() as client, aio.insecure_channel(client.address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        reply = await health.Check(health_pb2.HealthCheckRequest(service="echorator.v1.ClusterService"))
        assert reply.status == health_pb2.HealthCheckResponse.SERVING
