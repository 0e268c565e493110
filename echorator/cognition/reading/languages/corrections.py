"""Reads corrections of what was told before, by a table of a language's words: "Nein, 4433.", "Perdón, quise decir Bergen."."""

from __future__ import annotations

from collections.abc import Sequence

from echorator.cognition.reading.comparing import same_value
from echorator.cognition.reading.languages.english.correcting import compatible, shape_of
from echorator.cognition.reading.languages.table import Table
from echorator.cognition.reading.values import Claim, Fact, FactType
from echorator.cognition.reading.words import Words

MOST_WORDS = 5  # of a value that stands alone


def corrected(words: Words, table: Table, earlier: Sequence[Fact]) -> tuple[Fact, ...] | None:
    """Return the facts of a sentence that only corrects or denies something told before, or None where it is no such sentence."""
    holding = [fact for fact in earlier if fact.claim is Claim.HOLDS and fact.type in (FactType.SINGLE, FactType.MANY)]
    text = " ".join(word for word in words.low if word not in ("", ",", ".", "!", "\u00a1"))
    if table.over.fullmatch(text.strip()):
        return tuple(_denied(fact) for fact in holding[:1])
    lead = table.correcting.match(words.joined)
    if lead is None:
        return None
    i = len(lead.group().split())
    j = len(words)
    while j > i and not words.low[j - 1][:1].isalnum():
        j -= 1
    while i < j and (words.low[i] in table.adverbs or not words.low[i][:1].isalnum() or words.low[i] in table.articles):
        i += 1
    if not 0 < j - i <= MOST_WORDS or any(
        words.low[k] in table.verbs or words.low[k] in table.me or words.low[k] in table.possessives for k in range(i, j)
    ):
        return None
    value = words.text(i, j)
    shape = shape_of(value)
    for fact in holding:
        if same_value(fact.value, value):
            return ()
        if compatible(fact, shape, value):
            new = Fact(fact.subject, fact.attribute, value, fact.type, Claim.HOLDS, 1.0, True)
            return (new, _denied(fact)) if fact.type is FactType.MANY else (new,)
    return ()


def _denied(fact: Fact) -> Fact:
    return Fact(fact.subject, fact.attribute, fact.value, fact.type, Claim.DENIES, 1.0, True)
