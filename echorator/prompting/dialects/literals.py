"""Splits texts at the borders of markers, and finds what repeated parts of a render have in common. Feeds `inferring`."""

from __future__ import annotations

import re
from dataclasses import dataclass

# A tag that is closed, one that a name or key follows, a word, or a single sign. White space is a token of its own.
_TOKEN = re.compile(r"<[^<>\n]*>|<[^<>\n]*|\[/?[A-Z][A-Z_ ]*\]|\s+|\w+|.", re.DOTALL)


def tokens(text: str) -> list[str]:
    """Return the tokens of a text, which together are the text."""
    return _TOKEN.findall(text)


def common_prefix(left: str, right: str) -> str:
    """Return the longest common beginning of two texts that ends at the border of a token in both."""
    out = []
    for a, b in zip(tokens(left), tokens(right), strict=False):
        if a != b:
            break
        out.append(a)
    return "".join(out)


def common_suffix(left: str, right: str) -> str:
    """Return the longest common end of two texts that begins at the border of a token in both."""
    out = []
    for a, b in zip(reversed(tokens(left)), reversed(tokens(right)), strict=False):
        if a != b:
            break
        out.append(a)
    return "".join(reversed(out))


@dataclass(frozen=True)
class Repeated:
    """A row of parts: outer_opens (opens … closes) separator (opens … closes) outer_closes."""

    outer_opens: str
    opens: str
    closes: str
    separator: str
    outer_closes: str


def repeated(head: str, between: str, tail: str) -> Repeated:
    """Return how parts stand in a row, from the texts before the first, between the two, and behind the last one.

    What could be the end of a part as well as the beginning of the next one is the separator, as is white space at the border.
    """
    opens, closes = common_suffix(head, between), common_prefix(between, tail)
    shared = len(opens) + len(closes) - len(between)
    if shared > 0:
        opens, closes = opens[shared:], closes[: len(closes) - shared]
    opens = opens.lstrip()
    closes = closes.rstrip() if closes.strip() else ""
    separator = between[len(closes) : len(between) - len(opens)]
    return Repeated(head[: len(head) - len(opens)], opens, closes, separator, tail[len(closes) :])
