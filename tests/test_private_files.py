"""Files and folders are their owner's alone from their first moment, under any umask; what a user handed in is left as it is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from echorator.private_files import mended, open_private, private_file, private_folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(autouse=True, params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_what_is_made_has_its_mode_and_those_above_it_too(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    private_folder(folder, ())
    private_file(folder / "file")
    with open_private(folder / "text", "w") as out:
        out.write("ü")
    with open_private(folder / "text", "ab") as out:
        out.write(b"!")
    assert (folder / "text").read_text("utf-8") == "ü!"
    assert [mode(path) for path in (folder.parent, folder, folder / "file", folder / "text")] == [0o700, 0o700, 0o600, 0o600]
    private_file(folder / "text")
    assert (folder / "text").read_text("utf-8") == "ü!"


def test_what_an_earlier_version_made_is_mended(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    folder.chmod(0o755)
    for name in ("one.db", "one.db-wal"):
        (folder / name).touch()
        (folder / name).chmod(0o644)
    private_folder(folder, ("one.db*",))
    assert [mode(path) for path in (folder, folder / "one.db", folder / "one.db-wal")] == [0o700, 0o600, 0o600]
    (folder / "one.db").chmod(0o666)
    with open_private(folder / "one.db", "rb"):
        assert mode(folder / "one.db") == 0o600
    (folder / "one.db").chmod(0o644)
    os.close(mended(os.open(folder / "one.db", os.O_RDONLY)))
    assert mode(folder / "one.db") == 0o600


def test_what_a_user_handed_in_is_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "one.db").mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    for path in (folder / "notes.txt", elsewhere):
        path.touch()
        path.chmod(0o644)
    (folder / "one.db.link").symlink_to(elsewhere)
    folder.chmod(0o755)
    (folder / "one.db").chmod(0o755)
    private_folder(folder, ("one.db*",))
    assert [mode(path) for path in (folder, folder / "one.db", folder / "notes.txt", elsewhere)] == [0o755, 0o755, 0o644, 0o644]


def test_a_device_is_written_to_and_left_as_it_is() -> None:
    before = mode(Path("/dev/null"))
    with open_private(Path("/dev/null"), "wb") as out:
        out.write(b"x")
    assert mode(Path("/dev/null")) == before
