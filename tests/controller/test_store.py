"""The state file: durable, held by one process, refused where it is damaged."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from echorator.controller.store import StateDamagedError, Store
from echorator.errors import ResourceError
from echorator.rpc.v1 import controller_pb2 as pb
from echorator.serving.folder_lock import FolderBusyError

SPEC = pb.ModelSpec(name="m", source="m.gguf", replicas=2)


def test_models_and_agents_come_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put = store.put_model(SPEC, True, 12.0)
    store.put_agents([(pb.Agent(id="a", address="127.0.0.1:1"), True), (pb.Agent(id="b"), False)], ["b"])
    store.close()
    store = Store(tmp_path)
    assert store.models() == [put]
    assert store.agents() == [(pb.Agent(id="a", address="127.0.0.1:1"), True)]
    store.close()


def test_generations_never_come_twice(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.put_model(SPEC, True, 1.0)
    scaled = store.put_model(pb.ModelSpec(name="m", source="m.gguf", replicas=3), False, 2.0)
    assert (scaled.generation, scaled.load_generation, scaled.created_s) == (first.generation + 1, first.load_generation, 1.0)
    store.delete_model("m")
    again = store.put_model(SPEC, True, 3.0)
    assert again.generation > scaled.generation
    assert again.load_generation == again.generation
    store.close()


def test_one_process_holds_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(FolderBusyError, match=r"in use by process \d+"):
        Store(tmp_path)
    store.close()
    Store(tmp_path).close()


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "mesh.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StateDamagedError, match="move it away to start without it"):
        Store(tmp_path)
    (tmp_path / "mesh.db").unlink()
    Store(tmp_path).close()  # the folder was freed


def test_a_newer_file(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "mesh.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StateDamagedError, match="schema 99, this one knows 1"):
        Store(tmp_path)


def test_a_model_that_cannot_be_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_model(SPEC, True, 1.0)
    store.close()
    with sqlite3.connect(tmp_path / "mesh.db") as db:
        db.execute("UPDATE models SET spec = x'ff'")
    db.close()
    store = Store(tmp_path)
    with pytest.raises(StateDamagedError, match="a model cannot be read"):
        store.models()
    store.close()


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot use"):
        Store(tmp_path / "file" / "state")
