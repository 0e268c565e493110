"""Reads likes and dislikes, hobbies, food, goals."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.languages.english.frames.listing import list_facts
from echorator.cognition.reading.languages.english.lexicon import nouns, verbs
from echorator.cognition.reading.values import Claim, FactType

SINGLE, MANY, STATE, EVENT = FactType.SINGLE, FactType.MANY, FactType.STATE, FactType.EVENT
_VAGUE = frozenset(
    """it that this you him her them me us myself what how when being your his these those one everything anything nothing something
    everyone to where who his their if whether there here all""".split()
)
_HATE = frozenset("hate dislike detest loathe despise abhor dread".split())


def like(f: Frame) -> None:
    """Read likes and dislikes, and what someone would like to do."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i >= j or not f.subject:
        return
    lemma = f.verb.lemma
    if f.verb.modal in ("would", "'d"):
        if low[i] == "to" and i + 1 < j and f.mine and not f.verb.negated and lemma in ("like", "love"):
            goal(f, i + 1, j)
        return
    if f.verb.future or (f.verb.modal and lemma not in ("stand", "bear")):
        return
    if low[i] == "them" and j - i == 1 and f.context.values:
        for value in f.context.values:
            f.add("dislikes" if lemma in _HATE or f.verb.negated else "likes", value, MANY, claim=Claim.HOLDS)
        return
    if (
        (low[i] in _VAGUE and low[i] != "to")
        or (low[i] in ("my", "our") and lemma != "hate")
        or (low[i] == "the" and i + 1 < j and low[i + 1] in ("way", "fact", "idea", "look", "sound", "new"))
    ):
        return
    if low[i] == "to" and low[i + 1 : i + 2] in (
        ["be"],
        ["see"],
        ["know"],
        ["think"],
        ["say"],
        ["hear"],
        ["help"],
        ["get"],
        ["have"],
        ["do"],
        ["make"],
        ["meet"],
        ["talk"],
        ["share"],
    ):
        return
    if low[i] in ("this", "that", "these"):
        return
    bad = lemma in _HATE or (lemma == "stand" and f.verb.negated) or (lemma == "bear" and f.verb.negated)
    if lemma in ("stand", "bear") and not bad:
        return
    negated = f.verb.negated and lemma not in ("stand", "bear")
    once = f.verb.past and not f.verb.used and not f.verb.perfect and not f.verb.negated
    young = any(x in ("as", "kid", "child", "young", "younger", "childhood") for x in low[i : f.clause.end])
    if once and not young and low[f.clause.end] != "but":
        return
    if f.verb.past and negated and not f.verb.used:
        return
    colour = low[i : i + 2] in (["the", "colour"], ["the", "color"]) and j - i == 3
    if colour and not negated and not bad:
        f.add("favourite colour", w.text(i + 2, j), claim=f.claim)
        return
    if low[i] == "eating" and j - i >= 2 and not negated and not bad and lemma in ("love", "like"):
        list_facts(f, "likes", i + 1, j)
        return
    enjoyed = lemma == "enjoy" and (low[i] in verbs.GERUND or low[i].endswith("ing") or low[i] in nouns.ACTIVITIES)
    attribute = "dislikes" if bad else "hobby" if enjoyed and not negated else "likes"
    end = f.cut(i, j, "because since but so although though when if ; unless whenever ( until which who :")
    if negated and not bad:
        if f.ended or f.verb.used:
            list_facts(f, "likes", i, end, claim=Claim.DENIES)
        else:
            list_facts(f, "dislikes", i, end, claim=Claim.HOLDS)
            list_facts(f, "likes", i, end, claim=Claim.DENIES)
        return
    if lemma == "prefer" or ("more" in low[i:end] and "than" in low[i:end]):
        for k in range(i + 1, end):
            if low[k] in ("to", "over", "than", "rather", "instead", "more") and not (
                low[k] == "to" and low[k + 1 : k + 2] and low[k + 1] in verbs.BASE and k == i
            ):
                end = f.back(i, k)
                break
    if bad and negated:
        list_facts(f, "dislikes", i, end, claim=Claim.DENIES)
        return
    if bad and f.verb.negated:
        list_facts(f, "dislikes", i, end, claim=Claim.HOLDS)
        return
    if f.most and attribute == "likes" and low[i] in ("the",):
        list_facts(f, attribute, i, end)
        return
    if f.now and not f.verb.used and not f.verb.progressive:
        list_facts(f, "likes" if bad else "dislikes", i, end, claim=Claim.DENIES)
    list_facts(f, attribute, i, end, claim=Claim.PAST if f.verb.used or (f.verb.past and not f.verb.perfect) else None)


