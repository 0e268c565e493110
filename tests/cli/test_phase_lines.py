"""What `apply --wait` says on stderr meanwhile: each phase once, and why a model is not ready yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from echorator.cli.output.phase_lines import PhaseLines
from tests.cli.up import Up
from tests.support.commands import echorator
from tests.support.waiting import until

PULLED_FROM_NOWHERE = """\
apiVersion: echorator.dev/v1
kind: Model
metadata: {name: phi}
spec: {image: registry.invalid/ns/phi}
"""


def model(phase: str, retrying: str = "") -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "False", "reason": phase}]
    if retrying:
        conditions.append({"type": "Stalled", "status": "False", "reason": "Retrying", "message": retrying})
    return {"kind": "Model", "metadata": {"name": "phi"}, "spec": {}, "status": {"phase": phase, "conditions": conditions}}


def test_each_phase_and_each_trouble_has_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with PhaseLines() as lines:
        for document in (model("Pending"), model("ImagePulling"), model("ImagePulling", "no network"), model("ImagePulling", "no network")):
            lines.tell(document)
        lines.tell({"kind": "Service", "metadata": {"name": "s"}, "spec": {}, "status": {}})
        lines.tell(model("Ready"))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "model/phi Pending\nmodel/phi ImagePulling\nmodel/phi tried again after: no network\nmodel/phi Ready\n"


@pytest.mark.slow
def test_why_a_pull_fails_stands_everywhere(tmp_path: Path) -> None:
    up = Up(tmp_path).start()
    try:
        (tmp_path / "phi.yaml").write_text(PULLED_FROM_NOWHERE)
        why = "tried again after: there is no host registry.invalid, or no network"
        waited = echorator("apply", "-f", str(tmp_path / "phi.yaml"), "--wait", "5", *up.server)
        assert waited.returncode == 69
        assert waited.stdout == "model/phi created\n"
        assert "model/phi ImagePulling\n" in waited.stderr
        assert any(line.startswith(f"model/phi {why}") for line in waited.stderr.splitlines())
        assert f"model/phi: ImagePulling, 0/1 ready, {why}" in waited.stderr.splitlines()[-1]
        for command in (("get", "models"), ("status",)):
            until(lambda c=command: why in up.run(*c), "it is said")  # type: ignore[misc]
        told = up.process.log.read_text()
        assert "a pull failed source=registry.invalid/ns/phi" in told
        assert f"model phi: ImagePulling, 0/1 ready, {why}" in told
    finally:
        up.process.end()
