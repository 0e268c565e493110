"""Reads a group of verbs: "have never been working" is "work", perfect, progressive and denied. Feeds `clauses`."""

from __future__ import annotations

from dataclasses import dataclass

from echorator.cognition.reading.languages.english.lexicon import verbs
from echorator.cognition.reading.languages.english.things import FUNCTION_WORDS, Thing
from echorator.cognition.reading.words import Words

_MOST_WORDS = 12  # of a group
_NOW = frozenset("now currently presently today nowadays".split())
_ACTIVITIES = frozenset("hobby job passion interest pastime fear goal dream work profession sport activity".split())
# Participles that are rather said with "is" than with "has".
_SUFFERED = frozenset(
    """called named married divorced engaged born known based retired located parked broken closed finished stuck dead gone done made
    hired fired employed delayed cancelled allergic left-handed scared worried tired bored interested excited""".split()
)
_NOUNS = frozenset("meeting boring building".split())  # they end like a verb


@dataclass(slots=True)
class Verb:
    """A group of verbs: its lemma, and how it is meant."""

    lemma: str
    start: int
    end: int
    form: str = ""  # the main verb as it is written, in lower case
    past: bool = False
    perfect: bool = False
    progressive: bool = False
    future: bool = False
    modal: str = ""
    negated: bool = False
    never: bool = False
    ended: bool = False  # "no longer"
    used: bool = False  # "used to"
    hedged: bool = False
    now: bool = False
    still: bool = False

    def main(self, lemma: str, end: int, form: str) -> Verb:
        """Return the group with its main verb, which ends before the word `end`."""
        self.lemma, self.end, self.form = lemma, end, form
        return self


def behind_adverbs(words: Words, j: int) -> int:
    """Return the place behind the adverbs and negations at word j."""
    low = words.low
    while (
        low[j] in verbs.ADVERBS
        or low[j] in verbs.NEGATIONS
        or low[j] in verbs.HEDGES
        or (low[j] == "no" and low[j + 1] == "longer")
        or (low[j] == "longer" and j > 0 and low[j - 1] == "no")
    ):
        j += 1
    return j


def verb_at(words: Words, i: int, thing: Thing | None) -> Verb | None:
    """Return the group of verbs at word i, or None where no verb stands there; behind "I" and the like, any word may be one."""
    low, n = words.low, len(words)
    verb = Verb("", i, i)
    aux, j = "", i
    for _ in range(_MOST_WORDS):
        if j >= n:
            break
        word, following = low[j], low[j + 1]
        if (step := _adverbs(verb, low, j, aux)) > 0:
            j += step
        elif word == "used" and following == "to" and aux in ("", "do"):
            verb.used = True
            aux, j = "used", j + 2
        elif word in ("going", "about") and following == "to" and low[j + 2] in verbs.BASE and aux == "be":
            verb.future = True
            aux, j = "modal", j + 2
        elif word in verbs.MODALS and aux == "" and not (word == "'d" and _participle(words, j + 1)):
            verb.modal = {"'d": "would", "'ll": "will"}.get(word, word)
            verb.future = word in ("will", "'ll", "shall")
            aux, j = "modal", j + 1
        elif word in verbs.DO and aux == "" and _auxiliary(words, j):
            verb.past = word == "did"
            aux, j = "do", j + 1
        elif word in ("have", "'ve", "has", "had", "'s", "'d") and aux in ("", "modal", "used") and _has(words, j):
            verb.past = word in ("had", "'d")
            k = behind_adverbs(words, j + 1)
            if low[k] == "got":
                return verb.main("have", k + 1, "got")
            verb.perfect = True
            aux, j = "have", j + 1
        elif (word in verbs.BE or word in ("be", "been", "being")) and aux in ("", "modal", "have", "used", "do", "be"):
            verb.past = verb.past or word in ("was", "were")
            k = behind_adverbs(words, j + 1)
            if low[k] in verbs.GERUND and low[k] != "being" and low[k] not in _NOUNS and not _of_activity(thing):
                return _progressive(verb, words, j, k, thing)
            if aux == "be":
                break
            aux, j = "be", j + 1
        else:
            break
    if aux == "be":
        return verb.main("be", j, low[j - 1])
    return _main(verb, words, j, aux, thing)


