"""Options of all tests, and models that several of them serve.

With ECHORATOR_NO_SKIPS a skipped test fails the run, for machines that have every tool, and Hypothesis draws the same examples each time.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from bench.random_gguf import Shape, write

NO_SKIPS = bool(os.environ.get("ECHORATOR_NO_SKIPS"))
settings.register_profile("echorator", deadline=None, derandomize=NO_SKIPS, print_blob=NO_SKIPS)
settings.load_profile("echorator")


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


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a long context that takes some milliseconds a token, so that its requests still run when looked at.

    A greedy answer of it never ends by itself.
    """
    shape = Shape(dim=256, layers=8, heads=4, kv_heads=4, ffn=768, context=16384, endless=True)
    return write(tmp_path_factory.mktemp("models") / "slow.gguf", shape)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("models") / "encoder.gguf", Shape(arch="bert", context=512))


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if NO_SKIPS and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("tests were skipped where none may be", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
