"""Reads JSON, and says where a whole number stands that has too many digits.

Python refuses to read a number of more than 4,300 digits, since that takes quadratic time, and its error names a function of Python but
no place in the text. Used wherever JSON comes from somebody else. Pure.
"""

from __future__ import annotations

import json
import sys
from typing import Any

Place = tuple[str | int, ...]


class DigitsError(ValueError):
    """A whole number of a JSON text has too many digits; `place` are the keys and indexes that lead to it, each cut to be shown."""

    def __init__(self, place: Place, digits: int) -> None:
        self.place = tuple(str(step)[:80].encode(errors="replace").decode() for step in place)
        where, most = ".".join(self.place), sys.get_int_max_str_digits()
        super().__init__(f"{where or 'it'} is a whole number of {digits} digits; no number may have more than {most}")


class _Long:
    def __init__(self, digits: int) -> None:
        self.digits = digits


class _Pairs(list[tuple[str, Any]]):
    """The fields of an object, with those of the same name."""


def loads(text: str | bytes, **hooks: Any) -> Any:
    """Return `json.loads(text, **hooks)`.

    Raises:
        DigitsError: a whole number has too many digits.
        ValueError, RecursionError: what `json.loads` and the hooks raise otherwise.
    """
    try:
        return json.loads(text, **hooks)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except ValueError as error:
        found = _first_long(text)
        if found is None:
            raise  # a hook refused something else
        raise DigitsError(*found) from error


def _first_long(text: str | bytes) -> tuple[Place, int] | None:
    """Return the place and the digits of the first number with too many of them. Raises what `json.loads` raises for what is no JSON."""
    most = sys.get_int_max_str_digits()

    def number(digits: str) -> _Long | None:
        length = len(digits.removeprefix("-"))
        return _Long(length) if length > most else None

    waiting: list[tuple[Place, Any]] = [((), json.loads(text, parse_int=number, object_pairs_hook=_Pairs))]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, _Long):
            return place, value.digits
        if isinstance(value, list):
            parts = value if isinstance(value, _Pairs) else enumerate(value)
            waiting += reversed([((*place, step), part) for step, part in parts])
    return None
