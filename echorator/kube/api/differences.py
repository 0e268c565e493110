"""Compares a wanted object with the existing one, so that nothing is written where nothing differs. Pure.

Defaults that the API server adds, and its own spelling of quantities, are no differences. Feeds `models.applying`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

_QUANTITIES = frozenset(("cpu", "memory", "storage", "ephemeral-storage", "averageValue"))
_NUMBER = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?")
_UNITS = {"n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1)}
_UNITS |= {unit: Fraction(10 ** (3 * power)) for power, unit in enumerate("kMGTPE", 1)}
_UNITS |= {f"{unit}i": Fraction(1024**power) for power, unit in enumerate("KMGTPE", 1)}
_NAMES = ("name", "mountPath", "containerPort", "topologyKey", "uid")  # the fields that identify an item of a list, by preference


def contained(wanted: Any, there: Any, field: str = "") -> bool:
    """Return whether `there` contains every part of `wanted`. Lists of named items are compared by name, other lists item by item."""
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(
            (key in there and contained(value, there[key], key)) or (key not in there and _empty(value)) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        if not isinstance(there, list):
            return False
        key = _name_in(wanted)
        if key is None:
            return len(wanted) == len(there) and all(contained(a, b) for a, b in zip(wanted, there, strict=True))
        by_name = {item.get(key): item for item in there if isinstance(item, Mapping)}
        return len(there) == len(wanted) and all(item[key] in by_name and contained(item, by_name[item[key]]) for item in wanted)
    if field in _QUANTITIES or "/" in field:
        return wanted == there or (quantity(wanted) is not None and quantity(wanted) == quantity(there))
    return bool(wanted == there)


def without_extras(wanted: Any, there: Any) -> Any:
    """Return `there` without those items of its lists of named items that `wanted` does not name."""
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return {key: without_extras(wanted[key], value) if key in wanted else value for key, value in there.items()}
    key = _name_in(wanted)
    if key is None or not isinstance(there, list):
        return there
    by_name = {item[key]: item for item in wanted}
    return [without_extras(by_name[item[key]], item) for item in there if isinstance(item, Mapping) and item.get(key) in by_name]


def _name_in(wanted: Any) -> str | None:
    """Return the field by which the items of a list differ; None for anything but a list of named items."""
    if not isinstance(wanted, list):
        return None
    key = next((name for name in _NAMES if wanted and all(isinstance(item, Mapping) and name in item for item in wanted)), None)
    return None if key is None or len({str(item[key]) for item in wanted}) < len(wanted) else key


def _empty(value: Any) -> bool:
    """Return whether the API server omits such a value."""
    return value in ({}, [], False, "", None)


def quantity(value: Any) -> Fraction | None:
    """Return the number of a Kubernetes quantity; None for anything else. Source: Kubernetes' resource.Quantity."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(value)
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return None
    number, unit = found.groups()
    if unit and unit[0] in "eE" and len(unit) > 1 and unit[1] != "i":
        return Fraction(f"{number}e{unit[1:]}")
    return Fraction(number) * _UNITS[unit or ""]
