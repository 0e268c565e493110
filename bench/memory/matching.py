"""Decides whether what the memory read or showed is what a labelled set expects. Pure; used by `understanding`.

A word is a run of letters and digits in lower case and in the singular, or one character of a script that is written without
blanks. A fact read is right where subject and value match and the attribute is one that the label accepts; `data/README.md` has the rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_ALONE = "\u0e00-\u0e7f\u3005\u3040-\u30ff\u3400-\u9fff"  # Thai, kana and Han letters
_LETTER = re.compile(rf"[{_ALONE}]")
_WORD = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+")
_POSSESSIVE = re.compile(r"['\u2019]s\b")
_SPELLING = {"favorite": "favourite", "color": "colour", "neighbor": "neighbour", "gray": "grey", "mom": "mum"}
_ARTICLES = frozenset("a an the my our his her their".split())
_FLIPPED = {"holds": "denies", "denies": "holds"}
MOST_EXTRA = 4  # words that a value read may have beside those of the label
ALIKE = 0.8  # least share of a sentence's words that a text must have to hold the sentence
_ENDED = ("no longer", "until", "used to", "former", "ended", "outdated", "superseded", "no more")  # how a prompt marks what ended


@dataclass(frozen=True, slots=True)
class ReadFact:
    """A fact that the memory holds, whatever release of it."""

    subject: str
    attribute: str
    value: str
    type: str
    claim: str
    ended: bool


def facts_of_memory(memory: Any) -> list[ReadFact]:
    """Return the facts of a memory, whether it holds one in fields of its own or several in `facts`."""
    facts = getattr(memory, "facts", None)
    if facts is not None:
        return [ReadFact(f.subject, f.attribute, f.value, str(f.type), str(f.claim), f.to_s > 0) for f in facts]
    attribute = getattr(memory, "attribute", "")
    if not attribute:
        return []
    kind = "single" if getattr(memory, "exclusive", False) else "many"
    return [ReadFact(getattr(memory, "subject", ""), attribute, getattr(memory, "value", ""), kind, "holds", not memory.holds)]


def tokens(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return _WORD.findall(text.lower())


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def normal(text: str) -> list[str]:
    """Return the words by which subjects, attributes and values are compared: without articles, singular, British spelling."""
    found = (_SPELLING.get(w, w) for w in tokens(_POSSESSIVE.sub("", text)))
    return [_singular(w) for w in found if w not in _ARTICLES]


def _within(inner: Sequence[str], outer: Sequence[str]) -> bool:
    return any(list(outer[i : i + len(inner)]) == list(inner) for i in range(len(outer) - len(inner) + 1))


def values_match(read: str, label: str) -> bool:
    """Return whether the value read has the label's words and few more, or at least half of them and nothing else."""
    r, wanted = normal(read), normal(label)
    if not wanted or not r:
        return r == wanted
    return (_within(wanted, r) and len(r) <= len(wanted) + MOST_EXTRA) or (_within(r, wanted) and 2 * len(r) >= len(wanted))


def _topics(subject: str, attribute: str) -> set[tuple[str, frozenset[str]]]:
    """Return the ways to divide a topic into an owner and words: ("user's dog", "name") is ("user", "dog name") and ("user", "dog")."""
    owner, told = normal(subject), normal(attribute)
    owners = [("user", owner[1:])] if owner[:1] == ["user"] else [(" ".join(owner), []), ("user", owner)]
    found = set()
    for name, rest in owners:
        topic = frozenset([*rest, *told])
        found.add((name, topic))
        if len(topic) > 1:
            found.add((name, topic - {"name", "called"}))
    return found


def _accepted(label: Mapping[str, Any], synonyms: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """Return each attribute that the label accepts, with the claims under which it says the same."""
    claims = {label["claim"], *label.get("claims", ())}
    names = [label["attribute"], *label.get("acceptable", ()), *synonyms.get(label["attribute"], ())]
    accepted = {name: set(claims) for name in names}
    for name in label.get("opposite", ()):
        for other in (name, *synonyms.get(name, ())):
            accepted.setdefault(other, set()).update(_FLIPPED.get(c, c) for c in claims)
    return accepted


def facts_match(read: ReadFact, label: Mapping[str, Any], synonyms: Mapping[str, Sequence[str]]) -> bool:
    """Return whether a fact read says what the label says: subject, attribute, value and claim; the type is `types_match`'s."""
    if not any(values_match(read.value, value) for value in (label["value"], *label.get("values", ()))):
        return False
    subjects = [label["subject"], *label.get("subjects", ())]
    spare = {w for text in (*subjects, label["value"]) for w in normal(text)}
    said = _topics(read.subject, read.attribute)
    for attribute, claims in _accepted(label, synonyms).items():
        if read.claim not in claims:
            continue
        for subject in subjects:
            for owner, topic in _topics(subject, attribute):
                if any(owner == o and topic <= t and t - topic <= spare for o, t in said if t):
                    return True
    return False


def types_match(read: ReadFact, label: Mapping[str, Any]) -> bool:
    """Return whether a fact was read as one of the label's types."""
    return read.type in (label["type"], *label.get("types", ()))


def _pieces(text: str) -> list[str]:
    """Return the words of a text, and of scripts without blanks the pairs of neighbouring characters."""
    found = tokens(text)
    alone = [bool(_LETTER.fullmatch(t)) for t in found]
    words = [t for t, lone in zip(found, alone, strict=True) if not lone]
    return words + [found[i] + found[i + 1] for i in range(len(found) - 1) if alone[i] and alone[i + 1]]


def holds_sentence(text: str, sentence: str) -> bool:
    """Return whether the text has nearly all words of the sentence, so that a reader of it has read the sentence."""
    wanted, had = _pieces(sentence), set(_pieces(text))
    return bool(wanted) and sum(w in had for w in wanted) >= ALIKE * len(wanted)


def says(text: str, value: str) -> bool:
    """Return whether the text has the value's words in their order."""
    return _within(tokens(value), tokens(text))


def presented_as_current(lines: Iterable[str], value: str, expected: Sequence[str]) -> bool:
    """Return whether a line of a prompt shows the value without the expected one and without a mark that it ended."""
    for line in lines:
        current = says(line, value) and not any(says(line, e) for e in expected)
        if current and not any(says(line, mark) for mark in _ENDED):
            return True
    return False


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Return the probability that a positive scores above a negative, ties counting half."""
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative)) if positive and negative else float("nan")
