"""Parses a body's bytes to a JSON object, under bounds that are checked before any value is built. Pure.

A body of 4 MiB can hold a million small values. Building and validating them blocks the gateway's event loop for seconds, and takes
some hundred megabytes; counting them first takes a few milliseconds. So the bytes are counted with methods of `bytes` (`replace`,
`translate`, `split`), at the speed of memory. Fed by `reading`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from echorator import json_digits
from echorator.gateway.http.failures import BodyError

DEEPEST = 64  # lists and objects within each other, the body's own object included
MOST_TEXTS = 65_536  # strings, keys included
MOST_CONTAINERS = 50_000  # lists and objects
MOST_VALUES = 1_000_000  # values of all kinds; in practice token ids
_OTHER = bytes(set(range(256)) - set(b'"[]{},'))
_AS_LISTS = bytes.maketrans(b"{}", b"[]")
_TOKEN = re.compile(
    rb'"((?:[^"\\]++|\\.?)*+)(?:"|\Z)|[\[\]{}]', re.DOTALL
)  # an unterminated string is a token too, so that each byte is looked at once
_SEARCHED_BYTES = 64 << 10  # how much of a body is searched for the name of the field that nests too deep
_SEARCHED_OF_MANY_BYTES = 4 << 10  # the same where the body also has too many values
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def object_of(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that is the body; keys in their order, integers of up to 4,300 digits unchanged.

    Raises:
        BodyError: it is not UTF-8, not JSON, not an object, has a key twice, or is beyond the bounds; the message says what to change,
            and `param` is the field where there is one.
    """
    _check_bounds(raw)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BodyError(f"the body is not JSON: it must be UTF-8 and is not, at byte {error.start}") from error
    try:
        value = json_digits.loads(text, object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise BodyError(f"the body is not JSON: {error}") from error
    except json_digits.DigitsError as error:
        raise BodyError(str(error), error.place[0] if error.place else "") from error
    except (ValueError, RecursionError) as error:
        raise BodyError(f"the body is not JSON that is taken here: {error}") from error
    if not isinstance(value, dict):
        raise BodyError("the body must be a JSON object")
    if _SURROGATE.search(raw):
        _check_surrogates(value)
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON value")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise BodyError(f"the key {twice[:80]!r} is given twice; which one counts is not defined", twice[:80])
    return made


def _check_surrogates(value: dict[str, Any]) -> None:
    """Raise BodyError that names the field where half of a surrogate pair occurs, which cannot be encoded as UTF-8."""
    for name, part in value.items():
        try:
            json.dumps({name: part}, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            shown = name.encode(errors="replace").decode()
            raise BodyError(f"the body is not JSON: {shown} has one half of a surrogate pair", shown) from error


def texts_in(piece: bytes) -> int:
    """Return half of the number of quotes in a piece of a body; the sum over all pieces is about the number of strings."""
    return (piece.count(b'"') - piece.count(b'\\"')) // 2


def too_many_texts(raw: bytes) -> BodyError:
    """Return the error for a body of too many strings, of which `raw` is the beginning."""
    return _too_many(raw, MOST_TEXTS, "strings")


def _check_bounds(raw: bytes) -> None:
    """Raise BodyError where a bound is exceeded. Bytes that are not JSON may pass, as the parser refuses them."""
    plain = raw.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in raw else raw
    marks = plain.translate(None, _OTHER)
    if marks.count(b'"') // 2 > MOST_TEXTS:
        raise _too_many(raw, MOST_TEXTS, "strings")
    outside = b"".join(marks.split(b'"')[::2])
    if outside.count(b",") >= MOST_VALUES:
        raise _too_many(raw, MOST_VALUES, "values")
    brackets = outside.translate(_AS_LISTS, b",")
    if brackets.count(b"[") > MOST_CONTAINERS:
        raise _too_many(raw, MOST_CONTAINERS, "lists and objects")
    for _ in range(DEEPEST):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"")
    if b"[" in brackets:
        field = _deep_field(raw, _SEARCHED_BYTES)
        if field is None and len(raw) <= _SEARCHED_BYTES:
            raise BodyError("the body is not JSON: its brackets are not closed")
        raise _too_deep(field or "")


def _too_many(raw: bytes, most: int, what: str) -> BodyError:
    field = _deep_field(raw, _SEARCHED_OF_MANY_BYTES)
    if field is not None:
        return _too_deep(field)
    return BodyError(f"the body has more than {most} {what}; send several requests", status=413)


def _too_deep(field: str) -> BodyError:
    return BodyError(f"{field or 'the body'}: lists and objects nest more than {DEEPEST} deep, the body's own object included", field)


def _deep_field(raw: bytes, searched_bytes: int) -> str | None:
    """Return the field that nests too deep within the first `searched_bytes` of the body; None where no field does."""
    depth, key, field = 0, "", ""
    for token in _TOKEN.finditer(raw, 0, searched_bytes):
        mark = token[0]
        if mark in b"[{":
            depth += 1
            if depth == 2:
                field = key
            if depth > DEEPEST:
                return field
        elif mark in b"]}":
            depth -= 1
        elif depth == 1:
            key = token[1][:80].decode(errors="replace")
    return None
