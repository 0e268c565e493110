"""What a language brings along for `table_reader`: verbs, closed classes, and the English names of relations and attributes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a verb: what it means, who may be its subject, and its tense."""

    verb: str  # what it means, in English: "live", "like"
    person: str = ""  # "1" the speaker, "3" another, "" both; "g" a participle of the present
    past: bool = False
    participle: bool = False


def forms(text: str) -> dict[str, Form]:
    """Return the forms of verbs from lines such as "live | wohne wohnen | wohnt | wohnte wohnten | gewohnt".

    The columns are: the meaning, forms of the first person, of the third, of the past, participles. "1:" and "3:" mark the person of a past
    form, "g:" a participle of the present.
    """
    found: dict[str, Form] = {}
    for line in text.strip().splitlines():
        verb, *columns = (column.split() for column in line.split("|"))
        for column, words in enumerate(columns):
            for word in words:
                person, _, bare = word.rpartition(":")
                person = person or ("1" if column == 0 else "3" if column == 1 else "")
                if (column == 0 and bare in found and found[bare].person == "3") or (
                    column == 1 and bare in found and found[bare].person == "1"
                ):
                    person = ""
                found.setdefault(bare, Form(verb[0], person, column == 2, column == 3))
                if person == "" and column < 2:
                    found[bare] = Form(verb[0])
    return found


def pairs(text: str) -> dict[str, str]:
    """Return a mapping from lines or parts such as "hund hündin=dog; katze kater=cat"."""
    found: dict[str, str] = {}
    for part in text.replace("\n", " ").split(";"):
        if "=" in part:
            words, _, meaning = part.partition("=")
            found |= {word.strip().replace("_", " "): " ".join(meaning.split()) for word in words.split()}
    return found


def words(text: str) -> frozenset[str]:
    """Return the words of a text; "_" stands for a blank."""
    return frozenset(word.replace("_", " ") for word in text.split())


@dataclass(frozen=True)
class Table:
    """The words of one language."""

    me: frozenset[str]  # pronouns of the speaker as a subject
    others: frozenset[str]  # other pronouns as a subject
    possessives: Mapping[str, str]  # "mein" -> "me", "sein" -> "he"
    articles: frozenset[str]
    verbs: Mapping[str, Form]
    negations: frozenset[str]  # "not"
    none: frozenset[str]  # "no", as a determiner
    ended: re.Pattern[str]  # "no longer", in the words of a clause joined by blanks
    once: frozenset[str]  # "formerly"
    adverbs: frozenset[str]  # what stands anywhere and says nothing here
    separators: frozenset[str]  # conjunctions that part clauses
    ands: frozenset[str]
    stops: frozenset[str]  # where a value ends
    prepositions: Mapping[str, str]  # "bei" -> "at"; the English ones name the roles
    relations: Mapping[str, str]
    pets: Mapping[str, str]
    attributes: Mapping[str, str]
    favourites: re.Pattern[str]  # matches "lieblingsfarbe", with the group `n`
    nouns: Mapping[str, str]  # names of what is liked best, in English: "farbe" -> "colour"
    is_job: Callable[[str], bool]
    diets: frozenset[str]
    marital: frozenset[str]
    nationalities: frozenset[str]
    religions: frozenset[str]
    conditions: frozenset[str]
    colours: frozenset[str]
    languages: frozenset[str]
    instruments: frozenset[str]
    games: frozenset[str]
    things: frozenset[str]
    cars: frozenset[str]
    days: frozenset[str]
    months: frozenset[str]
    numbers: frozenset[str]
    years: frozenset[str]  # "years", behind an age
    countries: frozenset[str]
    allergic: frozenset[str]
    intolerant: re.Pattern[str]
    allergy: re.Pattern[str]  # a noun for an allergy; the group `v` is what it is to, where it says so
    fears: frozenset[str]
    states: frozenset[str]
    supposing: re.Pattern[str]  # matches the begin of what is only supposed
    reporting: re.Pattern[str]  # matches a clause that reports what others say
    correcting: re.Pattern[str]  # matches the words before a correction
    doubting: re.Pattern[str]
    over: re.Pattern[str]  # a sentence that only says "no longer"
    gladly: frozenset[str] = frozenset()  # "gern": what is done gladly is liked
    article_of_names: frozenset[str] = field(default_factory=frozenset)
    capital_nouns: bool = False  # nouns are written with a capital letter, so that it marks no name
    drops_subject: bool = False
    greeting: re.Pattern[str] = re.compile(r"(?!)")
    called_me: re.Pattern[str] = re.compile(r"(?!)")  # "Nenn mich", with the group `v`
    labelled: re.Pattern[str] = re.compile(r"(?!)")
    but: frozenset[str] = frozenset()  # "sondern"
