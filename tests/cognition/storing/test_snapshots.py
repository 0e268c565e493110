"""Saved graphs: read again where all about them is right, and built again, in words, where anything is not; damaged rows of the store."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echorator._native.recall_index import RecallIndex
from echorator.cognition.cognition import Cognition
from echorator.cognition.embedders.hashed import HashedEmbedder
from echorator.cognition.learning.writing import Told
from echorator.cognition.memory import Namespace
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.snapshots import GraphSnapshots
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.storing.store import StoreDamagedError
from tests.support.recall_graphs import DIM, NODES, filled

EMBEDDER = 3


@dataclass
class Saved:
    folder: Path
    store: SqliteStore
    namespace: Namespace

    @property
    def graph(self) -> Path:
        return next(self.folder.glob("graph-*.bin"))

    @property
    def manifest(self) -> Path:
        return next(self.folder.glob("graph-*.json"))

    def say(self, **changed: Any) -> None:
        self.manifest.write_text(json.dumps(json.loads(self.manifest.read_text()) | changed))

    def load(self, index: RecallIndex | None = None) -> bool:
        return GraphSnapshots(self.folder).load(self.namespace, filled() if index is None else index, EMBEDDER, self.store)


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[Saved]:
    store = SqliteStore(tmp_path)
    namespace = store.namespace("t", "a", "u", create=True)
    assert namespace is not None
    index = filled()
    assert index.build_graph()
    assert GraphSnapshots(tmp_path).save(namespace, index, EMBEDDER, 0)
    yield Saved(tmp_path, store, namespace)
    store.close()


def test_a_saved_graph_is_read_again(saved: Saved) -> None:
    index = filled()
    assert saved.load(index)
    assert index.graph_size == NODES


@pytest.mark.parametrize(
    "changed",
    [
        {"labels": NODES - 1},
        {"labels": -1},
        {"labels": 2**62},
        {"labels": 2**70},
        {"labels": True},
        {"labels": float(NODES)},
        {"labels": None},
        {"seq": "0"},
        {"seq": -1},
        {"sha256": 7},
        {"sha256": "0" * 64},
        {"more": 1},
        {"more": "x" * 5000},
    ],
    ids=repr,
)
def test_a_manifest_that_is_not_right_is_not_believed(saved: Saved, changed: dict[str, Any]) -> None:
    saved.say(**changed)
    assert not saved.load()
    assert list(saved.folder.glob("graph-*")) == []  # built again


@pytest.mark.parametrize("text", ["", "[]", "7", "[" * 4000, "\x00", "null", '{"format": 1}'])
def test_a_manifest_that_is_none_is_not_believed(saved: Saved, text: str) -> None:
    saved.manifest.write_text(text)
    assert not saved.load()


def test_a_damaged_graph_whose_digest_was_made_anew_is_built_again(saved: Saved) -> None:
    data = bytearray(saved.graph.read_bytes())
    data[96:100] = (2**31).to_bytes(4, "little")
    saved.graph.write_bytes(data)
    saved.say(sha256=sha256(data).hexdigest())
    assert not saved.load()


@pytest.mark.parametrize("which", ["graph", "manifest"])
def test_a_pipe_in_a_files_place_stops_no_start(saved: Saved, which: str) -> None:
    path: Path = getattr(saved, which)
    path.unlink()
    os.mkfifo(path)
    assert not saved.load()


def test_a_graph_of_another_dimension_is_left_for_its_own(saved: Saved) -> None:
    assert not saved.load(RecallIndex(DIM + 1))
    assert saved.load()


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e38], ids=str)
async def test_a_damaged_number_of_one_memory_harms_no_other(tmp_path: Path, number: float) -> None:
    owner = Owner("t", "a", "u")
    cognition = await Cognition.open(SqliteStore(tmp_path), HashedEmbedder(16), CognitionSettings(), tmp_path)
    await cognition.remember(owner, [Told("The dog is called Pixel."), Told("The cat is called Rex.")])
    await cognition.close()
    with sqlite3.connect(tmp_path / "memory.db") as connection:
        vector = np.frombuffer(connection.execute("SELECT embedding FROM memories WHERE id = 1").fetchone()[0], np.float32).copy()
        vector[3] = number
        connection.execute("UPDATE memories SET embedding = ? WHERE id = 1", (vector.tobytes(),))
    connection.close()
    cognition = await Cognition.open(SqliteStore(tmp_path), HashedEmbedder(16), CognitionSettings(), tmp_path)
    found = (await cognition.recall(owner, Asked("What is the cat called?"))).memories
    assert all(np.isfinite(one.score) for one in found)
    assert found[0].memory.text == "The cat is called Rex."
    await cognition.close()


def test_damaged_goals_are_said(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    namespace = store.namespace("t", "a", "u", create=True)
    assert namespace is not None
    with sqlite3.connect(tmp_path / "memory.db") as connection:
        connection.execute(
            "INSERT INTO goals (namespace, place, text, priority, embedding) VALUES (?, 0, 'g', 1, x'010203')", (namespace.id,)
        )
    connection.close()
    with pytest.raises(StoreDamagedError, match="goals"):
        store.goals(namespace)
    store.close()
