"""How a model stands reads the same in every command, whatever it is read from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from echorator.cli.echorator.machine.resources import _summary
from echorator.cli.output.mesh_status import status_of
from echorator.cli.output.model_standing import ModelStanding, age, standing_in_mesh, standing_of
from echorator.cli.output.model_tables import document_line
from echorator.cli.output.status_view import changes
from echorator.rpc.v1 import controller_pb2 as pb

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


READY = condition("Ready", "True", "AgentsReady")
NO_AGENT = condition("Ready", "False", "NoAgentReady", "agent a loads it")
PULLING = condition("Ready", "False", "Pulling")
STALLED = condition("Stalled", "True", "ConfigurationError", "no such file")
RETRYING = condition("Stalled", "False", "Retrying", "no network")
CASES: list[tuple[dict[str, Any], str]] = [
    ({}, "Pending, 0/2 ready"),
    ({"phase": "Ready", "readyReplicas": 2, "conditions": [condition("Stalled", "False", "Runs"), READY]}, "Ready, 2/2 ready"),
    ({"phase": "Loading", "readyReplicas": 1, "conditions": [NO_AGENT]}, "Loading, 1/2 ready, agent a loads it"),
    ({"phase": "Failed", "conditions": [NO_AGENT, STALLED]}, "Failed, 0/2 ready, no such file"),
    (
        {"phase": "ImagePulling", "conditions": [PULLING, RETRYING]},
        "ImagePulling, 0/2 ready, tried again after: no network",
    ),
    ({"phase": "Ready", "readyReplicas": 2, "conditions": [READY, RETRYING]}, "Ready, 2/2 ready"),
    ({"phase": "Pending", "conditions": [condition("Ready", "Unknown", "NotLookedAt")]}, "Pending, 0/2 ready, NotLookedAt"),
]


@pytest.mark.parametrize(("status", "line"), CASES, ids=[line for _, line in CASES])
def test_every_command_says_the_same(status: dict[str, Any], line: str) -> None:
    document = {"kind": "Model", "metadata": {"name": "nano"}, "spec": {"image": "nano", "replicas": 2}, "status": status}
    stands = standing_of(document)
    assert stands.line == line
    assert _summary(document) == line, "get, watch and describe"
    assert changes(None, status_of([], [], [document], None)) == [f"model nano: {line}"], "up, top"
    line_in_table = document_line(document, NOW)
    assert (line_in_table.phase, line_in_table.ready, line_in_table.says) == (stands.phase, stands.share, stands.says), "lists of models"


def in_mesh(ready: int, *conditions: tuple[str, bool, str, str]) -> pb.MeshModel:
    made = pb.MeshModel(spec=pb.ModelSpec(name="nano", replicas=2), status=pb.ModelStatus(ready=ready))
    for kind, holds, reason, message in conditions:
        status = pb.CONDITION_STATUS_TRUE if holds else pb.CONDITION_STATUS_FALSE
        made.status.conditions.add(type=kind, status=status, reason=reason, message=message)
    return made


def test_a_model_of_a_controller_alone() -> None:
    placed, healthy = ("Placed", True, "AgentsChosen", ""), ("Degraded", False, "Healthy", "")
    assert standing_in_mesh(in_mesh(0)) == ModelStanding("Loading", 0, 2, "not looked at yet")
    serving = in_mesh(2, placed, healthy, ("Ready", True, "AgentsReady", ""))
    assert standing_in_mesh(serving) == ModelStanding("Ready", 2, 2, "")
    loading = in_mesh(1, placed, healthy, ("Ready", False, "NoAgentReady", ""))
    assert standing_in_mesh(loading).line == "Loading, 1/2 ready, NoAgentReady"
    broken = in_mesh(0, placed, ("Degraded", True, "ConfigurationError", "no such file"), ("Ready", False, "NoAgentReady", ""))
    assert standing_in_mesh(broken).line == "Failed, 0/2 ready, ConfigurationError: no such file"
    assert changes(None, status_of([broken], [], [], None)) == ["model nano: Failed, 0/2 ready, ConfigurationError: no such file"]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (172_800, "2d")]
)
def test_ages_are_those_of_kubectl(seconds: int, shown: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == shown
