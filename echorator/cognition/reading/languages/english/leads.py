"""What stands before a clause and says how it is meant: greetings, corrections, doubts, suppositions, and words that add nothing."""

from __future__ import annotations

from dataclasses import dataclass

from echorator.cognition.reading.words import Words

_IDLE = """hi | hello | hey | hi there | hello there | hey there | yes | yeah | yep | yup | yea | nope | no | nah | ok | okay | well | so
    | oh | ah | aha | hm | hmm | um | uh | anyway | anyways | also | and | but | or | plus | then | btw | by the way | fyi | for
    your information | just so you know | so you know | for the record | for future reference | you know | you see | you know what
    | honestly | to be honest | tbh | in fact | as a matter of fact | frankly | to be fair | of course | sure | right | look |
    listen | man | dude | wow | lol | haha | guess what | good news | bad news | great news | sadly | unfortunately | luckily |
    fortunately | thankfully | basically | obviously | clearly | currently | now | nowadays | these days | right now | at the
    moment | at present | today | recently | lately | just | finally | first | firstly | first of all | second | secondly | third |
    finally | lastly | last but not least | besides | moreover | furthermore | in addition | additionally | personally | generally
    | as you know | as i said | as i told you | as mentioned | like i said | as i mentioned | as far as i know | i should mention
    that | i should mention | i should add that | i should add | i should say that | i should say | i must say | i have to say | i
    have to admit | i must admit | i must confess | i confess | i admit | i forgot to mention that | i forgot to mention | i forgot
    to say that | i forgot to say | i forgot to tell you that | i forgot to tell you | i told you that | i told you | i mentioned
    that | i said that | i said | i already told you that | i already told you | let me tell you that | let me tell you | let me
    add that | remember that | remember | please remember that | please remember | please note that | please note | note that |
    note | note to self | keep in mind that | keep in mind | please keep in mind that | bear in mind that | please | don't forget
    that | do n't forget that | do n't forget | please do n't forget that | please be aware that | be aware that | the thing is
    that | the thing is | the truth is that | the truth is | the fact is that | the fact is | fact is | truth is | it turns out
    that | it turns out | turns out that | turns out | it so happens that | it happens that | fun fact | funny thing | one more
    thing | ps | p.s | p.s. | edit | update | news | breaking news | i know that | i know | it 's important that | importantly |
    you should know that | you should know | i want you to know that | i want you to know | i 'd like you to know that | i 'd like
    to mention that | just to let you know | just letting you know | i just wanted to say that | i wanted to say that | i wanted to
    tell you that | i wanted to let you know that | i wanted to let you know | as for me | for me | about me | a bit about me | a
    little about me | something about me | intro | in my free time | in my spare time | on weekends | at weekends | at home | at
    work | at school | at the weekend | in the mornings | in the evenings | in my case | in real life | in general | in particular
    | especially | i can tell you that | i can tell you | suffice to say | needless to say | believe it or not | it 's true that |
    i am happy to say that | i 'm happy to say that | i 'm proud to say that | i 'm glad to say that | happy to say | remind me
    that | please remind me that | make a note that | make a note | if you must know | if i remember correctly | in case you 're
    wondering | in case you are wondering | in case you were wondering | in case you did n't know | if you 're wondering | like |
    hence | therefore | thus | given that | given | considering that | considering | seeing as | seeing that | i 'm telling you |
    trust me | i swear | i promise | i assure you | everyone knows that | my god | omg | ugh | yay | cheers | thanks | thank you |
    excuse me | nice to meet you | pleased to meet you | good morning | good evening | good afternoon | good day | there you go |
    here you go | here we go | here is the thing | here 's the thing | ever since | since then | by now | as of today | as of now |
    from now on | starting today | at this point | up to now | until now | so far | in the end | after all | since""".replace(
    "don't", "do n't"
)

_TELLING = """did i tell you that | did i tell you | did i mention that | did i mention | have i told you that | have i told you | have i
    mentioned that | have i mentioned | did you know that | did you know | can you remember that | could you remember that | can you
    note that | can you believe that | can you believe | could you please remember that | can you please remember that | could you note
    that | could you keep in mind that | can you keep in mind that | would you believe that | would you remember that | will you
    remember that | can you make a note that | could you make a note that | do you remember that | remember that"""

_CORRECTING = """actually | no wait | wait | wait no | no sorry | sorry | sorry no | oh sorry | i meant | i mean | i meant to say |
    correction | scratch that | that 's wrong | that is wrong | that 's not right | that is not right | that 's not correct |
    that is not correct | that 's incorrect | that was wrong | that 's not true | that is not true | my mistake | my bad |
    oops | whoops | i misspoke | i was wrong | i made a mistake | i made a typo | typo | let me correct that | let me correct
    myself | let me rephrase | rather | or rather | make that | make it | not exactly | nope wait | no actually | well
    actually | in reality | to correct myself | to be precise | strike that | hold on | hang on | my apologies | apologies |
    pardon | wrong | not true | to be exact | i take that back | forget that | forget what i said | excuse me | instead | as
    it turns out | on second thought | on second thoughts"""

_DOUBTING = (
    "maybe | perhaps | probably | possibly | i think that | i think | i guess that | i guess | i believe that | i believe |"
    " i suppose | i assume | apparently | supposedly | i feel like | i 'm not sure but | not sure but | i 'm pretty sure that |"
    " i 'm pretty sure | i 'm sure that | i 'm sure | i reckon | it seems that | it seems | it looks like | looks like |"
    " seems like | it seems like"
)

