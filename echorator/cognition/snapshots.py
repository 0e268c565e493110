"""The graphs of large namespaces on disk: a cache, verified before it is believed, replaced in one step.

hnswlib neither says that a write failed nor notices damaged bytes, so: write to a temporary file, compare its size with
what hnswlib means to write, fsync, then a manifest with the sha256, both put in place by rename. At a start the
memories that changed after the manifest's `seq` are scanned beside the graph; anything that does not fit and the graph is
built anew.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from hashlib import sha256
from pathlib import Path

import numpy as np

from echorator._native.recall_index import RecallIndex
from echorator.cognition.memory import Namespace
from echorator.cognition.store import Store

_log = logging.getLogger(__name__)

FORMAT = 1


class GraphSnapshots:
    """Files `graph-<namespace>.bin` and `.json` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _paths(self, namespace: Namespace) -> tuple[Path, Path]:
        return self._folder / f"graph-{namespace.id}.bin", self._folder / f"graph-{namespace.id}.json"

    def save(self, namespace: Namespace, index: RecallIndex, embedder: int, seq: int) -> bool:
        """Write the graph as of change `seq`. False, and no file is left, where it could not be written."""
        graph, manifest = self._paths(namespace)
        part = graph.with_suffix(".part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            size = index.graph_size
            if not index.save_graph(str(part)) or not part.exists():
                return False
            _expect(part.stat().st_size == index.graph_file_bytes, "it was not written whole")
            digest = _digest(part)
            said = {"format": FORMAT, "seq": seq, "labels": size, "embedder": embedder, "dimension": index.dim, "sha256": digest}
            _flush(part)
            manifest_part = manifest.with_suffix(".json.part")
            manifest_part.write_text(json.dumps(said))
            _flush(manifest_part)
            part.replace(graph)
            manifest_part.replace(manifest)
            _flush(self._folder)
        except OSError as error:
            _log.warning(
                "the graph could not be saved; it is built again after a restart", extra={"namespace": namespace.id, "error": str(error)}
            )
            self.forget(namespace)
            return False
        finally:
            part.unlink(missing_ok=True)
        return True

    def load(self, namespace: Namespace, index: RecallIndex, embedder: int, store: Store) -> bool:
        """Give the index its graph. False where there is none, or none that can be believed."""
        graph, manifest = self._paths(namespace)
        try:
            said = json.loads(manifest.read_text())
            if (said["format"], said["embedder"], said["dimension"]) != (FORMAT, embedder, index.dim):
                return False
            _expect(_digest(graph) == said["sha256"], "its bytes changed")
            changed = np.array(sorted(store.changed_since(namespace, said["seq"])), np.uint64)
            index.load_graph(str(graph), said["labels"], changed)
        except FileNotFoundError:
            return False
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            _log.warning("the saved graph is damaged; it is built again", extra={"namespace": namespace.id, "error": str(error)})
            self.forget(namespace)
            return False
        return True

    def forget(self, namespace: Namespace) -> None:
        """Remove the files."""
        for path in self._paths(namespace):
            for each in (path, path.with_suffix(".part"), path.with_suffix(".json.part")):
                with contextlib.suppress(OSError):
                    each.unlink(missing_ok=True)


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise OSError(what)


def _digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
