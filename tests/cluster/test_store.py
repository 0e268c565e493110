"""The store: versions, watchers, and what is durable."""

from __future__ import annotations

import os
import resource as limits
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echorator.cluster.journal import Journal, JournalDamagedError
from echorator.cluster.resources import ContainerSpec, Key, Kind
from echorator.cluster.store import HISTORY, Change, HistoryGoneError, ResourceNotFoundError, Store
from echorator.errors import ResourceError
from tests.cluster.wishes import wish
from tests.support.rounds import rounds


def names(store: Store) -> list[str]:
    return [resource.name for resource in store.all()]


def test_every_change_has_a_higher_version_and_is_told() -> None:
    store = Store()
    begin = store.version
    store.apply([wish("a"), wish("b")])
    store.apply([wish("a", "m:g")])
    store.set_status(Key(Kind.CONTAINER, "a"), {"n": 1})
    store.set_status(Key(Kind.CONTAINER, "a"), {"n": 1})
    store.begin_delete(Key(Kind.CONTAINER, "b"))
    store.remove(Key(Kind.CONTAINER, "b"))
    events = store.since(begin)
    assert [(e.change, e.resource.name) for e in events] == [
        (Change.ADDED, "a"),
        (Change.ADDED, "b"),
        (Change.MODIFIED, "a"),
        (Change.MODIFIED, "a"),
        (Change.MODIFIED, "b"),
        (Change.DELETED, "b"),
    ]
    versions = [e.resource.resource_version for e in events]
    assert versions == sorted(set(versions))
    assert store.since(versions[-1]) == []
    assert store.get(Key(Kind.CONTAINER, "a")).generation == 2
    with pytest.raises(ResourceNotFoundError, match="there is no container/b; known: a"):
        store.get(Key(Kind.CONTAINER, "b"))


def test_a_watcher_that_is_too_far_behind_is_told_so() -> None:
    store = Store()
    begin = store.version
    store.apply([wish("a")])
    for n in range(HISTORY + 10):
        store.set_status(Key(Kind.CONTAINER, "a"), {"n": n})
    with pytest.raises(HistoryGoneError, match="list again"):
        store.since(begin)
    with pytest.raises(HistoryGoneError):
        store.since(store.version + 1)
    assert len(store.since(store.version - 5)) == 5


changes = st.lists(st.tuples(st.sampled_from(["apply", "status", "delete", "remove"]), st.integers(0, 3), st.integers(0, 2)), max_size=40)


@settings(max_examples=rounds(100))
@given(changes, st.integers(0, 40))
def test_a_watcher_that_listed_once_knows_what_the_store_knows(steps: list[tuple[str, int, int]], listed_after: int) -> None:
    store = Store()
    seen, version = {r.key: r for r in store.all()}, store.version
    for index, (what, which, value) in enumerate(steps):
        key = Key(Kind.CONTAINER, f"c{which}")
        if index == listed_after:
            found, version = store.snapshot()
            seen = {r.key: r for r in found}
        if what == "apply" and not (store.find(key) and store.get(key).deleting_s):
            store.apply([wish(key.name, f"m:f{value}")])
        elif what == "status":
            store.set_status(key, {"n": value})
        elif what == "delete" and store.find(key):
            store.begin_delete(key)
        elif what == "remove":
            store.remove(key)
    for event in store.since(version):
        if event.change is Change.DELETED:
            del seen[event.resource.key]
        else:
            seen[event.resource.key] = event.resource
    assert seen == {r.key: r for r in store.all()}


