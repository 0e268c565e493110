"""What the words of a request to forget mean: the topics of a phrase such as "my phone number", and the texts that tell it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from echorator.cognition.letters import HAN, HIRAGANA, KATAKANA
from echorator.cognition.reading.facts import asked_of
from echorator.cognition.reading.languages.concepts import EMPTY, OTHER_WORDS, OWNERS
from echorator.cognition.reading.values import Topic
from echorator.cognition.text import plain, spoken, stem

_QUESTIONS = (
    "{}?",
    "What is {}?",
    "Who is {}?",
    "What is {} called?",
    "Was ist {}?",
    "Wer ist {}?",
    "\u00bfCu\u00e1l es {}?",
    "Quel est {} ?",
)
# They are empty only where others stand beside them: "my home", "my age".
_OWN_WORDS = frozenset("alter ort".split())
_EMPTY_ASIAN = re.compile(
    r"我的?|我们的?|你的?|关于|有关|这件事情?|那件事情?|这事|的事情?|的信息|的一切|了|的|在|是|有|叫|谁|什么|哪里|哪儿|多少|记得|再|请|那个|这个|"
    r"私の?|僕の?|俺の?|うちの?|について|のこと|こと|情報|話|何|誰|どこ|いつ|いくら|名前は|です|ます|という"
)
_ASIAN = re.compile(f"[{HAN}{HIRAGANA}{KATAKANA}]")
_TELLING_ASIAN = re.compile(f"[{HAN}{KATAKANA}0-9A-Za-z]+")
_SHORTEST_PART = 3  # letters of a part of a compound
_SAME_BEGINNING = 5  # letters that forms of one word share
_JOINTS = ("", "s", "n", "en", "er", "e", "es")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a phrase means: for each of its telling words, the words that may stand for it, folded."""

    units: tuple[frozenset[str], ...]
    asian: bool = False

    def told_by(self, text: str) -> bool:
        """Return whether a text tells what is meant: it has every telling word, or one that means the same of the same owner."""
        if not self.units:
            return False
        folded = plain(text)
        if self.asian:
            return all(any(word in folded for word in unit) for unit in self.units)
        said = list(dict.fromkeys(spoken(text)))
        named = {word for unit in self.units for word in unit}
        if all(len(unit) > 1 for unit in self.units) and any(word in OWNERS and word not in named for word in said):
            return False  # "my name" is not the name of "My cat's name is Pudding."
        return all(any(_names(word, other, said) for word in unit for other in said) for unit in self.units)

    @property
    def words(self) -> str:
        """All words, for a search of what may be meant."""
        return " ".join(sorted({word for unit in self.units for word in unit}))


def topics_meant(what: str) -> list[Topic]:
    """Return the topics that a phrase or an indirect question names, each once: "my phone number", "where I live", "mi n\u00famero"."""
    return list(dict.fromkeys(topic for question in _QUESTIONS if (topic := asked_of(question.format(what.rstrip(" .!?"))))))


def meaning_of(what: str) -> Meaning:
    """Return what the words of a request to forget mean; no telling word is left of "that"."""
    folded = plain(what)
    if _ASIAN.search(folded):
        return Meaning(tuple(_asian_units(folded)), asian=True)
    said = list(dict.fromkeys(spoken(what)))
    telling = [word for word in said if word not in EMPTY] or [word for word in said if word in _OWN_WORDS]
    return Meaning(tuple(_alternatives(word) for word in telling))


def _alternatives(word: str) -> frozenset[str]:
    for form in (word, word.removesuffix("s"), word.removesuffix("es"), word.removesuffix("en"), word.removesuffix("n")):
        if form in OTHER_WORDS:
            return OTHER_WORDS[form] | {word}
    return frozenset({word})


def _asian_units(folded: str) -> list[frozenset[str]]:
    """Return the units of a phrase in Chinese or Japanese: names of concepts, longest first, and single characters of what is left."""
    left = _EMPTY_ASIAN.sub(" ", folded)
    units: list[frozenset[str]] = []
    for name in _ASIAN_NAMES:
        if name in left:
            units.append(frozenset(word for word in OTHER_WORDS[name] if _ASIAN.search(word)))
            left = left.replace(name, " ")
    return units + [frozenset({c}) for run in _TELLING_ASIAN.findall(left) for c in (run if _ASIAN.search(run) else [run])]


_ASIAN_NAMES = sorted((word for word in OTHER_WORDS if _ASIAN.search(word)), key=len, reverse=True)


def _names(word: str, said: str, all_said: list[str]) -> bool:
    """Return whether a word that is said is a form of a meant one, or a compound of it; or whether its parts are said."""
    if word == said or _stem(word) == _stem(said):
        return True
    if len(word) > _SHORTEST_PART and said.endswith(word):
        return True  # "Hausarzt" is an "Arzt"
    if _begin_alike(word, said):
        return True
    return _is_compound_of(word, all_said)


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    return stem(word)


def _begin_alike(word: str, said: str) -> bool:
    """Return whether two words are forms of one: "epilepsia" and "epil\u00e9ptico"."""
    shared = 0
    for one, other in zip(word, said, strict=False):
        if one != other:
            break
        shared += 1
    return shared >= _SAME_BEGINNING and shared >= max(len(word), len(said)) * 0.6


def _is_compound_of(word: str, said: list[str]) -> bool:
    """Return whether a word is made of two that are said: "Routerpasswort" of "Passwort" and "Router"."""
    if len(word) < 2 * _SHORTEST_PART + 1:
        return False
    for first in said:
        if len(first) < _SHORTEST_PART or not word.startswith(first):
            continue
        for joint in _JOINTS:
            last = word[len(first) + len(joint) :]
            if len(last) > _SHORTEST_PART and word == first + joint + last and any(s != first and s.startswith(last) for s in said):
                return True
    return False
