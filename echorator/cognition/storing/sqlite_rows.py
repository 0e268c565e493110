"""Converts memories to rows of the `memories` table and back. Pure; feeds `sqlite_store` and `sqlite_batch`."""

from __future__ import annotations

import sqlite3
from dataclasses import fields
from typing import Any

import numpy as np

from echorator.cognition.memory import BLOBS, Kind, Lifecycle, Memory
from echorator.cognition.reading.values import Act
from echorator.cognition.storing.documents import DOCUMENTS, dumped, loaded
from echorator.cognition.storing.store import StoreDamagedError

COLUMNS = tuple(f.name for f in fields(Memory) if f.name != "id")
LIGHT = ", ".join(c for c in ("id", *COLUMNS) if c not in BLOBS)
FULL = f"{LIGHT}, {', '.join(BLOBS)}"
INSERT = f"INSERT INTO memories (namespace, {', '.join(COLUMNS)}) VALUES (?{', ?' * len(COLUMNS)})"


def stored(name: str, value: Any) -> Any:
    """Return the value of a field as its column stores it: documents as JSON, vectors as bytes, an empty key as NULL."""
    if name in DOCUMENTS:
        return dumped(name, value)
    if name in BLOBS:
        return value.tobytes()
    if name == "key":
        return value or None
    return value


def memory_of(row: sqlite3.Row) -> Memory:
    """Return the memory of a row with the columns LIGHT or FULL. Raises StoreDamagedError."""
    values = dict(zip(row.keys(), row, strict=True))
    try:
        values["kind"], values["lifecycle"] = Kind(values["kind"]), Lifecycle(values["lifecycle"])
        values["act"] = Act(values["act"])
        values["pinned"], values["standing"] = bool(values["pinned"]), bool(values["standing"])
        values |= {name: loaded(name, values[name]) for name in DOCUMENTS}
        values["key"] = values["key"] or ""
        values |= {name: np.frombuffer(values[name], kind) for name, kind in BLOBS.items() if name in values}
        return Memory(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise StoreDamagedError(f"memory {values.get('id')} cannot be read: {error}; run `echorator memory check`") from error
