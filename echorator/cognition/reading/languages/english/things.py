"""What a clause is about, and whom pronouns mean: the values that the parser and the frames share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from echorator.cognition.reading.values import Fact, FactType

TITLES = frozenset("mr mrs ms dr prof st".split())  # a full stop behind them ends no name
POSSESSIVES = frozenset("my our his her their your its".split())
PRONOUNS = frozenset("he she it they this that these those".split())
ARTICLES = frozenset("a an the".split())
PREPOSITIONS = frozenset(
    """of for to at in on with from by about near under over into as than like without within between during since until till after
    before around behind through via per because while when where which who whom whose if so but or nor although though unless
    whereas beside besides despite except plus alongside next opposite outside inside off up down across along""".split()
)
FUNCTION_WORDS = (
    PREPOSITIONS
    | POSSESSIVES
    | ARTICLES
    | PRONOUNS
    | frozenset(
        """i we you me us him them myself and not n't no yes there here what how why s whose each every any some all everyone
        everybody""".split()
    )
)


@dataclass(frozen=True, slots=True)
class Thing:
    """What a noun phrase is about: `owner` "user", `noun` "sister", `name` "Klara" for "my sister Klara"."""

    owner: str = ""  # subject of the one it belongs to, or the person or named thing itself where `noun` is empty
    noun: str = ""
    name: str = ""
    article: str = ""  # "the", "a", or a possessive
    group: bool = False  # more than one
    post: str = ""  # a phrase behind it, as "to Oslo" of "my flight to Oslo"
    unknown: bool = False  # it belongs to someone whom a pronoun means, and nobody was named

    @property
    def subject(self) -> str:
        """The subject of facts about the thing itself, in lower case; empty where it is not known."""
        if self.unknown:
            return ""
        if not self.noun:
            return self.owner
        return f"{self.owner}'s {self.noun}" if self.owner else self.noun

    @property
    def head(self) -> str:
        """The last word of the noun, or of the subject where a pronoun means it."""
        return (self.noun or ("" if self.name else self.owner)).rsplit(" ", 1)[-1]


@dataclass(frozen=True, slots=True)
class Slot:
    """The topic that a thing names as an attribute of its owner."""

    subject: str
    attribute: str
    type: FactType


@dataclass(slots=True)
class Context:
    """Who speaks, and whom the pronouns may mean."""

    me: str
    it: str = ""  # subject that "it" means
    person: str = ""  # subject that "he" and "she" mean
    slot: Slot | None = None  # attribute that the last clause told the value of
    values: Sequence[str] = ()  # values that the last clause told
    names: dict[str, str] = field(default_factory=dict)  # names in lower case -> subjects that have them
    earlier: Sequence[Fact] = ()  # told before, the latest first
