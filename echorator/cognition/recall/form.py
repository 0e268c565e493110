"""The form of memories and of questions, apart from what they are about: what asks, what names a time, whom a question names. Pure.

`indexing` keeps the form of memories beside their vectors, `searching` compares that of the question with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from echorator.cognition.reading.acts import act_of
from echorator.cognition.reading.sentences import sentences
from echorator.cognition.reading.values import Act
from echorator.cognition.text import plain

QUESTION_MARKS = "?\uff1f\u061f\u037e"
_FEWEST_TELLING = 5  # words of a text that tells something; fewer are a query of words
_SHORTEST_NAME = 3  # letters by which a name is cut short: "Mel" for Melanie
_LONGEST_READ = 4000  # characters of a text that are looked at

_LEAD = r"(?:(?:so|and|but|or|hmm+|um+|oh|ah|well|hey|hi|hello|ok|okay|also|btw|cool|great|nice|wow|yeah|yes|thanks|please)\b[\s,!.]*)*"
_ASKING = re.compile(
    _LEAD + r"(?:\w+[,!]\s+)?(?:what|who|whom|whose|which|where|when|why|how|do|does|did|can|could|would|will|is|are|am|was|were|should|"
    r"shall|may|have|has|had|any|got|isn't|aren't|don't|doesn't|didn't|won't|can't|wer|was|wann|wo|wie|warum|welche\w*|kannst|hast|ist|sind|"
    r"qui|que|quoi|quand|o\u00f9|comment|pourquoi|est-ce|qu\u00e9|qui\u00e9n|cu\u00e1ndo|d\u00f3nde|c\u00f3mo|cu\u00e1l)\b",
    re.IGNORECASE,
)
_ORDERING = re.compile(
    _LEAD + r"(?:tell|give|show|write|explain|translate|summari[sz]e|list|describe|name|find|suggest|recommend|remind|help|plan|let's|sag|"
    r"zeig|gib|nenne|erz\u00e4hl|dime|dame|dis-moi)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+")
_YEAR_OR_DAY = re.compile(r"(?:1[89]|20)\d\d|\d{1,2}(?:st|nd|rd|th)")
_TIMES = frozenset(
    """yesterday today tonight tomorrow ago last next recently since until week weeks weekend weekends month months year years day days hour
    hours morning evening night monday tuesday wednesday thursday friday saturday sunday january february march april june july august
    september october november december jan feb apr jun jul aug sept oct nov dec summer winter spring autumn christmas easter birthday

    gestern heute morgen \u00fcbermorgen vorgestern woche wochen monat monate jahr jahre tag tage montag dienstag mittwoch donnerstag
    freitag samstag sonntag januar februar m\u00e4rz mai juni juli oktober dezember

    ayer hoy ma\u00f1ana semana mes a\u00f1o d\u00eda lunes martes mi\u00e9rcoles jueves viernes s\u00e1bado domingo

    hier demain semaine mois ann\u00e9e jour lundi mardi mercredi jeudi vendredi samedi dimanche""".split()
)
_ASKS_TIME = re.compile(
    r"\b(?:when|how (?:long|old|many (?:days|weeks|months|years|hours))|(?:what|which) (?:date|day|time|year|month|week)|since when|wann|"
    r"wie (?:lange|alt)|cu\u00e1ndo|cu\u00e1nto tiempo|quand|depuis quand|combien de temps)\b|"
    r"\u4ec0\u4e48\u65f6\u5019|\u4f55\u65f6|\u3044\u3064|\u0e40\u0e21\u0e37\u0e48\u0e2d\u0e44\u0e2b\u0e23\u0e48",
    re.IGNORECASE,
)


def asks(text: str) -> float:
    """Return the share of a text, 0..1 by characters, that only asks: a sentence that tells something before it asks does not count."""
    if not any(mark in text for mark in QUESTION_MARKS):
        return 0.0
    found = sentences(text[:_LONGEST_READ])
    return sum(len(s) for s in found if _only_asks(s)) / max(1, sum(map(len, found)))


def asks_nothing(query: str) -> bool:
    """Return whether a query tells something, as a turn of a talk does, and neither asks nor orders; a few words alone are a query."""
    if len(query) > _LONGEST_READ:  # its question is at the beginning or at the end
        query = f"{query[: _LONGEST_READ // 2]}\n{query[-_LONGEST_READ // 2 :]}"
    return len(_WORD.findall(query)) >= _FEWEST_TELLING and not any(
        _marked(s) or _ASKING.match(s) or _ORDERING.match(s) for s in sentences(query)
    )


def only_chats(query: str) -> bool:
    """Return whether a query is small talk and nothing else."""
    found = sentences(query[:_LONGEST_READ])
    return bool(found) and all(act_of(sentence) is Act.CHATS for sentence in found)


def dated(text: str) -> bool:
    """Return whether a text names a time: a day, a month, a year, or one relative to when it was said."""
    found = _WORD.findall(text[:_LONGEST_READ].lower())
    return not _TIMES.isdisjoint(found) or any(word[0].isdigit() and _YEAR_OR_DAY.fullmatch(word) for word in found)


def asks_for_time(query: str) -> bool:
    """Return whether a question asks when something was, or how long it took."""
    return _ASKS_TIME.search(query) is not None


def named_in(query: str, speakers: Iterable[str]) -> list[str]:
    """Return the speakers whom a query names by a part of their name, by its first letters, or with one letter changed."""
    found = _WORD.findall(query)
    written = {plain(word) for word in found}
    capital = {plain(word) for word in found if word[0].isupper()}
    return [speaker for speaker in speakers if any(_is_named(part, written, capital) for part in _parts(speaker))]


def _is_named(part: str, written: set[str], capital: set[str]) -> bool:
    if part in written:
        return True
    return any((len(word) >= _SHORTEST_NAME and part.startswith(word)) or _one_letter_apart(part, word) for word in capital)


def _one_letter_apart(a: str, b: str) -> bool:
    return len(a) == len(b) > _SHORTEST_NAME and sum(x != y for x, y in zip(a, b, strict=True)) == 1


@lru_cache(maxsize=4096)
def _parts(speaker: str) -> tuple[str, ...]:
    return tuple(plain(part) for part in _WORD.findall(speaker) if len(part) >= 2)


def _marked(sentence: str) -> bool:
    return sentence.rstrip("\"'\u201d\u2019)] ").endswith(tuple(QUESTION_MARKS))


def _only_asks(sentence: str) -> bool:
    return _marked(sentence) and _ASKING.match(sentence) is not None
