"""Letters of every script: folds the spellings of a text into one, and tells which scripts are written without spaces. Pure.

Folding is Unicode's compatibility form (UAX #15) without case and without the marks that a reader may leave out: accents, Arabic and
Hebrew vowel points. The marks of Thai, Hindi and their relatives are vowels, which no reader leaves out, so they stay. Feeds `text`,
`reading` and the full-text search of the stores. All of it takes time in proportion to the text.
"""

from __future__ import annotations

import re
import unicodedata

# Marks (category M) that carry vowels or tones. Scripts that use marks are below U+1D00 or in U+A800..U+ABFF.
_MARKED = (*range(0x0700, 0x1AB0), *range(0x1B00, 0x1D00), *range(0xA800, 0xAC00))
_OPTIONAL = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"  # on Latin, Greek and Cyrillic letters
_OPTIONAL += "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew
_OPTIONAL += "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0640\u0898-\u089f\u08ca-\u08ff"  # Arabic
_INVISIBLE = "\u00ad\u034f\u061c\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef"
_DROPPED = re.compile(f"[{_OPTIONAL}{_INVISIBLE}]+")
# Letters of Arabic and Persian that people write for one another.
_SAME = str.maketrans("\u0649\u06cc\u06a9\u0629\u06c1\u06d5", "\u064a\u064a\u0643\u0647\u0647\u0647")
_DIGIT = re.compile(r"(?![0-9])\d")
# Marks without end on one letter are no language's; ordering them would take time in proportion to the square of their number.
_TOO_MANY = re.compile(r"(?<![^\w\s])([^\w\s]{64})[^\w\s]+")

HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
HIRAGANA = "\u3041-\u309f"
KATAKANA = "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
HANGUL = "\u1100-\u11ff\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb"
THAI = "\u0e01-\u0e3a\u0e40-\u0e4e"
LAO = "\u0e81-\u0ecd\u0edc-\u0edf"
KHMER = "\u1780-\u17d3\u17dc\u17dd"
BURMESE = "\u1000-\u103f\u1050-\u108f\u109a-\u109f\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f"
TIBETAN = "\u0f40-\u0fbc"
STACKED = THAI + LAO + KHMER + BURMESE + TIBETAN  # letters with vowels before, above and below; no spaces between words
UNSPACED = HAN + HIRAGANA + KATAKANA + STACKED
"""Character class, without brackets, of the scripts that have no spaces between words."""


def _class_of_marks() -> str:
    """Return the character class, without brackets, of the marks that are parts of words, as ranges."""
    ranges: list[list[int]] = []
    for code in _MARKED:
        if unicodedata.category(chr(code))[0] == "M":
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(a)}-{chr(b)}" for a, b in ranges)


MARKS = _class_of_marks()
"""Character class, without brackets, of the marks that are parts of words."""


def folded(text: str) -> str:
    """Return the text in lower case, with one spelling for what is only written in another form.

    Accents and invisible characters go, full-width and other forms become plain ones, and digits of all scripts 0 to 9.
    """
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", _TOO_MANY.sub(r"\1", text))
    text = _DROPPED.sub("", text.translate(_SAME).casefold())
    text = _DIGIT.sub(lambda found: str(unicodedata.decimal(found[0])), text)
    return unicodedata.normalize("NFC", text)
