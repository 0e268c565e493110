"""What of a filter a database can test by itself, so that only the memories which may meet it are read.

The conditions admit all that the filter admits and perhaps more: `Filter.admits` decides, over the few columns that it looks at. They are
in SQLite's words; `postgres.rows` puts them into PostgreSQL's. Pure; feeds `sqlite_store` and `postgres.store`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from echorator.cognition.memory import Filter, Kind, Memory, MetadataCondition
from echorator.cognition.reading.values import Act
from echorator.cognition.storing.documents import dumped, loaded
from echorator.cognition.text import MAX_TERMS, TERMS_VERSION
from echorator.cognition.text_query import query_of

_EXACT = ("text", "said_s", "created_s", "session", "speaker", "source", "expires_s")
FILTERED = ", ".join(("id", *_EXACT, "kind", "act", "categories", "metadata"))
"""The columns of the memories that `filtered_of` reads."""


def filtered_of(row: Any) -> Memory:
    """Return the memory of a row by name, with the columns FILTERED; what no filter looks at has its default."""
    values = {name: row[name] for name in ("id", *_EXACT)} | {name: loaded(name, row[name]) for name in ("categories", "metadata")}
    return Memory(kind=Kind(row["kind"]), act=Act(row["act"]), **values)


def conditions_of(filter_: Filter) -> tuple[list[str], list[Any]]:
    """Return conditions that every admitted memory meets, to be joined by AND, and their arguments."""
    where: list[str] = []
    arguments: list[Any] = []

    def need(condition: str, *values: Any) -> None:
        where.append(condition)
        arguments.extend(values)

    for column, chosen in (("kind", filter_.kinds), ("act", filter_.acts), ("source", filter_.sources)):
        if chosen:
            need(f"{column} IN ({', '.join('?' * len(chosen))})", *chosen)
    for column in ("session", "speaker"):
        if getattr(filter_, column):
            need(f"{column} = ?", getattr(filter_, column))
    if filter_.since_s is not None:
        need("said_s >= ?", filter_.since_s)
    if filter_.before_s is not None:
        need("said_s < ?", filter_.before_s)
    if filter_.now_s:
        need("(expires_s = 0 OR expires_s > ?)", filter_.now_s)
    if filter_.categories:
        need(*_contains("categories", [dumped("categories", [label])[1:-1] for label in filter_.categories]))
    for condition in filter_.metadata:
        if condition.exists:
            need(*_contains("metadata", _pairs(condition)))
    if filter_.text and (terms := query_of(filter_.text).terms):
        has = " AND ".join("instr(terms, ?) > 0" for _ in terms)
        # Terms that an older version made, or that are not all there, tell nothing.
        need(f"(terms_version <> {TERMS_VERSION} OR length(terms) >= {8 * MAX_TERMS} OR ({has}))", *terms)
    for inner in filter_.all:
        more, values = conditions_of(inner)
        where += more
        arguments += values
    if filter_.any:
        each = [conditions_of(inner) for inner in filter_.any]
        need(" OR ".join(f"({' AND '.join(more) or 'true'})" for more, _ in each).join("()"), *(v for _, values in each for v in values))
    return where, arguments


def _pairs(condition: MetadataCondition) -> list[str]:
    """Return texts of which the stored JSON of metadata that meet the condition has at least one."""
    if condition.one_of:
        return [dumped("metadata", {condition.name: value})[1:-1] for value in condition.one_of]
    return [dumped("categories", [condition.name])[1:-1] + ":"]


def with_text(filter_: Filter, text: str) -> Filter:
    """Return the filter that admits what `filter_` admits and has the words of `text`. Raises InvalidRequestError."""
    if not text.strip():
        return filter_
    query_of(text)
    return Filter(all=(filter_, Filter(text=text)))


def _contains(column: str, texts: Sequence[str]) -> tuple[str, ...]:
    return " OR ".join(f"instr({column}, ?) > 0" for _ in texts).join("()"), *texts
