"""Nothing that was acknowledged is lost: 200 SIGKILLs at random moments under writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.rounds import rounds

ROUNDS = rounds(200)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_sigkill(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "tests.cognition.storing.killing", str(tmp_path), str(ROUNDS), "20261121")
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["wrong"] == []
    assert report["rounds"] == ROUNDS
    assert report["acknowledged"] >= ROUNDS  # the writers did write before they were killed, on a busy machine too
    assert report["kept"] > 2.5 * ROUNDS
    assert report["forgotten"] > 0
