"""Reads requests to forget in German, Spanish and French by their parts, in any order.

A verb of forgetting or deleting in a form that asks, or a denied verb of keeping, makes the request; what is left without these,
politeness, the memory's own name and a reason is what is meant.
`requests` reads the commonest wordings first, and keeps their content word for word.
"""

from __future__ import annotations

import re
import unicodedata

from echorator.cognition.reading.languages.concepts import EMPTY, OTHER_WORDS
from echorator.cognition.reading.languages.erasing_words import ERASING, Erasing
from echorator.cognition.reading.requests import Request, forget

_WORD = re.compile(r"[^\W_]+")
_CONCEPTS = tuple(word for word in OTHER_WORDS if word.isalpha() and len(word) > 2)
_PAST = re.compile("[éó]e?s?$")
_FEW = 3  # telling words of an object without a possessive that is in the memory: "the password of the router"
_END = " \t\n,;:.!?-\u2013\u2014\u00a1\u00bf\"'"


def folded_in_place(text: str) -> str:
    """Return a text in lower case and without accents, with as many characters as it has."""
    return "".join(_plain_letter(c) for c in text)


def _plain_letter(character: str) -> str:
    if character == "\u2019":
        return "'"
    base = unicodedata.normalize("NFD", character)[0].lower()
    return base if len(base) == 1 else character


def forgets_in(sentence: str, language: str) -> Request | None:
    """Return the request to forget that a sentence in German ("de"), Spanish ("es") or French ("fr") makes, or None."""
    words = ERASING[language]
    text = unicodedata.normalize("NFC", sentence).strip().strip('"\u00ab\u00bb').strip()
    folded = folded_in_place(text)
    begin = words.lead.match(folded)
    begins = begin.end() if begin is not None else 0
    pretended, unkept = words.pretended.search(folded), words.unkept.search(folded)
    verb = words.forget.search(folded)
    forgets = verb is not None
    if verb is not None and unkept is None and (words.denial.search(folded) or _idles(words, folded, verb)):
        return None  # "do not forget", "forget it"
    verb = verb or words.delete.search(folded)
    if verb is not None and pretended is None and unkept is None and _PAST.search(text[verb.start() : verb.end()]):
        return None  # "olvidé", "oublié"
    if pretended is None and words.misleading.match(folded, begins):
        return None
    if pretended is None and unkept is None and (verb is None or not _asked(words, folded, begins, verb)):
        return None
    what = _rest(words, text, folded, verb, pretended)
    in_memory = words.memory.search(folded) is not None
    named = telling(what)
    if words.elsewhere.search(folded_in_place(what)) and not in_memory:
        return None
    if pretended is None and unkept is None and not forgets and not _means_memory(words, folded_in_place(what), named, in_memory):
        return None
    if not named:
        everything = any(word in words.everything for word in _WORD.findall(folded)) and not words.lately.search(folded)
        return forget(everything=True) if everything else forget() if forgets is False or words.lately.search(folded) else None
    return forget(what)


def _idles(words: Erasing, folded: str, verb: re.Match[str]) -> bool:
    """Return whether the verb only breaks off, as "forget it" does behind nothing that the user owns."""
    return words.idle.match(folded, verb.start()) is not None and words.personal.search(folded[: verb.start()]) is None


def telling(what: str) -> list[str]:
    """Return the folded words that say what is meant, without those that every sentence has."""
    return [word for word in _WORD.findall(folded_in_place(what)) if word not in EMPTY]


def _asked(words: Erasing, folded: str, begins: int, verb: re.Match[str]) -> bool:
    """Return whether the verb asks: at the beginning of a clause, or together with what frames it."""
    before = folded[: verb.start()].rstrip()
    first = words.first.match(folded, verb.start()) is not None
    if first and (verb.start() <= begins or before.endswith((",", ":", ";", ".", "!", "?", "-", "\u2013", " und", " y", " et"))):
        return True
    return words.framed.search(folded) is not None


def _rest(words: Erasing, text: str, folded: str, verb: re.Match[str] | None, pretended: re.Match[str] | None) -> str:
    """Return what a request means: the text without the words that ask."""
    kept = [True] * len(folded)
    if verb is not None:
        reason = words.behind.search(folded, verb.end())
        before = [word for word in _WORD.findall(folded[: verb.start()]) if word not in EMPTY]
        if reason is not None and (before or reason.start() > verb.end() + 3):
            kept[reason.start() : reason.end()] = [False] * (reason.end() - reason.start())
    lead = words.lead.match(folded)
    spans = [lead.span()] if lead is not None else []
    spans += [pretended.span()] if pretended is not None else []
    for pattern in (words.memory, words.forget, words.delete, words.without):
        spans += [found.span() for found in pattern.finditer(folded)]
    for start, end in spans:
        kept[start:end] = [False] * (end - start)
    rest = "".join(c if keep else " " for c, keep in zip(text, kept, strict=True))
    return " ".join(rest.split()).strip(_END).replace(" ,", ",")


def _means_memory(words: Erasing, what: str, named: list[str], in_memory: bool) -> bool:
    """Return whether the object of a verb of deleting is something that the user told."""
    if in_memory or words.personal.search(what):
        return True
    return 0 < len(named) <= _FEW and any(word.endswith(_CONCEPTS) for word in named)
