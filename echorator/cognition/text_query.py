"""Full-text queries of the store's own: words, "a phrase" and prefix* over one memory's text and speaker.

Redis has no full-text index, and SQLite's knows only words between spaces: what is written in Chinese, Japanese, Korean, Thai or a script
like them is found by its characters. For other scripts a query is read as FTS5 reads it with the tokenizer of `schema`, so that both
stores agree. Pure; feeds filters and stores.
"""

from __future__ import annotations

import re
from functools import lru_cache

import snowballstemmer

from echorator.cognition.letters import HANGUL, UNSPACED, folded
from echorator.errors import InvalidRequestError

_WORD = re.compile(rf"[^\W_{UNSPACED}{HANGUL}]+")
_BY_CHARACTERS = re.compile(f"[{UNSPACED}{HANGUL}]")
_WRITE = 'write words, "a phrase" or prefix*'
_stemmer = snowballstemmer.stemmer("porter")  # FTS5's


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    stemmed: str = _stemmer.stemWord(word)
    return stemmed


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


class TextQuery:
    """A query that memories fit or do not."""

    def __init__(self, text: str) -> None:
        """Read the query. Raises InvalidRequestError where a quote is not closed or the text begins with a star."""
        parts = folded(text).split('"')
        if parts[0].lstrip().startswith("*"):
            raise InvalidRequestError(f"text: a search begins with a word; {_WRITE}")
        if len(parts) % 2 == 0:
            raise InvalidRequestError(f"text: a quote is not closed; {_WRITE}")
        quoted, bare = parts[1::2], " ".join(parts[::2]).split()
        said = [*quoted, *(word for word in bare if not word.endswith("*"))]
        self._pieces = [part.strip() for part in (*quoted, *(word.rstrip("*") for word in bare)) if _BY_CHARACTERS.search(part)]
        self._phrases = [[_stem(w) for w in _words(part)] for part in said if not _BY_CHARACTERS.search(part)]
        self._prefixes = [w.rstrip("*") for w in bare if w.endswith("*") and _WORD.search(w) and not _BY_CHARACTERS.search(w)]

    def fits(self, text: str, speaker: str) -> bool:
        """Return whether each of the query's parts is in the text or is in the speaker's name."""
        fields = (folded(text), folded(speaker))
        if not all(any(piece in field for field in fields) for piece in self._pieces):
            return False
        if not self._phrases and not self._prefixes:
            return True
        words = [_words(field) for field in fields]
        stems = [[_stem(word) for word in some] for some in words]
        return all(any(_has(some, phrase) for some in stems) for phrase in self._phrases) and all(
            any(word.startswith(prefix) for some in words for word in some) for prefix in self._prefixes
        )


def _has(words: list[str], phrase: list[str]) -> bool:
    """Return whether the phrase's words stand beside each other among `words`."""
    if len(phrase) == 1:
        return phrase[0] in words
    return any(words[i : i + len(phrase)] == phrase for i in range(len(words) - len(phrase) + 1))


query_of = lru_cache(maxsize=64)(TextQuery)
