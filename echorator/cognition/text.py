"""Words of a text as the lexical index knows them: folded, without stop words, stemmed, hashed to 64 bits.

Words of scripts with spaces are words, in English without their endings (Snowball's Porter 2); scripts without spaces give the
characters and pairs of characters that a question shares with what was told. The ids are stored with each memory, so they must not change
between processes: `TERMS_VERSION` is the number of the rules that made them, stored beside them, and whoever changes what `words`
returns raises it. Feeds the writing of memories, every query, and the hashed embedder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, islice

import numpy as np
import numpy.typing as npt
import snowballstemmer

from echorator.cognition.irregular_forms import base_of
from echorator.cognition.letters import HAN, HANGUL, HIRAGANA, KATAKANA, MARKS, STACKED, UNSPACED, folded
from echorator.cognition.times import Interval, relative_times

TERMS_VERSION = 2
MAX_TERMS = 2048  # terms of one text
LONGEST_WORD = 64  # characters of a word that count: longer ones are no words, and the caches keep what they were asked

Ids = npt.NDArray[np.uint64]

_STOP = frozenset(
    """a about again all also am an and any are as at be been being but by can could did do does doing don each few for from further
    get got had has have having he her hers him his how i if in into is it its just let may me might mine more most must my no nor
    not now of off on once only or other our ours out over own s same shall she should so some such t than that the their theirs
    them then there these they this those through to too under until up us very was we were what when where which while who whom
    whose why will with would you your yours d ll m re ve isn aren wasn weren doesn didn won wouldn couldn shouldn
    hasn haven hadn""".split()
)
_POSSESSIVE = re.compile(r"['\u2019]s\b")
# Articles and pronouns before a vowel: l'hotel, j'habite, qu'il, dell'acqua, un'amica.
_ELISION = re.compile(r"\b(?:[cdjlmnst]|(?:jus|lors|puis|quoi)?qu|[a-z]{0,4}ll|un)['\u2019](?=[^\W\d_])")
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{MARKS}])*")
_UNSPACED = re.compile(f"[{UNSPACED}{HANGUL}]")
_RUN = re.compile(
    rf"(?P<characters>[{HAN}]+|[{HANGUL}]+)|(?P<pairs>[{HIRAGANA}]+|[{KATAKANA}]+)|(?P<clusters>[{STACKED}]+)"
    rf"|(?P<word>[^\W_{UNSPACED}{HANGUL}](?:[^\W_{UNSPACED}{HANGUL}]|[{MARKS}])*)"
)
_stemmer = snowballstemmer.stemmer("english")
# Characters of a script without spaces that stand together: a letter with its marks, and in Thai and Lao with the vowels around it.
_CLUSTER = re.compile(rf"[\u0e40-\u0e44\u0ec0-\u0ec4]?.(?:[\u17d2\u1039].|[{MARKS}])*[\u0e30\u0e32\u0e45\u0eb0\u0eb2]?")
_BEGINNING = 4  # letters
_LETTER = rf"[^\W\d_{UNSPACED}{HANGUL}]"
_HYPHENS = re.compile(rf"(?<![\w-]){_LETTER}{{1,20}}(?:-{_LETTER}{{1,20}}){{1,3}}(?!{_LETTER}|-)")
_NUMBER = re.compile(r"(?<!\d)\d{1,12}(?:[ ./()-]{1,2}\d{1,12}){0,11}(?!\d)")
_DIGIT = re.compile(r"\d")
_PARTS = re.compile(r"\d{2,}|[^\W\d_]{2,}")
_LETTERS = re.compile(rf"{_LETTER}{{{_BEGINNING}}}")
_TELLING = 6  # digits from which on a number that is written in groups is one number too
_MONTH_DAYS = 31
_SUBSCRIBER = 7  # digits at the end of a telephone number that stay the same with and without the prefixes of country and town


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Return the stem of a lower-case word, which irregular forms share with their base."""
    stemmed: str = _stemmer.stemWord(base_of(word))
    return stemmed


@lru_cache(maxsize=65_536)
def beginning(word: str) -> str:
    """Return the term of a word's first letters, which forms and compounds share (Zahnarzt and Zahnarzttermin); "" for short words."""
    word = base_of(word)
    return f"{word[:_BEGINNING]}-" if _LETTERS.match(word) else ""


@lru_cache(maxsize=65_536)
def term_id(term: str) -> int:
    """Return the 64 bits that stand for a term; they are the same in every process."""
    return int.from_bytes(blake2b(term.encode(errors="surrogatepass"), digest_size=8).digest(), "little")


