"""Options of all tests: with ECHORATOR_NO_SKIPS a skipped test fails the run, for machines that have every tool."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_ends_children() -> None:
    """A shell starts its background jobs with SIGINT ignored, and what they start inherits that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def data_of_nobody() -> Iterator[None]:
    """Commands that tests start find no data of the user who runs them, and no `echorator up`."""
    with tempfile.TemporaryDirectory(prefix="echorator-tests-") as folder:
        os.environ["XDG_DATA_HOME"] = folder
        yield


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("ECHORATOR_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("tests were skipped where none may be", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
