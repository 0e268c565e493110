"""Objects of a cluster as `kollama` shows them, and the differences of two objects. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from echorator.kube.api.resources import Object


def changes(before: Any, after: Any, path: str = "spec") -> list[str]:
    """Return a line for each field in which `after` differs, such as "spec.replicas 1 -> 3"."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return [
            line
            for key in sorted({*before, *after})
            for line in changes(before.get(key), after.get(key), f"{path}.{key}")
            if before.get(key) != after.get(key)
        ]
    if isinstance(before, Mapping) or isinstance(after, Mapping):
        return changes(before or {}, after or {}, path) if not (before and after) else [f"{path} {_said(before)} -> {_said(after)}"]
    return [] if before == after else [f"{path} {_said(before)} -> {_said(after)}"]


def _said(value: object) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False).strip('"')
    return text if len(text) <= 80 else f"{text[:80]}..."


def shown(thing: Object) -> Object:
    """Return an object without the fields that only API servers read."""
    metadata = {key: value for key, value in thing.get("metadata", {}).items() if key != "managedFields"}
    return {**thing, "metadata": metadata}


def name_of(thing: Object) -> str:
    """Return an object's name as `-o name` prints it, with its kind: "model/phi"."""
    return f"{str(thing['kind']).lower()}/{thing['metadata']['name']}"
