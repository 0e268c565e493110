"""Every field that a client can fill without an end has a bound, and each service refuses what is beyond it, in words, before any work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3 import ads_pb2, discovery_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from grpc import aio
from hypothesis import given
from hypothesis import strategies as st

from echorator.agent.server import AgentServer
from echorator.cluster import Cluster
from echorator.cluster.role import ClusterRole
from echorator.cognition.api import CognitionApi
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.service import CognitionRole
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.controller.role import ControllerRole
from echorator.controller.settings import ControllerSettings
from echorator.errors import InvalidRequestError
from echorator.host.connection import channel_to
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.v1 import cluster_pb2, cognition_pb2, common_pb2, controller_pb2, model_pb2
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceStub
from echorator.serving.bounds import BOUNDS, PACKAGES, REPORTED, Bound, check
from echorator.serving.server import ServerSettings
from echorator.settings import EngineSettings
from tests.support.models.pulling import no_pulls
from tests.support.ports import free_port
from tests.support.processes import Process

FILES = (model_pb2, cognition_pb2, cluster_pb2, controller_pb2, mesh_pb2)
METHODS = [
    *(method for file in FILES for service in file.DESCRIPTOR.services_by_name.values() for method in service.methods),
    *ads_pb2.DESCRIPTOR.services_by_name["AggregatedDiscoveryService"].methods[:1],
]


def is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def is_ours(kind: Descriptor | None) -> bool:
    return kind is not None and kind.full_name.startswith(PACKAGES)


def needs_bound(field: FieldDescriptor) -> bool:
    if field.is_repeated or field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
        return True
    kind = field.message_type
    return kind is not None and not is_ours(kind) and kind.full_name != "google.protobuf.Timestamp"


def kinds(kind: Descriptor, seen: dict[str, Descriptor]) -> None:
    if is_ours(kind) and kind.full_name not in seen:
        seen[kind.full_name] = kind
        for field in kind.fields:
            if field.message_type is not None and not is_map(field):
                kinds(field.message_type, seen)


def test_every_field_without_an_end_of_every_request_has_a_bound() -> None:
    seen: dict[str, Descriptor] = {}
    for method in METHODS:
        kinds(method.input_type, seen)
    by_name = {kind.name: kind for kind in seen.values()}
    assert len(by_name) == len(seen), "two packages have a message of one name, so that a bound would count for both"
    needed = {f"{kind.name}.{field.name}" for kind in seen.values() for field in kind.fields if needs_bound(field)}
    assert not needed - BOUNDS.keys(), "name these in serving/bounds.py"
    known = {name for name in BOUNDS if not name.startswith(("DiscoveryRequest.", "ClientStatusRequest."))}
    assert not known - needed, "these are no fields of a request"
    for name in BOUNDS.keys() & needed:
        kind, _, field_name = name.partition(".")
        field = by_name[kind].fields_by_name[field_name]
        texts = field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES) or (field.message_type and not field.is_repeated)
        assert BOUNDS[name].items if field.is_repeated else BOUNDS[name].length, name
        assert BOUNDS[name].length or not texts, f"{name}: each of them needs a bound too"


def beyond(bound: int) -> int:
    return bound * 3 if bound <= 1 << 16 else bound + 1


def fill(message: Message, field: FieldDescriptor, bound: Bound, long: bool) -> None:
    """`field` of `message` far beyond its bound: too many, or with `long` one that is too long."""
    name, items = field.name, 1 if long else beyond(bound.items)
    text = "x" * (beyond(bound.length) if long else 1)
    if is_map(field):
        assert field.message_type is not None
        keys = [text] if long else range(items)
        types = field.message_type.fields_by_name
        for key in keys:
            made = str(key) if types["key"].type == FieldDescriptor.TYPE_STRING else key
            getattr(message, name)[made] = "v" if types["value"].type == FieldDescriptor.TYPE_STRING else 1
    elif field.message_type is not None and not field.is_repeated:
        part = getattr(message, name)
        value = Value(string_value=text)
        made_of: dict[type, dict[str, Any]] = {
            Struct: {"fields": {"x": value}},
            Value: {"string_value": text},
            ListValue: {"values": [value]},
        }
        part.CopyFrom(type(part)(**made_of.get(type(part), {"id": text})))
    elif field.message_type is not None:
        empty = GetMessageClass(field.message_type)()
        getattr(message, name).extend([empty] * items)
    elif field.is_repeated:
        getattr(message, name).extend([text if field.type == FieldDescriptor.TYPE_STRING else 1] * items)
    else:
        setattr(message, name, text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text)


def inside(field: FieldDescriptor, above: tuple[Descriptor, ...]) -> bool:
    """Whether to look into a field; what stands in a message of its own kind has the bounds that were tried there."""
    return field.message_type is not None and is_ours(field.message_type) and not is_map(field) and field.message_type not in above


def overflows(kind: Descriptor, path: str = "", above: tuple[Descriptor, ...] = ()) -> Iterator[tuple[str, Message]]:
    """A message for each bounded field of `kind` and of what is in it, with that field far beyond its bound."""
    for field in kind.fields:
        bound = BOUNDS.get(f"{kind.name}.{field.name}")
        for long in (False, True):
            if bound is not None and (bound.length if long else bound.items):
                message = GetMessageClass(kind)()
                fill(message, field, bound, long)
                yield f"{path}{field.name}", message
        if inside(field, (*above, kind)):
            for where, inner in overflows(field.message_type, f"{path}{field.name}.", (*above, kind)):  # type: ignore[arg-type]
                outer = GetMessageClass(kind)()
                if field.is_repeated:
                    getattr(outer, field.name).append(inner)
                else:
                    getattr(outer, field.name).CopyFrom(inner)
                yield where, outer


def unknown_numbers(kind: Descriptor, path: str = "", above: tuple[Descriptor, ...] = ()) -> Iterator[tuple[str, Message]]:
    """A message for each enum of `kind` and of what is in it, with a number that the enum does not have."""
    for field in kind.fields:
        message = GetMessageClass(kind)()
        if field.enum_type is not None and f"{kind.name}.{field.name}" not in REPORTED:
            if field.is_repeated:
                getattr(message, field.name).extend([1, 99])
            else:
                setattr(message, field.name, 99)
            yield f"{path}{field.name}", message
        elif inside(field, (*above, kind)):
            for where, inner in unknown_numbers(field.message_type, f"{path}{field.name}.", (*above, kind)):  # type: ignore[arg-type]
                outer = GetMessageClass(kind)()
                outer.MergeFrom(GetMessageClass(kind)(**{field.name: [inner] if field.is_repeated else inner}))
                yield where, outer


@asynccontextmanager
async def all_services(folder: Path) -> AsyncIterator[str]:
    """One server with every service; its address."""
    async with AsyncExitStack() as stack:
        server = AgentServer(ServerSettings(port=0, receive_limit_bytes=64 << 20), EngineSettings(folder / "none.gguf"), no_pulls())
        memory = await Cognition.open(SqliteStore(folder / "memory"), HashedEmbedder(), CognitionSettings(), folder / "memory")
        server.host(CognitionRole(CognitionApi(memory)))
        server.host(await ControllerRole.open(folder / "controller", ControllerSettings()))
        server.host(ClusterRole(stack.enter_context(Cluster([folder]))))
        await server.start()
        server.serve()
        try:
            yield server.address
        finally:
            await server.close()


async def ended(stream: Any) -> None:
    """Read all replies: a server may have something to say before it has read the first message."""
    while await stream.read() is not aio.EOF:
        pass


def call(channel: aio.Channel, method: MethodDescriptor, request: Message) -> Any:
    """The client's side; of a stream of replies to one message only the first is waited for."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    serialize = type(request).SerializeToString

    async def parts() -> AsyncIterator[Message]:
        yield request

    if method.client_streaming and method.server_streaming:
        return ended(channel.stream_stream(path, serialize)(parts()))
    if method.client_streaming:
        return channel.stream_unary(path, serialize)(parts())
    if method.server_streaming:
        return channel.unary_stream(path, serialize)(request).read()
    return channel.unary_unary(path, serialize)(request)


