"""What a caller may attach to a memory: metadata, a flat object of its own, and categories, which are labels in lower case. Pure.

Feeds `requests`, `transfer` and updates.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from echorator.cognition.memory import Memory, MetadataValue
from echorator.errors import InvalidRequestError

MAX_NAMES = 64  # names of the metadata of one memory
MAX_CATEGORIES = 32  # of one memory
MAX_LABEL = 64  # characters of a name or a category
MAX_METADATA_BYTES = 16_384  # of one memory, as JSON


def label_of(text: str, where: str) -> str:
    """Return `text`. Raises InvalidRequestError unless it has 1 to `MAX_LABEL` characters, none of which JSON has to escape."""
    if not 1 <= len(text) <= MAX_LABEL or not text.isprintable() or '"' in text or "\\" in text:
        raise InvalidRequestError(f"{where} must be 1..{MAX_LABEL} printable characters without quotes and backslashes, not {text[:80]!r}")
    return text


def value_of(value: Any, where: str) -> MetadataValue:
    """Return a text, a truth value or a number, as float. Raises InvalidRequestError for anything else."""
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidRequestError(f"{where} has a NUL character; remove it")
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number + 0.0  # -0.0 becomes 0.0, which it equals
    raise InvalidRequestError(f"{where} must be a text, a finite number or a truth value; metadata are flat")


def metadata_of(values: Mapping[str, Any], where: str) -> dict[str, MetadataValue]:
    """Return metadata as they are stored. Raises InvalidRequestError for too many names, too long ones and values that are not flat."""
    if len(values) > MAX_NAMES:
        raise InvalidRequestError(f"{where} must have at most {MAX_NAMES} names, not {len(values)}")
    metadata = {label_of(name, f"{where}: a name"): value_of(value, f"{where}.{name}") for name, value in values.items()}
    size = len(json.dumps(metadata, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if size > MAX_METADATA_BYTES:
        raise InvalidRequestError(f"{where} must be at most {MAX_METADATA_BYTES} bytes of JSON, not {size}")
    return metadata


def categories_of(labels: Iterable[str], where: str) -> tuple[str, ...]:
    """Return categories as they are stored: in lower case, each once, in order. Raises InvalidRequestError for wrong or too many ones."""
    categories = sorted({label_of(label.strip().lower(), where) for label in labels})
    if len(categories) > MAX_CATEGORIES:
        raise InvalidRequestError(f"{where} must be at most {MAX_CATEGORIES}, not {len(categories)}")
    return tuple(categories)


def relabelled(memory: Memory, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return new values of a memory's fields, with those of its labels worked out from its present ones.

    `metadata` are values to set by name, where None removes the name (RFC 7396); `add_categories` and `remove_categories` are labels.

    Raises:
        InvalidRequestError: metadata or categories would be too many, or a value is not flat.
    """
    values = {name: value for name, value in fields.items() if name not in ("metadata", "add_categories", "remove_categories")}
    if "metadata" in fields:
        merged = {**memory.metadata, **fields["metadata"]}
        values["metadata"] = metadata_of({name: value for name, value in merged.items() if value is not None}, "metadata")
    added, removed = fields.get("add_categories", ()), fields.get("remove_categories", ())
    if added or removed:
        values["categories"] = categories_of([*({*memory.categories} - {*removed}), *added], "categories")
    return values
