"""What `up`, a server with a memory and exports leave on the disk is for its owner alone, also where an earlier version left it open."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cli.up import Up
from tests.support.commands import echorator
from tests.support.waiting import until


def modes(folder: Path) -> dict[str, str]:
    """Of all that is open to others, by path."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if not path.is_symlink() and mode & 0o077:
            found[str(path.relative_to(folder))] = oct(mode)
    return found


def _replaced(up: Up, agent: int) -> bool:
    return bool(set(up.agents().values()) - {agent})


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_all_that_up_writes_is_its_users_alone_and_older_files_are_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    up = Up(tmp_path)
    for again in (False, True):
        up.start().ready()
        up.chat("My dog is called Pixel.", user="ann")
        (agent,) = up.agents().values()
        os.kill(agent, signal.SIGKILL)
        until(partial(_replaced, up, agent), "another agent", 30.0)
        up.ready()
        names = {str(path.relative_to(up.data)) for path in up.data.rglob("*")}
        assert {"memory/memory.db", "memory/memory.db-wal", "controller/mesh.db", "cluster/resources.db", "logs", "up.lock"} <= names
        assert "logs/nano/nano-0.log" in names
        assert (home / "echorator" / "up.json").exists()
        assert modes(up.data) == {}
        assert modes(home / "echorator") == {}
        up.process.end()
        if not again:
            for path in (up.data, *up.data.rglob("*"), home / "echorator"):
                path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.usefixtures("open_umask")
def test_exports_are_their_users_alone(tmp_path: Path) -> None:
    memory, handed_in = tmp_path / "memory", tmp_path / "handed-in"
    handed_in.mkdir(mode=0o755)
    (handed_in / "note.txt").touch(0o644)
    place = ("--memory", str(memory), "--user", "ann")
    assert echorator("memory", "add", "My dog is called Pixel.", *place).returncode == 0
    export, drawn = handed_in / "export.jsonl", handed_in / "map.svg"
    export.touch(0o644)
    assert echorator("memory", "export", str(export), *place).returncode == 0
    assert echorator("memory", "map", "--out", str(drawn), *place).returncode == 0
    assert modes(memory) == {}
    assert modes(handed_in) == {".": "0o755", "note.txt": "0o644"}
    assert "Pixel" in export.read_text()
