"""A loop that nobody awaits is run again after whatever ended it, and its failure is logged."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from echorator.controller.gateways import CONVICTED
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.serving.loops import kept_up
from tests.gateway.serving import gatewaying
from tests.support.controllers import StreamAgent, controlling
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


def failed(caplog: pytest.LogCaptureFixture) -> set[str]:
    """The loops that were logged as failed, with the traceback."""
    return {vars(r)["loop"] for r in caplog.records if r.message == "a loop failed; it begins again" and r.exc_info}


async def test_a_loop_that_fails_begins_again_and_one_that_returns_does_not(caplog: pytest.LogCaptureFixture) -> None:
    runs = 0

    async def loop() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise KeyError("a fault")

    async with asyncio.timeout(10.0):
        await kept_up("of a test", loop)
    assert (runs, failed(caplog)) == (2, {"of a test"})


async def test_a_failed_pass_of_the_controller_does_not_end_placement(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with controlling(tmp_path) as controller:
        agent = await StreamAgent(controller, "a").join()
        faults = ["first"]

        def passed(_duration_s: float) -> None:
            if faults:
                raise KeyError(faults.pop())

        controller.role.placer.on_pass = passed
        await controller.apply("m")
        await controller.ready("m", 1)
        await controller.apply("n")
        await controller.ready("n", 1)
        assert agent.names() == {"m", "n"}
    assert (faults, failed(caplog)) == ([], {"placement"})


async def test_a_failed_watch_of_a_gateway_is_opened_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    async with gatewaying(tmp_path) as gateway:
        heard = list[bytes]()

        def convicted(digest: bytes, _for_s: float) -> None:
            heard.append(digest)
            if len(heard) == 1:
                raise KeyError("a fault")

        gateway.role.view.on_convicted = convicted
        gateways = gateway.controller.role.gateways
        with gateways.connected() as report:
            report(mesh_pb2.GatewayReport(convicted=[mesh_pb2.Conviction(digest=b"x" * 16, for_s=60.0)]))

        async def again() -> bool:
            gateways.conviction_changes.notify(CONVICTED)
            return len(heard) > 1

        await eventually(again, "the session was opened again")
        await gateway.back_end("a")
    assert failed(caplog) == {"session"}
