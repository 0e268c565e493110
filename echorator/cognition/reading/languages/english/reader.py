"""Reads the facts of an English sentence: its clauses one by one, each by the frame of its verb."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from echorator.cognition.reading.languages.english import correcting, special
from echorator.cognition.reading.languages.english.clauses import Clause, Parser
from echorator.cognition.reading.languages.english.frames import being, changing, doing, getting, having, idioms, liking, working
from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.languages.english.leads import lead_at
from echorator.cognition.reading.languages.english.lexicon import nouns
from echorator.cognition.reading.languages.english.things import Context
from echorator.cognition.reading.values import Claim, Fact, FactType
from echorator.cognition.reading.words import Words, words_of

_FRAMES: dict[str, Callable[[Frame], None]] = {
    "be": being.be,
    "have": having.have,
    "own": having.own,
    "get": getting.get,
    "buy": getting.obtain,
    "adopt": getting.obtain,
    "sell": getting.sell,
    "lose": getting.sell,
    "die": getting.die,
    "pass": getting.die,
    "live": doing.live,
    "reside": doing.live,
    "move": doing.move_in,
    "relocate": doing.move_in,
    "work": working.work,
    "study": working.study,
    "graduate": working.graduate,
    "teach": working.teach,
    "speak": liking.speak,
    "play": liking.play,
    "want": liking.want,
    "hope": liking.want,
    "plan": liking.want,
    "intend": liking.want,
    "dream": liking.want,
    "eat": liking.eat,
    "drink": liking.eat,
    "smoke": liking.eat,
    "drive": doing.drive,
    "use": doing.use,
    "call": doing.call,
    "name": doing.name_something,
    "rename": doing.name_something,
    "go": doing.go,
    "become": working.become,
    "quit": changing.quit_,
    "stop": changing.quit_,
    "give": changing.quit_,
    "leave": changing.quit_,
    "start": working.start,
    "begin": working.start,
    "join": working.start,
    "learn": working.learn,
    "switch": changing.switch,
    "change": changing.switch,
    "belong": doing.belong,
    "weigh": doing.weigh,
    "collect": liking.collect,
    "practise": liking.practise,
    "practice": liking.practise,
    "do": liking.practise,
    "suffer": doing.suffer,
    "come": doing.come,
    "grow": doing.come,
    "marry": getting.marry,
    "divorce": getting.marry,
    "keep": having.keep,
    "wear": doing.need,
    "take": doing.need,
    "support": liking.support,
    "listen": liking.listen,
    "run": doing.run,
    "retire": working.retire,
    "write": liking.write,
    "code": liking.write,
    "program": liking.write,
    "rent": doing.rent,
    "know": doing.know,
    "avoid": doing.avoid,
    "make": doing.earn,
    "earn": doing.earn,
    "pay": doing.earn,
    "attend": working.attend,
    "lead": working.lead,
    "manage": working.lead,
    "head": working.lead,
    "supervise": working.lead,
    "oversee": working.lead,
    "turn": doing.turn,
    "break": getting.break_up,
    "split": getting.break_up,
}
_FRAMES |= dict.fromkeys(
    (
        "like",
        "love",
        "hate",
        "enjoy",
        "adore",
        "dislike",
        "detest",
        "loathe",
        "despise",
        "prefer",
        "stand",
        "bear",
        "fancy",
        "abhor",
        "dread",
    ),
    liking.like,
)
_FRAMES |= dict.fromkeys(
    (
        "swim",
        "walk",
        "jog",
        "cycle",
        "meditate",
        "wake",
        "cook",
        "bake",
        "exercise",
        "train",
        "read",
        "visit",
        "hike",
        "climb",
        "paint",
        "volunteer",
    ),
    doing.habit,
)
_BEGINNING = frozenset("start begin leave depart take land arrive finish end board".split())
# Verbs whose object clause tells what somebody else says, thinks or wishes.
_REPORTS = frozenset(
    """say tell think claim believe ask write mention hope wish reckon guess insist argue suppose assume worry complain announce
        suggest hear read know wonder dream imagine pretend want explain text joke""".split()
)
_DOCTORS = frozenset("doctor gp allergist specialist optician dentist cardiologist dermatologist paediatrician pediatrician".split())
_OWN_WISHES = frozenset("hope wish wonder dream imagine pretend doubt want ask hear read suggest joke fear".split())


def facts_of_words(words: Words, me: str, earlier: Sequence[Fact], asks: bool) -> tuple[Fact, ...]:
    """Return the facts of the words of a sentence; of one that asks, only those that it tells beside its question."""
    context = context_of(me, earlier)
    facts: list[Fact] = []
    if not asks:
        corrected = correcting.correction_of(words, context)
        if corrected is not None:
            return corrected
        known = special.facts_of_special(words, context)
        if known is not None:
            return known
    parser = Parser(words, context)
    quoted = _quoted(words)
    skipped = False
    begin = special.facts_of_role(words, context, facts)
    special.facts_of_mentioned(words, context, facts)
    inverted = asks and parser.asks_at(lead_at(words, 0, len(words)).end)
    for clause in parser.clauses(begin):
        if skipped and clause.opener not in ("but", ";", ".", "!", "-", "..."):
            continue
        skipped = False
        asks = asks and not clause.lead.tells
        if asks and not _told_beside(clause, inverted):
            continue
        if clause.lead.supposes or any(one <= clause.verb.start < two for one, two in quoted):
            continue
        if clause.lead.aside:
            continue
        if reports(words, clause, context):
            skipped = True
            continue
        if clause.opener == "since" and clause.verb.past and not clause.verb.perfect and clause.verb.lemma != "be":
            continue
        if clause.opener in ("if", "unless", "when", "whenever", "until", "while", "before", "after", "where", "whose"):
            continue
        before = len(facts)
        frame = Frame(words, clause, context, parser, facts)
        read = _FRAMES.get(clause.verb.lemma)
        if clause.verb.lemma in _BEGINNING and doing.begin(frame):
            continue
        if idioms.idiom(frame) or idioms.living(frame):
            _remember(context, clause, facts[before:])
            continue
        if read is not None:
            read(frame)
        thing = clause.thing
        related = thing.noun and thing.name and thing.owner and (thing.head in nouns.KIN or thing.head in nouns.PETS) and not thing.group
        if related and (not thing.name.islower() or len(facts) > before):
            frame.add("name", thing.name, subject=thing.subject, claim=Claim.HOLDS)
        if len(facts) == before:
            doing.habit(frame)
        if len(facts) > before:
            context.values = [fact.value for fact in facts[before:] if fact.type is FactType.MANY]
        _remember(context, clause, facts[before:])
    return tuple(dict.fromkeys(facts))


def _told_beside(clause: Clause, inverted: bool) -> bool:
    """Return whether a clause of a question is told and not asked: its reason, or what stands before or behind the question."""
    if clause.relative and clause.thing.noun:
        return True
    if clause.opener in ("that", "if"):
        return False
    if clause.opener in ("because", "since", "as", "given", "considering") or not clause.last:
        return True
    return inverted and clause.opener in (",", "-", ";", "\u2013", "\u2014", "(")


def context_of(me: str, earlier: Sequence[Fact]) -> Context:
    """Return whom pronouns and names mean after the facts told before, the latest first."""
    context = Context(me, earlier=earlier)
    for fact in earlier:
        if fact.attribute == "name" and fact.value and fact.subject != me:
            context.names.setdefault(fact.value.lower(), fact.subject)
    for fact in earlier:
        if fact.subject != me:
            _point(context, fact.subject)
        elif owned := _owned(fact):
            _point(context, f"{me}'s {owned}")
        if context.it and context.person:
            break
    return context


def _point(context: Context, subject: str) -> None:
    head = subject.rsplit(" ", 1)[-1]
    if head in nouns.KIN or head in nouns.PETS or ("'s " not in subject and head not in nouns.EVENTS):
        context.person = context.person or subject
    if head not in nouns.KIN:
        context.it = context.it or subject


def _owned(fact: Fact) -> str:
    """Return the noun by which a pet, a relative or a car of a fact is spoken of, or ""."""
    if fact.attribute == "car":
        return "car"
    if fact.attribute not in ("pet", "child", "sibling", "partner"):
        return ""
    words = re.split(r" (?:called|named) ", fact.value.lower())[0].split()
    return nouns.species_of(nouns.noun_of(words[-1])) if words else ""


def _remember(context: Context, clause: Clause, facts: Sequence[Fact]) -> None:
    """Let later pronouns mean what this clause was about."""
    subjects = [clause.thing.subject] if clause.thing.noun or clause.thing.name else []
    subjects += [fact.subject for fact in facts if fact.subject != context.me]
    subjects += [f"{context.me}'s {owned}" for fact in facts if fact.subject == context.me and (owned := _owned(fact))]
    for subject in subjects:
        if not subject or subject == context.me:
            continue
        head = subject.rsplit(" ", 1)[-1]
        if head in nouns.KIN or head in nouns.PETS or clause.thing.name:
            context.person = subject
        if head not in nouns.KIN:
            context.it = subject


def reports(words: Words, clause: Clause, context: Context) -> bool:
    """Return whether a clause reports what others say, or what is only wished: what follows it states nothing."""
    lemma = clause.verb.lemma
    if clause.thing.head in _DOCTORS:
        return False  # what a doctor says of the speaker is so
    following = words.low[clause.verb.end]
    if (following in ("me", "my") and lemma == "know") or (lemma in ("read", "hear") and following not in ("that", "about", "somewhere")):
        return False  # "friends know me as Jo", "I read mostly novels"
    mine = clause.thing.owner == context.me and not clause.thing.noun
    return lemma in (_OWN_WISHES - {"want", "hope", "dream"} if mine else _REPORTS)


def _quoted(words: Words) -> list[tuple[int, int]]:
    """Return the ranges of words between quotation marks that are a whole saying, and no mere name or title."""
    marks = [k for k, word in enumerate(words.low) if word == '"']
    return [(one, two) for one, two in zip(marks[::2], [*marks[1::2], len(words)], strict=False) if two - one > 3]


def facts_of_sentence(sentence: str, me: str, earlier: Sequence[Fact]) -> tuple[Fact, ...]:
    """Return the facts that an English sentence states."""
    asks = sentence.rstrip(" \"')]\u201d").endswith(("?", "?!", "??"))
    return facts_of_words(words_of(sentence), me, earlier, asks)
