"""Convert memories to fields of Redis hashes and batches to the flat list that the script reads.

Pure; feeds `redis_store`.
"""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import numpy as np

from echorator.cognition.memory import BLOBS, Batch, Experience, Kind, Lifecycle, Memory, Patch
from echorator.cognition.reading.values import Act
from echorator.cognition.storing.documents import DOCUMENTS, dumped, loaded

FIELDS = {f.name: str(f.type) for f in fields(Memory) if f.name != "id"}
"""The stored fields of a memory, with their types."""

LIGHT = [name for name in FIELDS if name not in BLOBS]
"""The fields that are read where no vector is needed."""

FILTERED = ["text", "kind", "said_s", "created_s", "session", "speaker", "source", "expires_s", "act", "categories", "metadata"]
"""The fields that filters look at, and those without a default."""

FIRST = {"terms_version": 1}
"""The values of fields that memories lack which were stored before the field was there, where `Memory`'s default is another."""


def _stored(name: str, value: Any) -> bytes:
    if name in BLOBS:
        return bytes(value.tobytes())
    if name in DOCUMENTS:
        return dumped(name, value).encode()
    if isinstance(value, bool):
        return b"1" if value else b"0"
    return str(int(value)).encode() if isinstance(value, int) else repr(value).encode() if isinstance(value, float) else str(value).encode()


def read_field(name: str, value: bytes) -> Any:
    """Return the value of a field from its stored bytes. Raises KeyError, TypeError or ValueError where they cannot be read."""
    kind = FIELDS[name]
    if name in BLOBS:
        return np.frombuffer(value, BLOBS[name])
    if name in DOCUMENTS:
        return loaded(name, value)
    if kind == "Act":
        return Act(value.decode())
    if kind == "Kind":
        return Kind(int(value))
    if kind == "Lifecycle":
        return Lifecycle(int(value))
    if kind == "bool":
        return value == b"1"
    return int(value) if kind == "int" else float(value) if kind == "float" else value.decode()


def operations(batch: Batch) -> list[Any]:
    """Return the batch as the flat list of operations that `redis_scripts.APPLY` reads."""
    out: list[Any] = []
    for memory in batch.add:
        out += ["add", 1 + 2 * len(FIELDS), memory.key]
        for name in FIELDS:
            out += [name, _stored(name, getattr(memory, name))]
    for change in batch.past:
        out += ["past", 4, change.memory_id, repr(float(change.at_s)), str(change.action), change.detail]
    out += ["noted", 0]
    for patch in batch.patch:
        out += _patch(patch)
    for link in batch.links:
        out += ["link", 4, link.a, link.b, link.kind, repr(float(link.gain))]
    for memory_id, when_s in batch.uses:
        out += ["use", 2, memory_id, repr(float(when_s))]
    for past in batch.experiences:
        ends = (",".join(map(str, past.learned)), ",".join(map(str, past.recalled)))
        out += ["told", 3, *ends, _experience(replace(past, learned=(), recalled=()))]
    if batch.experience is not None:
        out += ["experience", 1, _experience(batch.experience)]
    if batch.goals is not None:
        out += ["goals", 1, json.dumps([[g.text, g.priority, g.embedding.tolist()] for g in batch.goals], ensure_ascii=False)]
    for name, body in batch.documents.items():
        out += ["document", 2, name, body]
    return out


def _experience(experience: Experience) -> str:
    return json.dumps({f.name: getattr(experience, f.name) for f in fields(Experience) if f.name != "id"}, ensure_ascii=False)


def _patch(patch: Patch) -> list[Any]:
    out: list[Any] = ["patch", patch.id, str(patch.action), patch.detail, len(patch.fields)]
    for name, value in patch.fields.items():
        out += [name, _stored(name, value)]
    return out
