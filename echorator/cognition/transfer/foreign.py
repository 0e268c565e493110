"""Reads what other memory services export, and plain texts, into memories as a caller tells them. Pure; feeds `api`.

The shapes are those of their published APIs and files: mem0's `get_all` (a list, or an object with `results`), items of LangGraph's store,
as LangMem writes them, and Letta's agent files (`.af`) and archival passages. A file may also have one JSON object a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from echorator import json_digits
from echorator.cognition.learning.labelling import MAX_LABEL, MAX_NAMES, categories_of, metadata_of
from echorator.cognition.learning.writing import Told
from echorator.cognition.memory import Kind
from echorator.cognition.reading.sentences import passages
from echorator.cognition.settings import MAX_TEXT_BYTES
from echorator.errors import InvalidRequestError

LONGEST_BLOCK = 2048  # bytes of a text that stays one memory; a longer one becomes a memory for each of its passages
Record = dict[str, Any]


def foreign(format_: str, content: bytes, user: str) -> list[Told]:
    """Return the memories of a file of another service, oldest first.

    Args:
        format_: one of `FORMATS`.
        content: the whole file.
        user: whose memories are wanted of a file that has those of several users.

    Raises:
        InvalidRequestError: the file is damaged or has no such shape, or it has memories of several users but none of `user`.
    """
    try:
        told = [one for record in FORMATS[format_](_parsed(content), user) for one in _split(record)]
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, AttributeError) as error:
        raise InvalidRequestError(f"this is no {format_} export: {type(error).__name__} {error}; nothing was imported") from error
    return sorted(told, key=lambda one: one.said_s or 0.0)


def _parsed(content: bytes) -> Any:
    """Return the JSON of a file, or the list of its lines' JSON."""
    try:
        return json_digits.loads(content)
    except (ValueError, RecursionError) as whole:
        lines = [line for line in content.split(b"\n") if line.strip()]
        if len(lines) < 2:
            raise InvalidRequestError(f"the file is no JSON ({whole}); nothing was imported") from whole
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json_digits.loads(line))
        except (ValueError, RecursionError) as error:
            raise InvalidRequestError(f"line {number} is no JSON ({error}); nothing was imported") from error
    return records


def _split(told: Told) -> Iterator[Told]:
    """Yield a memory, or one for each passage of a text that is too long for one."""
    if not told.text.strip():
        return
    if len(told.text.encode("utf-8", "surrogatepass")) <= LONGEST_BLOCK:
        yield told
        return
    for number, passage in enumerate(passages(told.text)):
        yield replace(told, text=passage, key=f"{told.key}#{number}" if told.key else "")


def _records(data: Any, *names: str) -> list[Record]:
    """Return the objects of a list, or of the list that an object has under one of the names."""
    if isinstance(data, dict):
        data = next((data[name] for name in names if isinstance(data.get(name), list)), [data])
    if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        raise TypeError("it has no list of objects")
    return data


def _texts(data: Any, _user: str) -> Iterator[Told]:
    for record in _records(data, "memories", "results"):
        yield Told(
            str(record["text"]),
            Kind[str(record["kind"]).upper()] if record.get("kind") else None,
            speaker=str(record.get("speaker") or ""),
            said_s=_time(record.get("said_at_s")),
            pinned=bool(record.get("pinned")),
            key=str(record.get("key") or ""),
            source="import",
            session=str(record.get("session") or ""),
            metadata=metadata_of(record.get("metadata") or {}, "metadata"),
            categories=categories_of(record.get("categories") or (), "categories"),
            expires_s=_time(record.get("expires_at_s")) or 0.0,
        )


def _mem0(data: Any, user: str) -> Iterator[Told]:
    records = _records(data, "results", "memories")
    users = {str(record["user_id"]) for record in records if record.get("user_id")}
    if len(users) > 1 and user not in users:
        names = ", ".join(sorted(users)[:5])
        raise InvalidRequestError(
            f"the file has memories of {len(users)} users ({names}, ...), and none of {user!r}; import to one of them"
        )
    for record in records:
        if len(users) > 1 and record.get("user_id") not in (user, None):
            continue
        metadata = {name: record[name] for name in ("agent_id", "app_id", "run_id", "hash") if record.get(name)}
        speaker = record.get("actor_id") or ("assistant" if record.get("role") == "assistant" else "")
        yield Told(
            str(record["memory"] if "memory" in record else record["data"]["memory"]),
            speaker=str(speaker),
            said_s=_time(record.get("created_at")),
            key=_key("mem0", record.get("id")),
            source="import",
            metadata=_flat(metadata | (record.get("metadata") or {})),
            categories=_labels(record.get("categories") or ()),
            expires_s=_time(record.get("expiration_date"), whole_day=True) or 0.0,
        )


