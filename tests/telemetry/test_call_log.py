"""One line for a call that failed: its level, its fields, once in a process, bounded in a flood."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import grpc
import pytest

from echorator.agent.memory import MemoryFailedError
from echorator.errors import DrainingError, EngineError, InvalidRequestError, ModelNotFoundError
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.rpc.v1 import cognition_pb2, model_pb2
from echorator.rpc.v1.controller_pb2 import DESCRIPTOR as CONTROLLER
from echorator.serving import call_log
from echorator.serving.called import GrpcMethod, HttpRoute, grpc_method
from echorator.serving.calls import Calls
from echorator.serving.life import Life
from echorator.telemetry.log_lines import log_line, said
from tests.support.waiting import eventually

METHOD = GrpcMethod("echorator.v1.ModelService", "Chat")


class Service(Calls):
    services = ("echorator.v1.ModelService",)
    codes = ((EngineError, grpc.StatusCode.INTERNAL), (MemoryFailedError, grpc.StatusCode.FAILED_PRECONDITION))


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(call_log, "_writer", call_log._Writer())
    caplog.set_level(logging.DEBUG, call_log.NAME)


def lines(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.name == call_log.NAME]


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("OK", logging.INFO),
        ("INVALID_ARGUMENT", logging.INFO),
        ("NOT_FOUND", logging.INFO),
        ("UNIMPLEMENTED", logging.INFO),
        ("CANCELLED", logging.DEBUG),
        ("DEADLINE_EXCEEDED", logging.WARNING),
        ("RESOURCE_EXHAUSTED", logging.WARNING),
        ("UNAVAILABLE", logging.WARNING),
        ("INTERNAL", logging.ERROR),
        ("UNKNOWN", logging.ERROR),
    ],
)
def test_the_level_is_whose_fault_it_is(code: str, level: int) -> None:
    assert call_log.level_of(code) == level


def test_every_status_has_a_level() -> None:
    assert {call_log.level_of(code.name) for code in grpc.StatusCode} == {10, 20, 30, 40}


def ended(error: Exception | None, request: object = None, traceparent: str = "") -> None:
    life = Life(Service(), METHOD, traceparent)
    life.about(request)
    if error is not None:
        life.fail(error)
    life.end()


def test_a_clients_fault_is_told_without_the_clients_words(caplog: pytest.LogCaptureFixture) -> None:
    request = model_pb2.ChatRequest(model="phi", messages=[model_pb2.Message(role="user", content="xylophone")])
    request.memory.scope.tenant = "acme"
    ended(InvalidRequestError("'xylophone' cannot be"), request)
    (line,) = lines(caplog)
    assert (line.levelname, line.message, line.code, line.reason) == ("INFO", "call failed", "INVALID_ARGUMENT", "INVALID_REQUEST")
    assert (line.method, line.model, line.tenant) == ("echorator.v1.ModelService/Chat", "phi", "acme")
    assert line.seconds >= 0.0
    assert len(line.trace_id) == 32
    assert "xylophone" not in str(vars(line))


def crash() -> None:
    raise RuntimeError("a fault of this program")


def test_a_fault_of_ours_says_why(caplog: pytest.LogCaptureFixture) -> None:
    ended(EngineError("the engine lost the request"))
    with pytest.raises(RuntimeError), Life(Service(), METHOD, ""):
        crash()
    ours, crashed = lines(caplog)
    assert (ours.levelname, ours.error) == ("ERROR", "the engine lost the request")
    assert (crashed.levelname, crashed.code) == ("ERROR", "UNKNOWN")
    assert "in crash" in crashed.exc_text
    assert crashed.exc_text.endswith("RuntimeError: a fault of this program")


def test_a_clients_status_for_a_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    ended(MemoryFailedError("the memory: damaged"))
    (line,) = lines(caplog)
    assert (line.levelname, line.code, line.error) == ("WARNING", "FAILED_PRECONDITION", "the memory: damaged")


def test_a_server_that_stops_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    ended(DrainingError("the server is shutting down; try another one"))
    (line,) = lines(caplog)
    assert (line.levelname, line.code, line.reason) == ("INFO", "UNAVAILABLE", "DRAINING")


def test_the_scope_of_a_memory_names_the_tenant(caplog: pytest.LogCaptureFixture) -> None:
    request = cognition_pb2.RecallRequest()
    request.scope.tenant = "acme"
    ended(ModelNotFoundError("none"), request)
    assert lines(caplog)[0].tenant == "acme"


def test_a_name_makes_no_second_line(caplog: pytest.LogCaptureFixture) -> None:
    ended(ModelNotFoundError("none"), model_pb2.ChatRequest(model="a\nERROR forged " + "x" * 1000))
    (line,) = lines(caplog)
    assert line.model.startswith("a?ERROR forged")
    assert len(line.model) == 128
    assert 'model="a?ERROR forged' in log_line("x", model=line.model), "in quotes, so that it is one word"


def test_calls_that_went_well_have_no_line(caplog: pytest.LogCaptureFixture) -> None:
    ended(None)
    assert lines(caplog) == []


def test_every_call_is_logged_on_demand(caplog: pytest.LogCaptureFixture) -> None:
    call_log.log_every_call()
    ended(None)
    ended(asyncio.CancelledError())  # type: ignore[arg-type]
    assert [(line.levelname, line.message, line.code) for line in lines(caplog)] == [
        ("INFO", "call ended", "OK"),
        ("INFO", "call failed", "CANCELLED"),
    ]


def test_a_call_that_a_call_of_this_process_makes_has_no_second_line(caplog: pytest.LogCaptureFixture) -> None:
    outer = Life(Service(), HttpRoute("chat", "POST", "/v1/chat/completions"), "")
    ended(ModelNotFoundError("none"), traceparent=outer.trace.header)
    outer.fail(ModelNotFoundError("none"))
    outer.end()
    (line,) = lines(caplog)
    assert line.route == "/v1/chat/completions"
    ended(ModelNotFoundError("none"), traceparent=outer.trace.header)
    assert len(lines(caplog)) == 2, "the outer one has ended"


@pytest.mark.asyncio
async def test_a_flood_is_bounded_and_counted(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_log, "TELL_S", 0.2)
    for _ in range(3000):
        ended(InvalidRequestError("no"))
    ended(EngineError("ours"))
    written = lines(caplog)
    assert call_log.BURST <= len(written) <= call_log.BURST + 100
    assert written[-1].error == "ours", "a flood of clients' faults leaves room for ours"

    async def told() -> bool:
        return any("left out" in line.message for line in lines(caplog))

    await eventually(told, "the number of those that were left out")
    (telling,) = (line for line in lines(caplog) if "left out" in line.message)
    assert telling.calls == 3000 - (len(written) - 1)


def test_methods_are_those_of_their_services() -> None:
    services = tuple(d.services_by_name[n].full_name for d, n in ((CONTROLLER, "ControllerService"), (mesh_pb2.DESCRIPTOR, "MeshService")))
    assert grpc_method(services, "ApplyModel").named == {"method": "echorator.v1.ControllerService/ApplyModel"}
    assert grpc_method(services, "AgentSession").named == {"method": "echorator.mesh.v1.MeshService/AgentSession"}


def test_what_a_child_says_is_read_in_either_form() -> None:
    assert said(b"listening on 127.0.0.1:1\n") == "listening on 127.0.0.1:1"
    assert said(b'{"message": "listening on 127.0.0.1:1"}\n') == "listening on 127.0.0.1:1"
    assert said(b"{no json\n") == "{no json"
