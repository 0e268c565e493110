"""Agents that come, fall silent, come back and are forgotten; no clock but the ticks it is given."""

from __future__ import annotations

import pytest

from echorator.controller.fleet import TICK_S, AgentExistsError, AgentNotFoundError, AgentRecord, Fleet
from echorator.controller.settings import ControllerSettings
from echorator.errors import InvalidRequestError
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.v1 import controller_pb2 as pb

SETTINGS = ControllerSettings()
READY = pb.AgentModel(name="m", state=pb.AGENT_MODEL_STATE_READY, slots=4)


def fleet() -> tuple[Fleet, list[tuple[str, bool]]]:
    made, heard = Fleet(SETTINGS), list[tuple[str, bool]]()
    made.listen(lambda name, urgent: heard.append((name, urgent)))
    return made, heard


def register(to: Fleet, name: str = "a", instance: str = "one", address: str = "127.0.0.1:1") -> AgentRecord:
    return to.register(mesh_pb2.Register(protocol=1, id=name, instance=instance, address=address))


def ticks(to: Fleet, seconds: float) -> None:
    for _ in range(round(seconds / TICK_S)):
        to.tick(TICK_S)


def test_readiness_is_urgent_and_load_is_not() -> None:
    to, heard = fleet()
    record = register(to)
    to.report(record, mesh_pb2.Report(models=[READY]))
    busy = pb.AgentModel()
    busy.CopyFrom(READY)
    busy.busy = 3
    to.report(record, mesh_pb2.Report(models=[busy]))
    assert heard == [("a", True), ("a", True), ("a", False)]
    assert record.serves("m")


def test_silence() -> None:
    to, _ = fleet()
    record = register(to)
    to.report(record, mesh_pb2.Report(models=[READY]))
    ticks(to, SETTINGS.lost_after_s - 0.2)
    assert record.state == pb.AGENT_STATE_READY
    ticks(to, 0.4)
    assert record.state == pb.AGENT_STATE_LOST
    assert not record.serves("m")
    to.report(record, mesh_pb2.Report(models=[READY]))
    assert record.serves("m")
    ticks(to, SETTINGS.lost_after_s + SETTINGS.forget_after_s + 0.5)
    assert to.records() == []


@pytest.mark.parametrize("jump_s", [5.0, 3600.0, 1e9])
def test_a_controller_that_stood_still_loses_nobody(jump_s: float) -> None:
    """Time that passed without it says nothing of the agents."""
    to, _ = fleet()
    record = register(to)
    to.tick(jump_s)
    assert record.state == pb.AGENT_STATE_READY


def test_a_second_process_of_one_id_is_refused_while_the_first_lives() -> None:
    to, _ = fleet()
    first = register(to)
    with pytest.raises(AgentExistsError, match=r"127\.0\.0\.1:1 already; give this one another --agent-id"):
        register(to, instance="two", address="127.0.0.1:2")
    assert to.get("a") is first
    to.disconnected(first)
    second = register(to, instance="two", address="127.0.0.1:2")
    assert to.get("a").agent.address == "127.0.0.1:2"
    to.disconnected(first)  # late word of the old stream
    assert second.state == pb.AGENT_STATE_READY


def test_the_same_process_comes_back_with_what_it_serves() -> None:
    to, _ = fleet()
    record = register(to)
    to.report(record, mesh_pb2.Report(models=[READY]))
    to.disconnected(record)
    assert register(to).serves("m")


def test_another_process_comes_with_nothing() -> None:
    to, _ = fleet()
    record = register(to)
    to.report(record, mesh_pb2.Report(models=[READY]))
    to.disconnected(record)
    assert not register(to, instance="two").serves("m")


def test_a_drain_outlasts_a_reconnection() -> None:
    to, _ = fleet()
    record = register(to)
    to.drain("a", True)
    assert record.state == pb.AGENT_STATE_DRAINING
    to.disconnected(record)
    assert register(to, instance="two").state == pb.AGENT_STATE_DRAINING
    assert to.drain("a", False).state == pb.AGENT_STATE_READY
    with pytest.raises(AgentNotFoundError, match="known: a"):
        to.drain("b", True)


def test_what_was_known_before_a_restart_is_shown_until_it_is_back_or_forgotten() -> None:
    to, _ = fleet()
    for name in ("a", "b"):
        to.recover(pb.Agent(id=name, address="127.0.0.1:1", state=pb.AGENT_STATE_READY, models=[READY]), False)
    ticks(to, 60.0)
    assert [r.serves("m") for r in to.records()] == [True, True]
    register(to, "a")
    to.forget_absent()
    assert [r.agent.id for r in to.records()] == ["a"]


def test_settings_that_cannot_be() -> None:
    with pytest.raises(InvalidRequestError, match="lost_after_s must be at least twice"):
        ControllerSettings(report_interval_s=1.0)
    with pytest.raises(InvalidRequestError, match="reconcile_interval_s must be"):
        ControllerSettings(reconcile_interval_s=0.0)
