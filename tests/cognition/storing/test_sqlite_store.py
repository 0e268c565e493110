"""The embedded store: durable groups, refusals that harm nobody, full disks, damaged files, other processes."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from echorator.cognition.memory import Batch, Experience, Filter, Goal, Lifecycle, Link, Patch
from echorator.cognition.storing.schema import VERSION
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.storing.store import MemoryNotFoundError, StoreBusyError, StoreDamagedError
from echorator.errors import InvalidRequestError, ResourceError
from tests.cognition.storing.memories import memory

ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path)
    assert opened.embedder("test", 4) == 1
    yield opened
    opened.close()


def test_a_batch_is_applied_whole(store: SqliteStore) -> None:
    space = store.namespace("t", "a", "u", create=True)
    assert space is not None
    batch = Batch(
        add=(memory("one", entities=("x", "y")), memory("two", key="k", pinned=True, derived_from=(3, 4))),
        links=(Link(-1, -2, "entity", 0.5), Link(-1, -2, "entity", 0.5)),
        experience=Experience("s", 5.0, "said", "answered", recalled=(9,)),
        goals=(Goal("learn", 0.5, np.ones(4, np.float32)),),
        documents={"state": b"abc"},
    )
    receipt = store.write(space, batch, 7.0).result()
    one, two = store.memories(space, receipt.ids)
    assert (one.text, one.entities, two.key, two.pinned, two.derived_from) == ("one", ("x", "y"), "k", True, (3, 4))
    assert [m.embedding.tolist() for m in store.scan(space)] == [[0.5] * 4] * 2
    assert list(store.associations(space)) == [(receipt.ids[0], receipt.ids[1], 0.75)]
    experience = store.experiences(space, "s", 10)[0]
    assert (experience.recalled, experience.learned) == ((9,), receipt.ids)
    assert [(g.text, g.priority) for g in store.goals(space)] == [("learn", 0.5)]
    assert store.document(space, "state") == b"abc"
    assert [(c.memory_id, c.action) for c in store.history(space, 0, 0, 10)] == [(i, "remembered") for i in reversed(receipt.ids)]
    assert store.changed_since(space, receipt.seq - 1) == {receipt.ids[1]}


def test_a_refused_batch_leaves_nothing_and_harms_no_other(store: SqliteStore) -> None:
    space = store.namespace("t", "a", "u", create=True)
    assert space is not None
    good = [store.write(space, Batch(add=(memory(f"good {i}"),)), 1.0) for i in range(20)]
    bad = store.write(space, Batch(add=(memory("half"),), patch=(Patch(999, {"text": "x"}, "updated"),)), 1.0)
    more = [store.write(space, Batch(add=(memory(f"more {i}"),)), 1.0) for i in range(20)]
    for future in (*good, *more):
        assert future.result().ids
    with pytest.raises(MemoryNotFoundError, match="999"):
        bad.result()
    texts = [m.text for m in store.scan(space)]
    assert len(texts) == 40
    assert "half" not in texts


def test_ids_are_never_used_again_and_keys_are_known(store: SqliteStore) -> None:
    space = store.namespace("t", "a", "u", create=True)
    assert space is not None
    first = store.write(space, Batch(add=(memory("a", key="k"),)), 1.0).result()
    again = store.write(space, Batch(add=(memory("b", key="k"),)), 1.0).result()
    assert (again.ids, again.fresh) == (first.ids, (False,))
    store.erase(space, first.ids, 2.0)
    assert store.write(space, Batch(add=(memory("c", key="k"),)), 1.0).result().ids[0] > first.ids[0]


def test_pages_and_full_text(store: SqliteStore) -> None:
    space = store.namespace("t", "a", "u", create=True)
    other = store.namespace("t", "a", "v", create=True)
    assert space is not None
    assert other is not None
    texts = ["The red fox runs.", "A fox, red and quick", "the quick brown dog", "Unrelated caf\u00e9"]
    ids = store.write(space, Batch(add=tuple(memory(t) for t in texts)), 1.0).result().ids
    store.write(other, Batch(add=(memory("a red fox elsewhere"),)), 1.0).result()

    def found(text: str) -> list[int]:
        return [m.id for m in store.page(space, Filter(), text, None, 0, 100)]

    assert found("red fox") == [ids[0], ids[1]]
    assert found('"red fox"') == [ids[0]]
    assert found("run*") == [ids[0]]
    assert found("cafe") == [ids[3]]
    for broken in ('"unbalanced', "AND", "text:", "a NEAR("):
        with pytest.raises(InvalidRequestError, match="text:"):
            found(broken)
    store.write(space, Batch(patch=(Patch(ids[0], {"text": "blue whale"}), Patch(ids[1], {"lifecycle": Lifecycle.ARCHIVED}))), 1.0).result()
    assert found("red") == [ids[1]]
    assert found("whale") == [ids[0]]
    assert [m.id for m in store.page(space, Filter(), "", Lifecycle.ACTIVE, ids[0], 1)] == [ids[2]]
    assert store.check(repair=False) == ([], 5)


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


@pytest.mark.usefixtures("store")
def test_a_second_process_is_told_who_holds_the_store(tmp_path: Path) -> None:
    with pytest.raises(StoreBusyError, match=r"in use by process \d+"):
        SqliteStore(tmp_path)


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


def test_a_broken_full_text_index_is_found_and_rebuilt(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.embedder("test", 4)
    space = store.namespace("t", "a", "u", create=True)
    assert space is not None
    store.write(space, Batch(add=(memory("red fox"),)), 1.0).result()
    store.close()
    with sqlite3.connect(tmp_path / "memory.db") as connection:
        connection.execute("INSERT INTO memory_texts (memory_texts) VALUES ('delete-all')")
    connection.close()
    store = SqliteStore(tmp_path)
    findings, _ = store.check(repair=False)
    assert [f.repaired for f in findings] == [False]
    findings, _ = store.check(repair=True)
    assert [f.repaired for f in findings] == [True]
    assert store.check(repair=False)[0] == []
    assert [m.text for m in store.page(space, Filter(), "fox", None, 0, 10)] == ["red fox"]
    store.close()


def test_a_closed_store_refuses(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    space = store.namespace("t", "a", "u", create=True)
    assert space is not None
    store.close()
    store.close()
    with pytest.raises(ResourceError, match="closed"):
        store.write(space, Batch(), 1.0).result()
