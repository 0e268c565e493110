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


def list_facts(
    f: Frame, attribute: str, i: int, j: int, *, subject: str | None = None, claim: Claim | None = None, kind: FactType = FactType.MANY
) -> int:
    """Note a fact for each part of a list in the words i to j - 1, and return their number."""
    low, w = f.low, f.w
    end = f.cut(i, j, _STOPS)
    if i < end and low[i] in ("of", "to", "for") and attribute not in ("goal",):
        i += 1
    parts = f.parts(i, end)
    joined: list[tuple[int, int]] = []
    for one, two in parts:
        if joined and f"{low[joined[-1][1] - 1]} {low[one]}" in _TOGETHER:
            joined[-1] = (joined[-1][0], two)
        else:
            joined.append((one, two))
    count = 0
    for one, two in joined:
        if low[one] == "not":
            if one + 1 < two:
                f.add(attribute, w.text(one + 1, two), kind, subject=subject, claim=Claim.DENIES)
            continue
        while (
            one < two
            and low[one] in ("a", "an", "any", "all", "my", "to", "of", "most", "both", "every", "some", "the")
            and not (low[one] == "the" and attribute in ("likes", "dislikes", "fear"))
        ):
            if low[one] == "my":
                break
            one += 1
        if one >= two or low[one] in _EMPTY or low[one] in ("my", "your", "his", "our", "their") or (low[one] == "how"):
            continue
        while two - one > 1 and low[two - 1] in ("only", "too", "either", "now", "also", "though", "mostly", "alone"):
            two -= 1
        if two - one > 8:
            continue
        f.add(attribute, w.text(one, two), kind, subject=subject, claim=claim)
        count += 1
    return count
