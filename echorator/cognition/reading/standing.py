"""Which memories belong into every context, whatever is asked: how to answer, and what harms or insults when it is not known. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from echorator.cognition.reading.values import Act, Claim, Fact

ATTRIBUTES = frozenset({"allergy", "intolerance", "diet", "medical condition", "name", "nickname", "pronouns"})
"""Attributes of the user that every answer may have to heed."""

MOST_WORDS = 40  # of a standing memory; a longer text is recalled where it is relevant

_ALWAYS = re.compile(
    r"\b(?:always|never|from now on|in (?:the )?future|every time|whenever|immer|niemals?|nie|ab (?:jetzt|sofort)|in zukunft|k\u00fcnftig|"
    r"siempre|nunca|a partir de ahora|de ahora en adelante|toujours|jamais|d\u00e9sormais|\u00e0 partir de maintenant|dor\u00e9navant)\b",
    re.IGNORECASE,
)


def stands(text: str, act: Act, facts: Sequence[Fact]) -> bool:
    """Return whether a text is an order for every answer, or states one of `ATTRIBUTES` of the user."""
    if len(text.split()) > MOST_WORDS:
        return False
    if act is Act.ORDERS and _ALWAYS.search(text):
        return True
    return any(fact.subject == "user" and fact.attribute in ATTRIBUTES and fact.claim is Claim.HOLDS for fact in facts)