def _langgraph(data: Any, _user: str) -> Iterator[Told]:
    for record in _records(data, "items"):
        namespace, value = record.get("namespace") or (), record["value"]
        text, rest = _worded(value)
        path = namespace if isinstance(namespace, str) else "/".join(str(part) for part in namespace)
        yield Told(
            text,
            said_s=_time(record.get("created_at", record.get("createdAt"))),
            key=_key("langgraph", f"{path}/{record['key']}"),
            source="import",
            metadata=_flat({"namespace": path} | rest),
        )


def _worded(value: Any) -> tuple[str, Record]:
    """Return the text of an item's value and its other fields: LangMem's `content`, which may be an object itself, else all fields."""
    if isinstance(value, dict):
        for name in ("content", "text", "memory", "data"):
            inner = value.get(name)
            rest = {other: one for other, one in value.items() if other != name}
            if isinstance(inner, str):
                return inner, rest
            if isinstance(inner, dict) and name == "content":
                text, more = _worded(inner)
                return text, rest | more
        return "; ".join(f"{name}: {_shown(one)}" for name, one in value.items()), {}
    return _shown(value), {}


def _letta(data: Any, _user: str) -> Iterator[Told]:
    if isinstance(data, dict) and ("agents" in data or "core_memory" in data or "blocks" in data):
        for block in (*(data.get("blocks") or ()), *(data.get("core_memory") or ())):
            label = str(block.get("label") or "")
            yield Told(
                str(block.get("value") or ""),
                key=_key("letta", block.get("id") or f"block {label}"),
                source="import",
                metadata=_flat({"label": label} | (block.get("metadata") or block.get("metadata_") or {})),
                categories=_labels(["core memory", label]),
            )
        for agent in data.get("agents") or [data]:
            yield from _messages(agent.get("messages") or ())
        return
    for passage in _records(data, "passages", "archival_memory", "results"):
        yield Told(
            str(passage["text"] if "text" in passage else passage["content"]),
            said_s=_time(passage.get("created_at", passage.get("timestamp"))),
            key=_key("letta", passage.get("id")),
            source="import",
            metadata=_flat(passage.get("metadata") or passage.get("metadata_") or {}),
            categories=_labels(passage.get("tags") or ()),
        )


def _messages(messages: Iterable[Record]) -> Iterator[Told]:
    """Yield what the user said; what others said is no memory of the user's."""
    for message in messages:
        content = message.get("content") or message.get("text") or ""
        text = content if isinstance(content, str) else "\n".join(str(part.get("text") or "") for part in content)
        if message.get("role") == "user":
            yield Told(_unwrapped(text), said_s=_time(message.get("created_at")), key=_key("letta", message.get("id")), source="import")


def _unwrapped(text: str) -> str:
    """Return the message of Letta's JSON around a user's words, "" for events such as a login, and any other text as it is."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(said, dict) or "type" not in said:
        return text
    return str(said.get("message") or "") if said["type"] == "user_message" else ""


FORMATS: dict[str, Callable[[Any, str], Iterator[Told]]] = {"texts": _texts, "mem0": _mem0, "langgraph": _langgraph, "letta": _letta}
"""The readers of foreign formats, by the name of the format."""


def _time(value: Any, whole_day: bool = False) -> float | None:
    """Return seconds since 1970 of a number or an ISO time, None for none; a date alone is its end with `whole_day`, else its beginning."""
    if value in (None, ""):
        return None
    if isinstance(value, int | float):
        return float(value)
    at = datetime.fromisoformat(str(value))
    if whole_day and len(str(value)) == len("2026-01-01"):
        at += timedelta(days=1)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _key(service: str, identifier: Any) -> str:
    return f"{service}:{identifier}"[:250].replace("\0", "") if identifier else ""


def _labels(labels: Any) -> tuple[str, ...]:
    """Return labels as categories, without those that can be none; of too many the first."""
    names = [_name(str(label)) for label in (labels if isinstance(labels, list | tuple) else [labels])]
    return categories_of([name for name in names if name][:32], "categories")


def _flat(values: Record) -> dict[str, Any]:
    """Return metadata with their lists and objects as JSON texts and names as they can be; too many or too long ones are left out."""
    flat: dict[str, Any] = {}
    size = 0
    for name, value in values.items():
        said = value if isinstance(value, str | bool | int | float) else None if value is None else _shown(value)
        size += len(json.dumps([name, said], ensure_ascii=False).encode("utf-8", "surrogatepass"))
        if said is not None and _name(str(name)) and len(flat) < MAX_NAMES and size < MAX_TEXT_BYTES - 64:
            flat[_name(str(name))] = said.replace("\0", "") if isinstance(said, str) else said
    return dict(metadata_of(flat, "metadata"))


def _name(text: str) -> str:
    """Return a text as a label can be written: without quotes, backslashes and control characters, and not too long."""
    return "".join(c for c in text if c.isprintable() and c not in '"\\').strip()[:MAX_LABEL].strip()


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
