"""The sessions of agents and gateways with the controller: they report, and are sent what concerns them whenever that changes.

An agent is sent what it has to serve (`Desired`), a gateway what all gateways refuse (`Convictions`). Each such message is complete, so
that one that was missed needs no replay. Fed by `service` with the streams and by `placer` and `gateways` with what is to be sent; feeds
`fleet` and `gateways` with reports.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from echorator.controller.fleet import AgentRecord, Fleet
from echorator.controller.gateways import Gateways
from echorator.controller.placement.placer import Placer
from echorator.controller.requests import ProtocolError, check_gateway, check_register
from echorator.controller.settings import ControllerSettings
from echorator.errors import DrainingError
from echorator.rpc import SESSION_PROTOCOL
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.serving.whole_writes import whole

REGISTER_S = 10.0  # longest wait for `register` after an agent has connected

Tell = Callable[[mesh_pb2.ControllerMessage], Awaitable[None]]
TellGateway = Callable[[mesh_pb2.Convictions], Awaitable[None]]


class Sessions:
    """The sessions of all agents and gateways with one controller process, whose id is `controller`."""

    def __init__(self, fleet: Fleet, placer: Placer, gateways: Gateways, settings: ControllerSettings, controller: str) -> None:
        self._fleet = fleet
        self._placer = placer
        self._gateways = gateways
        self._settings = settings
        self._controller = controller
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End every session with DrainingError; agents and gateways then connect to the next controller."""
        self._closing.set()

    async def of_agent(self, messages: AsyncIterator[mesh_pb2.AgentMessage], write: Tell) -> None:
        """Serve one agent until it ends its stream.

        Raises:
            ProtocolError, InvalidRequestError, AgentExistsError: the registration is refused, or the agent violates the protocol.
            DrainingError: this controller shuts down.
        """
        record = self._fleet.register(await self._registration(messages))
        try:
            interval_s = self._settings.report_interval_s
            welcome = mesh_pb2.Welcome(protocol=SESSION_PROTOCOL, report_interval_s=interval_s, controller=self._controller)
            await write(mesh_pb2.ControllerMessage(welcome=welcome))
            await self._until_one_ends(self._read(record, messages), self._tell(record, write))
        finally:
            if not self._closing.is_set():  # else the agent is not lost: this controller ends the session
                self._fleet.disconnected(record)

    async def of_gateway(self, reports: AsyncIterator[mesh_pb2.GatewayReport], write: TellGateway) -> None:
        """Serve one gateway until it ends its stream; it counts as connected meanwhile.

        Raises:
            InvalidRequestError: the address of a report is not HOST:PORT.
            DrainingError: this controller shuts down.
        """
        with self._gateways.connected() as take:

            async def read() -> None:
                async for report in reports:
                    check_gateway(report)
                    take(report)

            await self._until_one_ends(read(), self._tell_gateway(write))

    async def _until_one_ends(self, *halves: Coroutine[Any, Any, None]) -> None:
        """Run both halves of a session until one ends, and raise what it raised. Raises DrainingError when this controller shuts down."""
        ends: list[asyncio.Task[Any]] = [asyncio.create_task(half) for half in (*halves, self._closing.wait())]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        for task in done:
            task.result()
        if self._closing.is_set():
            raise DrainingError("the controller is shutting down; connect again")

    async def _registration(self, messages: AsyncIterator[mesh_pb2.AgentMessage]) -> mesh_pb2.Register:
        try:
            async with asyncio.timeout(REGISTER_S):
                first = await anext(messages)
        except (TimeoutError, StopAsyncIteration):
            raise ProtocolError(f"no `register` within {REGISTER_S:g} s; it is the first message of a session") from None
        if first.WhichOneof("message") != "register":
            raise ProtocolError(f"the first message of a session is `register`, not {first.WhichOneof('message') or 'empty'}")
        check_register(first.register)
        return first.register

    async def _read(self, record: AgentRecord, messages: AsyncIterator[mesh_pb2.AgentMessage]) -> None:
        async for message in messages:
            if message.WhichOneof("message") != "report":
                raise ProtocolError("a session has one `register`, the rest are `report`s")
            if self._fleet.record(record.agent.id) is not record:
                raise ProtocolError("this session was replaced or forgotten; connect again")
            self._fleet.report(record, message.report)

    async def _tell(self, record: AgentRecord, write: Tell) -> None:
        told = 0
        with self._placer.desired_changes.watch() as watch:
            self._placer.wake()
            while True:
                desired = self._placer.desired_of(record.agent.id)
                if desired is not None and desired.revision != told:
                    told = desired.revision
                    await whole(write(mesh_pb2.ControllerMessage(desired=desired)))
                await watch.next(0.0)

    async def _tell_gateway(self, write: TellGateway) -> None:
        with self._gateways.conviction_changes.watch() as watch:
            while True:
                await whole(write(mesh_pb2.Convictions(convicted=self._gateways.convictions())))
                await watch.next(0.0)
