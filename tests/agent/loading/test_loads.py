"""Loads that must not harm others: what is no file, what does not fit, what never ends, what is abandoned."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from pathlib import Path

import grpc
import pytest

from echorator import machine
from echorator.agent.loading import registry as registries
from echorator.agent.loading.load_thread import on_own_thread
from echorator.agent.loading.registry import Registry, State
from echorator.engine.memory_needs import Needs
from echorator.errors import ResourceError
from echorator.model_files.vetting import vet as real_vet
from echorator.rpc.v1 import model_pb2 as pb
from echorator.settings import EngineSettings
from tests.support.agents import GREEDY, GREETING, Agent, collected, refused, serving
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

INVALID, EXHAUSTED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED


async def loaded(agent: Agent, **request: object) -> list[pb.LoadModelResponse]:
    return [reply async for reply in agent.stub.LoadModel(pb.LoadModelRequest(**request))]  # type: ignore[arg-type]


def of(path: Path, name: str = "", **options: object) -> pb.LoadModelRequest:
    return pb.LoadModelRequest(path=str(path), name=name, options=pb.EngineOptions(**options))  # type: ignore[arg-type]


@pytest.fixture
def copy(echo_nano: Path, tmp_path: Path) -> Path:
    """The embedded model as a file that has to be checked."""
    made = tmp_path / "copy.gguf"
    made.write_bytes(echo_nano.read_bytes())
    return made


async def test_fifos_devices_and_sockets_hold_up_nobody(echo_nano: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.gguf"
    os.mkfifo(fifo)
    async with serving({"echo-nano": echo_nano}) as agent:
        left = [agent.stub.LoadModel(of(fifo, f"fifo-{i}")) for i in range(8)]
        await asyncio.sleep(0)
        for call in left[:4]:
            call.cancel()
        for call in left[4:]:
            await refused(call, INVALID, "is a FIFO (named pipe); a model is a regular file")
        await refused(agent.stub.LoadModel(of(Path("/dev/zero"), "zero")), INVALID, "is a character device")
        await refused(agent.stub.LoadModel(of(tmp_path, "folder")), INVALID, "is a folder; name the .gguf file in it")
        assert (await loaded(agent, name="second", path=str(echo_nano)))[-1].stage == "ready"


async def test_the_embedded_model_by_its_name(echo_nano: Path) -> None:
    async with serving({"first": echo_nano}) as agent:
        model = (await loaded(agent, path="echo-nano"))[-1].model
        assert (model.name, Path(model.path)) == ("echo-nano", echo_nano)
        assert (await collected(agent.stub.Chat(pb.ChatRequest(model="echo-nano", messages=GREETING, sampling=GREEDY))))[0]


async def test_what_does_not_fit_is_refused_and_tells_what_to_change(echo_nano: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_room", lambda _root: (5 << 30, 1 << 30))
    async with serving({"echo-nano": echo_nano}) as agent:
        before = _resident_bytes()
        for path in (copy, Path("echo-nano")):
            call = agent.stub.LoadModel(of(path, "huge", context_tokens=1 << 24))
            error = await refused(call, EXHAUSTED, "needs 3", "GiB of memory", "4.0 GiB are free; ask for fewer context tokens")
            assert "--no-memory-check" in (error.details() or "")
        assert _resident_bytes() - before < 64 << 20
        assert (await loaded(agent, name="small", path=str(copy)))[-1].stage == "ready"


def _resident_bytes() -> int:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) << 10


async def test_a_setting_turns_the_check_off(echo_nano: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_room", lambda _root: (1 << 20, 0))
    with pytest.raises(ResourceError, match=r"tiny needs .* MiB of memory .*, 1\.0 MiB are free"):
        await Registry().load("tiny", EngineSettings(echo_nano), lambda _stage, _fraction: None, checked=False)
    registry = Registry()
    await registry.load("tiny", EngineSettings(echo_nano, memory_check=False), lambda _stage, _fraction: None, checked=False)
    await registry.close()


async def test_loads_under_way_and_mapped_files_are_spoken_for(echo_nano: Path, copy: Path) -> None:
    registry = Registry()
    settings = EngineSettings(echo_nano)
    await registry.load("one", settings, lambda _stage, _fraction: None, checked=False)
    one = registry.entry("one")
    one.needs = Needs(0, 1 << 50, 0, 0)
    try:
        await registry.load("same", settings, lambda _stage, _fraction: None, checked=False)
        await registry.unload("same", 0.0)
        with pytest.raises(ResourceError, match=r"copy.gguf needs .* MiB of memory .*, 1 KiB are free"):
            await registry.load("other", EngineSettings(copy), lambda _stage, _fraction: None)
        one.needs, one.state = Needs(1 << 50, 0, 0, 0), State.LOADING
        with pytest.raises(ResourceError, match=r"copy.gguf needs .* MiB of memory .*, 1 KiB are free"):
            await registry.load("other", EngineSettings(copy), lambda _stage, _fraction: None)
    finally:
        one.needs, one.state = None, State.READY
        await registry.close()


async def test_closing_does_not_wait_for_a_load_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the disk did not answer: the thread that checks stands still whatever it is told."""
    asked, answering = threading.Event(), threading.Event()

    def stuck(*_arguments: object) -> Needs:
        asked.set()
        answering.wait()
        return Needs(0, 0, 0, 0)

    monkeypatch.setattr(registries, "vet", stuck)
    monkeypatch.setattr(registries, "END_S", 0.2)
    registry = Registry()
    load = asyncio.ensure_future(registry.load("stuck", EngineSettings(tmp_path / "x.gguf"), lambda _stage, _fraction: None))
    await asyncio.to_thread(asked.wait)
    await asyncio.wait_for(registry.close(), 10)
    assert registry.abandoned == 1
    with contextlib.suppress(asyncio.CancelledError):
        await load
    assert registry.entries() == []
    answering.set()