_OF_LIFE = frozenset(
    """learn become visit travel move buy open start run write lose climb study work quit retire live own marry publish record found adopt
    emigrate graduate sail skydive master explore backpack volunteer renovate build win join grow""".split()
)
_POINTING = frozenset("it that this them these those you your him her my".split())


def goal(f: Frame, i: int, j: int) -> None:
    """Note what someone wants to do in life: "learn Spanish"; what is wanted of the listener now is no goal."""
    end = f.cut(i, j, "because but so if ; although since can could")
    abroad = f.low[i] != "live" or f.low[i + 1] in ("in", "by", "near", "abroad", "on", "to")
    if end - i > 1 and f.low[i] in _OF_LIFE and abroad and not any(word in _POINTING for word in f.low[i + 1 : end]):
        f.add("goal", f.w.text(i, end), MANY, claim=Claim.HOLDS)


def want(f: Frame) -> None:
    """Read goals and plans: "I want to learn Spanish", "we plan to move to Rome"."""
    low, i, j = f.low, f.i, f.j
    if not f.mine or f.verb.negated or f.verb.past or f.verb.modal or i + 1 >= j:
        return
    if low[i] == "to" or (low[i] in ("on", "of", "about") and low[i + 1] in verbs.GERUND):
        if f.verb.lemma in ("plan", "intend") and low[i + 1] in _OF_LIFE:
            f.add("plan", f.w.text(i + 1, f.cut(i + 1, j, "because but so if ;")), EVENT, claim=Claim.HOLDS)
        elif f.verb.lemma in ("want", "hope", "dream", "aim"):
            goal(f, i + 1, j)


def eat(f: Frame) -> None:
    """Read what someone eats and drinks by habit, and never."""
    low, i, j, w = f.low, f.i, f.j, f.w
    lemma = f.verb.lemma
    if not f.subject or (f.verb.perfect and not f.verb.never) or f.verb.future or f.verb.progressive:
        return
    if f.verb.modal and not (f.verb.modal == "can" and f.verb.negated):
        return
    if i >= j:
        if lemma in ("drink", "smoke") and f.verb.negated and not f.verb.past:
            f.add("habit", w.text(f.verb.end - 1, f.verb.end), MANY, claim=Claim.DENIES)
        elif lemma == "smoke" and not f.verb.past:
            f.add("habit", w.text(f.verb.end - 1, f.verb.end), MANY)
        return
    if f.verb.past and not f.verb.used and not f.verb.negated:
        return
    if f.verb.past and f.verb.negated and not f.ended:
        return
    if low[i] in (
        "out",
        "it",
        "that",
        "this",
        "up",
        "at",
        "in",
        "with",
        "before",
        "after",
        "too",
        "a",
        "an",
        "my",
        "the",
        "healthy",
        "well",
        "less",
        "more",
        "like",
        "when",
        "only",
        "here",
        "there",
        "together",
        "alone",
    ):
        if low[i] == "only" and i + 1 < j:
            i += 1
        elif not (low[i] in ("a",) and low[i + 1 : i + 3] in (["lot", "of"], ["glass", "of"], ["cup", "of"])):
            return
    end = f.cut(i, j, "because since but so when if for every at in with before after on except though unless without ; while as")
    attribute = {"drink": "drinks", "eat": "eats", "smoke": "habit"}[lemma]
    while i < end and low[i] in ("any", "a", "lot", "lots", "of", "much", "mostly", "mainly", "some", "glass", "cup"):
        i += 1
    if i < end:
        list_facts(f, attribute, i, end)