@pytest.mark.asyncio(loop_scope="session")
async def test_each_service_refuses_each_field_beyond_its_bound_in_words(tmp_path: Path) -> None:
    async with all_services(tmp_path) as address, channel_to(address) as channel:
        tried = 0
        for method in METHODS:
            for path, request in overflows(method.input_type):
                tried += 1
                where = f"{method.full_name} {path}"
                with pytest.raises(aio.AioRpcError) as caught:
                    async with asyncio.timeout(20.0):
                        await call(channel, method, request)
                assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, (where, caught.value.details())
                said = caught.value.details() or ""
                assert "must be at most" in said, where
                assert path.rpartition(".")[2] in said, where
        assert tried > 150
        stub = CognitionServiceStub(channel)
        told = [cognition_pb2.NewMemory(text="I like tea.")]
        assert (await stub.Remember(cognition_pb2.RememberRequest(scope=common_pb2.Scope(user="ann"), memories=told))).ids


@pytest.mark.asyncio(loop_scope="session")
async def test_each_service_refuses_each_number_that_an_enum_does_not_have(tmp_path: Path) -> None:
    async with all_services(tmp_path) as address, channel_to(address) as channel:
        tried = set()
        for method in METHODS:
            for path, request in unknown_numbers(method.input_type):
                tried.add(f"{method.name} {path}")
                with pytest.raises(aio.AioRpcError) as caught:
                    async with asyncio.timeout(20.0):
                        await call(channel, method, request)
                said = caught.value.details() or ""
                assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, (method.full_name, path, said)
                assert "99 is no " in said, (method.full_name, path, said)
                assert path.rpartition(".")[2] in said, (method.full_name, path, said)
    assert {"Remember memories.kind", "Recall filter.kinds", "RecordExperience outcome", "UpdateMemory lifecycle", "Embed pooling"} < tried


