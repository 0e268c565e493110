"""Whether a text has the words of a search. Pure; filters use it, and stores that have no full-text index."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from echorator.cognition.text import words
from echorator.errors import InvalidRequestError


@lru_cache(maxsize=64)
def text_query(text: str) -> Callable[[str], bool]:
    """Return a predicate for texts that contain all words, "a phrase" and prefix* of the query.

    It reads queries as the embedded store's full-text search does. Raises InvalidRequestError where a quote is not closed.
    """
    if text.count('"') % 2:
        raise InvalidRequestError('text: a quote is not closed; write words, "a phrase" or prefix*')
    phrases = [words(part) for part in text.split('"')[1::2]]
    rest = " ".join(text.split('"')[::2]).split()
    prefixes = [w[:-1].lower() for w in rest if w.endswith("*") and len(w) > 1]
    stems = set(words(" ".join(w for w in rest if not w.endswith("*"))))

    def fits(said: str) -> bool:
        found = words(said)
        return (
            stems <= set(found)
            and all(any(found[i : i + len(p)] == p for i in range(len(found))) for p in phrases if p)
            and all(any(w.startswith(p) for w in said.lower().split()) for p in prefixes)
        )

    return fits
