"""Reads sentences that have no subject and verb of the usual kind: "Allergic to nuts.", "Name: Ann", "What I like most is cheese."."""

from __future__ import annotations

import re

from echorator.cognition.reading.languages.english.clauses import Clause, Parser
from echorator.cognition.reading.languages.english.frames import attributes, being, describing, having, listing
from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.languages.english.groups import Verb
from echorator.cognition.reading.languages.english.leads import Lead, lead_at
from echorator.cognition.reading.languages.english.lexicon import nouns, verbs
from echorator.cognition.reading.languages.english.things import Context, Thing
from echorator.cognition.reading.languages.english.topics import slot_of
from echorator.cognition.reading.values import Claim, Fact, FactType
from echorator.cognition.reading.words import Words

_LIKED = {
    "like": "likes",
    "love": "likes",
    "enjoy": "likes",
    "adore": "likes",
    "hate": "dislikes",
    "dislike": "dislikes",
    "fear": "fear",
    "detest": "dislikes",
}
_BARE = frozenset("allergic intolerant vegan vegetarian pescatarian diabetic coeliac celiac lactose-intolerant afraid terrified".split())


def facts_of_special(words: Words, context: Context) -> tuple[Fact, ...] | None:
    """Return the facts of a sentence of such a form, or None where it has none of them."""
    lead = lead_at(words, 0, len(words))
    if lead.supposes or (lead.aside and words.low[lead.end - 1 : lead.end] != ["what"]):
        return None
    for read in (_called, _reached, _introduced, _there, _beaten, _labelled, _cleft, _bare):
        facts: list[Fact] = []
        if read(words, context, lead, facts):
            return tuple(facts)
    return None


def _frame(words: Words, context: Context, lead: Lead, facts: list[Fact], lemma: str, i: int, thing: Thing | None = None) -> Frame:
    """Return a frame over the words from i on, as if the speaker (or `thing`) and a verb stood before them."""
    verb = Verb(lemma, max(i - 1, 0), i)
    clause = Clause(thing or Thing(context.me), verb, i, len(words), lead)
    return Frame(words, clause, context, Parser(words, context), facts)


def _called(words: Words, context: Context, lead: Lead, facts: list[Fact]) -> bool:
    """Read "Call me Al.", "Just call me Al"."""
    low, i = words.low, lead.end
    while low[i] in ("just", "please", "so", "simply"):
        i += 1
    if low[i : i + 3] == ["address", "me", "as"] or low[i : i + 3] == ["refer", "to", "me"]:
        k = i + 3 if low[i] == "address" else i + 4
        frame = _frame(words, context, lead, facts, "call", k)
        frame.add("nickname", words.text(k, frame.name_end(k, frame.j)), FactType.MANY, claim=Claim.HOLDS)
        return bool(facts)
    if (
        low[i : i + 2] == ["call", "me"]
        and i + 2 < len(words)
        and (words.capital(i + 2) or len([w for w in low[i + 2 :] if w.isalpha()]) == 1)
    ):
        frame = _frame(words, context, lead, facts, "call", i + 2)
        if low[i + 2] not in (
            "a",
            "an",
            "at",
            "on",
            "when",
            "back",
            "tomorrow",
            "later",
            "if",
            "crazy",
            "maybe",
            "old-fashioned",
            "after",
            "before",
            "in",
            "now",
            "today",
            "the",
            "tonight",
            "again",
            "once",
            "whatever",
            "by",
        ):
            frame.add("nickname", words.text(i + 2, frame.name_end(i + 2, frame.j)), FactType.MANY, claim=Claim.HOLDS)
        return True
    if low[i : i + 2] == ["name", "'s"] or low[i : i + 3] == ["the", "name", "'s"]:
        k = i + 2 if low[i] == "name" else i + 3
        frame = _frame(words, context, lead, facts, "be", k)
        attributes.attribute_is(frame, context.me, "name", FactType.SINGLE)
        return True
    return False


