"""The names, numbers and codes of a text, and how important it is to remember. Pure; feeds `writing`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from echorator.cognition.reading.sentences import sentences
from echorator.cognition.reading.values import Fact
from echorator.cognition.text import plain

_ENTITY = re.compile(r"[A-Z][\w-]*(?:\d[\w-]*)?|\b[\w]+-\d[\w-]*|\b\d[\d.,:/-]*\d\b|\b\d{2,}\b")
_CUES = re.compile(
    r"\b(?:remember|important|never|always|must|deadline|password|allerg\w+|birthday|emergency|don'?t forget)\b", re.IGNORECASE
)


def entities_of(text: str) -> tuple[str, ...]:
    """Return the names, numbers and codes of a text, in lower case, at most 16.

    A capitalised word at the beginning of a sentence is a name only where "'s" follows.
    """
    found: dict[str, None] = {}
    for sentence in sentences(text):
        begin = len(sentence) - len(sentence.lstrip("\"'(- "))
        for match in _ENTITY.finditer(sentence):
            word = match.group().rstrip("-")
            starts = match.start() == begin and word.isalpha()
            follows_apostrophe = sentence[match.end() : match.end() + 2] in ("'s", "\u2019s")
            if len(word) < 2 or (starts and not follows_apostrophe):
                continue
            found[plain(word)] = None
    return tuple(found)[:16]


def importance_of(text: str, facts: Sequence[Fact], arousal: float) -> float:
    """Return the importance of a text, 0..1.

    The sum of 0.3, 0.3 for a fact, 0.1 for a name or number, 0.2 for a cue such as "remember" or "deadline", and 0.1 * arousal.
    """
    score = 0.3 + 0.1 * arousal
    if facts:
        score += 0.3
    if entities_of(text):
        score += 0.1
    if _CUES.search(text):
        score += 0.2
    return min(1.0, score)
