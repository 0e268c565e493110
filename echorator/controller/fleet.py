"""The agents as they are: who is connected, what each serves, who fell silent.

Silence is counted in ticks of this process, each worth at most two tick intervals: a controller that stood still itself, or whose
machine slept, does not take its agents for lost. Fed by `sessions` with reports and by `recover` with what the store remembers;
feeds `reconciler`, `watching` and `xds`. Runs on one event loop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from echorator.controller.settings import ControllerSettings
from echorator.errors import EchoratorError
from echorator.rpc.v1 import controller_pb2 as pb

_log = logging.getLogger(__name__)

TICK_S = 0.1


class AgentExistsError(EchoratorError):
    """Another process with this agent id is connected."""


class AgentNotFoundError(EchoratorError):
    """No agent of that id is known."""


OnChange = Callable[[str, bool], None]  # agent id; whether clients must hear of it at once


@dataclass
class AgentRecord:
    """One agent. `agent` is what everyone is shown; the rest is the controller's own."""

    agent: pb.Agent
    instance: str = ""  # "": known from the store only, not yet back
    connected: bool = False
    drain_asked: bool = False
    draining: bool = False  # says the agent itself
    silent_s: float = 0.0
    desired_revision: int = 0
    models: dict[str, pb.AgentModel] = field(default_factory=dict)

    @property
    def state(self) -> int:
        """AgentState."""
        return self.agent.state

    def serves(self, model: str) -> bool:
        """Ready for calls of `model` now."""
        served = self.models.get(model)
        return served is not None and self.agent.state == pb.AGENT_STATE_READY and served.state == pb.AGENT_MODEL_STATE_READY


def _routing_view(models: dict[str, pb.AgentModel]) -> list[tuple[str, int, int]]:
    """What decides where calls may go."""
    return sorted((m.name, m.state, m.slots) for m in models.values())


class Fleet:
    """All agents by id."""

    def __init__(self, settings: ControllerSettings) -> None:
        self._settings = settings
        self._records: dict[str, AgentRecord] = {}
        self._listeners: list[OnChange] = []
        self.on_report: Callable[[], None] = lambda: None

    def listen(self, on_change: OnChange) -> None:
        """Called after every change, on the event loop; `record(id)` is None where the agent was forgotten."""
        self._listeners.append(on_change)

    def _changed(self, agent_id: str, urgent: bool) -> None:
        for listener in self._listeners:
            listener(agent_id, urgent)

    def records(self) -> list[AgentRecord]:
        """In the order of their first registration."""
        return list(self._records.values())

    def record(self, agent_id: str) -> AgentRecord | None:
        """By id."""
        return self._records.get(agent_id)

    def get(self, agent_id: str) -> AgentRecord:
        """By id. Raises AgentNotFoundError, naming those that are known."""
        found = self._records.get(agent_id)
        if found is None:
            known = ", ".join(sorted(self._records)[:20]) or "none"
            raise AgentNotFoundError(f"no agent {agent_id[:128]!r} is known; known: {known}")
        return found

    def recover(self, agent: pb.Agent, drain_asked: bool) -> None:
        """An agent that was known before a restart of the controller: as it was then, until it is back or forgotten."""
        record = AgentRecord(agent, drain_asked=drain_asked, models={m.name: m for m in agent.models})
        self._records[agent.id] = record
        self._changed(agent.id, True)

    def forget_absent(self) -> None:
        """The time to come back is over."""
        for record in self.records():
            if not record.instance:
                self._forget(record, "it did not come back after the controller's restart")

    def register(self, asked: pb.Register) -> AgentRecord:
        """A connected agent. The same process may come back at any time.

        Raises:
            AgentExistsError: another process of that id is connected and not lost.
        """
        known = self._records.get(asked.id)
        if known is not None and known.connected and known.instance != asked.instance and known.state != pb.AGENT_STATE_LOST:
            raise AgentExistsError(
                f"an agent {asked.id!r} is connected from {known.agent.address} already; give this one another --agent-id, or stop that one"
            )
        agent = pb.Agent(
            id=asked.id,
            address=asked.address,
            state=pb.AGENT_STATE_READY,
            zone=asked.zone,
            priority=asked.priority,
            memory_bytes=asked.memory_bytes,
            version=asked.version,
            memory=asked.memory if asked.HasField("memory") else None,
            for_model=asked.for_model,
        )
        record = AgentRecord(agent, asked.instance, connected=True, drain_asked=known.drain_asked if known is not None else False)
        if known is not None and known.instance in ("", asked.instance):
            record.models = known.models
            agent.models.extend(known.models.values())
        self._set_state(record)
        self._records[asked.id] = record
        _log.info("agent registered", extra={"agent": asked.id, "address": asked.address})
        self._changed(asked.id, True)
        return record

    def report(self, record: AgentRecord, report: pb.Report) -> None:
        """What an agent says of itself; also that it lives."""
        self.on_report()
        record.silent_s = 0.0
        record.desired_revision = report.desired_revision
        before_state, before_models = record.agent.state, _routing_view(record.models)
        record.draining = report.draining
        record.models = {model.name: model for model in report.models}
        del record.agent.models[:]
        record.agent.models.extend(report.models)
        record.agent.memory_free_bytes = report.memory_free_bytes
        self._set_state(record)
        urgent = before_state != record.agent.state or before_models != _routing_view(record.models)
        self._changed(record.agent.id, urgent)

    def _set_state(self, record: AgentRecord) -> None:
        draining = record.drain_asked or record.draining
        record.agent.state = pb.AGENT_STATE_DRAINING if draining else pb.AGENT_STATE_READY

    def disconnected(self, record: AgentRecord) -> None:
        """Its stream broke. A later `register` of the same id has made another record, which is not touched."""
        if self._records.get(record.agent.id) is record and record.connected:
            record.connected = False
            if record.draining and not record.drain_asked:
                _log.info("agent left", extra={"agent": record.agent.id})
                self._drop(record)
            else:
                self._lose(record, "its stream broke")

    def drain(self, agent_id: str, asked: bool) -> AgentRecord:
        """Take an agent out of rotation, or let it back. Raises AgentNotFoundError."""
        record = self.get(agent_id)
        record.drain_asked = asked
        if record.state != pb.AGENT_STATE_LOST:
            self._set_state(record)
        self._changed(agent_id, True)
        return record

    def tick(self, passed_s: float) -> None:
        """Time passes; who was silent for too long is lost, then forgotten."""
        passed_s = min(passed_s, 2 * TICK_S)
        for record in self.records():
            if not record.instance:
                continue
            record.silent_s += passed_s
            if record.state != pb.AGENT_STATE_LOST:
                if record.silent_s > self._settings.lost_after_s:
                    self._lose(record, "it is silent")
            elif record.silent_s > self._settings.forget_after_s:
                self._forget(record, "it was lost for too long")

    def _lose(self, record: AgentRecord, why: str) -> None:
        _log.warning("agent lost", extra={"agent": record.agent.id, "why": why})
        record.agent.state = pb.AGENT_STATE_LOST
        record.silent_s = 0.0
        self._changed(record.agent.id, True)

    def _forget(self, record: AgentRecord, why: str) -> None:
        expected = logging.WARNING if self._settings.rebuild_s else logging.INFO  # with no time to come back, nobody waits for it
        _log.log(expected, "agent forgotten", extra={"agent": record.agent.id, "why": why})
        self._drop(record)

    def _drop(self, record: AgentRecord) -> None:
        if self._records.pop(record.agent.id, None) is not None:
            self._changed(record.agent.id, True)
