"""Tells whether words may tell something, and whether they name the memory; for requests to remember and to forget."""

from __future__ import annotations

import re
from itertools import pairwise

from echorator.cognition.reading.languages.english.lexicon import verbs

FLAGS = re.IGNORECASE
MEMORY = re.compile(
    r"\b(?:in|to|into|on|from|off|out of) (?:your |my |the )?(?:long[- ]term )?(?:memory|memories|notes?|notebook|records?|"
    r"profile|mind|brain|knowledge|database|file|storage|memory bank|list of facts)\b|"
    r"\bfor (?:later|next time|the future|future (?:reference|use|chats|conversations)|me)\b",
    FLAGS,
)


def proposes(text: str) -> bool:
    """Return whether a text may tell something: it has a verb, a number, a colon or an equals sign."""
    lower = text.lower()
    if re.search(r"[:=]\s*\S|\d|@", lower):
        return True
    words = re.findall(r"[a-z']+", lower)
    return (
        any(
            w in verbs.BE
            or w in verbs.THIRD
            or w in verbs.PAST
            or w.endswith(("'s", "'m", "'re", "'ve", "n't"))
            or w in ("have", "do", "can", "will")
            for w in words
        )
        or bool(re.search(r"\b(?:i|we|they)(?: \w+)? \w+", lower))
        or _plural_does(words)
    )


def _plural_does(words: list[str]) -> bool:
    """Return whether a plural noun is followed by a verb: "the bins go out"."""
    pairs = pairwise(words[1:])
    return words[:1] != [] and words[0] in _DETERMINERS and any(one.endswith("s") and two in verbs.BASE for one, two in pairs)


_DETERMINERS = frozenset("the our my these those his her their all both most some".split())


def ended(what: str) -> str:
    """Return words without marks at their end."""
    return what.rstrip(" ,;:-\u2013\u2014")
