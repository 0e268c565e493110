"""The words of a sentence with their places in it, so that every value read is a piece of the sentence itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MOST_WORDS = 160  # of a sentence; what is behind them is not read
_PADDING = 8  # empty words behind the last one, so that looking a few words ahead needs no check
MOST_CHARACTERS = 4_000  # of a sentence; what is behind them is not read

_WORD = re.compile(
    r"https?://\S{1,300}|[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,32}){1,4}|\.{2,}|"
    r"[+$\u20ac\u00a3#@]?\w+(?:[-'\u2019./:&@_](?=\w)\w+|,(?=\d{3}\b)\d+)*(?:\+\+|[%\u00b0#](?!\w))?|\S"
)
_SUFFIXES = {"'m", "'re", "'ve", "'ll", "'d", "'s"}
_WRITTEN_TOGETHER = {
    "im": ("i", "'m"),
    "ive": ("i", "'ve"),
    "youre": ("you", "'re"),
    "theyre": ("they", "'re"),
    "dont": ("do", "n't"),
    "doesnt": ("does", "n't"),
    "didnt": ("did", "n't"),
    "isnt": ("is", "n't"),
    "arent": ("are", "n't"),
    "wasnt": ("was", "n't"),
    "havent": ("have", "n't"),
    "hasnt": ("has", "n't"),
    "cant": ("can", "n't"),
    "wont": ("will", "n't"),
    "wouldnt": ("would", "n't"),
    "whats": ("what", "'s"),
    "wheres": ("where", "'s"),
    "thats": ("that", "'s"),
    "cannot": ("can", "not"),
    "gonna": ("going", "to"),
    "wanna": ("want", "to"),
    "gotta": ("got", "to"),
}
_STRAIGHT = str.maketrans("\u2019\u2018\u201c\u201d\u201e\u00ab\u00bb\u00b4`", '\'\'"""""\'\'')


@dataclass(slots=True)
class Words:
    """The words and punctuation marks of a sentence: as they are written, in lower case, and where they begin and end in `source`.

    English contractions are two words: "don't" is "do" and "n't", "dog's" is "dog" and "'s".
    Invariant: the four lists are equally long.
    """

    source: str
    raw: list[str]
    low: list[str]
    start: list[int]
    end: list[int]
    size: int  # the number of words; behind them, the lists have a few empty ones

    def __len__(self) -> int:
        return self.size

    @property
    def joined(self) -> str:
        """Return the words in lower case, joined by blanks."""
        return " ".join(self.low[: self.size])

    def text(self, i: int, j: int) -> str:
        """Return the words i to j - 1 as they stand in the sentence, with single blanks."""
        return " ".join(self.source[self.start[i] : self.end[j - 1]].split()) if i < j else ""

    def first(self, n: int) -> Words:
        """Return the first n words alone."""
        padding = [""] * _PADDING
        places = [self.end[n - 1] if n else 0] * _PADDING
        return Words(self.source, self.raw[:n] + padding, self.low[:n] + padding, self.start[:n] + places, self.end[:n] + places, n)

    def capital(self, i: int) -> bool:
        """Return whether the word begins with a capital letter."""
        return self.raw[i][:1].isupper()


def words_of(sentence: str, parted: Callable[[str], tuple[str, str] | None] | None = None) -> Words:
    """Return the words of a sentence, at most `MOST_WORDS`.

    `parted` returns the two words for which one in lower case stands, or None where it stands for itself; the default parts English
    contractions.
    """
    source = sentence[:MOST_CHARACTERS]
    raw: list[str] = []
    low: list[str] = []
    start: list[int] = []
    end: list[int] = []
    straight = source.translate(_STRAIGHT)
    for match in _WORD.finditer(straight):
        if len(low) >= MOST_WORDS:
            break
        begin, stop = match.span()
        text = match.group()
        lower = text.lower()
        if text == "'" and parted is None and low and end[-1] == begin and low[-1].endswith("s") and "'" not in low:
            text = lower = "'s"  # "my parents' names"
        parts = (parted or english_parts)(lower) if lower != "'s" else None
        if parts is None:
            raw.append(text)
            low.append(lower)
            start.append(begin)
            end.append(stop)
            continue
        middle = begin + min(len(parts[0]) if lower not in _WRITTEN_TOGETHER else len(text) - 1, len(text))
        if lower.endswith("n't") and parts[0] in ("can", "will"):
            middle = stop - 3
        for part, one, two in ((parts[0], begin, middle), (parts[1], middle, stop)):
            raw.append(straight[one:two] if part == parts[0] else part)
            low.append(part)
            start.append(one)
            end.append(two)
    size = len(low)
    for texts in (raw, low):
        texts += [""] * _PADDING
    for places in (start, end):
        places += [len(source)] * _PADDING
    return Words(source, raw, low, start, end, size)


def english_parts(lower: str) -> tuple[str, str] | None:
    """Return the two words that an English contraction stands for, or None where it is none."""
    if "'" not in lower:
        return _WRITTEN_TOGETHER.get(lower)
    if lower.endswith("n't") and len(lower) > 3:
        return {"can't": "can", "won't": "will", "shan't": "shall", "ain't": "is"}.get(lower, lower[:-3]), "n't"
    place = lower.rfind("'")
    suffix = lower[place:]
    if place > 0 and suffix in _SUFFIXES:
        return lower[:place], suffix
    if suffix == "'" and lower.endswith("s'"):
        return lower[:-1], "'s"
    return None


_ELIDED = re.compile(r"(?:j|l|d|m|t|s|n|c|qu|lorsqu|puisqu|jusqu)'(?=\w)")


def french_parts(lower: str) -> tuple[str, str] | None:
    """Return the two words of a French elision: "j'habite" is "j'" and "habite"; None where it is none."""
    elided = _ELIDED.match(lower)
    return None if elided is None else (elided.group(), lower[elided.end() :])


def no_parts(_lower: str) -> None:
    """Return None: the language writes each word apart."""
    return
