"""Phrases of a sentence by a table of a language's words: what they are about, lists, and the words behind a preposition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from echorator.cognition.reading.languages.table import Table
from echorator.cognition.reading.values import Claim, Fact, FactType
from echorator.cognition.reading.words import Words

MOST_VALUE_WORDS = 8
DOUBTED = 0.6  # certainty of what is said with "vielleicht" and the like
MARKS = frozenset({",", ";", ":", "-", "\u2013", "\u2014", "(", ")", ".", "!", "?", "...", "\u2026", '"', "\u00a1", "\u00bf", "*"})
_IDENTIFIERS = {
    "passwort": "password",
    "kennwort": "password",
    "contraseña": "password",
    "mot de passe": "password",
    "code": "code",
    "pin": "pin",
    "nummer": "number",
    "código": "code",
    "schlüssel": "key",
}


@dataclass(slots=True)
class Subject:
    """What a clause is about: its owner, an English noun, and a name."""

    owner: str
    noun: str = ""  # a relation, a pet, "car"
    attribute: str = ""  # an attribute of the owner
    name: str = ""
    many: bool = False

    @property
    def subject(self) -> str:
        """The subject of facts about it."""
        return f"{self.owner}'s {self.noun}" if self.noun and self.owner else self.owner


class TablePhrases:
    """The sentence that is being read, and the facts read so far."""

    def __init__(self, table: Table, words: Words, me: str, earlier: Sequence[Fact]) -> None:
        self.t = table
        self.w = words
        self.low = words.low
        self.me = me
        self.earlier = earlier
        self.person = next((f.subject for f in earlier if f.subject != me), "")
        self.facts: list[Fact] = []
        self.corrects = False
        self.doubts = False
        self.claim = Claim.HOLDS  # of the clause that is being read
        self.past = False  # whether it tells of the past, or of something done

    def thing(self, i: int, j: int) -> Subject | None:
        """Return what the words i to j - 1 are about: "meine Schwester Klara", "mi perro", "der WLAN-Code"."""
        low, w = self.low, self.w
        while i < j and (low[i] in self.t.adverbs or low[i] in MARKS or low[i] in self.t.negations or low[i] in self.t.once):
            i += 1
        while j > i and (low[j - 1] in self.t.adverbs or low[j - 1] in MARKS or low[j - 1] in self.t.negations):
            j -= 1
        owner = ""
        if i < j and low[i] in self.t.possessives:
            owner = self.me if self.t.possessives[low[i]] == "me" else self.person
            i += 1
        elif i < j and low[i] in self.t.articles:
            i += 1
            owner = "the"
        elif i < j and w.capital(i) and j - i <= 2 and low[i] not in self.t.attributes:
            return Subject(w.text(i, j).lower(), name=w.text(i, j))
        if i >= j or not owner:
            return None
        return self._noun(owner, i, j)

    def _noun(self, owner: str, i: int, j: int) -> Subject | None:
        """Return the thing of a noun and what is behind it: "Name meines Hundes", "nombre de mi perro"."""
        low, w = self.low, self.w
        person = self.me if owner == "the" else owner
        for k in range(i + 1, j - 1):  # "the name of my dog"
            at = k + 1 if low[k] in self.t.prepositions and self.t.prepositions[low[k]] in ("of", "from") and k + 2 < j else k
            if low[at] in self.t.possessives:
                inner = self.thing(at, j)
                if inner is not None and inner.noun:
                    outer = self._noun(inner.subject, i, k)
                    return outer
        phrase = " ".join(low[i:j])
        attribute = self.t.attributes.get(phrase) or self.t.attributes.get(" ".join(low[i:j]).replace("-", " "))
        if attribute:
            return Subject(person, attribute=attribute, many=attribute in ("hobby", "allergy", "language", "pet"))
        favourite = self.t.favourites.fullmatch(phrase)
        if favourite is not None:
            noun = (favourite["n"] or favourite.groupdict().get("m") or "").strip()
            english = self.t.nouns.get(noun)
            return Subject(person, attribute=f"favourite {english or noun}") if noun and (english or len(noun.split()) <= 2) else None
        word = low[i]
        k = i
        while k < j and low[k] not in self.t.relations and low[k] not in self.t.pets and low[k] not in self.t.cars:
            k += 1
        if k < j and owner != "the" and k - i <= 2:
            word = low[k]
            noun = self.t.relations.get(word) or self.t.pets.get(word) or "car"
            adjective = " ".join(low[i:k])
            noun = f"{self.t.nouns[adjective]} {noun}" if adjective in self.t.nouns else noun
            name = w.text(k + 1, j) if k + 1 < j and w.capital(k + 1) and j - k <= 3 else ""
            if k + 1 < j and not name:
                return None
            return Subject(person, noun, name=name)
        for head in (" ".join(low[i:j]), low[j - 1]):
            for tail, english in _IDENTIFIERS.items():
                if head.replace("-", "").endswith(tail):
                    front = head.replace("-", " ").removesuffix(tail).strip()
                    return Subject(person, attribute=f"{front} {english}".strip())
        if j - i >= 2 and low[i] in _IDENTIFIERS and low[i + 1] in self.t.prepositions:
            begin = i + 3 if low[i + 2] in self.t.possessives or low[i + 2] in self.t.articles else i + 2
            of = "phone" if self.t.attributes.get(low[begin]) == "phone number" else w.text(begin, j).lower()
            return Subject(person, attribute=f"{of} {_IDENTIFIERS[low[i]]}".strip())
        return None

    def add(self, subject: str, attribute: str, value: str, kind: FactType = FactType.SINGLE, claim: Claim | None = None) -> None:
        """Note a fact, unless its value is too long or its subject is not known."""
        value = value.strip(" \t\"'.,;:!?()\u00a1\u00bf")
        claim = self.claim if claim is None else claim
        if subject and attribute and len(value.split()) <= MOST_VALUE_WORDS and (value or claim is Claim.DENIES):
            self.facts.append(Fact(subject, attribute, value, kind, claim, DOUBTED if self.doubts else 1.0, self.corrects))

    def value(self, places: Sequence[int], article: bool = True) -> str:
        """Return the words at consecutive places up to a stop, without an article before them."""
        run = self.run(places, article)
        return self.w.text(run[0], run[-1] + 1) if run else ""

    def run(self, places: Sequence[int], article: bool = True) -> list[int]:
        """Return the first consecutive places up to a stop, without articles before them."""
        run: list[int] = []
        for k in places:
            if run and k != run[-1] + 1:
                break
            if self.low[k] in self.t.stops or (self.low[k] in MARKS and self.low[k] != '"'):
                break
            run.append(k)
        while (
            run
            and article
            and (self.low[run[0]] in self.t.articles or self.low[run[0]] in self.t.none or self.low[run[0]] in ('"', "de", "d'"))
        ):
            run = run[1:]
        return run

    def parts(self, places: Sequence[int]) -> list[list[int]]:
        """Return the runs of a list that is parted by commas and "and"."""
        runs: list[list[int]] = [[]]
        for k in places:
            if self.low[k] in self.t.ands or self.low[k] in (",", "/"):
                runs.append([])
            elif runs[-1] and k != runs[-1][-1] + 1 and runs[-1] != [] and not self._idle(runs[-1][-1] + 1, k):
                break
            else:
                runs[-1].append(k)
        return [run for run in runs if run]

    def _idle(self, i: int, j: int) -> bool:
        """Return whether the words i to j - 1 say nothing here."""
        return all(
            self.low[k] in self.t.articles or self.low[k] in self.t.adverbs or self.t.prepositions.get(self.low[k]) is not None
            for k in range(i, j)
        )

    def role(self, rest: Sequence[int], *roles: str) -> list[int]:
        """Return the places behind the first preposition with one of these roles, up to the next preposition that begins a role."""
        for n, k in enumerate(rest):
            if self.t.prepositions.get(self.low[k]) in roles:
                found: list[int] = []
                for p in rest[n + 1 :]:
                    if found and self.low[found[-1]] in self.t.ands and self.t.prepositions.get(self.low[p]) in roles:
                        continue
                    if (
                        found
                        and self.low[p] not in self.t.ands
                        and self.low[p] != ","
                        and (self.low[p] in self.t.prepositions or self.low[p] in self.t.stops)
                    ):
                        break
                    found.append(p)
                return found
        return []

    def many(self, subject: str, attribute: str, rest: Sequence[int], kind: FactType = FactType.MANY, claim: Claim | None = None) -> None:
        """Note a fact for each part of a list."""
        for part in self.parts(rest):
            denied = any(self.low[k] in self.t.none for k in part)
            value = self.value([k for k in part if self.low[k] not in self.t.none])
            if value and value.lower() not in self.t.others | self.t.me:
                self.add(subject, attribute, value, kind, Claim.DENIES if denied and claim is None else claim)

    def proper(self, places: Sequence[int]) -> list[int]:
        """Return the leading places of words with a capital letter."""
        run: list[int] = []
        for k in places:
            if not self.w.raw[k][:1].isupper() or (run and k != run[-1] + 1):
                break
            run.append(k)
        return run
