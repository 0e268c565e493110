"""Prints objects of a cluster for `kollama`, and lists the differences of two objects. Pure but for the printing."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from echorator.cli.output.yaml_text import WithoutAnchors
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


def print_object(thing: Object, output: str) -> None:
    """Print an object to stdout; `output` is yaml, json or name."""
    if output == "name":
        print(f"model/{thing['metadata']['name']}")
    elif output == "json":
        print(json.dumps(shown(thing), indent=2, ensure_ascii=False))
    else:
        sys.stdout.write(yaml_of([shown(thing)]))


def yaml_of(documents: Sequence[Any]) -> str:
    """Return the documents as one YAML text."""
    return "---\n".join(yaml.dump(thing, Dumper=WithoutAnchors, sort_keys=False, width=140, allow_unicode=True) for thing in documents)
