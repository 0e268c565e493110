"""What an English question is about, and which attributes its verbs and nouns ask for; feeds `asking`."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.clauses import Parser
from echorator.cognition.reading.languages.english.lexicon import adjectives, nouns
from echorator.cognition.reading.languages.english.things import Context, Thing
from echorator.cognition.reading.languages.english.topics import slot_of
from echorator.cognition.reading.values import Topic
from echorator.cognition.reading.words import Words

_LEADS = tuple(
    tuple(lead.split())
    for lead in """do you know | do you remember | do you recall | can you tell me | could you tell me | can you remind me | could you
        remind me | would you tell me | can you remember | tell me | remind me of | remind me | please | hey | hi | hello | so
        | and | but | ok | okay | well | by the way | say | give me | show me | i forgot | i forget | i can 't remember | i ca
        n't remember | i can n't remember | i do n't remember | i wonder | have you any idea | any idea | what about | let me
        know | do you still know | do you still remember | quick question | , | : | - | now | remember | just | btw | i 'd like
        to know | i want to know | are you able to tell me | you know | echo""".split("|")
)
AUX = frozenset("do does did am is are was were 's 're have has had can could should would will 'm".split())
OF_VERBS = {
    "live": "home city",
    "reside": "home city",
    "work": "employer",
    "study": "field of study",
    "speak": "language",
    "play": "instrument",
    "drive": "car",
    "drink": "drinks",
    "eat": "eats",
    "use": "uses",
    "collect": "hobby",
    "learn": "learning",
    "like": "likes",
    "love": "likes",
    "enjoy": "hobby",
    "prefer": "likes",
    "hate": "dislikes",
    "dislike": "dislikes",
    "weigh": "weight",
    "wear": "wears",
    "smoke": "habit",
    "own": "possession",
    "teach": "job",
    "support": "favourite team",
    "fear": "fear",
    "want": "goal",
    "write": "favourite language",
    "listen": "favourite music",
    "come": "origin",
    "grow": "home town",
    "stand": "dislikes",
}
OF_ADJECTIVES = {
    "allergic": "allergy",
    "intolerant": "intolerance",
    "afraid": "fear",
    "scared": "fear",
    "interested": "interest",
    "into": "likes",
    "from": "origin",
    "born": "birthplace",
    "based": "home city",
    "living": "home city",
    "working": "employer",
    "studying": "field of study",
    "learning": "learning",
    "called": "name",
    "named": "name",
    "married": "marital status",
    "single": "marital status",
    "divorced": "marital status",
    "engaged": "marital status",
    "diabetic": "medical condition",
    "left-handed": "trait",
}
OF_NOUNS = {
    "language": "language",
    "instrument": "instrument",
    "sport": "hobby",
    "hobby": "hobby",
    "car": "car",
    "pet": "pet",
    "animal": "pet",
    "child": "child",
    "kid": "child",
    "son": "child",
    "daughter": "child",
    "sibling": "sibling",
    "brother": "sibling",
    "sister": "sibling",
    "allergy": "allergy",
    "intolerance": "intolerance",
    "job": "job",
    "work": "job",
    "company": "employer",
    "city": "home city",
    "town": "home city",
    "country": "home country",
    "university": "university",
    "school": "school",
    "college": "university",
    "team": "favourite team",
    "music": "favourite music",
    "diet": "diet",
    "condition": "medical condition",
    "disease": "medical condition",
    "goal": "goal",
    "degree": "degree",
    "instruments": "instrument",
}
ASPECTS = {
    "colour": "colour",
    "color": "colour",
    "breed": "breed",
    "make": "make",
    "day": "day",
    "time": "time",
    "room": "place",
    "age": "age",
    "date": "day",
}


class QuestionWords:
    """The words of a question, and whom or what they are about."""

    def __init__(self, words: Words, me: str) -> None:
        self._w = words
        self._low = words.low
        self._n = len(words)
        while self._n and not self._low[self._n - 1][:1].isalnum():
            self._n -= 1
        for tail in (
            ["again"],
            ["please"],
            ["now"],
            ["right", "now"],
            ["these", "days"],
            ["currently"],
            ["today"],
            ["at", "the", "moment"],
            ["anyway"],
        ):
            if self._n > len(tail) + 1 and self._low[self._n - len(tail) : self._n] == tail:
                self._n -= len(tail)
                while self._n and self._low[self._n - 1] == ",":
                    self._n -= 1
        self._me = me
        self._parser = Parser(words, Context(me))

    def _begin(self) -> int:
        """Return where the question begins behind its politeness."""
        i = 0
        moved = True
        while moved and i < self._n:
            moved = False
            for lead in _LEADS:
                if i + len(lead) < self._n and tuple(self._low[i : i + len(lead)]) == lead:
                    i += len(lead)
                    moved = True
                    break
        return i

    def _subject(self, i: int) -> tuple[Thing, int] | None:
        """Return whom or what the question is about, at word i, and the word behind it."""
        if i < self._n and self._low[i] == "you":
            return Thing(), i + 1
        found = self._parser.thing_at(i, subject=False)
        if found is None or not found[0].subject:
            return None
        thing, end = found
        asked = self._low[i - 1] in ("do", "does", "did", "can", "should", "n't")
        if end > i + 1:
            # Without a verb behind it a phrase swallows the adjective or verb of the question: "my sister live", "my dog called".
            for k in range(i + 2, end):
                word = self._low[k]
                if (
                    (word in OF_VERBS and asked)
                    or word in OF_ADJECTIVES
                    or word in ("do", "have", "has", "like", "weigh", "old", "tall")
                    or (word in adjectives.MARITAL or word in nouns.DIETS)
                ):
                    cut = self._cut(i, k)
                    if cut is not None:
                        return cut, k
        return thing, end

    def _cut(self, i: int, k: int) -> Thing | None:
        """Return the thing of the words i to k - 1 alone."""
        short = self._w.first(k)
        found = Parser(short, Context(self._me)).thing_at(i, subject=False)
        return None if found is None else found[0]

    def _rest(self, i: int) -> list[str]:
        return self._low[i : self._n]

    def _of_thing(self, thing: Thing, default: str = "name") -> Topic | None:
        """Return the topic of a thing that is asked for: an attribute of its owner, the name of a person, what a car is."""
        slot = slot_of(thing, self._me)
        if slot is not None and slot.attribute:
            return slot.subject, slot.attribute
        if thing.noun in OF_NOUNS and thing.owner and "'s " not in thing.owner and thing.noun not in nouns.KIN:
            return thing.owner, OF_NOUNS[thing.noun]
        if thing.head in nouns.VEHICLES and thing.owner:
            return thing.owner, thing.head
        if thing.head in nouns.KIN or thing.head in nouns.PETS or not thing.owner:
            return (thing.subject, default) if thing.subject and (thing.noun or thing.owner == self._me) else None
        return (thing.subject, default) if thing.noun else None
