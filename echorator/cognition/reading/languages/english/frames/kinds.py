"""Which attribute an adjective or a noun tells of a person by itself: "vegan" a diet, "Canadian" a nationality."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.frames.frame import Frame
from echorator.cognition.reading.languages.english.lexicon import adjectives, nouns
from echorator.cognition.reading.values import FactType

SINGLE, MANY = FactType.SINGLE, FactType.MANY


def kind_of(f: Frame, i: int) -> str:
    """Return which attribute an adjective or a noun without an article tells of a person, or ""."""
    word = f.low[i]
    if word in nouns.DIETS:
        return "diet"
    if word in nouns.RELIGIONS:
        return "religion"
    if word in nouns.NATIONALITIES:
        return "nationality"
    if word in adjectives.MEDICAL:
        return "medical condition"
    if word in adjectives.TRAITS:
        return "trait"
    if word in adjectives.ORIENTATIONS and word != "straight":
        return "orientation"
    if word in nouns.STAR_SIGNS:
        return "star sign"
    return ""


TYPES_OF_KINDS = {
    "medical condition": MANY,
    "trait": MANY,
    "nationality": MANY,
    "religion": SINGLE,
    "diet": SINGLE,
    "orientation": SINGLE,
    "star sign": SINGLE,
}