def test_what_was_asked_for_is_there_after_a_restart_and_versions_go_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.fresh()
    store = Store(journal)
    (applied, _), *_ = store.apply([wish("a", team="x"), wish("b")])
    store.create(Key(Kind.CONTAINER, "made"), ContainerSpec(worker="m:f"), {}, Key(Kind.REPLICA_SET, "r"))
    store.begin_delete(Key(Kind.CONTAINER, "b"))
    last = store.version
    journal.close()

    journal = Journal(tmp_path)
    assert not journal.fresh()
    again = Store(journal)
    assert names(again) == ["a", "b"], "what a controller made is made again by it"
    found = again.get(applied.key)
    assert (found.uid, found.generation, dict(found.labels), found.created_s) == (applied.uid, 1, {"team": "x"}, applied.created_s)
    assert again.get(Key(Kind.CONTAINER, "b")).deleting_s
    assert again.version > last
    with pytest.raises(HistoryGoneError):
        again.since(last)
    journal.close()


WRITER = """
import sys
from pathlib import Path
from echorator.cluster.journal import Journal
from echorator.cluster.store import Store
from tests.cluster.wishes import wish
store = Store(Journal(Path(sys.argv[1])))
for n in range(100_000):
    store.apply([wish(f"c{n}"), wish(f"d{n}")])
    print(n, store.version, flush=True)
"""


def test_nothing_acknowledged_is_lost_by_a_kill_and_no_apply_is_half_there(tmp_path: Path) -> None:
    highest = 0
    for round_ in range(5):
        folder = tmp_path / str(round_)
        with subprocess.Popen((sys.executable, "-c", WRITER, str(folder)), stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(20 + round_):
                last = writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split("\n")
        number, version = ([last, *rest[:-1]])[-1].split()
        journal = Journal(folder)
        store = Store(journal)
        there = set(names(store))
        assert {f"c{n}" for n in range(int(number) + 1)} <= there
        assert {name[1:] for name in there if name[0] == "c"} == {name[1:] for name in there if name[0] == "d"}
        assert store.version >= int(version)
        highest = max(highest, int(number))
        journal.close()
    assert highest >= 20


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    store = Store(journal)
    store.apply([wish("a")])
    before = limits.getrlimit(limits.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits.setrlimit(limits.RLIMIT_FSIZE, (os.path.getsize(tmp_path / "resources.db-wal"), before[1]))
    try:
        with pytest.raises(ResourceError, match="nothing was changed"):
            store.apply([wish(f"b{n}", x="y" * 60) for n in range(200)])
    finally:
        limits.setrlimit(limits.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert names(store) == ["a"]
    store.apply([wish("b")])
    journal.close()
    journal = Journal(tmp_path)
    assert names(Store(journal)) == ["a", "b"]
    journal.close()


def test_damaged_files_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "resources.db").write_bytes(b"this is no database, and longer than a header of one" * 40)
    with pytest.raises(JournalDamagedError, match="move it away to start without what was applied"):
        Journal(tmp_path)
    (tmp_path / "resources.db").unlink()
    journal = Journal(tmp_path)
    Store(journal).apply([wish("a")])
    journal._db.execute("UPDATE resources SET document = '{}'")
    with pytest.raises(JournalDamagedError, match="move it away"):
        Store(journal)
    journal.close()
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ResourceError, match="see that the folder can be written"):
        Journal(file)


def test_listeners_hear_from_any_thread() -> None:
    store, heard = Store(), threading.Event()
    end = store.listen(heard.set)
    thread = threading.Thread(target=lambda: store.apply([wish("a")]))
    thread.start()
    thread.join()
    assert heard.is_set()
    end()
    heard.clear()
    store.apply([wish("b")])
    assert not heard.is_set()


def test_a_listener_that_is_removed_takes_no_change_from_the_others() -> None:
    """A change walks the listeners; whoever is removed meanwhile must not make it leave out the next one."""
    store = Store()
    removed, heard = threading.Event(), list[str]()
    removers = list[threading.Thread]()

    def first() -> None:
        heard.append("first")

        def remove() -> None:
            unlisten()
            removed.set()

        removers.append(threading.Thread(target=remove))
        removers[-1].start()
        assert not removed.wait(0.2), "it waits for the change to be told to all"

    unlisten = store.listen(first)
    store.listen(lambda: heard.append("second"))
    store.apply([wish("a")])
    removers[0].join()
    store.apply([wish("b")])
    assert heard == ["first", "second", "second"]
