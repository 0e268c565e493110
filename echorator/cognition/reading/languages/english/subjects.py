"""Reads noun phrases and what they are about: "my sister Klara", "the code of the garage", "Mira's dog". Feeds `clauses` and questions."""

from __future__ import annotations

from dataclasses import replace

from echorator.cognition.reading.languages.english.lexicon import verbs
from echorator.cognition.reading.languages.english.lexicon.nouns import EVENTS, KIN, PETS, noun_of
from echorator.cognition.reading.languages.english.things import FUNCTION_WORDS, POSSESSIVES, PRONOUNS, Context, Thing
from echorator.cognition.reading.words import Words

_MOST_PHRASE = 9  # words of a subject
OPENERS = frozenset("and but or because although though whereas since while so yet plus then cause cuz coz as given considering".split())
RELATIVE = frozenset("who which that".split())
MARKS = frozenset({",", ";", ":", "-", "\u2013", "\u2014", "(", ")", "...", "..", "\u2026", "!", "/", ".", "?", "*", "\u2022", "+"})
_IS_NEXT = frozenset(
    """called named a an the my our not been got now also in on at from really very so too allergic intolerant just actually currently still
    always never only about already almost nearly over under turning good bad great afraid scared into like such""".split()
)
_COUNTS = frozenset("two three four five six seven several many".split())
_FRONT = frozenset("new own dear other current present actual beloved darling lovely old whole very".split())  # says nothing of which one
# Nouns that make one phrase with a person before them, and are no names: "my sister's" without its apostrophe.
_HOUSEHOLD = frozenset(
    "dog cat puppy kitten kid baby wife husband missus hubby".split()
)  # "the dog" is the speaker's, if nothing else is said
_PARENTS = frozenset("doctor mom mum dad mommy daddy grandma grandpa granny grandad nana".split())  # spoken of like names
_NO_NAMES = frozenset(
    """tongue board name job birthday number age house car phone email address language role situation relationship life tree history
        doctor business dog cat""".split()
)


