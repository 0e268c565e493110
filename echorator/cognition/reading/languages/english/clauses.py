"""Parts a sentence into clauses: who or what each is about, its verb with tense, negation and modality, and the words behind it.

Fed by `words`, feeds the frames. A clause begins where a subject and a finite verb stand behind a conjunction or a comma, so that the
"and" of "my name is Mia and I live in Rome" parts two clauses, and that of "I like tea and cake" does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from echorator.cognition.reading.languages.english.groups import Verb, behind_adverbs, verb_at
from echorator.cognition.reading.languages.english.leads import Lead, lead_at
from echorator.cognition.reading.languages.english.lexicon import verbs
from echorator.cognition.reading.languages.english.lexicon.nouns import KIN, PETS, noun_of
from echorator.cognition.reading.languages.english.subjects import MARKS, OPENERS, RELATIVE, Subjects
from echorator.cognition.reading.languages.english.things import FUNCTION_WORDS, TITLES, Thing

MOST_CLAUSES = 12  # of a sentence
_HARD = frozenset({";", "(", ")", "...", "..", "\u2026", "\u2014", "\u2013", "-", "!", "?", "*", "\u2022"})
_OF_NOUNS = frozenset("a an the this that some any all every only first best last thing things way what everything something".split())
_SUBORDINATING = frozenset("if unless when whenever while whereas until where whose although though because".split())


@dataclass(slots=True)
class Clause:
    """A subject, its verb, and the words from `start` to `end` behind it."""

    thing: Thing
    verb: Verb
    start: int
    end: int
    lead: Lead
    opener: str = ""  # the conjunction or mark before it
    relative: bool = False  # it tells of a noun of the clause before
    inherits: bool = False  # its subject is the one of the clause before
    last: bool = False  # nothing but marks is behind it
    contact: int = -1  # word at which a clause begins that tells of this one's object: "a job I enjoy"


class Parser(Subjects):
    """Parses one sentence."""

    def clauses(self, begin: int = 0) -> Iterator[Clause]:
        """Yield the clauses of the sentence from the word `begin` on, in order."""
        n = self._n
        i, count, opener = begin, 0, ""
        before: Clause | None = None
        supposes = False
        while i < n and count < MOST_CLAUSES:
            lead = lead_at(self._w, i, n)
            supposes = supposes or lead.supposes
            clause = self._clause(lead, i, n, before, opener)
            if clause is None:
                start = max(lead.end, i + 1)
                i, opener = self._skip(start, n, before)
                clause = self._told_of_own(start, i)
                if clause is None:
                    continue
                clause.lead.supposes = supposes
                count += 1
                yield clause
                continue
            clause.lead.supposes = supposes
            count += 1
            if (told := self._told_aside(clause)) is not None:
                yield told
            clause.end = self._end(clause, n)
            clause.last = all(word in MARKS for word in self._low[clause.end : n])
            yield clause
            before = clause
            opener = self._low[clause.end] if clause.end < n else ""
            if opener == "but":
                supposes = False
            if clause.contact == clause.end:
                i, opener = self._skip(clause.end + 1, n, before)
                continue
            if opener == "," and self._low[clause.end + 1] in RELATIVE:
                clause.end += 1
                opener = self._low[clause.end]
            i = clause.end + 1 if opener in MARKS or opener in OPENERS or opener in RELATIVE else clause.end

    def _skip(self, i: int, n: int, before: Clause | None) -> tuple[int, str]:
        """Return the word behind the next boundary from word `i` on, and the boundary."""
        while i < n:
            word = self._low[i]
            if word in MARKS or (word in OPENERS and self._begins(i, n, before)):
                return i + 1, word
            if word in ("i", "we") and self._tells(i):
                return i, ""
            i += 1
        return n, ""

    def _tells(self, i: int) -> bool:
        """Return whether "I" at word i begins a statement behind other words: "after the divorce I moved", and not "what should I"."""
        before = self._low[i - 1]
        asked = (
            before in verbs.MODALS
            or before in verbs.DO
            or before in verbs.BE
            or before in verbs.HAVE
            or before in ("n't", "that", "what", "how", "and")
        )
        return (
            i > 0
            and not asked
            and before.isalpha()
            and before not in FUNCTION_WORDS
            and verb_at(self._w, i + 1, Thing(self._context.me)) is not None
        )

    def _clause(self, lead: Lead, i: int, n: int, before: Clause | None, opener: str) -> Clause | None:
        """Return the clause behind the leads at word `i`, with its end still open, or None where none begins there."""
        j = lead.end
        if before is not None and opener in RELATIVE:
            verb = verb_at(self._w, i, None)
            if verb is not None:
                return Clause(self._antecedent(before, i - 1), verb, verb.end, n, Lead(i), opener, relative=True)
        found = self.thing_at(j)
        if found is not None:
            thing, end = found
            end = self._over_aside(end, n)
            verb = verb_at(self._w, end, thing)
            if verb is not None and verb.end <= n and (verb.lemma or thing.subject):
                return Clause(thing, verb, verb.end, n, lead, opener)
            return None
        if before is None and self._subjectless(j):
            verb = verb_at(self._w, j, None)
            return None if verb is None else Clause(Thing(self._context.me), verb, verb.end, n, lead, opener)
        if before is not None and opener in RELATIVE:
            return None
        if before is not None and opener in ("and", "but", ",", "or", "then") and not lead.supposes and not lead.aside:
            verb = self._shared(j, before)
            if verb is not None:
                return Clause(before.thing, verb, verb.end, n, lead, opener, inherits=True)
        return None

    def _told_of_own(self, i: int, stop: int) -> Clause | None:
        """Return what a relative clause tells in words that are no clause: "What should I cook for my son, who is vegan?"."""
        low = self._low
        for k in range(i + 2, stop):
            if low[k] == "who" or (low[k] == "that" and k + 1 < stop and low[k + 1] in ("is", "has", "'s")):
                for p in range(max(i, k - 4), k - 1):
                    if low[p] in ("my", "our"):
                        found = self.phrase(p + 1, self._context.me, low[p], subject=False)
                        verb = verb_at(self._w, k + 1, None)
                        if found is not None and verb is not None and found[1] >= k - 1 and found[0].head in KIN | PETS:
                            return Clause(found[0], verb, verb.end, stop, Lead(p), low[k], relative=True)
        return None

    def _told_aside(self, clause: Clause) -> Clause | None:
        """Return the clause between commas that tells of the subject: "my sister, who lives in Rome, is a nurse"."""
        low = self._low
        stop = clause.verb.start - 1
        begin = next((k for k in range(max(0, stop - 14), stop) if low[k] == "," and low[k + 1] in RELATIVE), None)
        if begin is None or stop < 1 or low[stop] != "," or not clause.thing.subject or clause.relative:
            return None
        verb = verb_at(self._w, begin + 2, None)
        if verb is None or verb.end > stop:
            return None
        return Clause(clause.thing, verb, verb.end, stop, clause.lead, low[begin + 1], relative=True)

    def _subjectless(self, j: int) -> bool:
        """Return whether a verb stands at word j that can be no order, so that "I" was left out: "moved to Austin", "living in Rome"."""
        low = self._low
        k = behind_adverbs(self._w, j)
        word = low[k]
        if word == "been":
            return True
        if word in verbs.PAST and word not in verbs.BASE and word not in verbs.BE and word not in verbs.DO:
            return low[k + 1] not in ("it", "that", "by", "is", "was") and word not in ("said", "asked", "told", "thought")
        if word in ("live", "work"):
            return low[k + 1] in ("in", "as", "at")
        finite = any(self.finite(p) for p in range(k + 1, min(k + 9, self._n)))
        return word in ("living", "working", "studying", "learning") and not finite

    def _over_aside(self, j: int, n: int) -> int:
        """Return where the verb is behind an aside between commas: ", who lives in Rome," or ", by the way,"."""
        low = self._low
        if j + 1 < n and low[j] == "," and low[j + 1] in (*RELATIVE, "by", "like", "on", "of", "as", "unfortunately", "however", "in"):
            for k in range(j + 2, min(j + 14, n - 1)):
                if low[k] == ",":
                    return k + 1 if self.verb_after(k + 1) is not None else j
        return j

    def _shared(self, j: int, before: Clause) -> Verb | None:
        """Return the verb at word `j` that has the subject of the clause before: "and work as a chef"."""
        k = behind_adverbs(self._w, j)
        if k >= self._n:
            return None
        word = self._low[k]
        thing = before.thing
        mine = (thing.owner == self._context.me and not thing.noun) or thing.group
        fits = (
            word in verbs.BE
            or word in ("have", "has", "had", "do", "does", "did", "can", "will", "would")
            or (word in verbs.PAST and word not in verbs.BASE)
            or word in (verbs.BASE if mine else verbs.THIRD)
        )
        if mine and before.verb.lemma == "be" and not before.verb.negated and not before.verb.past and self._continues(k, before):
            if word in verbs.GERUND:
                return Verb(verbs.GERUND[word], k, k + 1, word, progressive=True)
            return Verb("be", k, k, word)
        if not fits or (word in verbs.BASE and self._infinitive(before, j)) or word == "'s":
            return None
        if (
            word in verbs.PAST
            and word in verbs.PARTICIPLE
            and before.verb.lemma == "be"
            and word in ("married", "divorced", "retired", "born", "broken")
        ):
            return None
        base = word in verbs.BASE and word not in ("have", "am", "live", "work")
        if base and (before.verb.modal or before.verb.past or (word == "like" and self._low[j - 1] == ",")):
            return None
        return verb_at(self._w, j, thing if mine else None)

    def _continues(self, k: int, before: Clause) -> bool:
        """Return whether word k goes on saying what the speaker is: "I'm Ann, 34, from Oslo, working as a nurse"."""
        low = self._low
        first = low[before.start] if before.start < self._n else ""
        if low[k] in ("a", "an"):
            return first in ("a", "an") or self._w.capital(before.start)
        introduced = (
            self._w.capital(before.start) or first[:1].isdigit() or first in ("a", "an", "from", "based", "living", "working", "born")
        )
        return introduced and (
            low[k] in ("from", "based", "born", "married", "working", "living", "studying", "originally") or low[k].isdigit()
        )

    def _infinitive(self, before: Clause, j: int) -> bool:
        """Return whether the clause before ends with an infinitive, which a further one may follow: "I love to cook and bake"."""
        low = self._low
        surely = low[j] not in ("live", "work", "have", "am", "speak")
        return any(
            low[k] == "to" and (low[k + 1] in verbs.BASE or (surely and low[k + 1].isalpha() and low[k + 1] not in FUNCTION_WORDS))
            for k in range(before.start, j - 1)
        )

    def _antecedent(self, before: Clause, j: int) -> Thing:
        """Return the thing of the noun just before word `j`, of which a relative clause tells."""
        low = self._low
        k = j - 1
        if k >= 0 and low[k] == ",":
            k -= 1
        name_end = k + 1
        while k > before.start and self._w.capital(k):
            k -= 1
        name = self._w.text(k + 1, name_end)
        if name and low[k] in ("called", "named", ",", "is"):
            while k > before.start and low[k] in ("called", "named", ","):
                k -= 1
        if k < before.start and k < 0:
            return Thing()
        noun = noun_of(low[k])
        if low[k] in FUNCTION_WORDS:
            return Thing(name.lower(), name=name) if name else Thing()
        owner = self._context.me if before.thing.owner == self._context.me and not before.thing.noun else before.thing.subject
        related = noun in KIN or noun in PETS or before.verb.lemma in ("have", "own", "get", "buy", "adopt", "drive")
        if not related or not noun.isalpha():
            if before.verb.lemma == "be" and (before.thing.noun or before.thing.name):
                return before.thing
            return Thing(name.lower(), name=name) if name else Thing()
        return Thing(owner, noun, name, "a")

    def _begins(self, i: int, n: int, before: Clause | None) -> bool:
        """Return whether a clause begins behind the conjunction, relative pronoun or mark at word `i`."""
        word = self._low[i]
        if word in RELATIVE and self._low[i - 1] not in ("so", "like", "than", "of", "know", "think"):
            return (i + 1 < n and verb_at(self._w, i + 1, None) is not None) or (
                word == "that" and self.thing_at(i + 1) is not None and self._low[i - 1] not in ("things", "thing")
            )
        lead = lead_at(self._w, i + 1, n)
        if lead.supposes or lead.aside or self._asks(i + 1, n) or self._asks(lead.end, n):
            return True
        return self._clause(lead, i + 1, n, before, word) is not None

    def asks_at(self, i: int) -> bool:
        """Return whether a question begins at word i, by its verb or by "what", "where" and the like."""
        return self._asks(i, self._n) or self._low[i - 1 : i] in (["what"], ["where"], ["which"], ["who"], ["how"], ["why"], ["when"])

    def _asks(self, i: int, n: int) -> bool:
        """Return whether a question with a verb before its subject begins at word i: "can you", "isn't it"."""
        low = self._low
        if i >= n or (low[i] not in verbs.MODALS and low[i] not in verbs.BE and low[i] not in verbs.DO and low[i] not in ("have", "has")):
            return False
        k = i + 2 if i + 1 < n and low[i + 1] == "n't" else i + 1
        return k < n and low[k] in ("you", "i", "it", "that", "he", "she", "they", "we", "there", "my", "the", "this")

    def _end(self, clause: Clause, n: int) -> int:
        """Return the boundary at which a clause ends."""
        return next((i for i in range(clause.start, n) if self._bounds(clause, i, n)), n)

    def _bounds(self, clause: Clause, i: int, n: int) -> bool:
        """Return whether a clause ends before word i."""
        low, word = self._low, self._low[i]
        inside = i > clause.start
        if word in _HARD or word == ":":
            return inside or (word in (":", ";", "-") and self._begins(i, n, clause))
        if word == ".":
            return inside and i + 1 < n and low[i - 1] not in TITLES and len(low[i - 1]) > 1
        if word in _SUBORDINATING:
            return word in ("although", "though", "because", "if") or self.thing_at(i + 1) is not None
        if word == "," or word in OPENERS or word in RELATIVE:
            return self._begins(i, n, clause)
        # A sentence without a comma: "I live in Rome I work as a chef"; but "a job I enjoy" is one clause with what is said of the job.
        alone = word == "i" and low[i - 1] not in ("and", "than", "as", "that")
        if (
            alone
            and clause.verb.lemma != "be"
            and not clause.lead.aside
            and any(low[k] in _OF_NOUNS for k in range(max(clause.start, i - 4), i))
        ):
            clause.contact = i
            return True
        return alone and verb_at(self._w, i + 1, Thing(self._context.me)) is not None
