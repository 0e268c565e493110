"""The session of an agent with the controller: the agent registers and reports, and is sent what it has to serve whenever that changes.

Fed by `service` with the stream and by `placer` with `pb.Desired`; feeds `fleet` with reports. Every `pb.Desired` is complete, so an
agent that missed one needs no replay.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from echorator.controller.fleet import AgentRecord, Fleet
from echorator.controller.placement.placer import Placer
from echorator.controller.requests import ProtocolError, check_register
from echorator.controller.settings import ControllerSettings
from echorator.errors import DrainingError
from echorator.rpc import SESSION_PROTOCOL
from echorator.rpc.v1 import controller_pb2 as pb

REGISTER_S = 10.0  # longest wait for `register` after an agent has connected

Write = Callable[[pb.ControllerMessage], Awaitable[None]]


class Sessions:
    """The agents' sessions with one controller process."""

    def __init__(self, fleet: Fleet, placer: Placer, settings: ControllerSettings, controller: str) -> None:
        self._fleet = fleet
        self._placer = placer
        self._settings = settings
        self._controller = controller
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End every session with DrainingError; the agents then connect to the next controller."""
        self._closing.set()

    async def run(self, messages: AsyncIterator[pb.AgentMessage], write: Write) -> None:
        """Serve one session until the agent ends its stream.

        Raises:
            ProtocolError, InvalidRequestError, AgentExistsError: the registration is refused, or the agent violates the protocol.
            DrainingError: this controller shuts down.
        """
        record = self._fleet.register(await self._registration(messages))
        try:
            welcome = pb.Welcome(protocol=SESSION_PROTOCOL, report_interval_s=self._settings.report_interval_s, controller=self._controller)
            await write(pb.ControllerMessage(welcome=welcome))
            ends: tuple[asyncio.Task[Any], ...] = (
                asyncio.create_task(self._read(record, messages)),
                asyncio.create_task(self._tell(record, write)),
                asyncio.create_task(self._closing.wait()),
            )
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
        finally:
            if not self._closing.is_set():  # else the agent is not lost: this controller ends the session
                self._fleet.disconnected(record)

    async def _registration(self, messages: AsyncIterator[pb.AgentMessage]) -> pb.Register:
        try:
            async with asyncio.timeout(REGISTER_S):
                first = await anext(messages)
        except (TimeoutError, StopAsyncIteration):
            raise ProtocolError(f"no `register` within {REGISTER_S:g} s; it is the first message of a session") from None
        if first.WhichOneof("message") != "register":
            raise ProtocolError(f"the first message of a session is `register`, not {first.WhichOneof('message') or 'empty'}")
        check_register(first.register)
        return first.register

    async def _read(self, record: AgentRecord, messages: AsyncIterator[pb.AgentMessage]) -> None:
        async for message in messages:
            if message.WhichOneof("message") != "report":
                raise ProtocolError("a session has one `register`, the rest are `report`s")
            if self._fleet.record(record.agent.id) is not record:
                raise ProtocolError("this session was replaced or forgotten; connect again")
            self._fleet.report(record, message.report)

    async def _tell(self, record: AgentRecord, write: Write) -> None:
        told = 0
        with self._placer.desired_changes.watch() as watch:
            self._placer.wake()
            while True:
                desired = self._placer.desired_of(record.agent.id)
                if desired is not None and desired.revision != told:
                    told = desired.revision
                    await write(pb.ControllerMessage(desired=desired))
                await watch.next(0.0)
