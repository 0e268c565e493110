"""Words of a text as the lexical index knows them: lower case, without stop words, stemmed, hashed to 64 bits.

The ids are stored with each memory, so they must not change between processes or versions; `TERMS_VERSION` is the number of the
rules that made them. Feeds the writing of memories and every query. Stemmer: Snowball's English (Porter 2).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import snowballstemmer

TERMS_VERSION = 1
MAX_TERMS = 2048  # terms of one text

Ids = npt.NDArray[np.uint64]

_STOP = frozenset(
    """a about again all also am an and any are as at be been being but by can could did do does doing don each few for from further
    get got had has have having he her hers him his how i if in into is it its just let may me might mine more most must my no nor
    not now of off on once only or other our ours out over own s same shall she should so some such t than that the their theirs
    them then there these they this those through to too under until up us very was we were what when where which while who whom
    whose why will with would you your yours d ll m re ve isn aren wasn weren doesn didn won wouldn couldn shouldn
    hasn haven hadn""".split()
)
_WORD = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"['\u2019]s\b")
_stemmer = snowballstemmer.stemmer("english")


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Return the stem of a lower-case word."""
    stemmed: str = _stemmer.stemWord(word)
    return stemmed


@lru_cache(maxsize=65_536)
def term_id(term: str) -> int:
    """Return the 64 bits that stand for a term; they are the same in every process."""
    return int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "little")


def plain(text: str) -> str:
    """Return the text in lower case, without accents or other marks (NFKD)."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).lower()


def words(text: str) -> list[str]:
    """Return the stems of a text in order, with repeats, without stop words; at most `MAX_TERMS`."""
    return [stem(w) for w in _WORD.findall(_POSSESSIVE.sub("", plain(text))) if w not in _STOP][:MAX_TERMS]


def ids_of(terms: list[str]) -> Ids:
    """Return the term ids of stems, uint64 of shape (n,)."""
    return np.array([term_id(t) for t in terms], np.uint64)


def date_words(at_s: float) -> list[str]:
    """Return the day, the month's stem and the year of a time (UTC), as a question would say them."""
    day = datetime.fromtimestamp(at_s, UTC)
    return [str(day.day), stem(day.strftime("%B").lower()), str(day.year)]


def query_ids(text: str) -> Ids:
    """Return the term ids of a question; one that has only stop words is searched by those."""
    found = words(text)
    return ids_of(found or [stem(w) for w in _WORD.findall(plain(text))][:MAX_TERMS])
