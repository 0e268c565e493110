"""What a machine lacks is named with how to get it, its tests are skipped for that alone, and `-m needs` finds them all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import programs

ROOT = Path(__file__).parents[1]
GETS = r"apt-get install \S|pip (install|download) |go install \S|bash tests/\S|^run |^stop "
TRIAL = """\
import subprocess
import pytest
from tests.support.programs import needing

@pytest.mark.needs("redis-server")
def test_marked(): subprocess.run(("redis-server", "--version"), check=True)

@pytest.fixture
@needing("docker-registry", "go")
def registry(): subprocess.run(("docker-registry", "--version"), check=True)

@pytest.fixture
def pushed(registry): pass

def test_by_a_fixture_of_a_fixture(pushed): pass
def test_plain(): pass
"""


def run(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """pytest, with the options of this project, on a test file where no program is on the PATH."""
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests/test_trial.py").write_text(text)
    command = (sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}", "-p", "no:cacheprovider")
    environment = {name: value for name, value in os.environ.items() if name != "ECHORATOR_NO_SKIPS"}
    return subprocess.run(
        (*command, "-p", "tests.conftest", "--noconftest", *options, str(folder / "tests/test_trial.py")),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment | {"PATH": str(folder), "PYTHONPATH": str(ROOT)},
        timeout=120,
        check=False,
    )


def test_each_says_how_to_get_it() -> None:
    for name, needed in programs.NEEDED.items():
        assert re.search(GETS, needed.how), f"{name}: {needed.how}"
        assert programs.reason(name) == f"{name} is absent: {needed.how}"


def test_what_is_lacking_skips_its_tests_and_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, TRIAL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 2 skipped" in done.stdout
    assert "1 skipped: redis-server is absent: apt-get install redis-server" in done.stdout
    both = "docker-registry is absent: apt-get install docker-registry; go is absent: apt-get install golang-go"
    assert f"1 skipped: {both}" in done.stdout


def test_needs_selects_all_that_a_program_could_change(tmp_path: Path) -> None:
    done = run(tmp_path, TRIAL, "-m", "needs", "--collect-only")
    assert [line.rpartition("::")[2] for line in done.stdout.splitlines() if "::" in line] == [
        "test_marked",
        "test_by_a_fixture_of_a_fixture",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "import pytest\ndef test_one(): pytest.skip('why not')\n",
        "import pytest\n@pytest.mark.skipif(True, reason='why not')\ndef test_one(): pass\n",
        "import pytest\n@pytest.fixture\ndef thing(): pytest.skip('why not')\ndef test_one(thing): pass\n",
    ],
    ids=["in the test", "by a mark", "in a fixture"],
)
def test_a_skip_that_names_nothing_is_a_failure(tmp_path: Path, text: str) -> None:
    done = run(tmp_path, text)
    assert done.returncode == 1
    assert "no `needs` says what for" in done.stdout


@pytest.mark.slow
def test_a_name_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    done = run(tmp_path, "import pytest\n@pytest.mark.needs('redis')\ndef test_one(): pass\n")
    assert done.returncode == 1
    assert "KeyError: 'redis'" in done.stdout


def test_the_names_that_a_path_may_hold_are_printed() -> None:
    done = subprocess.run((sys.executable, str(ROOT / "tests/support/programs.py")), capture_output=True, text=True, check=True)
    assert {"redis-server", "grpcurl", "etcd", "kube-apiserver", "docker-registry", "envoy", "faketime", "node", "go"} <= set(
        done.stdout.split()
    )
