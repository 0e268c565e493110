"""Reads facts of sentences by a table of a language's words (`table`): German, Spanish and French, which share the order of a main clause.

sentence -> clauses at conjunctions that have a verb of their own -> subject, verb, negation and the words behind -> one frame a verb.
"""

from __future__ import annotations

from echorator.cognition.reading.languages.corrections import corrected
from echorator.cognition.reading.languages.table import Form
from echorator.cognition.reading.languages.table_doing import EVENTS, FRAMES
from echorator.cognition.reading.languages.table_phrases import MARKS, Subject, TablePhrases
from echorator.cognition.reading.values import Claim, Fact, FactType

MOST_CLAUSES = 10


class TableReader(TablePhrases):
    """Reads one sentence."""

    def read(self, asks: bool) -> tuple[Fact, ...]:
        """Return the facts of the sentence; of one that asks, only of the clauses before its question."""
        text = self.w.joined
        if self.t.supposing.match(text):
            return ()
        if not asks:
            found = corrected(self.w, self.t, self.earlier)
            if found is not None:
                return found
        if (label := self.t.called_me.match(self.w.source)) is not None:
            self.add(self.me, "nickname", label["v"], FactType.MANY)
            return tuple(self.facts)
        self.corrects = self.t.correcting.match(text) is not None
        self.doubts = self.t.doubting.match(text) is not None
        clauses = self._clauses()
        before: Subject | None = None
        for i, j in clauses[: len(clauses) - 1 if asks else MOST_CLAUSES]:
            if self.t.reporting.match(" ".join(self.low[i:j])):
                break
            before = self._clause(i, j, before) or before
        return tuple(dict.fromkeys(self.facts))

    def _clauses(self) -> list[tuple[int, int]]:
        """Return the ranges of the clauses: a piece without a finite verb belongs to the one before it."""
        pieces: list[tuple[int, int]] = []
        begin = 0
        for k in range(len(self.w) + 1):
            if (
                k == len(self.w)
                or self.low[k] in self.t.separators
                or self.low[k] in (",", ";", "-", "\u2013", "\u2014", ".", "!", "(", ")")
            ):
                if k > begin:
                    pieces.append((begin, k))
                begin = k + 1
        joined: list[tuple[int, int]] = []
        for one, two in pieces:
            if (joined and not any(self._finite(k) for k in range(one, two))) or (
                joined and not any(self._finite(k) for k in range(*joined[-1]))
            ):
                joined[-1] = (joined[-1][0], two)
            else:
                joined.append((one, two))
        return joined[:MOST_CLAUSES]

    def _finite(self, k: int) -> bool:
        form = self.t.verbs.get(self.low[k])
        return form is not None and not form.participle and (not self.t.capital_nouns or k == 0 or not self.w.capital(k))

    def _clause(self, i: int, j: int, before: Subject | None) -> Subject | None:
        """Read one clause, and return its subject."""
        low = self.low
        begin = i
        while i < j and (low[i] in self.t.adverbs or low[i] in MARKS or low[i] in self.t.separators):
            i += 1
        place = next((k for k in range(i, j) if self._finite(k)), None)
        if place is None:
            return None
        form = self.t.verbs[low[place]]
        if form.verb == "be" and place + 1 < j and low[place + 1] in self.t.possessives and self._inverse(i, place, j):
            return before
        relative = begin > 0 and low[begin - 1] in ("que", "qui") and place == i
        subject, rest = (self._antecedent(begin - 1), list(range(place + 1, j))) if relative else self._subject(i, j, place, form, before)
        if subject is None:
            return None
        text = " ".join(low[i:j])
        contrast = next((k for k in range(place + 2, j) if low[k] in self.t.negations and low[k - 1] in (",", *self.t.ands)), None)
        if contrast is not None and contrast + 1 < j:
            # "I live in Graz, not in Vienna" says both.
            denied = [k for k in rest if k > contrast]
            rest = [k for k in rest if k < contrast and low[k] not in MARKS]
            j = contrast
            text = " ".join(low[i:j])
            read = FRAMES.get(form.verb)
            if read is not None:
                self.claim = Claim.DENIES
                read(self, subject, [k for k in denied if low[k] not in self.t.adverbs])
        ended = self.t.ended.search(text) is not None
        negated = ended or any(low[k] in self.t.negations for k in range(i, j))
        once = any(low[k] in self.t.once for k in range(i, j))
        participle = next(
            (
                k
                for k in reversed(rest)
                if (p := self.t.verbs.get(low[k])) is not None and p.participle and form.verb in ("have", "be", "will", "aux", "become")
            ),
            None,
        )
        verb, past = form.verb, form.past
        if participle is not None:
            done = self.t.verbs[low[participle]]
            verb, past = done.verb, done.person != "g"
            rest = [k for k in rest if k != participle]
        if form.verb == "will" or verb == "will":
            return subject
        self.past = past
        self.claim = Claim.DENIES if negated else Claim.PAST if (past and verb not in EVENTS) or once else Claim.HOLDS
        rest = [k for k in rest if low[k] not in self.t.adverbs and low[k] not in self.t.negations and low[k] not in self.t.once]
        read = FRAMES.get(verb)
        if read is not None and rest is not None:
            read(self, subject, rest)
        if subject.name and subject.noun and subject.owner:
            self.add(subject.subject, "name", subject.name, claim=Claim.HOLDS)
        if subject.noun:
            self.person = subject.subject
        return subject

    def _antecedent(self, at: int) -> Subject | None:
        """Return the person or animal just before word `at`, of which a relative clause tells."""
        for k in range(at - 1, max(-1, at - 4), -1):
            noun = self.t.pets.get(self.low[k]) or self.t.relations.get(self.low[k])
            if noun:
                return Subject(self.me, noun)
        return None

    def _inverse(self, i: int, place: int, j: int) -> bool:
        """Read "blue is my favourite colour", "Tom is my brother"; return whether it was such a sentence."""
        owned = self.thing(place + 1, j)
        while i < place and (self.low[i] in self.t.articles or self.low[i] in MARKS):
            i += 1
        if owned is None or i >= place or place - i > 3 or self.low[i] in self.t.others or self.low[i] in self.t.me:
            return False
        value = self.w.text(i, place)
        self.claim = Claim.HOLDS
        if owned.attribute:
            self.add(owned.owner, owned.attribute, value)
        elif owned.noun and self.w.capital(i):
            self.add(owned.subject, "name", value)
        return True

    def _subject(self, i: int, j: int, place: int, form: Form, before: Subject | None) -> tuple[Subject | None, list[int]]:
        """Return the subject of the verb at `place`, and the places of the other words."""
        low = self.low
        rest = list(range(place + 1, j))
        if place > i:
            if any(low[k] in self.t.me for k in range(i, place)):
                return Subject(self.me), rest + [k for k in range(i, place) if low[k] not in self.t.me]
            if (low[place - 1] in self.t.others and low[place - 1] not in self.t.articles) or low[i:place] in ([x] for x in self.t.others):
                return (Subject(self.person) if self.person else None), rest
        if place + 1 < j and low[place + 1] in self.t.me:
            return Subject(self.me), [k for k in range(i, place)] + rest[1:]
        if place + 2 < j and low[place + 2] in self.t.me:
            return Subject(self.me), [k for k in range(i, place)] + [rest[0], *rest[2:]]
        if place == i and place + 1 < j and low[place + 1] in self.t.others and form.person != "1":
            return (Subject(self.person) if self.person else None), rest[1:]
        phrase = self.thing(i, place)
        if phrase is not None and form.person != "1":
            return phrase, rest
        if place + 1 < j and low[place + 1] in self.t.possessives and place == i and form.person != "1":
            for stop in range(place + 3, j + 1):
                behind = self.thing(place + 1, stop)
                if behind is not None:
                    return behind, list(range(stop, j))
        if place == j - 1 and form.person != "1":  # a subordinate clause, whose verb stands last
            for stop in range(i + 2, place):
                phrase = self.thing(i, stop)
                if phrase is not None:
                    return phrase, list(range(stop, place))
        if self.t.drops_subject and form.person != "3" and form.verb != "please":
            return Subject(self.me), [k for k in range(i, place)] + rest
        if form.verb in ("please", "taste"):  # "me gusta": the speaker is the object
            return Subject(self.me), rest
        if (place == i and before is not None and form.person != "1") or (
            before is not None and place == i and before.owner == self.me and not before.noun and form.person == "1"
        ):
            return before, rest
        if before is not None and place == i:
            return before, rest
        return None, rest