def _adverbs(verb: Verb, low: list[str], j: int, aux: str) -> int:
    """Return how many words at word j are an adverb or a negation, and note it."""
    word, following = low[j], low[j + 1]
    if word == "no" and following in ("longer", "more"):
        verb.ended = verb.negated = True
        return 2
    if word in verbs.NEGATIONS:
        verb.negated = True
        verb.never = verb.never or word == "never"
        return 1
    if word in verbs.HEDGES:
        verb.hedged = True
        return 1
    if word in verbs.ADVERBS and not (aux == "be" and word in ("once", "only") and following in FUNCTION_WORDS):
        verb.now = verb.now or word in _NOW
        verb.still = verb.still or word == "still"
        verb.used = verb.used or (word in verbs.GONE and word != "originally")
        return 1
    return 0


def _of_activity(thing: Thing | None) -> bool:
    """Return whether what a thing is may be an activity: "my hobby is running"."""
    return thing is not None and bool(thing.noun) and (thing.head in _ACTIVITIES or thing.noun.startswith("favourite "))


def _progressive(verb: Verb, words: Words, j: int, k: int, thing: Thing | None) -> Verb | None:
    """Return the group of the "be" at word j with the verb in -ing at word k."""
    low = words.low
    between = low[j + 1 : k]
    verb.progressive = True
    verb.negated = verb.negated or any(word in verbs.NEGATIONS for word in between)
    verb.now = verb.now or any(word in _NOW for word in between)
    if "no" in between and "longer" in between:
        verb.ended = verb.negated = True
    if low[k] == "going" and low[k + 1] == "to" and low[k + 2] in verbs.BASE:
        verb.future = True
        return _main(verb, words, k + 2, "modal", thing)
    return verb.main(verbs.GERUND[low[k]], k + 1, low[k])


def _main(verb: Verb, words: Words, j: int, aux: str, thing: Thing | None) -> Verb | None:
    """Return the group with the main verb at word j behind an auxiliary."""
    word = words.low[j]
    if not word or j >= len(words):
        return None
    if aux == "have":
        lemma = verbs.PARTICIPLE.get(word) or verbs.PAST.get(word) or word.removesuffix("ed")
        return verb.main(lemma, j + 1, word)
    if aux in ("modal", "do", "used"):
        if word[:1].isalpha() and (word not in FUNCTION_WORDS or word in verbs.BASE):
            return verb.main(verbs.BASE.get(word, word), j + 1, word)
        return verb.main("do", j, word) if aux == "do" else None
    if word in ("have", "'ve", "has", "had"):
        verb.past = word == "had"
        return verb.main("have", j + 1, word)
    if word in verbs.DO:
        verb.past = word == "did"
        return verb.main("do", j + 1, word)
    if word in verbs.PAST and (word not in verbs.BASE or word == "quit"):
        verb.past = True
        return verb.main(verbs.PAST[word], j + 1, word)
    if word in verbs.THIRD or word in verbs.BASE:
        return verb.main(verbs.THIRD.get(word) or verbs.BASE[word], j + 1, word)
    if thing is not None and thing.owner and not thing.noun and word.isalpha() and word not in FUNCTION_WORDS:
        return verb.main(word, j + 1, word)
    return None


def _auxiliary(words: Words, j: int) -> bool:
    """Return whether the "do" at word j helps another verb."""
    k = behind_adverbs(words, j + 1)
    return words.low[k] in verbs.BASE or k > j + 1


def _has(words: Words, j: int) -> bool:
    """Return whether the word j is a "have" before a participle; "'s called" is "is called"."""
    if words.low[j] == "'s" and words.low[behind_adverbs(words, j + 1)] in _SUFFERED:
        return False
    return _participle(words, j + 1)


def _participle(words: Words, j: int) -> bool:
    low = words.low
    k = behind_adverbs(words, j)
    if low[k] in verbs.PARTICIPLE or low[k] == "been":
        return True
    # An unknown verb: "I've completed it", "I have finalised the draft"; but "I have limited time".
    ends = low[k].endswith("ed") and len(low[k]) > 4
    return ends and (
        low[j - 1] == "'ve"
        or low[k + 1]
        in ("", "the", "a", "an", "my", "our", "to", "it", "that", "this", "in", "on", "for", "from", "with", "by", "at", "up", ".", ",")
    )
