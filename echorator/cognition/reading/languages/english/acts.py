"""Tells what an English sentence does beside telling: small talk, orders, suppositions, reports of what others say."""

from __future__ import annotations

import re

from echorator.cognition.reading.languages.english.clauses import Parser
from echorator.cognition.reading.languages.english.leads import lead_at
from echorator.cognition.reading.languages.english.reader import reports
from echorator.cognition.reading.languages.english.things import Context
from echorator.cognition.reading.words import Words

CHAT = re.compile(
    r"(?:(?:oh|ah|haha|ha|well|ok|okay|and|so|but|no|yes|yeah|hm+|um|uh) )*(?:(?:hi|hello|hey|hiya|yo|greetings|"
    r"howdy)(?: there| again| echo| everyone| all| you)?|"
    r"(?:many )?(?:thanks|thank you|thx|ty|cheers)(?: .{0,40})?|(?:ok|okay|okey|k|kk|sure|fine|alright|right|great|cool|nice|"
    r"awesome|perfect|excellent|wonderful|amazing|lovely|brilliant|super|sweet|wow|whoa|yay|hooray|ugh|oops|phew|hm+|um+|uh+|"
    r"ah+|oh+|lol|haha(?:ha)*|hehe|lmao|rofl|omg|"
    r"yes|yeah|yep|yup|no|nope|nah|maybe|perhaps|exactly|indeed|absolutely|definitely|totally|agreed|correct|true|really|"
    r"seriously|interesting|good|bad|done|ready|please|congrats|congratulations|bravo|bye|goodbye|ciao|later|cya|welcome|"
    r"sorry|pardon)(?: (?:one|job|idea|work|point|then|thing|stuff|enough|that|it|bye|so|much|now|to hear|to know|me|you|"
    r"again|sure))*|"
    r"good (?:morning|afternoon|evening|night|day|bye|luck|one|job|work|to know|to hear)(?: .{0,20})?|see you(?: .{0,20})?|"
    r"talk (?:to you )?(?:later|soon)|take care|have a (?:nice|good|great|lovely) .{1,20}|"
    r"(?:that |it |this )?(?:sounds|looks|seems|feels) (?:good|great|fine|right|nice|perfect|lovely|interesting|awesome|ok|"
    r"okay|reasonable|like a plan|fun)(?: to me| enough)?|"
    r"i (?:think|guess|hope|believe|suppose|doubt) (?:so|not|it)(?: too)?|i (?:see|know|understand|agree|disagree|get it|"
    r"got it|don't know|do not know|dunno|don't mind|don't care|appreciate it|can't wait)|(?:got|gotcha|get) it|"
    r"(?:that |it )?makes sense|fair enough|no (?:problem|worries|way|idea|thanks|thank you|need|rush)|never ?mind|you(?:'re|"
    r" are) (?:right|welcome|great|funny|the best|awesome|amazing|kind|so kind|very kind|too kind)|"
    r"that(?:'s| is|'s really| was) (?:so |very |really |all )?(?:great|good|nice|cool|fine|funny|interesting|awesome|amazing|"
    r"ok|okay|all|it|right|true|helpful|sweet|kind|lovely|perfect|wonderful|enough|better|a good (?:point|idea|"
    r"question))(?: for now| to know| to hear| news)?|"
    r"(?:it|that|this) (?:works|worked|helps|helped)(?: now| well| perfectly| great| a lot| fine)?|let(?:'s| me) (?:see|think|"
    r"go|start|begin|try|continue|move on)(?: .{0,20})?|"
    r"(?:just )?(?:a|one) (?:moment|second|sec|minute|min)(?: please)?|hold on|hang on|wait|go (?:on|ahead)|of course|why not|"
    r"me (?:too|neither)|same here|so do i|by the way|you too|nice to meet you|pleased to meet you|long time no see|"
    r"here (?:we|you) go|what a (?:day|pity|shame|relief|mess)|too bad|my pleasure|not (?:bad|really|at all|yet|sure|now)|"
    r"all (?:good|right|set)|i'm (?:back|here|ready|done)|how (?:nice|cool|sweet|lovely|funny|interesting))"
)
_SUPPOSES = re.compile(
    r"(?:(?:ok|okay|so|now|well|and|but|just|please|hey|hi)[, ]+)*(?:suppose|supposing|imagine|let'?s (?:say|suppose|imagine|"
    r"assume|pretend)|let us (?:say|suppose|imagine|assume)|pretend|assume|assuming|what if|hypothetically|if only|"
    r"picture this|i wish|in a parallel universe|in another life|if i (?:were|was|had|lived|could|won|became|ever)\b|if (?:we|"
    r"my|it|there|you|he|she|they)\b.*\b(?:would|could|might)\b|i dreamed|i dreamt|i had a dream|last night i dream)"
)
_ORDERS = frozenset(
    """tell give write show explain translate summarise summarize count say list sing help remind make create generate draw find look
        calculate compute convert solve fix check compare describe define suggest recommend continue stop repeat answer reply respond
        speak use let play read search open turn set add delete send plan draft rewrite correct proofread analyse analyze consider
        ignore act name call go keep try pick choose design build debug refactor implement print sort rank paraphrase shorten expand
        outline brainstorm review rate guess ask talk begin start finish extract identify classify format clean remove replace change
        update edit prepare book order buy save note remember forget memorise memorize don't never always please do be be-careful
        simplify elaborate estimate provide present cite quote prove derive plot schedule avoid include focus skip teach quiz test
        recite pretend run install cook bring take wake read-out leave put turn-off shut close""".split()
)


def supposes(text: str) -> bool:
    """Return whether a sentence supposes something."""
    return _SUPPOSES.match(text) is not None


def orders(words: Words) -> bool:
    """Return whether a sentence begins with an order: "please translate this", "never use emojis"."""
    lead = lead_at(words, 0, len(words))
    i = lead.end
    while i > 0 and words.low[i - 1] in ("please", "just", "remember", "note", "tell", "me", "explain", "write", "translate"):
        i -= 1
    if i >= len(words) or words.low[i] not in _ORDERS:
        return False
    following = words.low[i + 1] if i + 1 < len(words) else ""
    return following not in ("is", "was", "'s", "are", "were", "has", "desk")


def quotes(words: Words) -> bool:
    """Return whether a sentence reports what somebody else says or thinks."""
    low = words.low
    if '"' in low[:1] and any(word in ("said", "says", "asked", "replied", "shouted", "whispered", "told", "wrote") for word in low):
        return True
    context = Context("user")
    for clause in Parser(words, context).clauses():
        return reports(words, clause, context) and not (clause.thing.owner == "user" and not clause.thing.noun)
    return False


def tells_first_person(words: Words) -> bool:
    """Return whether a question tells something of the speaker before it asks: "I moved to Ulm, where can I eat?"."""
    for clause in Parser(words, Context("user")).clauses():
        if not clause.last and clause.thing.owner == "user" and not clause.lead.supposes and not clause.lead.aside:
            return True
    return False
