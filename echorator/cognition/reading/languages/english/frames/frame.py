"""What all frames need: the words behind a verb as phrases and lists, and the facts that are made of them.

A frame reads one clause (`clauses.Clause`); the other modules of this package have the frames, `reader` chooses one by the verb.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from echorator.cognition.reading.languages.english.clauses import Clause, Parser
from echorator.cognition.reading.languages.english.lexicon import nouns
from echorator.cognition.reading.languages.english.things import TITLES, Context
from echorator.cognition.reading.values import Claim, Fact, FactType
from echorator.cognition.reading.words import Words

MOST_VALUE_WORDS = 10
DOUBTED = 0.6  # certainty of what is said with "maybe" or "I think"
NUMBERS = {
    w: n
    for n, w in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
            nineteen twenty""".split()
    )
}
_OWNERS = frozenset("master bachelor crohn parkinson alzheimer hashimoto graves tourette".split())  # in a noun of its own
_PRONOUNS = frozenset("i me you he him she her it we us they them this that these those one some all".split())
TENS = frozenset("twenty thirty forty fifty sixty seventy eighty ninety".split())
_COUNTS = frozenset(
    "several many few some couple lots loads plenty both three four five six seven eight nine ten twelve dozen multiple".split()
) | set(NUMBERS)
_DETERMINERS = frozenset("a an the my our his her their your its some any no another one this that these those each".split()) | _COUNTS
STOPS = frozenset(
    """of for to at in on with from by about near since until till because when where which who that while if but so as than though
    although before after during unless whose via per during into over behind without within around through and or , ; : ( ) plus""".split()
)
# Where the value of a single word or name ends.
CUTS = frozenset(
    """since until till because when where which who while if but so as though although before after during unless whose ; : ( ) with
    for due despite unlike instead plus except""".split()
)
_TAILS: tuple[tuple[tuple[str, ...], str], ...] = tuple(
    (tuple(tail.split()), kind)
    for kind, tails in (
        ("ended", "any more|anymore|any longer|no longer|no more"),
        (
            "now",
            "now|right now|currently|nowadays|these days|at the moment|at present|for now|atm|rn|at this point|"
            "for the moment|today|as of today|as of now|this year|from now on",
        ),
        (
            "most",
            "the most|most|best|the best|most of all|above all|more than anything|a lot|very much|so much|too much|"
            "a great deal|a ton|loads|dearly|to bits|to death|to pieces|immensely|the least|at all|too badly|a bit|a little|"
            "quite a bit",
        ),
        (
            "",
            "already|too|as well|also|though|actually|again|still|instead|please|by the way|btw|lol|haha|you know|after all|i think|"
            "to be honest|honestly|tbh|of course|obviously|in fact|xd|really|indeed|then|finally|recently|lately|just|either|officially|"
            "now that i think of it|if that matters|if you must know|if that helps|fyi|for your information|for short|"
            "originally|together|there|"
            "unfortunately|sadly|luckily|thankfully|for the record|always|myself|personally|so far|yet|anyway|"
            "i guess|i believe|i suppose|you see|right|okay|ok|thanks|thank you|remember|remember that|don't forget|do n't forget|"
            "please remember that|please remember|please note|please do n't forget|ok ?|haha|:)|:-)|<3|xx|sometimes|often|"
            "usually|mostly|on the side|full time|part time|full-time|part-time|"
            "everyone|everybody|guys|folks|buddy|mate|dude|dear|in case you wondered|just so you know",
        ),
    )
    for tail in tails.split("|")
)
_TAILS_BY_LAST: dict[str, list[tuple[tuple[str, ...], str]]] = {}
for _tail, _kind in sorted(_TAILS, key=lambda t: -len(t[0])):
    _TAILS_BY_LAST.setdefault(_tail[-1], []).append((_tail, _kind))
_PERIODS = frozenset("week month year summer winter spring autumn fall night weekend christmas easter semester term monday january".split())
_MARKS = frozenset({",", ";", ":", "-", "\u2013", "\u2014", "(", ")", ".", "!", "?", "...", "..", "\u2026", '"', "'", "*", "~", "/"})


@cache
def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(slots=True)
class Phrase:
    """A noun phrase: "two black cats called Tom" has the determiner "two", the noun "cat" and the name "Tom"."""

    start: int  # of what is behind the determiner
    end: int  # of the nouns
    stop: int  # of all that belongs to it, with its name
    determiner: str
    noun: str  # the head, in the singular
    name: str
    counted: bool = False

    @property
    def words(self) -> int:
        """The number of words without the determiner."""
        return self.end - self.start


