"""Reads lists of values: "tea, coffee and cake" gives three facts of an attribute that may have many values."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.values import Claim, FactType

_STOPS = frozenset(
    """because since but so although though when while if unless until whenever where which who that ; : ( ) unlike than instead rather
    except for""".split()
)
_EMPTY = frozenset(
    """it that this them him her you me us myself what how everything anything nothing something someone everyone here there one ones all
    most both these those not""".split()
)
_TOGETHER = frozenset(
    (
        "fish chips",
        "rock roll",
        "salt vinegar",
        "bread butter",
        "salt pepper",
        "mac cheese",
        "gin tonic",
        "drum bass",
        "science technology",
        "r b",
        "black white",
        "dungeons dragons",
        "arts crafts",
        "peanut-butter jelly",
        "cheese wine",
    )
)


# What is liked in general in spite of its article; else "the" points at something here and now.
_THE = frozenset(
    "sea ocean beach mountains mountain outdoors countryside rain snow cold heat sun winter summer theatre cinema opera arts city".split()
)
_POINTING = frozenset("these those this that it them you your him her his".split())
_BEFORE = frozenset("a an any all to of most both every some".split())
_BEHIND = frozenset("only too either now also though mostly alone".split())


def list_facts(
    f: Frame, attribute: str, i: int, j: int, *, subject: str | None = None, claim: Claim | None = None, kind: FactType = FactType.MANY
) -> None:
    """Note a fact for each part of a list in the words i to j - 1."""
    low, w = f.low, f.w
    end = f.cut(i, j, _STOPS)
    if i < end and low[i] in ("of", "to", "for") and attribute != "goal":
        i += 1
    joined: list[tuple[int, int]] = []
    for one, two in f.parts(i, end):
        if joined and f"{low[joined[-1][1] - 1]} {low[one]}" in _TOGETHER:
            joined[-1] = (joined[-1][0], two)
        else:
            joined.append((one, two))
    for one, two in joined:
        if low[one] == "not":
            if one + 1 < two:
                f.add(attribute, w.text(one + 1, two), kind, subject=subject, claim=Claim.DENIES)
            continue
        while one < two and low[one] in _BEFORE:
            one += 1
        while two - one > 1 and low[two - 1] in _BEHIND:
            two -= 1
        if one < two and low[one] == "the":
            if attribute in ("likes", "dislikes") and not _general(f, one, two):
                continue
            one += 0 if attribute in ("likes", "dislikes", "fear") else 1
        pointing = any(low[k] in _POINTING for k in range(one, two))
        if (
            one < two
            and two - one <= 8
            and not pointing
            and low[one] not in _EMPTY
            and low[one] not in ("my", "our", "their", "how", "each")
        ):
            f.add(attribute, w.text(one, two), kind, subject=subject, claim=claim)


def _general(f: Frame, i: int, j: int) -> bool:
    """Return whether "the ..." means something in general: "the sea", "the smell of rain", "the Beatles"."""
    return (
        "of" in f.low[i:j]
        or f.low[j - 1] in _THE
        or f.low[i + 1] in _THE
        or f.w.capital(j - 1)
        or f.low[i + 1] in ("colour", "color", "commute")
    )
