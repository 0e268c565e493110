"""Reads the values of attributes: "my phone number is 555 1234", "my favourite colours are red and blue"."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.languages.english.frames.listing import list_facts
from echorator.cognition.reading.languages.english.lexicon import adjectives, nouns, verbs
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY, STATE, EVENT = FactType.SINGLE, FactType.MANY, FactType.STATE, FactType.EVENT
_EMPTY = frozenset(
    "it that this what who there not so such one something someone nothing everything here me you him her them us mine yours".split()
)


def attribute_is(f: Frame, subject: str, attribute: str, kind: FactType) -> None:
    """Read the value of an attribute: "my phone number is 555 1234"."""
    i, j = f.i, f.j
    low = f.low
    if (
        low[i] in ("called", "named", "now", "currently", "still", "always", "actually", "just", "probably", "definitely", "exactly")
        and j - i > 1
    ):
        i += 1
    if low[i] in (":", "=", "-"):
        i += 1
    if i >= j:
        return
    if (
        low[i] in ("very", "so", "too", "really", "quite", "extremely", "getting", "being", "going")
        or low[i] in _EMPTY
        or (
            low[i] in verbs.GERUND
            and attribute not in ("hobby", "job", "likes", "goal", "fear", "dislikes", "interest")
            and not attribute.startswith("favourite")
        )
    ):
        return
    words_ = low[i:j]
    if (
        attribute.startswith("favourite")
        and f.verb.past
        and attribute.rsplit(" ", 1)[-1] in ("part", "moment", "scene", "thing", "day", "bit", "memory")
    ):
        return
    if attribute == "job" and low[i] in ("at", "in", "with"):
        if low[i] == "at":
            f.add("employer", f.w.text(i + 1, f.cut(i + 1, j)), subject=subject)
        return
    corrected = instead(f, i, j)
    if corrected is not None:
        (i, j), (one, two) = corrected
        f.add(attribute, f.w.text(one, two), kind, subject=subject, claim=Claim.DENIES)
    if attribute in ("birthday", "anniversary", "wedding anniversary", "wedding date", "deadline"):
        while i < j and low[i] in ("on", "in", "the"):
            i += 1
        if not any(
            nouns.has_digit(x) or x in nouns.MONTHS or x in nouns.DAYS or x in ("tomorrow", "today", "christmas", "halloween", "next")
            for x in low[i:j]
        ):
            return
        if low[j - 1] in ("today", "tomorrow") or low[i] in ("next", "coming", "soon", "tomorrow", "today", "this"):
            return
        j = f.cut(i, j, "but so and when at which")
    elif attribute == "age":
        if not f.is_number(i):
            return
        j = i + 1
    elif attribute == "phone number":
        if not any(nouns.has_digit(x) for x in words_):
            return
        j = f.cut(i, j, "but and so if when from until or")
    elif attribute == "email":
        at = [k for k in range(i, j) if "@" in low[k]]
        if not at:
            return
        i, j = at[0], at[0] + 1
    elif attribute == "nickname":
        j = f.name_end(i, j) if f.w.capital(i) or low[i] == '"' else j
    elif attribute == "name" and len(f.parts(i, f.cut(i, j))) > 1:
        for one, two in f.parts(i, f.cut(i, j)):
            if f.is_name(one, two):
                f.add("name", f.w.text(one, two), FactType.MANY, subject=subject)
        return
    elif attribute in ("name", "first name", "last name", "full name", "middle name"):
        if low[i] in ("a", "the", "my", "on", "in") or (j - i == 1 and adjectives.is_adjective(low[i]) and not f.w.capital(i)):
            return
        j = f.cut(i, f.name_end(i, j) if f.w.capital(i) or low[i] == '"' else min(j, i + 4))
    elif attribute == "goal":
        if low[i] == "to" and j - i > 1:
            f.add("goal", f.w.text(i + 1, f.cut(i + 1, j, "because so but since")), kind, subject=subject)
        return
    elif kind is MANY:
        list_facts(f, attribute, i, j, subject=subject)
        return
    else:
        if (
            low[i] in ("the", "a", "an")
            and j - i > 1
            and (
                low[i + 1]
                in (
                    "same",
                    "best",
                    "worst",
                    "reason",
                    "problem",
                    "secret",
                    "bit",
                    "lot",
                    "little",
                    "mess",
                    "pain",
                    "nightmare",
                    "mystery",
                    "joke",
                    "fact",
                    "one",
                )
            )
        ):
            return
        if low[i] in ("a", "an") or (low[i] == "the" and not (f.w.capital(i) and i + 1 < j and f.w.capital(i + 1))):
            i += 1
        if attribute == "goal" and low[i] == "to":
            i += 1
        if attribute == "job" and low[i] in ("to", "that", "my", "all", "about"):
            return
        if (
            i < j
            and low[i] in ("in", "at", "on", "from", "for", "with", "about", "to", "of", "under", "near", "by", "all", "more")
            and attribute not in ("goal", "address")
        ):
            return
        j = f.cut(i, j, "because since but so which although though when if ; : until ( then")
        if (
            j - i == 1
            and adjectives.is_adjective(low[i])
            and not attribute.startswith("favourite")
            and attribute not in ("marital status", "diet", "size")
        ) or j - i > 8:
            return
        if attribute.startswith("favourite") and j - i <= 1 and low[i] in ("changing", "back", "here"):
            return
        if attribute in ("home city", "home town", "birthplace", "home country") and low[j - 1] in nouns.DAYS:
            return
    value = f.w.text(i, f.back(i, j))
    if _secret(attribute) and value.islower() and not any(c.isdigit() or c in "-_@" for c in value) and low[i - 1] != '"':
        return
    f.add(attribute, value, kind, subject=subject)


def _secret(attribute: str) -> bool:
    return attribute.rsplit(" ", 1)[-1] in _SECRET


_SECRET = frozenset("code pin key id number license licence token port size".split())


def instead(f: Frame, i: int, j: int) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return the ranges of the value and of the denied one in "not X but Y" and "Y, not X", or None."""
    low = f.low
    if low[i] == "not" and "but" in low[i:j]:
        k = low.index("but", i, j)
        return (k + 1, j), (i + 1, f.back(i + 1, k))
    if f.verb.negated and "but" in low[i:j]:
        k = low.index("but", i, j)
        f.verb.negated = False
        return (k + 1, j), (i, f.back(i, k))
    for k in range(i + 1, j - 1):
        if low[k] == "not" and low[k - 1] in (",", "and", "-", ";", "\u2013", "\u2014", "now"):
            end = k - 1 if low[k - 1] in (",", "and", "-", ";", "now", "\u2013", "\u2014") else k
            end = f.back(i, end)
            while end > i and low[end - 1] in ("now", "anymore", ","):
                end -= 1
            begin = k + 2 if low[k + 1] in ("in", "as", "at", "a", "an", "the") and k + 2 < j else k + 1
            return (i, end), (begin, f.cut(begin, j, ", any anymore ; -"))
        if low[k] in ("instead", "rather") and low[k + 1] in ("of", "than") and k + 2 < j:
            return (i, f.back(i, k)), (k + 2, j)
    return None
