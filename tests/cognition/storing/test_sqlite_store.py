"""The embedded store beyond what all do (test_stores.py): full disks, damaged files, other processes."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from echorator.cognition.memory import Batch
from echorator.cognition.reading.values import Fact
from echorator.cognition.storing.schema import VERSION
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.storing.store import StoreBusyError, StoreDamagedError
from echorator.errors import ResourceError
from tests.cognition.storing.memories import memory

ROOT = Path(__file__).parents[3]


def test_a_full_disk_refuses_with_a_clear_error_and_loses_nothing(tmp_path: Path) -> None:
    """A file size limit on a real process stands for the disk."""
    script = """
        import resource, signal, sys
        from pathlib import Path
        from tests.cognition.storing.memories import memory
        from echorator.cognition.memory import Batch
        from echorator.cognition.storing.sqlite_store import SqliteStore
        from echorator.errors import ResourceError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        store = SqliteStore(Path(sys.argv[1])); store.embedder("test", 4)
        space = store.namespace("t", "a", "u", create=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
        kept, refused = [], []
        for i in range(3000):
            try:
                kept += store.write(space, Batch(add=(memory(f"{i} " + "x" * 500),)), 1.0).result().ids
            except ResourceError as error:
                refused.append(str(error))
                if len(refused) == 3: break
        print(len(kept), len(refused), refused[0])
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        kept += store.write(space, Batch(add=(memory("after"),)), 1.0).result().ids
        assert [m.id for m in store.scan(space)] == kept
        assert store.check(False)[0] == []
        store.close()
    """
    done = subprocess.run(
        (sys.executable, "-c", textwrap.dedent(script), str(tmp_path)), capture_output=True, text=True, timeout=120, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    kept, refused, message = done.stdout.strip().split(" ", 2)
    assert int(kept) > 0
    assert int(refused) == 3
    assert "free some space and try again" in message
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_second_process_is_told_who_holds_the_store(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    with pytest.raises(StoreBusyError, match=r"in use by process \d+"):
        SqliteStore(tmp_path)
    store.close()


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    SqliteStore(tmp_path).close()
    with sqlite3.connect(tmp_path / "memory.db") as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = (tmp_path / "memory.db").read_bytes()
    with pytest.raises(StoreBusyError, match="newer version"):
        SqliteStore(tmp_path)
    assert (tmp_path / "memory.db").read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "memory.db").write_bytes(b"this is not a database at all, but a text" * 100)
    with pytest.raises(StoreDamagedError, match="damaged"):
        SqliteStore(tmp_path)


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot use"):
        SqliteStore(tmp_path / "file" / "folder")


def test_damaged_pages_are_found_and_never_read_as_memories(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.embedder("test", 4)
    space = store.namespace("t", "a", "u", create=True)
    assert space is not None
    store.write(space, Batch(add=tuple(memory(f"text number {i} " * 20) for i in range(500))), 1.0).result()
    store.close()
    path = tmp_path / "memory.db"
    whole = path.read_bytes()
    found = 0
    for page in range(3, len(whole) // 4096, 7):
        damaged = bytearray(whole)
        damaged[page * 4096 : page * 4096 + 64] = b"\xff" * 64
        path.write_bytes(bytes(damaged))
        try:
            store = SqliteStore(tmp_path)
        except StoreDamagedError:
            found += 1
            continue
        try:
            texts = [m.text for m in store.scan(space)]
            assert all(t.startswith("text number ") for t in texts)
            found += bool(store.check(repair=False)[0]) or len(texts) < 500
        except StoreDamagedError as error:
            assert "memory check" in str(error) or "damaged" in str(error)  # noqa: PT017
            found += 1
        finally:
            store.close()
    assert found >= 0.9 * len(range(3, len(whole) // 4096, 7))


def test_a_wrong_list_of_topics_is_found_and_made_anew(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.embedder("test", 4)
    space = store.namespace("t", "a", "u", create=True)
    assert space is not None
    facts = (Fact("fox", "colour", "red"),)
    store.write(space, Batch(add=(memory("red fox", facts=facts), memory("brown fox", facts=facts))), 1.0).result()
    store.close()
    with sqlite3.connect(tmp_path / "memory.db") as connection:
        connection.execute("DELETE FROM topics WHERE memory = 1")
        connection.execute("INSERT INTO topics VALUES (1, 'dog', 'name', 7)")
    connection.close()
    store = SqliteStore(tmp_path)
    findings, _ = store.check(repair=False)
    assert [(f.what, f.repaired) for f in findings] == [("the facts of 2 memories are not listed as they are", False)]
    findings, _ = store.check(repair=True)
    assert [f.repaired for f in findings] == [True]
    assert store.check(repair=False)[0] == []
    assert [m.text for m in store.facts(space, "fox", "colour")] == ["red fox", "brown fox"]
    store.close()