class Frame:
    """A clause that is read, and the facts that are read of it."""

    def __init__(self, words: Words, clause: Clause, context: Context, parser: Parser, facts: list[Fact]) -> None:
        self.w = words
        self.low = words.low
        self.clause = clause
        self.thing = clause.thing
        self.verb = clause.verb
        self.context = context
        self.parser = parser
        self.facts = facts
        self.ended = clause.verb.ended
        self.now = clause.verb.now
        self.most = False
        self.dated = False  # a time of the past stood at the end: "last summer"
        self.i = clause.start
        self.j = self._trimmed(clause.start, clause.end)

    @property
    def mine(self) -> bool:
        """Whether the speaker is the subject."""
        return self.thing.owner == self.context.me and not self.thing.noun

    @property
    def subject(self) -> str:
        """The subject of what is said of the thing itself."""
        return self.thing.subject

    @property
    def claim(self) -> Claim:
        """What is claimed of a value in the tense of the verb."""
        if self.verb.negated or self.ended:
            return Claim.DENIES
        if self.verb.used or (self.verb.past and not self.verb.perfect and self.verb.lemma not in ("quit",)):
            return Claim.PAST
        return Claim.HOLDS

    @property
    def real(self) -> bool:
        """Whether the clause says what is or was, and not what might be."""
        return not self.verb.modal and not self.verb.future

    def _trimmed(self, i: int, j: int) -> int:
        """Return the end of the words without adverbs and marks at the end, and note what these say."""
        low = self.low
        while j > i:
            if low[j - 1] in _MARKS:
                j -= 1
                continue
            time = self._time_before(i, j)
            if time < j:
                self.dated = True
                j = time
                continue
            for tail, kind in _TAILS_BY_LAST.get(low[j - 1], ()):
                if j - len(tail) >= i and tuple(low[j - len(tail) : j]) == tail:
                    if kind == "ended":
                        self.ended = True
                    elif kind == "now":
                        self.now = True
                    elif kind == "most":
                        self.most = True
                    j -= len(tail)
                    break
            else:
                return j
        return j

    def _time_before(self, i: int, j: int) -> int:
        """Return the begin of a past time that ends at word j - 1: "last summer", "two years ago", "in 2019", "yesterday"; else j."""
        low = self.low
        word = low[j - 1]
        if word in ("yesterday",):
            return j - 1
        if word == "ago":
            k = j - 2
            while k > i and low[k] not in ("about", "around", "over", "almost", "nearly", "a", "some", "just", "roughly") and j - k < 4:
                k -= 1
            if low[k] in ("about", "around", "over", "almost", "nearly", "just", "roughly"):
                k += 1
            if k >= i and (low[k] in ("a", "some") or self.is_number(k)):
                while k > i and low[k - 1] in ("about", "around", "over", "almost", "nearly", "just", "roughly", "only"):
                    k -= 1
                return k
            return j - 1 if j - 2 < i else max(i, j - 3)
        if (
            j - 2 >= i
            and low[j - 2] in ("last", "this", "past", "that")
            and (word in _PERIODS or word in nouns.DAYS or word in nouns.MONTHS)
        ):
            k = j - 2
            while k > i and low[k - 1] in ("early", "late", "in", "the", "during", "earlier"):
                k -= 1
            return k
        if (
            j - 2 >= i
            and low[j - 2] in ("in", "since", "back", "around", "until")
            and len(word) == 4
            and word.isdigit()
            and word[:2] in ("19", "20")
        ):
            k = j - 2
            while k > i and low[k - 1] in ("back", "early", "late", "again", "ever"):
                k -= 1
            return k
        if (
            j - 2 >= i
            and low[j - 2] == "in"
            and (word in nouns.MONTHS or word in ("spring", "summer", "autumn", "winter", "fall"))
            and self.verb.past
        ):
            return j - 2
        return j

    def add(
        self,
        attribute: str,
        value: str,
        kind: FactType = FactType.SINGLE,
        *,
        subject: str | None = None,
        claim: Claim | None = None,
        certainty: float = 1.0,
    ) -> None:
        """Note a fact of the clause's subject, unless its value is too long or its subject is not known."""
        subject = self.subject if subject is None else subject
        value = value.strip(" \t\"'.,;:!?()*")
        claim = self.claim if claim is None else claim
        if value.lower() in _PRONOUNS and value != "IT":
            return
        if not subject or not attribute or len(value.split()) > MOST_VALUE_WORDS or (not value and claim is not Claim.DENIES):
            return
        doubted = self.clause.lead.doubts or self.verb.hedged
        self.facts.append(
            Fact(subject, attribute, value, kind, claim, min(certainty, DOUBTED) if doubted else certainty, self.clause.lead.corrects)
        )

    def cut(self, i: int, j: int, stops: frozenset[str] | str = CUTS) -> int:
        """Return the end of the words from i on before one of `stops`, at most j; a text has several stops between blanks."""
        if isinstance(stops, str):
            stops = _words(stops)
        for k in range(i, j):
            if self.low[k] in stops:
                return self.back(i, k)
        return j

    def back(self, i: int, j: int) -> int:
        """Return j without marks before it."""
        while j > i and self.low[j - 1] in _MARKS:
            j -= 1
        return j

    def parts(self, i: int, j: int) -> list[tuple[int, int]]:
        """Return the ranges of a list: "tea, coffee and cake" has three."""
        found: list[tuple[int, int]] = []
        begin = i
        for k in range(i, j + 1):
            if k == j or self.low[k] in (",", "and", "or", "&", "plus", "+", "/", "nor", "n"):
                if k > begin:
                    found.append((begin, k))
                begin = k + 1
        cleaned = []
        for one, two in found:
            while one < two and self.low[one] in (
                "also",
                "both",
                "even",
                "either",
                "neither",
                "especially",
                "mostly",
                "mainly",
                "maybe",
                "then",
                "well",
                "as",
                "just",
                "some",
                "only",
            ):
                one += 1
            if one < two:
                cleaned.append((one, two))
        return cleaned

    def phrase(self, i: int, j: int) -> Phrase | None:
        """Return the noun phrase at word i, or None where no noun is there before j."""
        low, w = self.low, self.w
        determiner = ""
        while (
            i < j
            and (
                low[i] in _DETERMINERS
                or low[i].isdigit()
                or low[i]
                in (
                    "such",
                    "quite",
                    "also",
                    "just",
                    "only",
                    "about",
                    "over",
                    "around",
                    "nearly",
                    "currently",
                    "myself",
                    "ourselves",
                    "little",
                    "own",
                    "new",
                    "lovely",
                    "beautiful",
                    "cute",
                    "sweet",
                    "wonderful",
                )
            )
            and i < j - 1
        ):
            if low[i] in _DETERMINERS or low[i].isdigit():
                determiner = determiner or low[i]
            if low[i] == "couple" or low[i] in ("lots", "loads", "plenty"):
                determiner = "some"
            i += 1
            if i < j - 1 and low[i] == "of" and low[i - 1] in ("couple", "lots", "loads", "plenty", "one", "lot", "two", "three"):
                i += 1
        end = i
        while end < j and low[end] not in STOPS and low[end] not in ("called", "named", "name", "aged", "whose") and low[end] not in _MARKS:
            end += 1
        if end == i and end < j and low[end] == "name":
            end += 1
        if end == i or any(low[k] == "'s" and low[k - 1] not in _OWNERS for k in range(i, end)):
            return None
        stop, name = end, ""
        if end + 1 < j and (low[end] in ("called", "named") or (low[end] == "," and low[end + 1] in ("called", "named"))):
            k = end + (1 if low[end] != "," else 2)
            stop = self.name_end(k, j)
            name = w.text(k, stop).strip("\"' ")
        head = end
        while not name and head > i + 1 and w.capital(head - 1) and not w.capital(i) and low[head - 1] not in nouns.MAKES:
            head -= 1
        if not name and head < end and nouns.noun_of(low[head - 1]) in nouns.KIN | nouns.PETS:
            name = w.text(head, end)
        else:
            head = end
        counted = determiner in _COUNTS or determiner.isdigit()
        return Phrase(i, head, stop, determiner, nouns.noun_of(low[head - 1]), name, counted)

    def name_end(self, i: int, j: int) -> int:
        """Return where a name that begins at word i ends."""
        k = i
        while k + 2 < j and self.low[k + 1] == "." and self.w.capital(k + 2) and (self.low[k] in TITLES or len(self.low[k]) == 1):
            k += 2
        if k < j and self.low[k] in ('"', "'"):
            for end in range(k + 1, min(j, k + 6)):
                if self.low[end] in ('"', "'"):
                    return end + 1
        while (
            k < j
            and k - i < 4
            and self.low[k] not in STOPS
            and self.low[k] not in _MARKS
            and (k == i or self.w.capital(k) or not self.w.capital(i))
        ):
            if k > i and not self.w.capital(k):
                break
            k += 3 if self.low[k + 1] == "." and len(self.low[k]) == 1 and k + 2 < j and self.w.capital(k + 2) else 1
        return min(k, j)

    def is_name(self, i: int, j: int) -> bool:
        """Return whether the words i to j - 1 are written like a name: one to four, each with a capital letter; "Dr. Lee" is one."""
        words_ = [k for k in range(i, j) if self.low[k] != "." or (self.low[k - 1] not in TITLES and len(self.low[k - 1]) > 1)]
        return 0 < len(words_) <= 4 and all(
            self.w.capital(k) and self.w.raw[k][:1].isalpha() and self.low[k] not in nouns.DAYS and self.low[k] != "i" for k in words_
        )

    def is_number(self, i: int) -> bool:
        """Return whether word i is a number in digits or words."""
        word = self.low[i].lstrip("+$#")
        return word.replace(",", "").replace(".", "").isdigit() or word in NUMBERS or word.split("-")[0] in TENS

    def other(self, noun: str) -> str:
        """Return the subject of what belongs to this clause's subject."""
        return f"{self.subject}'s {noun}" if self.subject else ""
