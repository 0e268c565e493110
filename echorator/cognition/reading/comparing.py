"""Whether two values say the same, whatever their articles, case, spelling and order. Pure; feeds `ending` and the readers."""

from __future__ import annotations

import re

from echorator.cognition.text import plain

_WORD = re.compile(r"[^\W_]+")
_IDLE = frozenset(
    """a an the my our your his her its their some of on in at to for is am are be and or very really just quite
    der die das den dem ein eine einen einem einer mein meine meinen im am
    el la los las un una unos unas mi mis de del le les une mon ma mes du des au aux""".split()
)
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
        nineteen twenty""".split()
    )
}
_SAME = {
    "favorite": "favourite",
    "color": "colour",
    "center": "centre",
    "gray": "grey",
    "mom": "mother",
    "mum": "mother",
    "dad": "father",
    "kid": "child",
    "children": "child",
    "nyc": "new york",
    "jan": "january",
    "feb": "february",
    "mar": "march",
    "apr": "april",
    "jun": "june",
    "jul": "july",
    "aug": "august",
    "sep": "september",
    "sept": "september",
    "oct": "october",
    "nov": "november",
    "dec": "december",
    "mon": "monday",
    "tue": "tuesday",
    "wed": "wednesday",
    "thu": "thursday",
    "fri": "friday",
    "sat": "saturday",
    "sun": "sunday",
}
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)\Z")
_CODE = re.compile(r"[\d\s()+./:-]*\d[\d\s()+./:-]*\Z")
_NEWER = frozenset("new old east west north south upper lower saint st san santa los las el la".split())


def singular(word: str) -> str:
    """Return an English noun in the singular, as far as its ending tells."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "'s")):
        return word[:-1]
    return word


def value_words(value: str) -> tuple[str, ...]:
    """Return the words by which a value is compared: singular, in British spelling, without articles; a number is its digits."""
    text = plain(value).replace("\u2019", "'").strip()
    if _CODE.match(text) and ":" not in text:
        digits = re.sub(r"\D", "", text)
        if len(digits) > 4 or " " not in text:
            return (digits,)
    found = []
    for word in _WORD.findall(text):
        if word not in _IDLE:
            ordinal = _ORDINAL.match(word)
            word = ordinal[1] if ordinal else _NUMBERS.get(word, word)
            found.append(_SAME.get(word) or _SAME.get(singular(word)) or singular(word))
    return tuple(found) or tuple(_WORD.findall(text))


def same_value(one: str, other: str) -> bool:
    """Return whether two values have the same words, in any order."""
    a, b = value_words(one), value_words(other)
    return a == b or (len(a) == len(b) and sorted(a) == sorted(b))


def within(part: str, whole: str) -> bool:
    """Return whether all words of `part` are words of `whole`."""
    inner = value_words(part)
    return bool(inner) and set(inner) <= set(value_words(whole))


def refines(one: str, other: str) -> bool:
    """Return whether one value only says more of what the other says, as "a red Volvo" of "Volvo".

    "New York" says no more of "York", and 4431 no more of 44: names with such a word before them and longer numbers are other values.
    """
    a, b = value_words(one), value_words(other)
    if len(a) > len(b):
        a, b, one, other = b, a, other, one
    if not a or not set(a) <= set(b):
        return False
    more = [word for word in b if word not in a]
    if all(word.isdigit() for word in a) and any(word.isdigit() for word in more):
        return False
    return not (more and more[0] == b[0] and (more[0] in _NEWER or (len(a) == 1 and _named(other))))


def _named(value: str) -> bool:
    """Return whether each word of a value begins with a capital letter, as in the name of a place or a person."""
    return all(word[:1].isupper() for word in value.split())
