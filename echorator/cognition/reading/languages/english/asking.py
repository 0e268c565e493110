"""Reads which topic an English question asks about, worded as the frames word facts: "Where do I live?" asks for the home city."""

from __future__ import annotations

from collections.abc import Callable

from echorator.cognition.reading.languages.english.asking_about import ASPECTS, AUX, OF_ADJECTIVES, OF_NOUNS, OF_VERBS, QuestionWords
from echorator.cognition.reading.languages.english.lexicon import nouns, verbs
from echorator.cognition.reading.languages.english.things import Thing
from echorator.cognition.reading.languages.english.topics import slot_of
from echorator.cognition.reading.values import Topic
from echorator.cognition.reading.words import Words


def topic_of_question(words: Words, me: str) -> Topic | None:
    """Return the subject and attribute that an English question asks for, or None where it asks for no single fact."""
    return _Question(words, me).topic()


class _Question(QuestionWords):
    """A question being read."""

    def topic(self) -> Topic | None:
        i = self._begin()
        if i >= self._n:
            return None
        word = self._low[i]
        readers: dict[str, Callable[[int], Topic | None]] = {
            "where": self._where,
            "when": self._when,
            "who": self._who,
            "whose": self._who,
            "whom": self._who,
            "what": self._what,
            "which": self._what,
            "how": self._how,
        }
        if word in readers:
            return readers[word](i + 1)
        if word in ("at", "in", "on", "for", "from", "to", "with") and i + 1 < self._n and self._low[i + 1] in ("which", "what"):
            return self._what(i + 2)
        if word in AUX:
            return self._whether(i)
        if word in ("my", "our", "the") or self._w.capital(i):
            found = self._parser.thing_at(i, subject=False)
            if found is not None and found[1] >= self._n and found[0].noun:
                return self._of_thing(found[0])
        return None

    def _where(self, i: int) -> Topic | None:
        if i >= self._n or self._low[i] not in AUX:
            return self._indirect(i, {"live": "home city", "work": "employer", "from": "origin"})
        found = self._subject(i + 1)
        if found is None:
            return None
        thing, end = found
        rest = self._rest(end)
        subject = thing.subject
        if self._low[i] in ("do", "does", "did") and rest:
            attribute = {
                "live": "home city",
                "work": "employer",
                "study": "university",
                "come": "origin",
                "grow": "home town",
                "reside": "home city",
                "park": "location",
            }.get(rest[0])
            return (subject, attribute) if attribute and subject else None
        if rest and rest[0] in ("from", "born", "based", "living", "working", "studying", "originally"):
            attribute = {"from": "origin", "originally": "origin", "born": "birthplace", "studying": "university"}.get(
                rest[0], OF_ADJECTIVES.get(rest[0], "")
            )
            return (subject, attribute) if attribute else None
        if thing.head in nouns.EVENTS and not rest:
            return subject, "place"
        return (subject, "location") if thing.noun and not rest else None

    def _indirect(self, i: int, attributes: dict[str, str]) -> Topic | None:
        """Return the topic of an indirect question: "where I live"."""
        found = self._parser.thing_at(i) if i < self._n else None
        if found is None or not found[0].subject:
            return None
        thing, end = found
        verb = next((k for k in range(end, self._n) if self._low[k] in attributes or verbs.THIRD.get(self._low[k]) in attributes), None)
        if verb is None:
            return self._of_thing(thing) if self._low[end : end + 1] in (["is"], ["are"], ["was"]) and end + 1 >= self._n else None
        return thing.subject, attributes.get(self._low[verb]) or attributes[verbs.THIRD[self._low[verb]]]

    def _when(self, i: int) -> Topic | None:
        found = self._subject(i + 1) if i < self._n and self._low[i] in AUX else self._parser.thing_at(i)
        if found is None or not found[0].subject:
            return None
        thing, end = found
        rest = self._rest(end)
        if rest[:1] == ["born"] or rest[:2] == ["was", "born"]:
            return thing.subject, "birthday"
        if slot_of(thing, self._me) is not None:
            return self._of_thing(thing)
        if thing.head in nouns.EVENTS and (not rest or rest in (["is"], ["was"])):
            return thing.subject, "day"
        return None

    def _who(self, i: int) -> Topic | None:
        low = self._low
        if i >= self._n:
            return None
        if low[i] in ("do", "does", "did"):
            found = self._subject(i + 1)
            if found is not None and self._rest(found[1])[:2] in (["work", "for"], ["work", "with"]):
                return found[0].subject, "employer"
            return None
        if low[i] in ("is", "are", "am", "'s", "'m", "was"):
            found = self._subject(i + 1)
            if found is None:
                return None
            thing, end = found
            rest = self._rest(end)
            if rest[:2] == ["married", "to"]:
                return f"{thing.subject}'s spouse", "name"
            if rest and rest != ["again"]:
                return None
            if thing.subject == self._me and not thing.noun:
                return self._me, "name"
            return self._of_thing(thing) if thing.noun else None
        if low[i : i + 2] == ["i", "am"]:
            return self._me, "name"
        return self._indirect(i, {"work": "employer"})

    def _what(self, i: int) -> Topic | None:
        low = self._low
        if i >= self._n:
            return None
        word = low[i]
        if word in ("should", "shall", "can", "could", "would", "may", "do", "does") and "call" in self._rest(i):
            k = low.index("call", i)
            about = low[k + 1 : k + 2]
            if about in (["me"], ["you"]) or not about:
                return self._me, "nickname"
        if word in ("is", "are", "'s", "was", "am", "were", "'re", "'m"):
            return self._what_is(i + 1)
        if word in ("do", "does", "did", "can", "could", "have", "has"):
            return self._what_does(i + 2 if low[i + 1 : i + 2] == ["n't"] else i + 1)
        if word in ("i", "my", "our") or self._parser.thing_at(i) is not None:
            return self._indirect_what(i)
        return self._what_noun(i)

    def _what_is(self, i: int) -> Topic | None:
        found = self._subject(i)
        if found is None:
            return None
        thing, end = found
        rest = self._rest(end)
        if rest[:1] in (["called"], ["named"]):
            slot = slot_of(thing, self._me)
            if slot is not None and slot.attribute:
                return slot.subject, slot.attribute
            return (thing.subject, "name") if thing.subject else None
        if rest and rest[0] in OF_ADJECTIVES:
            attribute = "field of study" if rest[0] == "studying" else OF_ADJECTIVES[rest[0]]
            return thing.subject, attribute
        if rest[:1] == ["like"] or (rest and rest[0] not in ("for", "to", "at", "on", "in", "doing")):
            return None
        if thing.subject == self._me and not thing.noun:
            return (self._me, "job") if rest[:3] == ["doing", "for", "work"] else None
        return self._of_thing(thing) if thing.noun else None

    def _what_does(self, i: int) -> Topic | None:
        found = self._subject(i)
        if found is None or not found[0].subject:
            return None
        thing, end = found
        subject = thing.subject
        rest = self._rest(end)
        while rest and rest[0] in ("usually", "really", "always", "normally", "currently", "still", "not", "n't"):
            rest = rest[1:]
        if not rest:
            return None
        verb = verbs.THIRD.get(rest[0], rest[0])
        negated = "not" in self._rest(i - 1) or "n't" in self._rest(i - 1) or verb == "stand"
        if verb == "do":
            tail = " ".join(rest[1:])
            if not tail or tail in ("for work", "for a living", "professionally", "for a job", "as a job", "work as"):
                return subject, "job"
            if "free time" in tail or "spare time" in tail or "for fun" in tail or "leisure" in tail or "weekend" in tail:
                return subject, "hobby"
            return None
        if verb == "work" and rest[1:2] == ["as"]:
            return subject, "job"
        if verb in ("like", "love", "enjoy", "hate", "dislike", "prefer") and rest[1:2] in (["about"], ["for"]):
            return None
        if verb in ("like", "love", "enjoy") and rest[1:3] in (["to", "do"], ["doing"]):
            return subject, "hobby"
        if verb in ("like", "love") and rest[1:3] == ["to", "drink"]:
            return subject, "favourite drink"
        if verb == "like" and negated:
            return subject, "dislikes"
        if verb == "study":
            return subject, "field of study"
        if verb == "have":
            return None
        attribute = OF_VERBS.get(verb)
        return (subject, attribute) if attribute else None

    def _indirect_what(self, i: int) -> Topic | None:
        """Return the topic of "what my name is", "what I do for a living"."""
        found = self._parser.thing_at(i)
        if found is None:
            return None
        thing, end = found
        rest = self._rest(end)
        if rest[:1] in (["is"], ["are"], ["was"], ["'s"]):
            if rest[1:2] in (["called"], ["named"]):
                return thing.subject, "name"
            return self._of_thing(thing) if len(rest) == 1 and thing.noun else None
        if rest[:2] in (["am", "allergic"], ["'m", "allergic"]):
            return thing.subject, "allergy"
        if rest[:2] in (["am", "called"],):
            return thing.subject, "name"
        return self._what_does_indirect(thing, rest)

    def _what_does_indirect(self, thing: Thing, rest: list[str]) -> Topic | None:
        if not rest or not thing.subject:
            return None
        verb = verbs.THIRD.get(rest[0], rest[0])
        if verb == "do" and (not rest[1:] or rest[1:] in (["for", "work"], ["for", "a", "living"])):
            return thing.subject, "job"
        attribute = OF_VERBS.get(verb)
        return (thing.subject, attribute) if attribute and len(rest) == 1 else None

    def _what_noun(self, i: int) -> Topic | None:
        """Return the topic of "which languages do I speak", "what colour is my car", "what kind of music do I like"."""
        low = self._low
        k = i
        if low[k] in ("kind", "kinds", "type", "types", "sort", "sorts", "brand", "make", "model") and low[k + 1 : k + 2] == ["of"]:
            k += 2
        aux = next((m for m in range(k + 1, min(k + 6, self._n)) if low[m] in AUX), None)
        if aux is None:
            return None
        while k < aux - 1 and low[k] in ("other", "kind", "of", "my", "the"):
            k += 1
        noun = " ".join([*low[k : aux - 1], nouns.noun_of(low[aux - 1])]).replace("color", "colour")
        head = noun.rsplit(" ", 1)[-1]
        found = self._subject(aux + 1)
        if found is None or not found[0].subject:
            return None
        thing, end = found
        rest = self._rest(end)
        verb = verbs.THIRD.get(rest[0], rest[0]) if rest else ""
        subject = thing.subject
        if low[aux] in ("is", "are", "was", "were", "'s"):
            if head in ("colour",) and thing.head in ("eye", "hair"):
                return thing.owner, f"{thing.head} colour"
            if head in ASPECTS and (thing.noun or thing.name):
                if thing.noun in ("birthday", "anniversary", "wedding anniversary"):
                    return self._of_thing(thing)
                return subject, ASPECTS[head]
            if head in ("religion", "nationality", "diet", "job", "age", "height") or noun in ("star sign", "blood type"):
                return subject, noun
            if rest[:1] in (["from"], ["in"]):
                return subject, "origin" if rest[0] == "from" else "home city"
            return None
        if verb in ("like", "love", "prefer", "enjoy") and head not in ("animal",):
            return subject, f"favourite {noun}"
        if verb == "have":
            if head in nouns.PETS and head != "pet" and subject == self._me:
                return f"{self._me}'s {head}", "breed"
            if head in ("colour",) and rest[1:2]:
                return None
            if low[aux + 1] == "we" and OF_NOUNS.get(head) not in ("pet", "child", "car", "hobby", "allergy", "language"):
                return self._of_thing(Thing("", noun, article="the"))
            return (subject, OF_NOUNS[head]) if head in OF_NOUNS else None
        if head in ("size",) or noun.endswith("size"):
            return subject, "shoe size" if "shoe" in noun or "shoes" in rest else "clothing size"
        if verb == "study":
            return subject, "field of study"
        if verb in ("work", "go", "attend", "live", "support", "speak", "play", "drive", "listen", "own", "wear", "learn"):
            if head in OF_NOUNS:
                return subject, OF_NOUNS[head]
            return (subject, OF_VERBS[verb]) if verb in OF_VERBS else None
        if verb in ("write",) and head == "language":
            return subject, "favourite language"
        return None

    def _how(self, i: int) -> Topic | None:
        low = self._low
        if i >= self._n:
            return None
        word = low[i]
        if word in ("old", "tall", "heavy") and i + 1 < self._n:
            found = self._subject(i + 2) if low[i + 1] in AUX else self._parser.thing_at(i + 1)
            if found is not None and found[0].subject:
                return found[0].subject, {"old": "age", "tall": "height", "heavy": "weight"}[word]
            return None
        if word == "much" and "weigh" in self._rest(i):
            found = self._subject(i + 2)
            return (found[0].subject, "weight") if found is not None and found[0].subject else None
        if word == "many":
            aux = next((m for m in range(i + 2, min(i + 6, self._n)) if low[m] in AUX), None)
            if aux is None:
                return None
            found = self._subject(aux + 1)
            noun = nouns.noun_of(low[aux - 1])
            attribute = "pet" if noun in nouns.PETS else OF_NOUNS.get(noun, "")
            return (found[0].subject, attribute) if found is not None and found[0].subject and attribute else None
        if word in ("is", "are", "am", "'s", "should", "do", "can"):
            found = self._subject(i + 1)
            if found is None:
                return None
            rest = self._rest(found[1])
            if rest[:1] in (["called"], ["named"]) and found[0].subject:
                return found[0].subject, "name"
            if word in ("should", "can", "do") and rest[:2] in (["call", "me"], ["address", "me"]):
                return self._me, "nickname"
        return None

    def _whether(self, i: int) -> Topic | None:
        """Return the topic of a question for yes or no: "Do I have pets?", "Am I married?", "Can I eat a steak?"."""
        low = self._low
        aux = low[i]
        k = i + 2 if low[i + 1 : i + 2] == ["n't"] else i + 1
        found = self._subject(k)
        if found is None or not found[0].subject:
            return None
        thing, end = found
        subject = thing.subject
        rest = self._rest(end)
        while rest and (rest[0] in verbs.ADVERBS or rest[0] in ("a", "an", "any", "not", "n't", "ever")):
            rest = rest[1:]
        if not rest:
            return None
        if aux in ("am", "is", "are", "was", "'m"):
            word = rest[0]
            if word in OF_ADJECTIVES:
                return subject, OF_ADJECTIVES[word]
            if word in nouns.DIETS:
                return subject, "diet"
            if word in nouns.RELIGIONS:
                return subject, "religion"
            if word in nouns.NATIONALITIES:
                return subject, "nationality"
            if word in nouns.COLOURS and thing.noun:
                return subject, "colour"
            return (subject, "job") if nouns.is_job(nouns.noun_of(rest[-1])) else None
        verb = verbs.THIRD.get(rest[0], rest[0])
        tail = rest[1:]
        if aux in ("can", "could", "should") and verb in ("eat", "have") and subject == self._me:
            return subject, "diet"
        if aux in ("do", "does", "did", "have", "has", "can"):
            if verb == "have" or verb == "got" or aux in ("have", "has"):
                names = [nouns.noun_of(x) for x in (tail if verb in ("have", "got") else rest)]
                for name in reversed(names):
                    if name in nouns.PETS:
                        return subject, "pet"
                    if name in OF_NOUNS:
                        return subject, OF_NOUNS[name]
                    if name in nouns.PARTNERS:
                        return subject, "partner"
                return None
            if verb == "live" and tail[:1] == ["in"]:
                return subject, "home city"
            if verb == "play" and tail:
                return subject, "instrument" if nouns.noun_of(tail[-1]) in nouns.INSTRUMENTS or "instrument" in tail[-1] else "hobby"
            if verb == "like" and aux == "do":
                return subject, "likes"
            return (subject, OF_VERBS[verb]) if verb in OF_VERBS and verb not in ("want", "use", "come", "grow", "write", "wear") else None
        return None
