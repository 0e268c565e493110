"""Whether a memory's text or its speaker's name has the words of a search, in the same way for filters and in every store.

Words are compared as the lexical index compares them (`text`), so a search agrees with recall in every script. A store looks for the ids of
the words among the terms of each row before it reads the text, and keeps no index of words beside the rows, in which words of erased texts
would have to be erased too. Pure; feeds the filters and the stores.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from echorator.cognition.letters import MARKS
from echorator.cognition.text import MAX_TERMS, TERMS_VERSION, in_unspaced_script, plain, spoken, stem, term_id, words
from echorator.errors import InvalidRequestError

_HOW = 'write words, "a phrase" or prefix*'
_TERM_BYTES = 8
_BETWEEN_WORDS = re.compile(rf"[^\w{MARKS}]|_")


@dataclass(frozen=True, slots=True)
class TextQuery:
    """The words that a text must have; `query_of` makes it."""

    characters: tuple[str, ...]  # of scripts without spaces: they stand anywhere in the text
    phrases: tuple[tuple[str, ...], ...]  # stems that follow each other; a word is a phrase of one
    prefixes: tuple[tuple[tuple[str, ...], str], ...]  # stems, and how the word after them begins
    terms: tuple[bytes, ...]  # the ids of the phrases' words that are no stop words, as rows have them

    def may_fit(self, terms: bytes, terms_version: int) -> bool:
        """Return whether a text with these terms may fit; those that an older version made, or that are not all there, tell nothing."""
        if terms_version != TERMS_VERSION or len(terms) >= MAX_TERMS * _TERM_BYTES:
            return True
        return all(term in terms for term in self.terms)

    def fits(self, text: str, speaker: str) -> bool:
        """Return whether each of the query's parts is in the text or in the speaker's name."""
        fields = (text, speaker) if speaker else (text,)
        if self.characters:
            squeezed = [_squeezed(field) for field in fields]
            if not all(any(c in field for field in squeezed) for c in self.characters):
                return False
        if not self.phrases and not self.prefixes:
            return True
        said = [spoken(field) for field in fields]
        stems = [tuple(map(stem, found)) for found in said]
        return all(any(_stands(phrase, found) for found in stems) for phrase in self.phrases) and all(
            any(_begins(prefix, *found) for found in zip(said, stems, strict=True)) for prefix in self.prefixes
        )


@lru_cache(maxsize=64)
def query_of(text: str) -> TextQuery:
    """Return the query for memories that have all words, "a phrase" and prefix* of `text`; all fit a blank one.

    Words are equal when their stems are. Raises InvalidRequestError where a quote is not closed, or where there is no word.
    """
    if text.lstrip().startswith("*"):
        raise InvalidRequestError(f"text: a search begins with a word; {_HOW}")
    if text.count('"') % 2:
        raise InvalidRequestError(f"text: a quote is not closed; {_HOW}")
    characters: list[str] = []
    phrases: list[tuple[str, ...]] = []
    prefixes: list[tuple[tuple[str, ...], str]] = []
    terms: list[bytes] = []
    loose = " ".join(text.split('"')[::2]).split()
    for place, part in enumerate((*loose, *text.split('"')[1::2])):
        found = spoken(part)
        if not found:
            continue
        if in_unspaced_script(part):
            characters.append(_squeezed(part))
        elif part.endswith("*") and place < len(loose):
            prefixes.append((tuple(map(stem, found[:-1])), found[-1]))
        else:
            phrases.append(tuple(map(stem, found)))
            terms += (term_id(word).to_bytes(_TERM_BYTES, "little") for word in words(part))
    if text.strip() and not (characters or phrases or prefixes):
        raise InvalidRequestError(f"text: there is no word in it; {_HOW}")
    return TextQuery(tuple(characters), tuple(phrases), tuple(prefixes), tuple(dict.fromkeys(terms)))


def _stands(phrase: tuple[str, ...], stems: tuple[str, ...]) -> bool:
    """Return whether the phrase stands somewhere among the stems."""
    return any(stems[i : i + len(phrase)] == phrase for i in range(len(stems) - len(phrase) + 1))


def _begins(prefix: tuple[tuple[str, ...], str], said: list[str], stems: tuple[str, ...]) -> bool:
    """Return whether the prefix's stems stand among the stems, before a word that begins as it says."""
    before, last = prefix
    return any(said[i].startswith(last) and stems[i - len(before) : i] == before for i in range(len(before), len(said)))


def _squeezed(text: str) -> str:
    """Return the letters and digits of a text, folded."""
    return _BETWEEN_WORDS.sub("", plain(text))
