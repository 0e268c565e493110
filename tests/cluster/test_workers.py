"""Which code may become a worker, and what an import must not do to the process that asked for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from echorator.cluster import Cluster
from echorator.cluster.journal import Journal
from echorator.cluster.resources import Kind
from echorator.cluster.workers.loader import Workers
from echorator.errors import InvalidRequestError
from tests.cluster.texts import apply, container
from tests.support.waiting import until

FAST_S = 5.0  # a module of one line is imported in a tenth of it


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "workers"
    made.mkdir()
    return made


@pytest.fixture
def workers(folder: Path) -> Iterator[Workers]:
    found = Workers([folder], trial_s=FAST_S, import_s=FAST_S)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("name", "source", "says"),
    [
        ("leaves_by_exit", "import sys; sys.exit(7)", "SystemExit: 7"),
        ("leaves_by_interrupt", "raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("leaves_by_base", "raise BaseException('of the lowest kind')", "BaseException: of the lowest kind"),
        ("leaves_at_once", "import os; os._exit(5)", "ends its whole process with exit code 5"),
        ("leaves_with_zero", "import os; os._exit(0)", "ends its whole process with exit code 0"),
        ("leaves_by_signal", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "ends its whole process by SIGTERM"),
        ("leaves_by_crash", "import ctypes; ctypes.string_at(0)", "ends its whole process by SIGSEGV"),
        ("never_returns", "while True: pass", "did not end within"),
        ("never_wakes", "import threading; threading.Event().wait()", "did not end within"),
        ("not_python", "def (", "SyntaxError"),
        ("unprintable", "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E", "E"),
    ],
)
def test_an_import_that_does_not_only_define_things(folder: Path, workers: Workers, name: str, source: str, says: str) -> None:
    (folder / f"{name}.py").write_text(f"{source}\n")
    with pytest.raises(InvalidRequestError, match=says) as refusal:
        workers.find(f"{name}:handle")
    assert f"'{name}:handle'" in str(refusal.value)
    assert name not in sys.modules


def test_what_only_this_process_sees_is_caught_as_well(folder: Path, workers: Workers) -> None:
    """A module that tells the trial from the import, or that is lucky once."""
    here = f"import os\nif os.getppid() != {os.getpid()}:\n    "
    (folder / "exits_here.py").write_text(f"{here}raise SystemExit('not again')\n")
    with pytest.raises(InvalidRequestError, match="importing it failed: SystemExit: not again"):
        workers.find("exits_here:handle")
    (folder / "waits_here.py").write_text(f"{here}import time; time.sleep(600)\n")
    hasty = Workers([folder], trial_s=FAST_S, import_s=0.2)
    with pytest.raises(InvalidRequestError, match=r"did not end within 0\.2 s"):
        hasty.find("waits_here:handle")
    hasty.close()


def test_what_a_trial_started_ends_with_it(folder: Path) -> None:
    (folder / "parent_of_many.py").write_text(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(folder / 'child')!r}, 'w').write(str(child.pid))\n"
        "child.wait()\n"
    )
    hasty = Workers([folder], trial_s=2.0)
    with pytest.raises(InvalidRequestError, match="did not end within 2 s"):
        hasty.find("parent_of_many:handle")
    hasty.close()
    child = int((folder / "child").read_text())

    def gone() -> bool:
        try:
            return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    until(gone, "the trial's child is gone")


def test_workers_are_off_unless_a_folder_is_named() -> None:
    with pytest.raises(InvalidRequestError, match="workers are off; start this with --workers DIR"):
        Workers([]).find("os:system")


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="there is no such folder"):
        Workers([tmp_path / "absent"])


def test_only_modules_of_the_folders(folder: Path, workers: Workers, tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    ran = f"open({str(marker)!r}, 'w')\ndef handle(value): return value\n"
    (tmp_path / "outside.py").write_text(ran)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text(ran)
    (tmp_path / "package" / "inner.py").write_text(ran)
    (folder / "linked.py").symlink_to(tmp_path / "outside.py")
    (folder / "linked_package").symlink_to(tmp_path / "package")
    (folder / "antigravity.py").write_text(ran)
    for path, says in (
        ("linked:handle", "is outside the folders of --workers"),
        ("linked_package:handle", "is outside the folders of --workers"),
        ("linked_package.inner:handle", "is outside the folders of --workers"),
        ("antigravity:handle", "is hidden by another module of that name"),
        ("subprocess:call", "there is no module subprocess in"),
        ("os.path:join", "there is no module os in"),
        ("pytest:main", "there is no module pytest in"),
        ("..outside:handle", "is not the name of a module"),
        ("../outside:handle", "is not the name of a module"),
        ("/etc/passwd:handle", "is not the name of a module"),
        (":handle", "is not the name of a module"),
    ):
        with pytest.raises(InvalidRequestError, match=says):
            workers.find(path)
    assert not marker.exists()
    assert "antigravity" not in sys.modules


def test_links_within_the_folders_are_followed(folder: Path, workers: Workers) -> None:
    (folder / "real_sums.py").write_text("def add(value): return sum(value)\n")
    (folder / "linked_sums.py").symlink_to("real_sums.py")
    workers.find("linked_sums:add")


def test_a_hanging_import_of_the_journal_holds_up_nobody(folder: Path, tmp_path: Path) -> None:
    (folder / "hangs_later.py").write_text("def handle(value): return value\n")
    (folder / "quick_one.py").write_text("def handle(value): return value\n")
    with Cluster([folder], Journal(tmp_path / "journal")) as cluster:
        spec = container("hangs", "x", terminationGracePeriodSeconds=0).replace("workers_for_tests:x", "hangs_later:handle")
        apply(cluster, spec)
        until(lambda: cluster.get(Kind.CONTAINER, "hangs").status.get("ready") is True, "it runs")
    del sys.modules["hangs_later"]  # as in a process that starts anew
    (folder / "hangs_later.py").write_text("import time; time.sleep(600)\n")
    with Cluster([folder], Journal(tmp_path / "journal")) as cluster:
        apply(cluster, container("quick", "x").replace("workers_for_tests:x", "quick_one:handle"))
        reply = cluster.send_to_container("quick", 5)
        assert reply is not None
        assert reply.result(8) == 5
        assert not cluster.get(Kind.CONTAINER, "hangs").status.get("ready")


def test_importing_is_told(folder: Path, workers: Workers, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "told_of.py").write_text("def handle(value): return value\n")
    workers.find("told_of:handle")
    workers.find("told_of:handle")
    told = [record for record in caplog.records if record.message == "code of a worker was imported"]
    assert [(record.worker, record.file) for record in told] == [("told_of:handle", str(folder / "told_of.py"))]  # type: ignore[attr-defined]


def test_the_trial_is_no_wider_than_the_folders(folder: Path) -> None:
    """The current folder is no place of workers, neither here nor in the trial."""
    program = (
        "import sys; from pathlib import Path; from echorator.cluster.workers.loader import Workers\n"
        "try:\n    Workers([Path(sys.argv[1])]).find('beside:handle')\nexcept Exception as error:\n    print(error)\n"
    )
    beside = folder.parent / "beside.py"
    beside.write_text("def handle(value): return value\n")
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(folder)], cwd=folder.parent, capture_output=True, text=True, check=True, timeout=60
    )
    assert "there is no module beside in" in done.stdout
