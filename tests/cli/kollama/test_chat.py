"""`kollama chat` through a gateway that is named, and what it says where there is none; test_port_forward.py has the other way."""

from __future__ import annotations

from pathlib import Path

import pytest

from echorator.errors import ErrorClass
from echorator.model_resource.conditions import Failure, Observed
from tests.cli.kollama.user import READY, Kollama
from tests.support.commands import server


@pytest.mark.slow
def test_chat_through_a_gateway_that_is_named(k: Kollama) -> None:
    k("deploy", "nano", "--image", "echo-nano")
    k.tell("nano", READY)
    asked = (
        "chat",
        "nano",
        "--temperature",
        "0",
        "--system",
        "You are Echo, a helpful assistant with a memory.",
        "My dog is called Pixel.",
    )
    with server("--name", "nano") as (_, address):
        assert "Got it" in k(*asked, "--gateway", address)
    k(*asked, "--gateway", "127.0.0.1:9", code=69, err="cannot reach 127.0.0.1:9")
    k.tell("nano", Observed(failure=Failure(ErrorClass.CONFIGURATION, "no such file")))
    k(*asked, code=69, err="model/nano failed: no such file")


@pytest.mark.slow
def test_chat_without_a_gateway(k: Kollama, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    k("deploy", "nano", "--image", "echo-nano")
    k.tell("nano", READY)
    monkeypatch.setenv("PATH", str(tmp_path))
    k("chat", "nano", "Hi", code=1, err="kubectl is not installed")
    monkeypatch.setenv("PATH", str(k.plane.bin))
    said = "kubectl port-forward to the service echorator-gateway of namespace nosuch failed: "
    k("chat", "nano", "Hi", "--system-namespace", "nosuch", code=69, err=said)
