"""Reads statements worth keeping, subject-attribute-value facts, entities and importance from English sentences.

Rules do it, so that the write path needs no model; a sentence that no rule matches stays an episodic memory with its words. Feeds
`writing` and `turns`; by the facts `coherence` decides which earlier memory a new one supersedes, and `searching` ranks answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from echorator.cognition.reading.sentences import sentences
from echorator.cognition.text import plain

MAX_VALUE_WORDS = 8

_ASKING = re.compile(
    r"(?:what|who|whom|whose|which|where|when|why|how|do|does|did|can|could|would|will|is|are|am|was|were|should|shall|may|have|has|had|"
    r"tell|give|show|write|explain|translate|summari[sz]e|count|name|say|list|sing|help|please|remind)\b",
    re.IGNORECASE,
)
_CHATTER = re.compile(
    r"(?:hello|hi|hey|thanks?|thank you|ok|okay|yes|no|bye|goodbye|good (?:morning|night|evening)|see you|sure|great|cool)\b"
    r"[\w ,]{0,16}[.!]*$",
    re.IGNORECASE,
)
_LEAD = r"(?:(?:hi|hello|hey|well|so|actually|also|and|but|note that|remember that|please remember that|by the way)[,:]?\s+)*"
_VALUE = r"(?P<v>[^,;:!?]{1,120})"
_THING = r"(?P<a>[\w][\w'\u2019 -]{0,60}?)"
_BE = r"(?:is|are|was|'s|\u2019s)"
_NAME = r"(?P<s>(?!(?:What|Who|Which|When|Where|How|Why|Tell|Do|Does|Did|Is|Are|Can)\b)[A-Z][\w-]+(?: [A-Z][\w-]+){0,2})"


def _rule(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"{_LEAD}{pattern}[.!\s]*$", re.IGNORECASE)


def _rule_with_name(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?i:{_LEAD}){pattern}[.!\s]*$")


# (pattern, attribute or "" for the group `a`, exclusive). The subject is the speaker, the group `s` in _OTHERS, "the" in _THE.
_FIRST_PERSON: tuple[tuple[re.Pattern[str], str, bool], ...] = (
    (_rule(rf"my (?:new )?{_THING} (?:{_BE}|are) (?:now )?(?:called|named) {_VALUE}"), "{a} name", True),
    (_rule(rf"my (?:new )?{_THING} (?:{_BE}|has changed to|changed to) (?:now )?{_VALUE}"), "", True),
    (_rule(rf"i (?:have )?(?:changed|renamed) my {_THING} to {_VALUE}"), "", True),
    (_rule(rf"{_VALUE} is (?:now )?my (?:new )?(?P<a>favou?rite [\w ]{{1,40}})"), "", True),
    (_rule(rf"(?:i am|i'm|i\u2019m) called {_VALUE}"), "name", True),
    (_rule(rf"you can call me {_VALUE}"), "name", True),
    (_rule(rf"(?:i live in|i moved to|i have moved to|i now live in) {_VALUE}"), "home city", True),
    (_rule(rf"i (?:now )?work as an? {_VALUE}"), "job", True),
    (_rule(rf"i was born on {_VALUE}"), "birthday", True),
    (_rule(rf"i have an? (?P<a>[\w-]{{1,30}}) (?:called|named) {_VALUE}"), "{a} name", False),
    (_rule(r"(?:i am|i'm|i\u2019m) an? (?P<v>[\w-]+(?: [\w-]+)?)"), "job", False),
    (_rule(rf"i love the colou?r {_VALUE}"), "favourite colour", False),
    (_rule(rf"i love eating {_VALUE}"), "favourite food", False),
    (_rule(rf"(?:i enjoy|in my free time i like) {_VALUE}"), "hobby", False),
    (_rule(rf"i listen to {_VALUE}"), "favourite music", False),
    (_rule(rf"i write {_VALUE}"), "favourite language", False),
)
_HI_I_AM = re.compile(r"(?i:(?:hi|hello|hey),? )(?i:i am|i'm) (?P<v>[A-Z][\w-]+(?: [A-Z][\w-]+)?)[.!\s]*$")
_OTHERS: tuple[tuple[re.Pattern[str], str, bool], ...] = (
    (_rule_with_name(rf"{_NAME}['\u2019]s (?:new )?{_THING} {_BE} (?:now )?(?:called|named) {_VALUE}"), "{a} name", True),
    (_rule_with_name(rf"{_NAME}['\u2019]s (?:new )?{_THING} {_BE} (?:now )?{_VALUE}"), "", True),
    (_rule_with_name(rf"{_NAME} (?:lives in|moved to|has moved to|now lives in) {_VALUE}"), "home city", True),
    (_rule_with_name(rf"{_NAME} (?:now )?works as an? {_VALUE}"), "job", True),
)
_THE = (
    (_rule(rf"the (?:new )?{_THING} {_BE} (?:now )?(?:called|named) {_VALUE}"), "", True),
    (_rule(rf"the (?:new )?{_THING} (?:{_BE}|has changed to|changed to) (?:now )?{_VALUE}"), "", True),
)
_ASKED_THING = r"(?P<a>[\w][\w'\u2019 -]{0,60}?)"


def _question(pattern: str) -> re.Pattern[str]:
    return re.compile(
        rf"{_LEAD}(?:(?:please|can you|could you|do you|tell me|remind me|remember|know|say)\s+)*{pattern}[?.!\s]*$", re.IGNORECASE
    )


# (pattern, attribute or "" for the group `a`) for questions that users ask about themselves.
_OWN_QUESTIONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (_question(r"(?:where do i live|(?:which|what) (?:city|town) do i live in)"), "home city"),
    (_question(r"(?:who (?:am i|i am)|what am i called|what(?:'s|\u2019s| is) my name)"), "name"),
    (_question(r"(?:what do i (?:do for (?:work|a living)|work as))"), "job"),
    (_question(r"when was i born"), "birthday"),
    (_question(r"what do i love (?:eating|to eat)"), "favourite food"),
    (_question(r"what do i like to drink"), "favourite drink"),
    (_question(r"what do i (?:enjoy|do in my free time|like to do)"), "hobby"),
    (_question(r"what music do i (?:listen to|like|love)(?: best)?"), "favourite music"),
    (_question(r"(?:which|what) language do i write"), "favourite language"),
    (_question(r"(?:which|what) (?P<a>[\w ]{1,40}?) do i (?:like|love)(?: best| most)?"), "favourite {a}"),
    (_question(rf"(?:what|how|who) (?:is|are) my {_ASKED_THING} (?:called|named)"), "{a} name"),
    (_question(rf"(?:(?:what|who|which|when|where)(?:'s|\u2019s| is| are| was)? )?my {_ASKED_THING}"), ""),
)
_OTHER_QUESTIONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"(?i:{_LEAD}where does ){_NAME}(?i: live)[?.!\s]*$"), "home city"),
    (re.compile(rf"(?i:{_LEAD}what does ){_NAME}(?i: (?:do for (?:work|a living)|work as))[?.!\s]*$"), "job"),
    (re.compile(rf"(?:[\w'\u2019]+ ){{0,5}}?{_NAME}['\u2019]s {_ASKED_THING} (?:called|named)[?.!\s]*$"), "{a} name"),
    (re.compile(rf"(?:[\w'\u2019]+ ){{0,5}}?{_NAME}['\u2019]s {_ASKED_THING}[?.!\s]*$"), ""),
)
_THE_QUESTIONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (_question(rf"(?:(?:what|who|which|when|where)(?:'s|\u2019s| is| are| was)? )?the {_ASKED_THING}(?: called| named)?"), ""),
    (_question(rf"(?:which|what) {_ASKED_THING} do we have"), ""),
)
_NOT = re.compile(r"(?:not|no longer|never)\s+(?P<v>.+)$", re.IGNORECASE)
_SPELLINGS = (("color", "colour"), ("favorite", "favourite"), ("center", "centre"))
_PRONOUNS = frozenset("i it that this he she they there those these what which who where when".split())


@dataclass(frozen=True, slots=True)
class Fact:
    """A value that a sentence states for an attribute of a subject.

    Two values for the same subject and attribute contradict each other where the later one is exclusive.
    """

    subject: str
    attribute: str
    value: str
    exclusive: bool
    negated: bool = False  # the sentence says that the value does not hold


def is_statement(sentence: str) -> bool:
    """Return whether a sentence tells something: at least two words, and neither a question, an order nor small talk."""
    bare = sentence.strip()
    return (
        len(bare.split()) > 1
        and not bare.rstrip("\"')] ").endswith("?")
        and not _ASKING.match(bare)
        and (not _CHATTER.match(bare) or _HI_I_AM.match(bare) is not None)
    )


def statements(text: str) -> list[str]:
    """Return the sentences of a user turn that tell something (`is_statement`)."""
    return [s for s in sentences(text) if is_statement(s)]


def _normal(words: str) -> str:
    out = plain(words).replace("\u2019", "'").strip(" .'\"")
    for american, british in _SPELLINGS:
        out = re.sub(rf"\b{american}\b", british, out)
    return re.sub(r"'s\b", "", out)


def fact_of(sentence: str, speaker: str = "") -> Fact | None:
    """Return the fact that one sentence states, or None. The first person becomes `speaker` ("user" where it is empty)."""
    own = _normal(speaker) or "user"
    if hello := _HI_I_AM.match(sentence):
        return Fact(own, "name", hello["v"], True)
    for rules, subject in ((_FIRST_PERSON, own), (_OTHERS, ""), (_THE, "the")):
        for pattern, attribute, exclusive in rules:
            found = pattern.match(sentence)
            if found is None:
                continue
            groups = found.groupdict()
            thing = _normal(groups.get("a") or "")
            value = found["v"].strip(" .!")
            if (
                plain(value) in _PRONOUNS
                or not value
                or len(value.split()) > MAX_VALUE_WORDS
                or thing.split(" ")[0] in _PRONOUNS
                or len(thing.split()) > 5
            ):
                continue
            negation = _NOT.match(value)
            return Fact(
                subject or _normal(groups["s"]),
                attribute.format(a=thing) if attribute else thing,
                negation["v"].strip(" .!") if negation else value,
                exclusive,
                negation is not None,
            )
    return None


def topic_asked(question: str, speaker: str = "") -> tuple[str, str] | None:
    """Return (subject, attribute) of a question about one fact, worded as `fact_of` words them; None for any other text."""
    own = _normal(speaker) or "user"
    for rules, subject in ((_OWN_QUESTIONS, own), (_OTHER_QUESTIONS, ""), (_THE_QUESTIONS, "the")):
        for pattern, attribute in rules:
            found = pattern.match(question.strip())
            if found is None:
                continue
            groups = found.groupdict()
            thing = _normal(groups.get("a") or "")
            if len(thing.split()) <= 5:
                return subject or _normal(groups["s"]), attribute.format(a=thing) if attribute else thing
    return None