@pytest.mark.asyncio(loop_scope="session")
async def test_bytes_that_are_no_message_are_refused_without_a_traceback(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with all_services(tmp_path) as address, channel_to(address) as channel:
        for method in METHODS:
            if not method.input_type.fields:
                continue  # a message without fields takes any
            path = f"/{method.containing_service.full_name}/{method.name}"
            made: Any
            raw: Any = channel
            if method.client_streaming:

                async def parts() -> AsyncIterator[bytes]:
                    yield b"\xff\xff no message"

                made = ended(raw.stream_stream(path)(parts()))
            elif method.server_streaming:
                made = raw.unary_stream(path)(b"\xff\xff no message").read()
            else:
                made = raw.unary_unary(path)(b"\xff\xff no message")
            with pytest.raises(aio.AioRpcError) as caught:
                await made
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, (method.full_name, caught.value.details())
            assert method.input_type.full_name in (caught.value.details() or "")
    assert not [record for record in caplog.records if record.exc_info], "no traceback"


def _resident_mib(process: Process, field: str) -> float:
    assert process.popen is not None
    status = Path(f"/proc/{process.popen.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(field)).split()[1]) / 1024


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory of a process from /proc")
async def test_two_million_empty_messages_cost_little_memory_and_nobody_elses_call(tmp_path: Path) -> None:
    process = Process(tmp_path / "serve.log", "serve", "--port", str(free_port()), "--threads", "1").start()
    address = process.log.read_text().split("listening on ")[1].split(",")[0].split()[0]
    try:
        async with channel_to(address) as channel:
            chat: Any = channel.unary_stream("/echorator.v1.ModelService/Chat")
            models: Any = channel.unary_unary("/echorator.v1.ModelService/ListModels")
            await models(b"")
            idle_mib = _resident_mib(process, "VmRSS")
            body = b"\x12\x00" * ((4 << 19) - 100)  # 4 MiB of empty messages

            async def flood() -> str:
                try:
                    await chat(body).read()
                except aio.AioRpcError as error:
                    return error.details() or ""
                return ""

            floods = [asyncio.create_task(flood()) for _ in range(16)]
            answered = 0
            while not all(f.done() for f in floods):
                await models(b"")
                answered += 1
            assert all("has more than 262144 messages and texts in it" in f.result() for f in floods)
            assert answered, "others were served meanwhile"
            assert _resident_mib(process, "VmHWM") - idle_mib <= 256
    finally:
        process.end()


@given(st.integers(0, 20), st.integers(0, 300), st.integers(0, 70_000))
def test_what_is_within_its_bounds_passes(stops: int, length: int, ids: int) -> None:
    request = model_pb2.GenerateRequest(tokens=model_pb2.TokenIds(ids=[1] * ids), limits=model_pb2.Limits(stop=["x" * length] * stops))
    if stops <= 16 and (length <= 256 or not stops):
        check(request)
    else:
        with pytest.raises(InvalidRequestError, match=r"limits\.stop"):
            check(request)


def test_third_party_messages_are_bounded_where_they_are_read() -> None:
    with pytest.raises(InvalidRequestError, match="resource_names must be at most 10000 at once"):
        check(discovery_pb2.DiscoveryRequest(resource_names=["x"] * 30_000))
    check(discovery_pb2.DiscoveryRequest(resource_names=["x"] * 10_000))
