"""What the words of a request to forget mean: the topics of a phrase such as "my phone number", and the words that tell. Pure."""

from __future__ import annotations

import re

from echorator.cognition.reading.facts import asked_of
from echorator.cognition.reading.values import Topic

_QUESTIONS = (
    "{}?",
    "What is {}?",
    "Who is {}?",
    "What is {} called?",
    "Was ist {}?",
    "Wer ist {}?",
    "\u00bfCu\u00e1l es {}?",
    "Quel est {} ?",
)
_FILLERS = re.compile(
    r"\b(?:things?|stuff|infos?|information|details?|data|parts?|bits?|stor(?:y|ies)|entr(?:y|ies)|notes?|facts?|everything|anything|about|"
    r"sachen?|geschichten?|eintr\u00e4ge?|eintrag|infos?|daten|angaben?|alles|\u00fcber|von|zum|zur|"
    r"cosas?|datos?|historias?|entradas?|informaci\u00f3n|todo|sobre|lo|de|del|"
    r"choses?|histoires?|donn\u00e9es?|infos?|informations?|entr\u00e9es?|tout|sur|l'info)\b",
    re.IGNORECASE,
)


def topics_meant(what: str) -> list[Topic]:
    """Return the topics that a phrase or an indirect question names, each once: "my phone number", "where I live", "mi n\u00famero"."""
    return list(dict.fromkeys(topic for question in _QUESTIONS if (topic := asked_of(question.format(what.rstrip(" .!?"))))))


def words_meant(what: str) -> str:
    """Return the words of a request without those that only say that something is meant; all of them where none would be left."""
    return _FILLERS.sub(" ", what).strip() or what
