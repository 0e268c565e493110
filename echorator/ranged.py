"""The check that a number is within its range, and the words in which one that is not is refused. Pure.

Used by every settings class, so that each refusal names the field, its range and the value in the same way. The ranges of `EngineSettings`
also feed the schema of the Model resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from echorator.errors import InvalidRequestError

N = TypeVar("N", int, float)


class Range(NamedTuple):
    """A closed interval. `note` explains a special value, such as "-1: all"; a refusal shows it."""

    low: float
    high: float
    note: str = ""


def check_ranges(settings: object, ranges: Mapping[str, Range], prefix: str = "") -> None:
    """Check that the attributes of `settings` that `ranges` names are within their ranges.

    Args:
        settings: any object with these attributes, each a number.
        ranges: the range of each attribute, by its name.
        prefix: text before the name in the refusal, such as "weights.".

    Raises:
        InvalidRequestError: names the first attribute that is out of its range, the range and the value.
    """
    for name, (low, high, note) in ranges.items():
        within(getattr(settings, name), low, high, prefix + name, note)


def within(value: N, low: float, high: float, name: str, note: str = "") -> N:
    """Return `value`. Raises InvalidRequestError such as "slots must be 1..128, not 0" where it is below `low` or above `high`, or NaN."""
    if low <= value <= high:
        return value
    shown = plain(value)
    if low <= float(shown) <= high:
        shown = repr(value)  # rounded to six digits it would look as if it were within
    raise InvalidRequestError(f"{name} must be {plain(low)}..{plain(high)}{f' ({note})' if note else ''}, not {shown}")


def plain(number: float) -> str:
    """Return a number as people write it: a whole number with all its digits and no ".0", any other with at most six digits."""
    if isinstance(number, int):
        return str(number)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else f"{number:g}"
