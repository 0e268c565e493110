"""What a sentence does: it tells, asks, orders, chats, supposes or quotes; and the requests to the memory. Pure."""

from __future__ import annotations

import re

from echorator.cognition.reading.asking import asks
from echorator.cognition.reading.facts import facts_of
from echorator.cognition.reading.languages import acts, asian_requests, requests
from echorator.cognition.reading.languages.detecting import language_of
from echorator.cognition.reading.languages.english import acts as english
from echorator.cognition.reading.languages.english.requests import request_of_english
from echorator.cognition.reading.requests import Request
from echorator.cognition.reading.typing_errors import corrected
from echorator.cognition.reading.values import Act
from echorator.cognition.reading.words import Words, words_of

__all__ = ["Request", "act_of", "request_of"]

MOST_CHARACTERS = 600  # of a sentence that may be a request, or something else than a statement by its form

_ASIAN = re.compile(r"[\u3040-ヿ㐀-鿿]")
_STRAIGHT = str.maketrans("\u2019\u2018\u201c\u201d\u201e\u00ab\u00bb", '\'\'"""""')


def act_of(sentence: str) -> Act:
    """Return what a sentence does; one that tells something and asks tells."""
    text = " ".join(sentence.translate(_STRAIGHT).split())
    if not any(c.isalnum() for c in text):
        return Act.CHATS
    if len(text) > MOST_CHARACTERS:
        return Act.TELLS
    if request_of(sentence) is not None:
        return Act.ORDERS
    words = words_of(text)
    act = _form(text, words, language_of(words))
    told = act in (Act.ASKS, Act.ORDERS, Act.CHATS) and (facts_of(sentence) or (act is Act.ASKS and english.tells_first_person(words)))
    return Act.TELLS if told else act


def _form(text: str, words: Words, language: str) -> Act:
    """Return what a sentence does by its form alone."""
    lower = text.lower().strip("\"' ")
    if acts.supposes(lower, language) or english.supposes(lower):
        return Act.SUPPOSES
    if acts.chats(lower):
        return Act.CHATS
    if acts.quotes(lower, language) or (language not in acts.LANGUAGES and english.quotes(words)):
        return Act.QUOTES
    if asks(text):
        return Act.ASKS
    ordered = acts.orders(lower, language) if language in acts.LANGUAGES else english.orders(words)
    return Act.ORDERS if ordered else Act.TELLS


def request_of(sentence: str) -> Request | None:
    """Return the request to remember or to forget that a sentence makes, or None.

    English, German, Spanish, French, Chinese and Japanese are read.
    """
    if len(sentence) > MOST_CHARACTERS:
        return None
    found = _request_of(sentence)
    if found is None and (spelt := corrected(sentence)) != sentence:
        return _request_of(spelt)
    return found


def _request_of(sentence: str) -> Request | None:
    if _ASIAN.search(sentence):
        return asian_requests.request_of_asian(sentence)
    language = language_of(words_of(sentence))
    if language in acts.LANGUAGES:
        return requests.request_of_language(sentence, language)
    found = request_of_english(sentence)
    if found is None and not language:  # a word or two that say nothing of their language
        return next((request for name in sorted(acts.LANGUAGES) if (request := requests.request_of_language(sentence, name))), None)
    return found
