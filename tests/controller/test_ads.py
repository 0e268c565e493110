"""The discovery protocol as a client sees it: answers, pushes, ACKs, NACKs, old nonces, reconnections; and what CSDS shows of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
from envoy.service.status.v3 import csds_pb2, csds_pb2_grpc

from echorator.controller.settings import ControllerSettings
from echorator.controller.xds.resources import CLUSTER, ENDPOINT, GATEWAY, LISTENER
from echorator.host.connection import channel_to
from tests.support.controllers import Controller, StreamAgent, controlling
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with controlling(tmp_path, ControllerSettings(lost_after_s=600.0, reconcile_interval_s=0.05, rebuild_s=0.0)) as running:
        yield running


class Client:
    """One ADS stream."""

    def __init__(self, channel: Any, node: str = "client", **more: Any) -> None:
        self._out: asyncio.Queue[Any] = asyncio.Queue()
        self._node = {"id": node, **more}
        self.call = ads_pb2_grpc.AggregatedDiscoveryServiceStub(channel).StreamAggregatedResources(self._requests())

    async def _requests(self) -> AsyncIterator[Any]:
        while True:
            yield await self._out.get()

    def ask(self, url: str, *names: str, nonce: str = "", version: str = "", error: str = "") -> None:
        request = discovery_pb2.DiscoveryRequest(type_url=url, resource_names=names, response_nonce=nonce, version_info=version)
        request.node.id = self._node["id"]
        request.node.user_agent_name = self._node.get("agent", "gRPC C-core Linux")
        if error:
            request.error_detail.message = error
        self._out.put_nowait(request)

    def ack(self, response: Any, *names: str) -> None:
        self.ask(response.type_url, *names, nonce=response.nonce, version=response.version_info)

    async def read(self, within_s: float = 10.0) -> Any:
        async with asyncio.timeout(within_s):
            return await self.call.read()

    async def silent(self, for_s: float = 0.3) -> bool:
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(self.call.read())), for_s)
        except TimeoutError:
            return True
        return False


def ports(response: Any) -> list[int]:
    found = []
    for resource in response.resources:
        assignment = endpoint_pb2.ClusterLoadAssignment()
        assert resource.Unpack(assignment)
        found += [e.endpoint.address.socket_address.port_value for locality in assignment.endpoints for e in locality.lb_endpoints]
    return sorted(found)


async def test_endpoints_come_and_go_within_200_ms(controller: Controller) -> None:
    await controller.apply("m", 2)
    async with channel_to(controller.address) as channel:
        client = Client(channel)
        client.ask(ENDPOINT, "m")
        first = await client.read()
        assert ports(first) == []
        client.ack(first, "m")
        took_s = []
        for _ in range(5):
            a = await StreamAgent(controller, "a", "127.0.0.1:11").join()
            come = await client.read()
            assert ports(come) == [11]
            client.ack(come, "m")
            begin_s = time.monotonic()
            await a.leave()
            gone = await client.read()
            took_s.append(time.monotonic() - begin_s)
            assert ports(gone) == []
            client.ack(gone, "m")
        assert min(took_s) < 0.2
        client.call.cancel()


async def test_an_ack_is_not_answered_and_an_old_nonce_is_ignored(controller: Controller) -> None:
    await controller.apply("m", 0)
    async with channel_to(controller.address) as channel:
        client = Client(channel)
        client.ask(CLUSTER, "m")
        first = await client.read()
        client.ack(first, "m")
        client.ask(CLUSTER, "m", "n", nonce="0", version="0")  # overtaken
        assert await client.silent()
        client.call.cancel()


async def test_other_names_are_answered(controller: Controller) -> None:
    for name in ("m", "n"):
        await controller.apply(name, 0)
    async with channel_to(controller.address) as channel:
        client = Client(channel)
        client.ask(CLUSTER, "m")
        first = await client.read()
        client.ack(first, "m", "n")
        second = await client.read()
        assert (len(first.resources), len(second.resources)) == (1, 2)
        assert first.version_info != second.version_info
        client.call.cancel()


async def test_a_client_that_comes_back_with_an_old_version_is_answered_in_full(controller: Controller) -> None:
    await controller.apply("m", 0)
    async with channel_to(controller.address) as channel:
        client = Client(channel)
        client.ask(CLUSTER, "m")
        before = await client.read()
        client.call.cancel()
        again = Client(channel)
        again.ask(CLUSTER, "m", version=before.version_info)
        after = await again.read()
        assert after.version_info == before.version_info
        assert len(after.resources) == 1
        again.call.cancel()


async def test_a_nack_is_logged_counted_and_shown(controller: Controller, caplog: pytest.LogCaptureFixture) -> None:
    await controller.apply("m", 0)
    async with channel_to(controller.address) as channel:
        status = csds_pb2_grpc.ClientStatusDiscoveryServiceStub(channel)

        async def shown() -> dict[str, Any]:
            answer = await status.FetchClientStatus(csds_pb2.ClientStatusRequest())
            return {config.node.id: {(c.type_url, c.name): c for c in config.generic_xds_configs} for config in answer.config}

        client = Client(channel, "picky")
        client.ask(CLUSTER, "m")
        first = await client.read()
        with caplog.at_level(logging.ERROR):
            client.ask(CLUSTER, "m", nonce=first.nonce, error="LB policy is not supported")

            async def refused() -> bool:
                return bool((await shown())["picky"][CLUSTER, "m"].config_status == csds_pb2.ERROR)

            await eventually(refused, "CSDS shows the refusal")
        assert (await shown())["picky"][CLUSTER, "m"].error_state.details == "LB policy is not supported"
        assert any(getattr(record, "error", "") == "LB policy is not supported" for record in caplog.records)
        client.ack(first, "m")

        async def synced() -> bool:
            return bool((await shown())["picky"][CLUSTER, "m"].config_status == csds_pb2.SYNCED)

        await eventually(synced, "CSDS shows the ACK")
        client.call.cancel()

        async def gone() -> bool:
            return "picky" not in await shown()

        await eventually(gone, "a client that left is shown no more")


async def test_an_envoy_gets_everything_and_a_listener_of_its_own(controller: Controller) -> None:
    await controller.apply("m", 0)
    async with channel_to(controller.address) as channel:
        client = Client(channel, "edge", agent="envoy")
        client.ask(CLUSTER)
        clusters = await client.read()
        client.ack(clusters)
        client.ask(LISTENER)
        listeners = await client.read()
        assert (len(clusters.resources), len(listeners.resources)) == (2, 1)
        assert GATEWAY.encode() in listeners.resources[0].value
        client.call.cancel()


async def test_a_gateway_becomes_the_last_resort(controller: Controller) -> None:
    from echorator.rpc.mesh.v1 import mesh_pb2

    await controller.apply("m", 0)
    async with channel_to(controller.address) as channel:
        client = Client(channel)
        client.ask(ENDPOINT, "m")
        client.ack(await client.read(), "m")
        session = controller.private.GatewaySession()
        await session.write(mesh_pb2.GatewayReport(address="127.0.0.1:99"))
        response = await client.read()
        assert ports(response) == [99]
        client.ack(response, "m")
        session.cancel()
        assert ports(await client.read()) == []
        client.call.cancel()
