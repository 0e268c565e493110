"""The facts that a sentence states, and the topic that a question asks about; each language reads its own (`languages`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from echorator.cognition.reading.languages import french, german, spanish
from echorator.cognition.reading.languages.detecting import language_of
from echorator.cognition.reading.languages.english.asking import topic_of_question
from echorator.cognition.reading.languages.english.reader import facts_of_words
from echorator.cognition.reading.languages.questions import topic_of
from echorator.cognition.reading.languages.table import Table
from echorator.cognition.reading.languages.table_reader import TableReader
from echorator.cognition.reading.values import Fact, Topic
from echorator.cognition.reading.words import french_parts, no_parts, words_of

_TABLES: dict[str, tuple[Table, Callable[[str], tuple[str, str] | None]]] = {
    "de": (german.TABLE, no_parts),
    "es": (spanish.TABLE, no_parts),
    "fr": (french.TABLE, french_parts),
}


def facts_of(sentence: str, speaker: str = "", earlier: Sequence[Fact] = ()) -> tuple[Fact, ...]:
    """Return the facts that a sentence states.

    Args:
        sentence: one sentence, in English, German, Spanish or French; another language gives no facts.
        speaker: who says it; facts of the first person are "user"'s where it is empty.
        earlier: the facts that were told before, the latest first: pronouns, corrections and denials refer to them.
    """
    me = " ".join(speaker.lower().split()) or "user"
    words = words_of(sentence)
    asks = sentence.rstrip(" \"')]\u201d\u00bb").endswith("?")
    language = language_of(words)
    if language in _TABLES:
        table, parts = _TABLES[language]
        return TableReader(table, words_of(sentence, parts), me, earlier).read(asks)
    return facts_of_words(words, me, earlier, asks)


def asked_of(question: str, speaker: str = "") -> Topic | None:
    """Return the subject and the attribute that a question asks about, worded as facts are; None where it asks for no single fact."""
    me = " ".join(speaker.lower().split()) or "user"
    words = words_of(question)
    language = language_of(words)
    if language in _TABLES:
        table, parts = _TABLES[language]
        return topic_of(words_of(question, parts), table, language, me)
    return topic_of_question(words, me)