_SUPPOSING = """suppose | supposing | let 's suppose | let us suppose | imagine | let 's imagine | just imagine | imagine that | imagine
    if | let 's say | let us say | let 's assume | assume | assuming | assuming that | pretend | let 's pretend | pretend that
    | what if | hypothetically | hypothetically speaking | theoretically | in theory | if only | i wish | i wished | i hope |
    i hoped | hopefully | i wonder | say | picture this | in a parallel universe | in another life | in my dreams | in my
    dream | i dreamed that | i dreamt that | i dreamed | i dreamt | last night i dreamed | last night i dreamt | i had a dream
    that | i had a dream in which | if | unless | whether | in case | as long as | provided that | provided | as if | as
    though | in the story | in the game | in the book | in the film | in the movie | in this story | for example | for
    instance | e.g | rumour has it | rumor has it | someone said | they say that | they say | people say | people say that |
    it 's said that | legend has it | not that | it 's not that | it is not that | it 's not as if | not because | it 's not
    true that | it is not true that | i doubt that | i doubt | i doubt if | do you think | do you think that | would you say |
    do you believe | is it true that | i am pretending that | i 'm pretending that | you are | you 're | act as if | tell me |
    explain | write | translate | summarise | summarize"""

_ASIDE = """even if | when | whenever | while | until | till | before | after | once | as soon as | every time | each time | the day | the
    moment | by the time | why | how | what | where | who | which | even when | back when"""

IDLE, TELLING, CORRECTING, DOUBTING, SUPPOSING, ASIDE = "idle", "telling", "correcting", "doubting", "supposing", "aside"


def _table() -> dict[tuple[str, str], list[tuple[tuple[str, ...], str]]]:
    """Return the leads by their first two words, the longest first; one of a single word stands by it and ""."""
    table: dict[tuple[str, str], list[tuple[tuple[str, ...], str]]] = {}
    kinds = ((_IDLE, IDLE), (_TELLING, TELLING), (_CORRECTING, CORRECTING), (_DOUBTING, DOUBTING), (_SUPPOSING, SUPPOSING), (_ASIDE, ASIDE))
    for text, kind in kinds:
        for lead in text.split("|"):
            parts = tuple(lead.split())
            if parts:
                table.setdefault((parts[0], parts[1] if len(parts) > 1 else ""), []).append((parts, kind))
    for leads in table.values():
        leads.sort(key=lambda lead: -len(lead[0]))
    return table


_LEADS = _table()
_MARKS = frozenset({",", ":", "-", "\u2013", "\u2014", ";", "...", "..", "!", ".", '"', "*", "\u2022", "(", ")", "~", "\u2026", ">"})


@dataclass(slots=True)
class Lead:
    """Where a clause begins behind its leads, and how they say that it is meant."""

    end: int
    corrects: bool = False
    doubts: bool = False
    supposes: bool = False  # so is what follows in the sentence
    aside: bool = False  # the clause is no statement of its own, as "when I was ten"
    denies: bool = False  # it began with "no"
    tells: bool = False  # it is a question only by its form: "did I tell you that ...?"


def lead_at(words: Words, i: int, stop: int) -> Lead:
    """Return the leads that stand at the word `i`, before `stop`."""
    lead = Lead(i)
    low = words.low
    while lead.end < stop:
        word = low[lead.end]
        if word in _MARKS:
            lead.end += 1
            continue
        found = _longest(words, lead.end, stop)
        if found is None:
            break
        size, kind = found
        lead.end += size
        if kind in (SUPPOSING, ASIDE):
            lead.supposes, lead.aside = kind is SUPPOSING, kind is ASIDE
            break
        lead.corrects = lead.corrects or kind is CORRECTING
        lead.doubts = lead.doubts or kind is DOUBTING
        lead.tells = lead.tells or kind is TELLING
        lead.denies = lead.denies or word in ("no", "nope", "nah")
    return lead


def _longest(words: Words, i: int, stop: int) -> tuple[int, str] | None:
    """Return the number of words and the kind of the longest lead at word i, or None where none stands there."""
    low = words.low
    for key in ((low[i], low[i + 1]), (low[i], "")):
        for parts, kind in _LEADS.get(key, ()):
            last = i + len(parts)
            if last <= stop and tuple(low[i:last]) == parts and not _belongs(low[last] if last < stop else "", parts):
                return len(parts), kind
    return None


# One word that is a lead only before a mark or a new clause: "right, I ..." is one, "right hand" is none.
_ALONE = frozenset("right like look listen sure no say man just news update wrong second third first".split())
_SUBJECTS = frozenset("i my we it our she he they the this".split())


def _belongs(following: str, parts: tuple[str, ...]) -> bool:
    """Return whether the words look like a lead, but belong to the clause, by the word behind: "no pets", "since 2019"."""
    first = parts[0]
    if len(parts) > 1 and first != "since":
        return False
    if first in _ALONE:
        return bool(following) and following not in _MARKS and following not in _SUBJECTS - {"they", "the", "this"}
    if first in ("since", "before", "after"):
        return following not in _SUBJECTS - {"this"}
    return first in ("note", "remember", "edit") and following not in _MARKS and following not in _SUBJECTS