def plain(text: str) -> str:
    """Return the text in lower case and in one spelling: without accents, full-width forms and invisible characters."""
    return folded(text)


def words(text: str) -> list[str]:
    """Return the stems of a text in order, with repeats, without stop words; at most `MAX_TERMS`."""
    return [stem(w) for w in _said(plain(text)) if w not in _STOP][:MAX_TERMS]


def spoken(text: str) -> list[str]:
    """Return all words of a text in order, folded and whole, stop words too; `stem` gives the stem of each."""
    return _said(plain(text))


def in_unspaced_script(text: str) -> bool:
    """Return whether any character of the text is of a script without spaces between its words, or of Korean, which glues particles on."""
    return _UNSPACED.search(text) is not None


def terms(text: str) -> list[str]:
    """Return the terms by which a text is found: its words, other spellings of them, and their beginnings; at most `MAX_TERMS`."""
    return _terms(plain(text), _STOP)


def _terms(text: str, stop: frozenset[str]) -> list[str]:
    said = [w for w in _said(text) if w not in stop]
    beginnings = filter(None, map(beginning, said))
    return list(islice(chain(map(stem, said), _other_spellings(text, said), beginnings), MAX_TERMS))


def _said(text: str) -> list[str]:
    """Return the words of a folded text as they are said, and in scripts without spaces the characters and pairs of characters."""
    text = _ELISION.sub(" ", _POSSESSIVE.sub("", text))
    if not _UNSPACED.search(text):
        return [w[:LONGEST_WORD] for w in _WORD.findall(text)]
    found: list[str] = []
    for run in _RUN.finditer(text):
        if run.lastgroup == "word":
            found.append(run[0][:LONGEST_WORD])
        elif run.lastgroup == "clusters":
            found += _pairs(_CLUSTER.findall(run[0]))
        else:
            found += _pairs(run[0])
            if run.lastgroup == "characters" and len(run[0]) > 1:
                found += run[0]  # a single one may be a word too
    return found


def _pairs(parts: Sequence[str]) -> list[str]:
    """Return each two neighbours as one; the only part where there are no two."""
    return ["".join(parts[i : i + 2]) for i in range(len(parts) - 1)] or list(parts)


def _other_spellings(text: str, found: Sequence[str]) -> Iterator[str]:
    """Yield the terms by which numbers, codes and compounds are found that are written with other spaces or dashes."""
    if _DIGIT.search(text):
        for word in found:
            if _DIGIT.search(word) and not word.isdigit():
                yield from _PARTS.findall(word)
        for number in _NUMBER.finditer(text):
            digits = "".join(c for c in number[0] if c.isdigit())
            if len(digits) >= _TELLING and len(digits) != len(number[0]):
                yield digits
            if len(digits) > _SUBSCRIBER:
                yield digits[-_SUBSCRIBER:]
    if "-" in text:
        yield from (compound[0].replace("-", "") for compound in _HYPHENS.finditer(text))


def ids_of(terms: list[str]) -> Ids:
    """Return the term ids of stems, uint64 of shape (n,)."""
    return np.array([term_id(t) for t in terms], np.uint64)


def date_words(at_s: float) -> list[str]:
    """Return the day, the month's stem and the year of a time (UTC), as a question would say them."""
    day = datetime.fromtimestamp(at_s, UTC)
    return [str(day.day), stem(day.strftime("%B").lower()), str(day.year)]


def terms_of(text: str, speaker: str, said_s: float) -> Ids:
    """Return the ids of the words by which a memory is found, uint64 of shape (n,).

    They are its own, its speaker's and its date's, and those of the dates that it names relative to that, such as "yesterday".
    """
    named = chain.from_iterable(_date_words_of(time) for time in relative_times(text, said_s))
    return ids_of([*terms(f"{speaker} {text}"), *date_words(said_s), *dict.fromkeys(named)])


def _date_words_of(time: Interval) -> list[str]:
    """Return the words of a day's date; of a longer time the month and the year, or the year alone."""
    day, month, year = date_words(time.middle_s)
    return [day, month, year] if time.days <= 1 else [month, year] if time.days <= _MONTH_DAYS else [year]


def query_ids(text: str) -> Ids:
    """Return the term ids of a question; one that has only stop words is searched by those."""
    return ids_of(terms(text) or _terms(plain(text), frozenset()))