def play(f: Frame) -> None:
    """Read instruments, sports and games."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i >= j or not f.subject or f.verb.modal not in ("", "can") or f.verb.future:
        return
    if low[i] in ("it", "that", "this", "with", "my", "some", "role", "devil") or (low[i] == "a" and low[i + 1] != "bit"):
        return
    if f.verb.past and not f.verb.used and not f.verb.perfect and not _young(f):
        return
    end = f.cut(
        i, j, "about with in at for every on since because but so when twice once professionally to against online until as from after"
    )
    for one, two in f.parts(i, end):
        article = low[one] in ("the", "a", "an")
        while one < two - 1 and low[one] in ("the", "a", "an", "some", "bit", "of", "little", "lot"):
            one += 1
        head = nouns.noun_of(low[two - 1])
        if head in nouns.INSTRUMENTS or (
            article and head not in nouns.GAMES and low[two - 1] not in ("lottery", "game", "fool", "role", "part", "song")
        ):
            f.add("instrument", w.text(one, two), MANY)
        elif head in nouns.GAMES or low[one] in nouns.GAMES or head in nouns.ACTIVITIES or (w.capital(one) and two - one <= 4):
            f.add("hobby", w.text(one, two), MANY)


def _young(f: Frame) -> bool:
    """Return whether the clause tells of somebody's youth or of years: "when I was a child", "for ten years"."""
    return any(
        x in ("kid", "child", "young", "younger", "childhood", "years", "school", "college", "university") for x in f.low[f.i : len(f.w)]
    )


def collect(f: Frame) -> None:
    """Read "I collect stamps"."""
    low, i, j = f.low, f.i, f.j
    if (
        i < j
        and f.real
        and not f.verb.negated
        and low[i] not in _VAGUE
        and low[i] not in ("my", "the", "a")
        and (not f.verb.past or f.verb.used)
    ):
        list_facts(f, "hobby", i, j)


def practise(f: Frame) -> None:
    """Read "I practise yoga", "I do karate"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    if i >= j or not f.real or not f.subject or (f.verb.perfect and f.verb.negated):
        return
    end = f.cut(i, j, "every on twice with at in once for to since because three")
    for one, two in f.parts(i, end):
        start = one
        while start < two - 1 and low[start] in ("a", "lot", "of", "some", "bit", "the", "little"):
            start += 1
        if low[two - 1] in nouns.ACTIVITIES or low[two - 1] in nouns.GAMES:
            f.add("hobby", w.text(start, two), MANY)


def listen(f: Frame) -> None:
    """Read "I listen to jazz"."""
    low, i, j = f.low, f.i, f.j
    if (
        i + 1 < j
        and low[i] == "to"
        and f.mine
        and f.real
        and low[i + 1] not in _VAGUE
        and low[i + 1] not in ("my", "the", "a")
        and not f.verb.past
        and not f.verb.progressive
    ):
        list_facts(f, "favourite music", i + 1, f.cut(i + 1, j, "when while every on in at during for before to"))


def support(f: Frame) -> None:
    """Read "I support Arsenal"."""
    if f.i < f.j and f.mine and f.real and f.w.capital(f.i) and not f.verb.past:
        f.add("favourite team", f.w.text(f.i, f.name_end(f.i, f.j)), SINGLE)


def speak(f: Frame) -> None:
    """Read which languages someone speaks."""
    low, i, j = f.low, f.i, f.j
    if (f.verb.modal not in ("", "can", "could")) or i >= j or f.verb.future or not f.subject:
        return
    if f.verb.modal == "could":
        return
    negated = f.verb.negated
    for one, two in f.parts(i, f.cut(i, j, "to with at because since but so in when from")):
        start = one
        while start < two - 1 and low[start] in (
            "fluent",
            "a",
            "bit",
            "of",
            "some",
            "little",
            "good",
            "basic",
            "broken",
            "decent",
            "perfect",
            "conversational",
            "native",
            "any",
            "only",
            "very",
            "not",
            "fluently",
            "mostly",
            "also",
        ):
            start += 1
        end = start + 1
        if low[start] in nouns.LANGUAGES or (start + 1 < two and low[start + 1] in nouns.LANGUAGES):
            end = start + 1 if low[start] in nouns.LANGUAGES else start + 2
            f.add("language", f.w.text(start, end), MANY, claim=Claim.DENIES if negated else f.claim)


def write(f: Frame) -> None:
    """Read "I write Rust", "I code in Python"."""
    low, i, j, w = f.low, f.i, f.j, f.w
    while i < j - 1 and low[i] in verbs.ADVERBS:
        i += 1
    if i < j and f.mine and f.real and not f.verb.past and not f.verb.negated:
        k = i + 1 if low[i] == "in" else i
        if k < j and j - k == 1 and w.capital(k):
            f.add("favourite language", w.text(k, j), MANY)