async def test_a_check_that_never_ends_gives_its_place_up(echo_nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering = threading.Event()

    def vet(settings: EngineSettings, *arguments: object) -> Needs:
        if settings.path.name == "stuck.gguf":
            answering.wait()
        return real_vet(settings, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(registries, "vet", vet)
    monkeypatch.setattr(registries, "LATE_S", 0.1)
    registry = Registry(vet_timeout_s=20.0)
    monkeypatch.setattr(registry, "_vet_timeout_s", 0.1)
    stuck = [
        asyncio.ensure_future(registry.load(f"stuck-{i}", EngineSettings(tmp_path / "stuck.gguf"), lambda _stage, _fraction: None))
        for i in range(4)
    ]
    for load in stuck:
        with pytest.raises(ResourceError, match="its disk does not answer"):
            await load
    monkeypatch.setattr(registry, "_vet_timeout_s", 60.0)
    await registry.load("good", EngineSettings(echo_nano), lambda _stage, _fraction: None)
    answering.set()
    await registry.close()


async def test_a_load_is_broken_off_when_the_server_ends(copy: Path) -> None:
    registry = Registry()
    begun = asyncio.Event()
    load = asyncio.ensure_future(registry.load("copy", EngineSettings(copy), lambda _stage, _fraction: begun.set()))
    await begun.wait()
    await asyncio.wait_for(registry.close(), 30)
    assert registry.abandoned == 0
    with pytest.raises(Exception, match="shutting down"):
        await load


async def test_work_on_its_own_thread() -> None:
    assert await on_own_thread("sum", lambda: 1 + 1) == 2
    with pytest.raises(ZeroDivisionError):
        await on_own_thread("division", lambda: 1 // 0)
    waiting = threading.Event()
    dropped = on_own_thread("dropped", waiting.wait)
    dropped.cancel()
    waiting.set()
    with pytest.raises(asyncio.CancelledError):
        await dropped


async def test_a_signal_during_hostile_loads_is_heard(tmp_path: Path) -> None:
    """`serve` ends within its grace though clients ask for FIFOs all the time."""
    fifo = tmp_path / "fifo.gguf"
    os.mkfifo(fifo)
    port = free_port()
    process = Process(tmp_path / "log", "serve", "--port", str(port), "--grace", "1")
    await asyncio.to_thread(process.start)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            load = channel.unary_stream(
                "/echorator.v1.ModelService/LoadModel", pb.LoadModelRequest.SerializeToString, pb.LoadModelResponse.FromString
            )
            calls = [load(of(fifo, f"fifo-{i}")) for i in range(8)]
            for call in calls:
                await refused(call, INVALID, "is a FIFO")
        assert await asyncio.to_thread(process.terminate) == 0
    finally:
        process.end()


def _checking(parent: int) -> int:
    """The process id of a check that the server has started; 0 while there is none."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            stat = (path.parent / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if b"echorator.model_files.vetting" in words and int(stat[1]) == parent:
            return int(path.parent.name)
    return 0


def _stopped(parent: int) -> bool:
    """Stop the check, as a disk that does not answer would."""
    child = _checking(parent)
    if child:
        os.kill(child, signal.SIGSTOP)
    return bool(child)


async def test_a_signal_is_heard_while_a_check_stands_still(copy: Path, tmp_path: Path) -> None:
    port = free_port()
    process = Process(tmp_path / "log", "serve", "--port", str(port), "--grace", "1")
    await asyncio.to_thread(process.start)
    assert process.popen is not None
    pid = process.popen.pid
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            load = channel.unary_stream(
                "/echorator.v1.ModelService/LoadModel", pb.LoadModelRequest.SerializeToString, pb.LoadModelResponse.FromString
            )
            call = load(of(copy, "copy"))
            await call.read()
            await asyncio.to_thread(until, lambda: _stopped(pid), "the check runs")
            assert await asyncio.to_thread(process.terminate) == 0
            await refused(call, grpc.StatusCode.UNAVAILABLE)
        assert _checking(pid) == 0
    finally:
        process.end()
