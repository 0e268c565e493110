"""Real processes, really killed, frozen and restarted under load."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from echorator.host.connection import channel_to
from echorator.rpc.v1 import controller_pb2, model_pb2
from echorator.rpc.v1.controller_pb2_grpc import ControllerServiceStub
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.gateway.load import Load, answer, chat, client
from tests.support.mesh import Mesh, xds_client
from tests.support.ports import free_port
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


def generate(stub: ModelServiceStub, tokens: int) -> Any:
    request = model_pb2.GenerateRequest(
        tokens=model_pb2.TokenIds(ids=list(range(5, 20))), limits=model_pb2.Limits(max_tokens=tokens, ignore_eos=True)
    )
    return stub.Generate(request, timeout=120.0)


@pytest.mark.slow
async def test_an_agent_is_killed_in_the_middle_of_its_answers(tmp_path: Path, slow_model: Path) -> None:
    with Mesh(tmp_path) as mesh:
        for name in ("a", "b"):
            mesh.agent(name)
        mesh.apply("slow", str(slow_model), 2, "--slots", "4", "--context-tokens", "8192")
        _, address = mesh.gateway()
        async with client(address) as stub:
            calls = [generate(stub, 400) for _ in range(16)]  # 8 run, 8 wait
            first = [asyncio.create_task(call.read()) for call in calls]
            await eventually(lambda: sum(f.done() for f in first) >= 8, "the first tokens of 8 streams")
            mesh.agents["a"].kill()
            killed_s = time.monotonic()

            async def rest(call: Any, begun: asyncio.Task[Any]) -> str:
                try:
                    await begun
                    while (reply := await call.read()) is not aio.EOF:
                        if reply.HasField("finish"):
                            return "finished"
                except aio.AioRpcError as error:
                    known = error.code() is grpc.StatusCode.UNAVAILABLE and "the agent a was lost after" in (error.details() or "")
                    return "lost" if known and time.monotonic() - killed_s < 10.0 else str(error)
                return "ended without a finish"

            ends = await asyncio.gather(*(rest(call, begun) for call, begun in zip(calls, first, strict=True)))
            assert set(ends) == {"finished", "lost"}
            assert ends.count("lost") <= 4, "more than its slots held was lost with the agent"
            for _ in range(3):
                assert (await answer(generate(stub, 8)))[1] == 1


@pytest.mark.slow
async def test_an_agent_that_is_killed_is_out_of_rotation_within_a_second(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        for name in ("a", "b"):
            mesh.agent(name)
        mesh.apply("echo", "echo-nano", 2)
        async with channel_to(mesh.address) as channel:
            controller = ControllerServiceStub(channel)

            async def ready() -> bool:
                agents = (await controller.ListAgents(controller_pb2.ListAgentsRequest())).agents
                return any(agent.id == "a" and agent.state == controller_pb2.AGENT_STATE_READY for agent in agents)

            async def out() -> bool:
                return not await ready()

            agent = mesh.agents["a"]
            for number in (signal.SIGKILL, signal.SIGSTOP):
                took_s = []
                for _ in range(3):
                    agent.signal(number)
                    begin_s = time.monotonic()
                    await eventually(out, "it is out of rotation")
                    took_s.append(time.monotonic() - begin_s)
                    agent.end()
                    await asyncio.to_thread(agent.start)
                    await eventually(ready, "it is back")
                assert min(took_s) < 1.5, number.name


@pytest.mark.slow
async def test_an_agent_freezes_and_thaws(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        for name in ("a", "b"):
            mesh.agent(name)
        mesh.apply("echo", "echo-nano", 2)
        _, address = mesh.gateway()
        async with client(address) as stub:
            load = Load(lambda: answer(chat(stub)), 6)
            await load.more(30)
            mesh.agents["a"].signal(signal.SIGSTOP)
            await load.more(60)
            await asyncio.sleep(2.0)  # it stays frozen for longer than it takes to be given up
            mesh.agents["a"].signal(signal.SIGCONT)
            await load.more(60)
            await load.stop()
            assert load.failures == []


@pytest.mark.slow
async def test_the_controller_is_killed_and_started_again_under_load(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        for name in ("a", "b"):
            mesh.agent(name)
        mesh.apply("echo", "echo-nano", 2)
        mesh.command("apply", "other", "--source", "echo-nano", "--replicas", "0")
        before = json.loads(mesh.command("models", "--output", "json"))["models"]
        _, address = mesh.gateway()
        async with client(address) as stub:
            with xds_client(mesh, "xds:///echo") as direct:
                load = Load(lambda: answer(chat(stub)), 4)
                await load.more(20)
                for _ in range(2):
                    mesh.controller.kill()
                    await asyncio.sleep(1.5)  # the mesh goes on without it
                    await load.more(20)
                    await asyncio.to_thread(mesh.controller.start)
                    await load.more(40)
                await load.stop()
                told, _ = await asyncio.to_thread(direct.communicate, "")
        said = json.loads(told)
        assert load.failures == []
        assert said["failures"] == []
        assert sum(said["answers"].values()) > 50
        after = json.loads(mesh.command("models", "--output", "json"))["models"]
        assert [(m["spec"], m["generation"]) for m in after] == [(m["spec"], m["generation"]) for m in before]
        assert sorted(a["id"] for a in json.loads(mesh.command("agents", "--output", "json"))["agents"]) == ["a", "b"]


@pytest.mark.slow
async def test_the_gateway_is_restarted(tmp_path: Path, slow_model: Path) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.agent("a")
        mesh.apply("slow", str(slow_model), 1, "--slots", "2")
        port = free_port()
        gateway, address = mesh.gateway(port=port)
        async with client(address) as stub:
            running = generate(stub, 60)
            await running.read()
            gateway.signal(signal.SIGTERM)  # the running answer still comes whole
            _, finishes = await answer(running)
            assert finishes == 1
            assert await asyncio.to_thread(gateway.wait) == 0
            waiting = stub.Generate(
                model_pb2.GenerateRequest(prompt="a b c", limits=model_pb2.Limits(max_tokens=3, ignore_eos=True)),
                timeout=60.0,
                wait_for_ready=True,
            )
            await asyncio.to_thread(mesh.gateway, port=port)
            assert (await answer(waiting))[1] == 1


@pytest.mark.slow
async def test_gateway_processes_drain_each_in_its_own_time(tmp_path: Path, slow_model: Path) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.agent("a")
        mesh.apply("slow", str(slow_model), 1, "--slots", "2")
        gateway, address = mesh.gateway("--processes", "2")
        async with client(address) as stub:
            running = generate(stub, 600)
            await running.read()
            gateway.signal(signal.SIGTERM)  # the process that has no call ends at once
            _, finishes = await answer(running)
            assert finishes == 1
        assert await asyncio.to_thread(gateway.wait) == 0


@pytest.mark.slow
async def test_a_rolling_restart_of_all_agents_loses_nothing(tmp_path: Path) -> None:
    calls, names = 1000, ("a", "b", "c")
    with Mesh(tmp_path) as mesh:
        for name in names:
            mesh.agent(name)
        mesh.apply("echo", "echo-nano", 3)
        _, address = mesh.gateway()
        async with client(address) as stub:
            with xds_client(mesh, "xds:///echo") as direct:
                load = Load(lambda: answer(chat(stub)), 8)
                await load.more(20)
                for name in names:
                    assert await asyncio.to_thread(mesh.agents[name].terminate) == 0
                    await asyncio.to_thread(mesh.agents[name].start)
                    await load.more(calls // 4)
                await load.more(max(0, calls - load.answered))
                await load.stop()
                told, _ = await asyncio.to_thread(direct.communicate, "")
        assert load.failures == []
        assert load.answered >= calls
        assert json.loads(told)["failures"] == []


@pytest.mark.slow
async def test_from_zero_to_one_to_four_and_back(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        for name in ("a", "b", "c", "d"):
            mesh.agent(name)
        mesh.command("apply", "echo", "--source", "echo-nano", "--replicas", "0")
        _, address = mesh.gateway()

        def ready() -> int:
            return int(json.loads(mesh.command("models", "--output", "json"))["models"][0]["status"]["ready"])

        async with client(address) as stub:
            for _ in range(2):
                assert await asyncio.to_thread(ready) == 0
                answers = await asyncio.gather(*(answer(chat(stub)) for _ in range(20)))  # they wait for an agent that nobody asked for yet
                assert all(finishes == 1 for _, finishes in answers)
                assert await asyncio.to_thread(ready) == 1
                load = Load(lambda: answer(chat(stub)), 4)
                await asyncio.to_thread(mesh.command, "scale", "echo", "4", "--wait", "30")
                await load.more(50)
                await load.stop()
                assert load.failures == []
                await asyncio.to_thread(mesh.command, "scale", "echo", "0")

                async def gone() -> bool:
                    return await asyncio.to_thread(ready) == 0

                await eventually(gone, "no replica is ready")
                agents = json.loads(await asyncio.to_thread(mesh.command, "agents", "--output", "json"))["agents"]
                assert all(model["state"] != "AGENT_MODEL_STATE_READY" for agent in agents for model in agent["models"])
