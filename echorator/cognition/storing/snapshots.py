"""The graphs of large namespaces on disk: a cache that is verified before it is used and replaced in one step.

hnswlib neither reports that a write failed nor notices damaged bytes. So a graph is written to a temporary file, whose size is compared
with what hnswlib means to write, then flushed; a manifest with the sha256 follows, and both are put in place by rename. At a start the
memories that changed after the manifest's `seq` are scanned beside the graph; where anything does not fit, the graph is built
again. The digest detects bytes that changed by accident; `load_graph` checks their content, because whoever writes the file can
write a digest too.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import stat
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path

import numpy as np

from echorator._native.recall_index import RecallIndex
from echorator.cognition.memory import Namespace
from echorator.cognition.storing.store import Store
from echorator.private_files import open_private, private_file, private_folder

_log = logging.getLogger(__name__)

FORMAT = 1
MANIFEST_BYTES = 4096


@dataclass(frozen=True)
class _Manifest:
    """The description of a graph's file: the change up to which it is complete, its number of labels, and the vectors it is made of."""

    format: int
    seq: int
    labels: int
    embedder: int
    dimension: int
    sha256: str

    @classmethod
    def read(cls, path: Path) -> _Manifest:
        """Return the manifest in a file. Raises OSError, ValueError."""
        _expect(_regular(path).st_size <= MANIFEST_BYTES, "its manifest is too long")
        given = json.loads(path.read_text())
        wanted = {field.name: str if field.name == "sha256" else int for field in fields(cls)}
        if not isinstance(given, dict) or {name: type(value) for name, value in given.items()} != wanted:
            raise ValueError("its manifest is none")
        made = cls(**given)
        if min(made.seq, made.labels) < 0 or max(made.seq, made.labels) >= 2**63:
            raise ValueError("its manifest has numbers that cannot be")
        return made


class GraphSnapshots:
    """Files `graph-<namespace>.bin` and `.json` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _paths(self, namespace: Namespace) -> tuple[Path, Path]:
        return self._folder / f"graph-{namespace.id}.bin", self._folder / f"graph-{namespace.id}.json"

    def save(self, namespace: Namespace, index: RecallIndex, embedder: int, seq: int) -> bool:
        """Write the graph as of change `seq`. Return False, and leave no file, where it could not be written."""
        graph, manifest = self._paths(namespace)
        part = graph.with_suffix(".part")
        try:
            private_folder(self._folder, ())
            private_file(part)
            size = index.graph_size
            if not index.save_graph(str(part)) or not part.exists():
                return False
            _expect(part.stat().st_size == index.graph_file_bytes, "it was not written whole")
            digest = _digest(part)
            said = _Manifest(FORMAT, seq, size, embedder, index.dim, digest)
            _flush(part)
            manifest_part = manifest.with_suffix(".json.part")
            with open_private(manifest_part, "w") as out:
                out.write(json.dumps(asdict(said)))
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
        """Load the saved graph into the index. Return False where there is no graph or it does not stand the checks."""
        graph, manifest = self._paths(namespace)
        try:
            said = _Manifest.read(manifest)
            if (said.format, said.embedder, said.dimension) != (FORMAT, embedder, index.dim):
                return False
            _regular(graph)
            _expect(_digest(graph) == said.sha256, "its bytes changed")
            changed = np.array(sorted(store.changed_since(namespace, said.seq)), np.uint64)
            index.load_graph(str(graph), said.labels, changed)
        except FileNotFoundError:
            return False
        except (OSError, ValueError, RuntimeError, MemoryError) as error:
            _log.warning("the saved graph is damaged; it is built again", extra={"namespace": namespace.id, "error": str(error)})
            self.forget(namespace)
            return False
        return True

    def forget(self, namespace: Namespace) -> None:
        """Remove the files of the namespace's graph, if there are any."""
        for path in self._paths(namespace):
            for each in (path, path.with_suffix(".part"), path.with_suffix(".json.part")):
                with contextlib.suppress(OSError):
                    each.unlink(missing_ok=True)


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise OSError(what)


def _regular(path: Path) -> os.stat_result:
    """Return the status of a regular file. Raises OSError for any other: a pipe in its place would block the start."""
    found = path.stat()
    _expect(stat.S_ISREG(found.st_mode), "it is no file")
    return found


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
