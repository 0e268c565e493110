"""The graph of a large namespace while memories are written beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from echorator._native import recall_index
from echorator._native.recall_index import RecallIndex
from echorator.cognition.memory import Namespace
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.storing.snapshots import GraphSnapshots
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.storing.store import Store
from tests.support.recall_rows import Row, add, like_text

DIM, EACH = 24, 1500


class BusySnapshots(GraphSnapshots):
    """Saves graphs while others write: after each of the first saves as many memories are there again."""

    def __init__(self, folder: Path, writes: int) -> None:
        super().__init__(folder)
        self.left = writes

    def save(self, namespace: Namespace, index: RecallIndex, embedder: int, seq: int) -> bool:
        saved = super().save(namespace, index, embedder, seq)
        if self.left:
            self.left -= 1
            write(index)
        return saved


def write(index: RecallIndex) -> None:
    begin = len(index)
    add(index, [Row(begin + i + 1, vector, []) for i, vector in enumerate(like_text(EACH, DIM, begin))])


def space(store: Store, snapshots: GraphSnapshots) -> OpenNamespace:
    namespace = store.namespace("t", "a", "u", create=True)
    assert namespace is not None
    return OpenNamespace(namespace, store, 1, DIM, snapshots)


def test_what_is_written_while_a_graph_is_built_gets_into_the_next_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall_index, "EXACT_LIMIT", EACH - 1)
    store = SqliteStore(tmp_path)
    opened = space(store, BusySnapshots(tmp_path, writes=2))
    write(opened.index)
    opened.grow(1)
    assert opened._graph_thread is not None
    opened._graph_thread.join()
    assert len(opened.index) == 3 * EACH
    assert opened.index.outside_graph == 0, "no write came after the graph to have it built"
    store.close()


def test_whoever_waits_for_a_graph_waits_for_no_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall_index, "EXACT_LIMIT", EACH - 1)
    store = SqliteStore(tmp_path)
    opened = space(store, BusySnapshots(tmp_path, writes=1000))
    write(opened.index)
    opened.grow(1)
    opened.finish()
    assert not opened.building
    assert np.isclose(len(opened.index), 2 * EACH, atol=EACH)
    store.close()
