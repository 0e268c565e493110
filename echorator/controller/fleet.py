"""The observed state of all agents: which are connected, what each serves, and which have fallen silent.

Silence is counted in ticks of this process, each worth at most two tick intervals: a controller that stood still itself, or whose
machine slept, does not take its agents for lost. Fed by `sessions` with reports and by `role` with the agents that the store remembers;
feeds `placer`, `watching` and `xds`. Runs on one event loop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from echorator.controller.settings import ControllerSettings
from echorator.errors import EchoratorError
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.v1 import controller_pb2 as pb

_log = logging.getLogger(__name__)

TICK_S = 0.1


class AgentExistsError(EchoratorError):
    """An agent registers with an id under which another process is connected."""


class AgentNotFoundError(EchoratorError):
    """A request names an agent that is not known."""


OnChange = Callable[[str, bool], None]  # agent id; True where the change affects routing, so that clients must hear of it at once


@dataclass
class AgentRecord:
    """The record of one agent: `agent` is shown to all clients, the rest is internal to the controller."""

    agent: pb.Agent
    instance: str = ""  # identifies the process; "" for an agent that is known from the store and has not come back yet
    connected: bool = False
    drain_asked: bool = False
    draining: bool = False  # the agent itself reports that it drains
    silent_s: float = 0.0  # since the last report, or since it was lost
    desired_revision: int = 0
    models: dict[str, pb.AgentModel] = field(default_factory=dict)

    @property
    def state(self) -> int:
        """The agent's `AgentState`: READY, DRAINING or LOST."""
        return self.agent.state

    def serves(self, model: str) -> bool:
        """Tell whether the agent takes calls of `model` now."""
        served = self.models.get(model)
        return served is not None and self.agent.state == pb.AGENT_STATE_READY and served.state == pb.AGENT_MODEL_STATE_READY


def _routing_view(models: dict[str, pb.AgentModel]) -> list[tuple[str, int, int]]:
    """Return the part of the models' reports that affects routing, for comparison."""
    return sorted((m.name, m.state, m.slots) for m in models.values())


class Fleet:
    """The records of all agents by id, with the listeners that are told of changes."""

    def __init__(self, settings: ControllerSettings) -> None:
        self._settings = settings
        self._records: dict[str, AgentRecord] = {}
        self._listeners: list[OnChange] = []
        self.on_report: Callable[[], None] = lambda: None

    def listen(self, on_change: OnChange) -> None:
        """Have `on_change` called after every change, on the event loop; `record(id)` is None for a forgotten agent."""
        self._listeners.append(on_change)

    def _changed(self, agent_id: str, urgent: bool) -> None:
        for listener in self._listeners:
            listener(agent_id, urgent)

    def records(self) -> list[AgentRecord]:
        """Return all records, in the order of their first registration."""
        return list(self._records.values())

    def record(self, agent_id: str) -> AgentRecord | None:
        """Return the record of an agent; None for an unknown id."""
        return self._records.get(agent_id)

    def get(self, agent_id: str) -> AgentRecord:
        """Return the record of an agent. Raises AgentNotFoundError with the known ids (at most 20)."""
        found = self._records.get(agent_id)
        if found is None:
            known = ", ".join(sorted(self._records)[:20]) or "none"
            raise AgentNotFoundError(f"no agent {agent_id[:128]!r} is known; known: {known}")
        return found

    def recover(self, agent: pb.Agent, drain_asked: bool) -> None:
        """Add an agent that was known before a restart of the controller, in its last state, until it registers again or is forgotten."""
        record = AgentRecord(agent, drain_asked=drain_asked, models={m.name: m for m in agent.models})
        self._records[agent.id] = record
        self._changed(agent.id, True)

    def forget_absent(self) -> None:
        """Forget the recovered agents that have not registered again."""
        for record in self.records():
            if not record.instance:
                self._forget(record, "it did not come back after the controller's restart")

    def register(self, asked: mesh_pb2.Register) -> AgentRecord:
        """Add a connected agent and return its new record. The same process may register again at any time.

        Raises:
            AgentExistsError: another process is connected under the id and is not lost.
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

    def report(self, record: AgentRecord, report: mesh_pb2.Report) -> None:
        """Adopt an agent's report of its models and load, which also ends its silence."""
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
        """Mark an agent as lost because its stream broke, or drop it where it had drained by itself; ignores a record that was replaced."""
        if self._records.get(record.agent.id) is record and record.connected:
            record.connected = False
            if record.draining and not record.drain_asked:
                _log.info("agent left", extra={"agent": record.agent.id})
                self._drop(record)
            else:
                self._lose(record, "its stream broke")

    def drain(self, agent_id: str, asked: bool) -> AgentRecord:
        """Drain an agent, or with `asked` False end its drain. Raises AgentNotFoundError."""
        record = self.get(agent_id)
        record.drain_asked = asked
        if record.state != pb.AGENT_STATE_LOST:
            self._set_state(record)
        self._changed(agent_id, True)
        return record

    def tick(self, passed_s: float) -> None:
        """Count `passed_s` of silence; agents that are silent for too long become lost, and later are forgotten."""
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
        expected = logging.WARNING if self._settings.rebuild_s else logging.INFO  # with rebuild_s = 0 nobody waits for it
        _log.log(expected, "agent forgotten", extra={"agent": record.agent.id, "why": why})
        self._drop(record)

    def _drop(self, record: AgentRecord) -> None:
        if self._records.pop(record.agent.id, None) is not None:
            self._changed(record.agent.id, True)
