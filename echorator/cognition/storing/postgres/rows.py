"""Converts memories to rows of PostgreSQL's tables and back. Pure; feeds `postgres.store` and `postgres.batch`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from echorator.cognition.memory import BLOBS, Experience, Filter, Kind, Lifecycle, Memory
from echorator.cognition.reading.values import Act
from echorator.cognition.storing.documents import DOCUMENTS, dumped, loaded
from echorator.cognition.storing.sql_filter import conditions_of
from echorator.cognition.storing.store import StoreDamagedError
from echorator.cognition.text import term_id

COLUMNS = tuple(f.name for f in fields(Memory) if f.name != "id")
LIGHT = ("id", *(c for c in COLUMNS if c not in BLOBS))
FULL = (*LIGHT, *BLOBS)
INSERT = f"INSERT INTO memories (namespace, id, {', '.join(COLUMNS)}) VALUES (%s, %s{', %s' * len(COLUMNS)})"
_TYPES = {f.name: str(f.type) for f in fields(Memory)}


def stored(name: str, value: Any) -> Any:
    """Return the value of a field as its column stores it: documents as JSON, vectors as bytes, an empty key as NULL."""
    if name in DOCUMENTS:
        return dumped(name, value)
    if name in BLOBS:
        return value.tobytes()
    if name == "key":
        return value or None
    kind = _TYPES[name]
    return bool(value) if kind == "bool" else float(value) if kind == "float" else str(value) if kind in ("str", "Act") else int(value)


def memory_of(names: Sequence[str], row: Sequence[Any]) -> Memory:
    """Return the memory of a row with the columns `names`. Raises StoreDamagedError."""
    values = dict(zip(names, row, strict=True))
    try:
        values["kind"], values["lifecycle"], values["act"] = Kind(values["kind"]), Lifecycle(values["lifecycle"]), Act(values["act"])
        values |= {name: loaded(name, values[name]) for name in DOCUMENTS}
        values["key"] = values["key"] or ""
        values |= {name: np.frombuffer(values[name], kind) for name, kind in BLOBS.items() if name in values}
        return Memory(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise StoreDamagedError(f"memory {values.get('id')} cannot be read: {error}; run `echorator memory check`") from error


def topic_number(subject: str, attribute: str) -> int:
    """Return the signed 64 bits that stand for a topic; different topics may, very rarely, share them."""
    return int.from_bytes(term_id(f"{subject}\0{attribute}").to_bytes(8, "little"), "little", signed=True)


def experience_text(experience: Experience, made: Sequence[int]) -> str:
    """Return an experience as JSON of ASCII characters, since PostgreSQL's texts have no NUL; `made` were learned from it too."""
    said = asdict(experience) | {"learned": [*experience.learned, *made]}
    del said["id"]
    return json.dumps(said)


def experience_of(number: int, body: str) -> Experience:
    """Return the experience that `experience_text` wrote. Raises StoreDamagedError."""
    try:
        said = json.loads(body)
        return Experience(**{**said, "recalled": tuple(said["recalled"]), "learned": tuple(said["learned"])}, id=number)
    except (ValueError, TypeError, KeyError) as error:
        raise StoreDamagedError(f"turn {number} cannot be read: {error}") from error


def conditions(filter_: Filter) -> tuple[list[str], list[Any]]:
    """Return the conditions of `conditions_of` in PostgreSQL's words, and their arguments."""
    where, arguments = conditions_of(filter_)
    return [
        w.replace("%", "%%").replace("instr(", "strpos(").replace("strpos(terms, ?)", "position(? in terms)").replace("?", "%s")
        for w in where
    ], [int(a) if isinstance(a, Kind) else str(a) if isinstance(a, Act) else a for a in arguments]
