"""Parses JSON of registries, hubs and configuration files; any text yields a value or a ValueError.

`json.loads` alone also raises RecursionError for deep text, and accepts Infinity and NaN, which cannot be turned into an integer.
"""

from __future__ import annotations

from typing import Any, NoReturn

from echorator import json_digits

MOST_DIGITS = 18  # a size in bytes with so many digits fits into 64 bits


def parsed(text: str | bytes) -> Any:
    """Return the value of a JSON text. Raises ValueError, whose message contains nothing of the text."""
    try:
        return json_digits.loads(text, parse_constant=_no_constant)
    except json_digits.DigitsError:
        raise ValueError("a whole number has more digits than are read") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from None


def whole_number(text: str) -> int | None:
    """Return a number in decimal digits; None for any other text, and for more digits than a size can have."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
