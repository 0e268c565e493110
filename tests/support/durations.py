"""Records where the tests' time goes: `python -m tests.support.durations [ARGUMENTS OF PYTEST]` runs them and writes bench/TESTS.md.

`scheduling` reads the seconds of files back from that table.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from echorator import machine
from tests.support import programs

TABLE = Path(__file__).parents[2] / "bench/TESTS.md"
SLOWEST_TESTS, SLOWEST_FILES = 50, 40
_ROW = re.compile(r"\| (\d+\.\d) \| `(tests/[\w/]+\.py)` \|")


def recorded_seconds() -> dict[str, float]:
    """Return the seconds of the slowest files in the recorded run, by path; nothing where no run is recorded."""
    text = TABLE.read_text("utf-8") if TABLE.exists() else ""
    return {path: float(seconds) for seconds, path in _ROW.findall(text)}


class Recorder:
    """A plugin of pytest that adds up how long the phases of tests take."""

    def __init__(self) -> None:
        self.seconds: Counter[tuple[str, str]] = Counter()  # by node id and phase
        self.outcomes: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid, report.when or ""] += report.duration  # type: ignore[assignment]
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.outcome] += 1

    def text(self, arguments: list[str], wall_s: float) -> str:
        """Return the page that says what this run took."""
        files: Counter[str] = Counter()
        for (nodeid, _), seconds in self.seconds.items():
            files[nodeid.partition("::")[0]] += seconds
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        absent = ", ".join(name for name in programs.NEEDED if not programs.there(name)) or "nothing"
        rounds = "all rounds" if os.environ.get("ECHORATOR_ALL_ROUNDS") else "the rounds of a desk"
        lines = [
            "# Where the tests' time goes",
            "",
            f"`python -m tests.support.durations{''.join(f' {argument}' for argument in arguments)}`, with {rounds}.",
            f"{machine.cores(machine.ROOT)} cores, Python {platform.python_version()}; absent: {absent}.",
            "",
            f"{outcomes}. {wall_s / 60:.1f} minutes, in which tests took {sum(self.seconds.values()) / 60:.1f} minutes.",
            "",
            f"## The {SLOWEST_TESTS} slowest tests",
            "",
            "| s | phase | test |",
            "|---|---|---|",
            *(f"| {seconds:.2f} | {phase} | {nodeid} |" for (nodeid, phase), seconds in self.seconds.most_common(SLOWEST_TESTS)),
            "",
            f"## The {SLOWEST_FILES} slowest files",
            "",
            "| s | file |",
            "|---|---|",
            *(f"| {seconds:.1f} | `{file}` |" for file, seconds in files.most_common(SLOWEST_FILES)),
        ]
        return "\n".join(lines) + "\n"


def main() -> int:
    """Run the tests, write the table unless they failed, and return the exit code of pytest."""
    recorder, begun_s = Recorder(), time.monotonic()
    code = pytest.main(sys.argv[1:], plugins=[recorder])
    if code == pytest.ExitCode.OK:
        TABLE.write_text(recorder.text(sys.argv[1:], time.monotonic() - begun_s), "utf-8")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