def _reached(words: Words, context: Context, lead: Lead, facts: list[Fact]) -> bool:
    """Read "You can reach me at 0171 2345678"."""
    low, i, n = words.low, lead.end, len(words)
    if low[i : i + 1] == ["you"]:
        i += 2 if low[i + 1] in verbs.MODALS else 1
    if low[i] == "find" and low[i + 1] == "me" and any(word in _STREETS for word in low):
        k = next((k for k in range(i + 2, n) if low[k].isdigit()), None)
        if k is not None:
            _frame(words, context, lead, facts, "be", k).add("address", words.text(k, _frame(words, context, lead, facts, "be", k).j))
        return bool(facts)
    reached = low[i] in ("reach", "call", "text", "contact", "email", "ring", "mail", "message") and low[i + 1] == "me"
    if low[i : i + 3] == ["write", "to", "me"]:
        i, reached = i + 1, True
    if reached and i + 3 < n and low[i + 2] in ("at", "on", "under", "via", ":"):
        frame = _frame(words, context, lead, facts, "be", i + 3)
        attributes.attribute_is(frame, context.me, "email" if "@" in words.source else "phone number", FactType.SINGLE)
    return bool(facts)


_STREETS = frozenset("street road avenue lane drive square place st rd ave way close court terrace crescent".split())


def _introduced(words: Words, context: Context, lead: Lead, facts: list[Fact]) -> bool:
    """Read "It's me, Dana", "Dana here", "This is Dana speaking"."""
    low, i, n = words.low, lead.end, len(words)
    k = i
    if low[i : i + 3] == ["it", "'s", "me"]:
        k = i + 4 if low[i + 3] in (",", ":", "-") else i + 3
    elif low[i : i + 2] == ["this", "is"]:
        k = i + 2
    frame = _frame(words, context, lead, facts, "be", k)
    end = frame.name_end(k, n) if k < n and words.capital(k) else k
    rest = [word for word in low[end:n] if word[:1].isalnum()]
    if not frame.is_name(k, end) or (low[k] in verbs.BASE and k == i):
        return False
    spoken = rest[:1] in (["here"], ["speaking"]) or (k > i and rest[:1] in ([], ["again"]))
    if spoken and len(rest) <= 2 and (k == i + 2) <= (rest[:1] in (["speaking"], ["here"])):
        frame.add("name", words.text(k, end), claim=Claim.HOLDS)
        return True
    return False


def _there(words: Words, context: Context, lead: Lead, facts: list[Fact]) -> bool:
    """Read "There are three cats in our house"."""
    low, i, n = words.low, lead.end, len(words)
    if low[i] != "there" or low[i + 1] not in ("is", "are", "'s", "'re"):
        return False
    k = next((k for k in range(i + 3, n - 1) if low[k] in ("in", "at") and low[k + 1] in ("our", "my", "home")), None)
    if k is None or low[n - 1 if low[n - 1].isalpha() else n - 2] not in (
        "house",
        "home",
        "flat",
        "family",
        "household",
        "apartment",
        "garden",
        "place",
    ):
        return False
    frame = _frame(words, context, lead, facts, "have", i + 2)
    having.has(frame, i + 2, k, Claim.HOLDS)
    return bool(facts)


_HIVES = re.compile(
    r".*\b(?:break out in (?:hives|a rash)|get (?:hives|a rash|sick|ill|itchy)|swell up|come out in (?:hives|a rash))"
    r" (?:when|if|whenever|every time|as soon as) i (?:eat|drink|touch|have) (?P<what>[^.,;!]+)"
)
_BEATEN = re.compile(
    r"(?:nothing (?:beats|is better than|'s better than)|there 's nothing better than|you ca n't beat|you can n't beat|"
    r"i 'd kill for) "
)


def _beaten(words: Words, context: Context, lead: Lead, facts: list[Fact]) -> bool:
    """Read "Nothing beats a good curry"."""
    text = " ".join(words.low[lead.end : len(words)])
    ill = _HIVES.match(text)
    if ill is not None:
        k = lead.end + len(text[: ill.start("what")].split())
        frame = _frame(words, context, lead, facts, "be", k)
        listing.list_facts(frame, "allergy", k, k + len(ill["what"].split()), claim=Claim.HOLDS)
        return bool(facts)
    found = _BEATEN.match(text)
    if found is None:
        return False
    i = lead.end + len(found.group().split())
    frame = _frame(words, context, lead, facts, "like", i)
    listing.list_facts(frame, "likes", i, frame.j, claim=Claim.HOLDS)
    return bool(facts)


