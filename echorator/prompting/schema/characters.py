r"""Sets of code points for patterns: sorted, disjoint ranges, and the classes that patterns name, such as \d and \p{L}.

ECMA-262, which JSON Schema refers to, and Python's `re` differ in what \s, \D, \S and \W contain beyond ASCII. A class therefore has
two sizes: `narrow` is what every dialect agrees on, so that each text made from it is valid under all of them; `wide` is what any
dialect matches, for places where a class is negated.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache

Ranges = tuple[tuple[int, int], ...]  # sorted, disjoint, not adjacent; both ends inclusive

LAST = 0x10FFFF
EVERY: Ranges = ((0, 0xD7FF), (0xE000, LAST))  # surrogates are no characters of a UTF-8 text
LINE_ENDS: Ranges = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
_CATEGORIES = frozenset("Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn".split())
_LONG_NAMES = {
    "Letter": "L",
    "Uppercase_Letter": "Lu",
    "Lowercase_Letter": "Ll",
    "Mark": "M",
    "Number": "N",
    "Decimal_Number": "Nd",
    "Punctuation": "P",
    "Symbol": "S",
    "Separator": "Z",
    "Space_Separator": "Zs",
    "Alphabetic": "L",
}


def union(*parts: Iterable[tuple[int, int]]) -> Ranges:
    """Return the set of the code points that are in any of the parts, which may overlap and be unsorted."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for part in parts for pair in part):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def without(ranges: Ranges, removed: Ranges) -> Ranges:
    """Return the set of the code points of `ranges` that are not in `removed`."""
    kept: list[tuple[int, int]] = []
    i = 0
    for low, high in ranges:
        while i < len(removed) and removed[i][1] < low:
            i += 1
        j = i
        while j < len(removed) and removed[j][0] <= high:
            if removed[j][0] > low:
                kept.append((low, removed[j][0] - 1))
            low = removed[j][1] + 1
            j += 1
        if low <= high:
            kept.append((low, high))
    return tuple(kept)


def complement(ranges: Ranges) -> Ranges:
    """Return the set of all code points that are not in `ranges`."""
    return without(EVERY, ranges)


def common(a: Ranges, b: Ranges) -> Ranges:
    """Return the set of the code points that are in both sets."""
    return without(a, without(EVERY, b))


def contains(ranges: Ranges, point: int) -> bool:
    """Return whether a code point is in the set."""
    return any(low <= point <= high for low, high in ranges)


def _where(test: Iterable[int]) -> Ranges:
    return union((point, point) for point in test)


@cache
def _non_ascii_digits() -> Ranges:
    return _where(p for p in range(0x80, 0x20000) if not 0xD800 <= p <= 0xDFFF and unicodedata.category(chr(p)) == "Nd")


@cache
def _non_ascii_non_word() -> Ranges:
    r"""Return code points in the common blocks of symbols that Python's \w does not match either; other blocks are left out."""
    blocks = (range(0x80, 0x100), range(0x2000, 0x2070), range(0x20A0, 0x20C0), range(0x2190, 0x2400), range(0x3000, 0x3004))
    return _where(p for block in blocks for p in block if not (chr(p).isalnum() or unicodedata.category(chr(p)) in ("Cn", "Mn", "Pc")))


_DIGITS: Ranges = ((0x30, 0x39),)
_WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE: Ranges = union(
    ((0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680)),
    ((0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)),
)
_SPACE_OF_SOME: Ranges = ((0x1C, 0x1F), (0x85, 0x85), (0xFEFF, 0xFEFF))  # white space in Python only, and in ECMA only


def narrow(letter: str) -> Ranges:
    r"""Return the set of `\d \w \s \D \W \S` that all dialects agree on."""
    if letter == "d":
        return _DIGITS
    if letter == "w":
        return _WORD
    if letter == "s":
        return _SPACE
    if letter == "D":
        return without(complement(_DIGITS), _non_ascii_digits())
    if letter == "S":
        return complement(union(_SPACE, _SPACE_OF_SOME))
    return union(without(((0, 0x7F),), _WORD), _non_ascii_non_word())


def wide(letter: str) -> Ranges:
    r"""Return the set of `\d \w \s \D \W \S` that at least one dialect matches."""
    return complement(narrow(letter.swapcase()))


@cache
def _category(name: str) -> Ranges:
    """Return the code points of a general category in the basic plane; about 10 ms the first time."""
    return _where(p for p in range(0x10000) if not 0xD800 <= p <= 0xDFFF and unicodedata.category(chr(p)).startswith(name))


def of_property(name: str, inverted: bool, narrowly: bool) -> Ranges | None:
    r"""Return \p{name}, or \P{name} if `inverted`; None for other than a general category. Nothing is known beyond the basic plane."""
    for prefix in ("gc=", "General_Category="):
        name = name.removeprefix(prefix)
    if name == "Any":
        return () if inverted else EVERY
    if name == "ASCII":
        return complement(((0, 0x7F),)) if inverted else ((0, 0x7F),)
    name = _LONG_NAMES.get(name, name)
    if name not in _CATEGORIES and name not in {category[0] for category in _CATEGORIES}:
        return None
    known = _category(name)
    if inverted:
        known = without(((0, 0xD7FF), (0xE000, 0xFFFF)), known)
    return known if narrowly else union(known, ((0x10000, LAST),))
