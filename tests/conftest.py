"""Options of all tests, and models that several of them serve.

A test is skipped where the machine lacks what it needs (tests/support/programs.py), and for no other reason. With ECHORATOR_NO_SKIPS a
skipped test fails the run, for machines that have every tool. With ECHORATOR_ALL_ROUNDS tests repeat what is random as often as they say
(tests/support/rounds.py). Hypothesis draws new examples in each run, and a failure prints what reproduces it.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer

from echorator import machine
from tests.support import programs
from tests.support.models.random_gguf import Shape, write
from tests.support.rounds import rounds
from tests.support.scheduling import MOST_WORKERS, SHARED, Units, unit_of

KUBERNETES = "tests.support.kube_cluster.fixtures"
pytest_plugins = [KUBERNETES]
NO_SKIPS = bool(os.environ.get("ECHORATOR_NO_SKIPS"))
settings.register_profile("echorator", deadline=None, print_blob=True, max_examples=rounds(100))
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


@pytest.fixture(scope="session")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("models") / "reranker.gguf", Shape(arch="bert", context=1024, ranks=True))


@pytest.fixture(scope="session")
def filler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that fills gaps; a greedy answer of it never ends by itself."""
    return write(tmp_path_factory.mktemp("models") / "filler.gguf", Shape(context=2048, fills=True, endless=True))


def shared_fixtures(item: pytest.Item) -> list[str]:
    """Return which control planes a test uses that other tests use too, by the names of `scheduling.SHARED`."""
    fixtures = getattr(item, "_fixtureinfo", None)
    definitions = fixtures.name2fixturedefs if fixtures is not None else {}
    return [name for name in SHARED if name in definitions and definitions[name][-1].func.__module__ == KUBERNETES]


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test needs what its fixtures need, and is slow where it has a whole Kubernetes cluster."""
    fixtures = getattr(item, "_fixtureinfo", None)
    definitions = fixtures.name2fixturedefs.values() if fixtures is not None else ()
    needs = {name for known in definitions for definition in known[-1:] for name in getattr(definition.func, "needs", ())}
    if needs:
        item.add_marker(pytest.mark.needs(*sorted(needs)))
    if "cluster" in shared_fixtures(item):
        item.add_marker(pytest.mark.slow)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in shared_fixtures(item):
            if fixture != unit_of(item.nodeid):
                raise pytest.UsageError(f"{item.nodeid} uses {fixture!r}; name its file under that in tests/support/scheduling.py")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Return how many workers `-n auto` means: none for one file, whose tests stay together anyway."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    if len(config.args) == 1 and ".py" in config.args[0]:
        return 0
    return min(int(machine.cores(machine.ROOT)), MOST_WORKERS)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Units:
    return Units(config, log)


def needs_of(item: pytest.Item) -> list[str]:
    """All that a test needs, by the names of `programs.NEEDED`."""
    return sorted({name for mark in item.iter_markers("needs") for name in mark.args})


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    lacking = [name for name in needs_of(item) if not programs.there(name)]
    if lacking:
        pytest.skip("; ".join(map(programs.reason, lacking)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not needs_of(item):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and no `needs` says what for: see tests/support/programs.py\n{report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each thing that is lacking: how many tests it would run, and how to get it."""
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", ()))
    for said, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {said}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if NO_SKIPS and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("tests were skipped where none may be", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