def _labelled(words: Words, context: Context, lead: Lead, facts: list[Fact]) -> bool:
    """Read "Name: Ann", "my wifi password = hunter2"."""
    low, n = words.low, len(words)
    i = lead.end
    mark = next((k for k in range(i + 1, min(i + 7, n)) if low[k] in (":", "=")), None)
    if mark is None or mark + 1 >= n:
        return False
    parser = Parser(words, context)
    if low[i] in ("my", "our", "the", "his", "her") or (words.capital(i) and low[i + 1 : i + 2] == ["'s"]):
        found = parser.thing_at(i, subject=False)
        if found is None or found[1] != mark:
            return False
        thing = found[0]
    else:
        noun = " ".join([*low[i : mark - 1], nouns.noun_of(low[mark - 1])])
        thing = Thing(context.me, noun, article="")
    slot = slot_of(thing, context.me)
    if slot is None or not slot.attribute:
        return False
    frame = _frame(words, context, lead, facts, "be", mark + 1, thing)
    attributes.attribute_is(frame, slot.subject, slot.attribute, slot.type)
    return bool(facts)


def _cleft(words: Words, context: Context, lead: Lead, facts: list[Fact]) -> bool:
    """Read "What I like most is cheese", "The thing I hate most is rain"."""
    low, n = words.low, len(words)
    i = lead.end
    if low[i - 1 : i] == ["what"]:
        i -= 1
    if low[i : i + 1] == ["what"]:
        k = i + 1
    elif low[i : i + 2] in (["another", "thing"], ["the", "thing"], ["one", "thing"], ["the", "food"], ["something"], ["the", "one"]):
        k = i + 2
        while k < n and low[k] in ("that", "thing"):
            k += 1
    else:
        return False
    if k + 2 >= n or low[k] != "i":
        return False
    k += 1
    while k < n and low[k] in verbs.ADVERBS:
        k += 1
    attribute = _LIKED.get(low[k]) if k < n else None
    if attribute is None:
        return False
    is_ = next((m for m in range(k + 1, min(k + 7, n)) if low[m] in ("is", "'s", "are")), None)
    if is_ is None or is_ + 1 >= n:
        return False
    frame = _frame(words, context, lead, facts, "be", is_ + 1)
    listing.list_facts(frame, attribute, is_ + 1, frame.j, claim=Claim.HOLDS)
    return True


def _bare(words: Words, context: Context, lead: Lead, facts: list[Fact]) -> bool:
    """Read "Allergic to nuts.", "Vegetarian."; such a sentence leaves out "I am"."""
    low, n = words.low, len(words)
    i = lead.end
    while i < n - 1 and low[i] in verbs.ADVERBS:
        i += 1
    if i >= n:
        return False
    word = low[i]
    rest = [w for w in low[i + 1 :] if w[:1].isalnum()]
    if word in _BARE and (rest[:1] in (["to"], ["of"]) or not rest or rest in (["here"], ["myself"])):
        j = i + 1 if rest in (["here"], ["myself"]) else n
        frame = _frame(words, context, lead, facts, "be", i)
        frame.j = min(frame.j, j)
        being.be(frame)
        return True
    if word == "married" and rest[:1] == ["to"]:
        being.be(_frame(words, context, lead, facts, "be", i))
        return True
    return False