class Subjects:
    """Reads the noun phrases of one sentence."""

    def __init__(self, words: Words, context: Context) -> None:
        self._w = words
        self._low = words.low
        self._n = len(words)
        self._context = context

    def thing_at(self, i: int, subject: bool = True) -> tuple[Thing, int] | None:
        """Return the thing that a noun phrase at word `i` names, and the word behind it; as a subject, a verb follows it."""
        low, n = self._low, self._n
        if i >= n:
            return None
        word = low[i]
        me = self._context.me
        if word in ("i", "we"):
            end = i + 2 if i + 1 < n and low[i + 1] in ("both", "all") else i + 1
            return Thing(me, group=word == "we"), end
        if word in ("you", "there", "everyone", "everybody", "people", "someone", "nobody", "one", "who", "anyone"):
            return Thing(), i + 1
        if word in PRONOUNS and (i + 1 >= n or not self._noun_like(i + 1) or self.finite(i + 1) or not subject):
            return Thing({"he": self._context.person, "she": self._context.person, "they": ""}.get(word, self._context.it)), i + 1
        if word in ("both", "all") and low[i + 1] in ("my", "our", "the"):
            i, word = i + 1, low[i + 1]
        if word in POSSESSIVES:
            owner = me if word in ("my", "our") else "" if word in ("your", "its") else self._context.person
            found = self.phrase(i + 1, owner, word, subject)
            if found is None or owner:
                return found
            return replace(found[0], unknown=True), found[1]
        if word in ("the", "this", "that", "these", "those"):
            return self.phrase(i + 1, "", "the", subject)
        if word in ("a", "an", "one") or word in ("another",):
            return self._of_mine(i)
        if self._w.capital(i) and word not in FUNCTION_WORDS and self._name_like(i):
            return self._named(i, subject)
        return None

    def _name_like(self, i: int) -> bool:
        low = self._low
        if low[i] in verbs.MODALS and low[i + 1] not in ("is", "'s", "was", "has"):
            return False
        return self._w.raw[i][:1].isalpha() and i + 1 < self._n and low[i] not in verbs.BE and low[i] not in verbs.DO

    def _noun_like(self, i: int) -> bool:
        word = self._low[i]
        return (
            word[:1].isalpha()
            and word not in FUNCTION_WORDS
            and word not in verbs.BE
            and word not in verbs.MODALS
            and word not in verbs.ADVERBS
        )

    def _named(self, i: int, subject: bool) -> tuple[Thing, int] | None:
        """Return the thing at a name: the one who has it, or what belongs to him."""
        w, j = self._w, i + 1
        if self._low[i] in _PARENTS:
            return self.phrase(i, self._context.me, "my", subject)
        while j < self._n and j - i < 4 and w.capital(j) and self._low[j] not in FUNCTION_WORDS:
            j += 1
        name = w.text(i, j)
        owner = self._context.names.get(name.lower(), name.lower())
        if j < self._n and self._low[j] == "'s" and self._possessive(j, subject):
            return self.phrase(j + 1, owner, "'s", subject)
        if j + 1 < self._n and self._low[j] == "and" and self._low[j + 1] == "i":
            return Thing(self._context.me, group=True), j + 2
        if subject and j + 1 < self._n and self._low[j] == "and" and w.capital(j + 1) and self.verb_after(j + 2) is not None:
            return Thing(group=True), j + 2
        if subject and self._low[j] == "," and self._low[j + 1] in ("my", "our"):  # "Daniel, my brother, is a chef"
            found = self.phrase(j + 2, self._context.me, "my", subject=False)
            if found is not None and self._low[found[1]] == "," and self.verb_after(found[1] + 1) is not None:
                return replace(found[0], name=name), found[1] + 1
        if subject and self.verb_after(j, plural=self._low[j - 1]) is None:
            return None
        return Thing(owner, name=name), j

    def _of_mine(self, i: int) -> tuple[Thing, int] | None:
        """Return the thing of "a friend of mine" or "one of my sisters"."""
        low = self._low
        for j in range(i + 1, min(i + 6, self._n - 1)):
            if low[j] == "of" and low[j + 1] in ("mine", "ours"):
                return Thing(self._context.me, noun_of(low[j - 1]), article="a"), j + 2
            if low[j] == "of" and low[j + 1] in ("my", "our") and j == i + 1:
                found = self.phrase(j + 2, self._context.me, "a", subject=True)
                return None if found is None else (replace(found[0], article="a"), found[1])
        return None

    def _possessive(self, j: int, subject: bool) -> bool:
        """Return whether the "'s" at word `j` marks an owner, and is not "is" or "has"."""
        low, n = self._low, self._n
        if j + 1 >= n:
            return False
        following = low[j + 1]
        if following in _IS_NEXT or following in verbs.GERUND or not following[:1].isalpha():
            return False
        if not subject:
            return True
        for k in range(j + 2, min(j + 7, n)):
            if self.finite(k):
                return True
            if low[k] in OPENERS or low[k] in MARKS:
                break
        return False

    def phrase(self, i: int, owner: str, article: str, subject: bool) -> tuple[Thing, int] | None:
        """Return the thing of a phrase whose first noun or adjective is the word `i`, and where its verb or its end is."""
        low, n = self._low, self._n
        j = i
        while j < n and j - i < _MOST_PHRASE:
            word = low[j]
            if word == "'s":
                if j > i and self._possessive(j, subject):
                    thing = self._made(i, j, owner, article)
                    return None if thing is None else self.phrase(j + 1, thing.subject, "'s", subject)
                break
            if not (word[:1].isalnum() or word[:1] in "+#@&") or word in FUNCTION_WORDS or word == "and":
                break
            if j > i and subject and self.verb_after(j, plural=low[j - 1]) is not None:
                break
            j += 1
        if j == i:
            return None
        thing = self._made(i, j, owner, article)
        return None if thing is None else self._behind(thing, j, subject)

    def _behind(self, thing: Thing, j: int, subject: bool) -> tuple[Thing, int] | None:
        """Return a thing with what is said of it behind its noun: "of my dog", "to Oslo", ", Klara,", "and I"."""
        low, n, w = self._low, self._n, self._w
        if j + 1 < n and low[j] == "and":
            if low[j + 1] == "i":
                return Thing(self._context.me, group=True), j + 2
            if subject and (other := self.thing_at(j + 1)) is not None and self.verb_after(other[1]) is not None:
                return Thing(group=True), other[1]
        if j < n and low[j] in ("of", "for") and (inner := self.thing_at(j + 1, subject=subject)) is not None:
            of, end = inner
            if of.subject and of.subject != self._context.me:
                if low[j] == "for" and of.name and not of.noun:
                    return replace(thing, noun=f"{of.name.lower()} {thing.noun}"), end
                return replace(thing, owner=of.subject, article=of.article or thing.article), end
        if j + 2 < n and low[j] == "," and w.capital(j + 1) and thing.owner and not thing.name:
            k = j + 2
            while k < n and k - j < 4 and w.capital(k):
                k += 1
            if k < n and low[k] == "," and (not subject or self.verb_after(k + 1) is not None):
                return replace(thing, name=w.text(j + 1, k)), k + 1
        if subject and j < n and low[j] in ("to", "at", "in", "with", "from", "on", "about", "for", "of", "near"):
            for k in range(j + 2, min(j + 7, n)):
                if self.verb_after(k) is not None:
                    return replace(thing, post=w.text(j, k)), k
                if low[k] in (",", "and") or low[k] in OPENERS:
                    break
        return thing, j

    def _made(self, i: int, j: int, owner: str, article: str) -> Thing | None:
        """Return the thing of the words i to j - 1: the noun and a name in apposition."""
        low, w = self._low, self._w
        while i < j - 1 and (low[i] in _FRONT or low[i] in _COUNTS or low[i].isdigit()):
            i += 1
        k = j
        while k > i + 1 and w.capital(k - 1) and low[k - 1] not in KIN:
            k -= 1
        name = w.text(k, j) if k < j and not w.capital(i) else ""
        if not name:
            k = j
            last = noun_of(low[j - 1])
            related = j - i == 2 and noun_of(low[i]) in KIN and low[j - 1].isalpha()
            if related and last not in KIN and last not in PETS and last not in EVENTS and low[j - 1] not in _NO_NAMES:
                name, k = w.text(j - 1, j), j - 1
        if low[k - 1] in ("one", "ones"):
            return Thing(owner, "child", name, article) if k - i >= 2 and low[k - 2] == "little" and owner else None
        if article == "the" and not owner and noun_of(low[k - 1]) in _HOUSEHOLD and k - i == 1:
            owner = self._context.me
        noun = " ".join([*low[i : k - 1], noun_of(low[k - 1])])
        noun = (
            noun.replace("wi-fi", "wifi")
            .replace("favorite", "favourite")
            .replace("color", "colour")
            .replace("fave ", "favourite ")
            .replace("fav ", "favourite ")
        )
        return Thing(owner, noun, name, article, low[k - 1] != noun_of(low[k - 1]) and low[k - 1].endswith("s"))

    def finite(self, j: int) -> bool:
        """Return whether word j may be a finite verb of the third person or of the past."""
        word = self._low[j]
        return (
            word in verbs.BE or word in verbs.HAVE or word in verbs.DO or word in verbs.MODALS or word in verbs.THIRD or word in verbs.PAST
        )

    def verb_after(self, j: int, plural: str = "") -> int | None:
        """Return where a finite verb stands, at word `j` or behind adverbs there, or None."""
        low, n = self._low, self._n
        k = j
        while k < n and (low[k] in verbs.ADVERBS or low[k] in verbs.HEDGES or low[k] in ("never", "no", "longer")) and k - j < 4:
            k += 1
        if k >= n:
            return None
        word = low[k]
        if word == "'s":
            return k if k > 0 and (k + 1 >= n or not self._possessive(k, True)) else None
        if self.finite(k):
            return k
        named = k > 0 and self._w.capital(k - 1) and not self._w.capital(k) and k == j
        if named and not plural and word.endswith("s") and len(word) > 4 and word.isalpha():
            return k  # behind a name, an unknown word in -s is rather a verb than a noun
        if (
            word in verbs.BASE
            and plural
            and (plural.endswith("s") or plural in ("children", "parents", "people", "men", "women", "family"))
        ):
            return k
        return None