def facts_of_role(words: Words, context: Context, facts: list[Fact]) -> int:
    """Read "As a nurse, I ..." at the begin of a sentence, and return where the rest of it begins: 0 where nothing like it stands there."""
    low = words.low
    i = next((k for k in range(min(3, len(words))) if low[k] == "as"), None)
    if i is None or low[i + 1 : i + 2] not in (["a"], ["an"], ["someone"]):
        return 0
    k = next((k for k in range(i + 2, min(i + 10, len(words))) if low[k] in ("i", "we", "my")), None)
    if k is None:
        return 0
    if low[i + 1] in ("a", "an") and nouns.noun_of(low[k - 2 if low[k - 1] == "," else k - 1]) not in _YOUNG:
        frame = _frame(words, context, Lead(i), facts, "be", i + 1)
        frame.j = frame.back(i + 1, k)
        describing.noun_is(frame, i + 1, frame.j)
    return k


_YOUNG = frozenset(
    """kid child boy girl teenager teen student baby toddler youngster youth rule result whole consequence joke test matter present
        gift""".split()
)


def facts_of_mentioned(words: Words, context: Context, facts: list[Fact]) -> None:
    """Note the names and ages by which relatives and pets are mentioned anywhere: "a party for my 6-year-old daughter Emma"."""
    low, n = words.low, len(words)
    lead = lead_at(words, 0, n)
    if lead.supposes:
        return
    for i in range(n):
        if low[i] not in ("my", "our"):
            continue
        _ailment(words, context, lead, facts, i + 1)
        k = i + 1
        while (
            k < min(i + 6, n)
            and nouns.noun_of(low[k]) not in nouns.KIN
            and nouns.noun_of(low[k]) not in nouns.PETS
            and low[k][:1].isalnum()
        ):
            k += 1
        noun = nouns.noun_of(low[k])
        if k >= n or (noun not in nouns.KIN and noun not in nouns.PETS):
            continue
        aged = re.fullmatch(r"([\w-]+?)-years?-old", low[k - 1])
        front = low[i + 1 : k - 1 if aged else k]
        if any(word not in _WHICH and word not in _FRONT for word in front):
            continue
        subject = f"{context.me}'s {' '.join([*(word for word in front if word in _WHICH), noun])}"
        frame = _frame(words, context, lead, facts, "be", k + 1)
        if aged:
            frame.add("age", words.raw[k - 1][: len(aged[1])], subject=subject, claim=Claim.HOLDS)
        _names(frame, k, n, subject)


def _ailment(words: Words, context: Context, lead: Lead, facts: list[Fact], i: int) -> None:
    """Note an illness or allergy that is mentioned as one's own: "because of my bee allergy", "my asthma"."""
    low = words.low
    frame = _frame(words, context, lead, facts, "be", i)
    while low[i] in ("severe", "bad", "mild", "chronic", "terrible"):
        i += 1
    if low[i + 1] in ("allergy", "intolerance") and low[i] not in ("food", "new", "only"):
        frame.add(low[i + 1], words.text(i, i + 1), FactType.MANY, claim=Claim.HOLDS)
    elif low[i] in nouns.CONDITIONS and low[i] not in ("add", "ms", "reflux", "cancer"):
        frame.add("medical condition", words.text(i, i + 1), FactType.MANY, claim=Claim.HOLDS)


def _names(frame: Frame, k: int, n: int, subject: str) -> None:
    """Note the names that stand behind the noun at word k."""
    low, words = frame.low, frame.w
    noun = nouns.noun_of(low[k])
    end = frame.name_end(k + 1, n) if words.capital(k + 1) else k + 1
    if not frame.is_name(k + 1, end) or low[k + 1] in nouns.LANGUAGES or low[end] == '"':
        return
    names = [(k + 1, end)]
    many = low[k] != noun and (low[k].endswith("s") or noun in ("child", "kid", "twin"))
    while many and low[end] in ("and", ",", "&") and words.capital(end + 1):
        stop = frame.name_end(end + 1, n)
        if not frame.is_name(end + 1, stop):
            break
        names.append((end + 1, stop))
        end = stop
    for one, two in names:
        frame.add("name", words.text(one, two), FactType.MANY if many else FactType.SINGLE, subject=subject, claim=Claim.HOLDS)


_WHICH = frozenset("older younger elder eldest oldest youngest big little twin best half step first second middle late former".split())
_FRONT = frozenset("new beloved dear lovely wonderful beautiful sweet own darling amazing great dearest adorable cute other".split())
