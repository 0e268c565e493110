"""Dialogues as people hold them: natural statements among memories and in turns, questions in other words, what cannot be known, tool calls.

The memory is written as `echorator/cognition/recall/context.py` writes it for this model: up to eight lines, oldest first, in the user's own words;
of two lines that answer the same question the later one holds. Every answer says a statement back whole and in the second person, so that what has to
be learned is to find a sentence and to copy it. `dialogue` mixes these with the plain grammar of `corpus`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from bench.echo_nano import corpus
from bench.echo_nano.skills import SMALL, copying, small_reply, tool_dialogue
from bench.echo_nano.statements import TOPICS, Statement, about, lowered, near_miss, second_person, sentence, statement
from bench.echo_nano.talks import TALKS

Turn = tuple[str, str]


class Dialogue(NamedTuple):
    """The turns, and by the place of an answer what it rests on: (turn, first character, one behind the last), or None where it declines.

    A drill asks many questions, and only the beginnings of its answers are learned.
    """

    turns: list[Turn]
    evidence: Mapping[int, tuple[int, int, int] | None] = MappingProxyType({})
    drill: bool = False


def plain(ask: str) -> str:
    """Return a question in the form in which two are compared: small, without mark and contraction."""
    return ask.lower().rstrip("?").replace("what's", "what is").replace("who's", "who is").replace("where's", "where is")


_KEPT = frozenset(plain(ask) for talk in TALKS.values() for ask in (*(ask for ask, _, _ in talk.asks), *talk.unknown))  # not asked in training
UNKNOWN = "I do not know that yet. Tell me and I will remember it."
_OPENERS = (
    "By the way, ", "Just so you know, ", "Oh, and ", "Well, ", "So, ", "Please remember that ", "Please note that ", "Remember: ", "Don't forget that ", "FYI, ",
    "For your information, ", "You should know that ", "I wanted to tell you that ", "Did I tell you that ", "Hi! ", "Hello, ", "Guess what, ", "Note that ", "Also, ", "Yes, ",
)  # fmt: skip
_FILLERS = (
    "It was great.", "I am quite happy about it.", "That is all for today.", "It's a long story.", "What a day!", "You know how it is.", "Isn't that nice?", "Crazy, right?",
    "I can't wait.", "It took a while.", "Nobody knows why.", "We will see.", "Can you believe it?", "I thought you should know.", "It is a bit of a mess.", "Lovely, isn't it?",
)  # fmt: skip
_ASKING = ("Do you remember {q}?", "Tell me: {q}?", "By the way, {q}?", "Hey, {q}?", "Quick question: {q}?", "Sorry, {q} again?", "Remind me, {q}?", "Echo, {q}?", "So {q}?", "{q}, please?")
_AGAIN = ("Actually, ", "Correction: ", "No, wait, ", "Sorry, ", "Things have changed: ", "I was wrong, ", "Update: ", "Now ")


def worded(rng: random.Random, s: Statement) -> tuple[str, str]:
    """Return (what the user writes, how it is said back, beginning small)."""
    said, back = s.said, second_person(s.said)
    if rng.random() < 0.2 and not back.startswith("you said"):
        opener = rng.choice(_OPENERS)
        said = opener + lowered(said)
    said = sentence(said)
    if rng.random() < 0.06:
        said = said.lower().rstrip(".") if rng.random() < 0.7 else said.rstrip(".")
        back = second_person(said) if said.islower() and not said.startswith(tuple(o.lower() for o in _OPENERS)) else back.lower() if said.islower() else back
    elif rng.random() < 0.06:
        said = said[:-1] + "!"
    return said, back


def with_filler(rng: random.Random, said: str) -> str:
    """Return a turn with a sentence before or behind that tells nothing."""
    end = said if said.endswith((".", "!", "?")) else said + "."
    return f"{end} {rng.choice(_FILLERS)}" if rng.random() < 0.7 else f"{rng.choice(_FILLERS)} {said}"


def question(rng: random.Random, ask: str) -> str:
    """Return a question as it is typed."""
    r = rng.random()
    low = ask[:1].lower() + ask[1:] if not ask.startswith("I ") else ask
    if r < 0.72:
        return ask + "?"
    if r < 0.84:
        return rng.choice(_ASKING[1:]).format(q=low)
    if r < 0.92:
        return low + rng.choice(("?", ""))
    return ask.replace("What is", "What's").replace("Where is", "Where's").replace("Who is", "Who's") + "?"


class Talk:
    """A dialogue that is being made: what is known so far, in order, and its turns."""

    def __init__(self, rng: random.Random, tests: bool) -> None:
        self.rng, self.tests = rng, tests
        self.known: list[tuple[Statement, str, str]] = []  # with how it is said back, and as it was written
        self.turns: list[Turn] = []
        self.asked: set[str] = set()
        self.evidence: dict[int, tuple[int, int, int] | None] = {}

    def holds(self, ask: str) -> tuple[str, str] | None:
        """Return how the answer to a question is said back, and as it was written; the last statement that answers it holds."""
        return next(((back, said) for s, back, said in reversed(self.known) if ask in s.asks), None)

    def place(self, said: str) -> tuple[int, int, int] | None:
        """Return the turn and the characters in which a statement was last written."""
        for i in range(len(self.turns) - 1, -1, -1):
            role, text = self.turns[i]
            if role != "assistant" and (at := text.rfind(said)) >= 0:
                return i, at, at + len(said)
        return None

    def line(self) -> str:
        """Add a statement to what is known and return what the user wrote."""
        rng = self.rng
        given = {}
        if self.known and rng.random() < 0.3:  # something else about a person of an earlier line, or another value of its topic
            given = {k: v for k, v in rng.choice(self.known)[0].slots if k == "rel"}
        s = statement(rng, self.tests, given)
        said, back = worded(rng, s)
        self.known.append((s, back, said.rstrip(".!")))
        return said

    def revised(self) -> str | None:
        """Say another value of a topic that is known, and return what the user wrote."""
        old = self.rng.choice(self.known)[0]
        if old.topic < 0:
            return None
        keys = {k: v for k, v in old.slots if any(v in a for a in old.asks)}
        s = TOPICS[old.topic].statement(self.rng, keys, self.tests)
        back = second_person(s.said)
        opener = self.rng.choice(_AGAIN) if self.rng.random() < 0.5 else ""
        said = sentence(opener + (lowered(s.said) if opener else s.said))
        self.known.append((s, back, said.rstrip(".!")))
        return said

    def memory(self) -> str:
        """Return a system turn with a memory of one to eight lines."""
        rng = self.rng
        lines: list[str] = []
        for _ in range(rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 8))):
            r = rng.random()
            if r < 0.06:
                asks = [a for a in statement(rng, self.tests).asks if plain(a) not in _KEPT]
                lines.append(question(rng, rng.choice(asks)) if asks and rng.random() < 0.5 else rng.choice(SMALL)[0])
            elif r < 0.16 and self.known and (said := self.revised()):
                lines.append(said)
            elif r < 0.24:
                lines.append(f"{sentence(self.line())} {sentence(self.line())}")
            else:
                said = self.line()
                lines.append(with_filler(rng, said) if rng.random() < 0.15 else said)
        return corpus.SYSTEM + "\nMemory:\n" + "\n".join(f"- {text}" for text in lines)

    def tell(self) -> None:
        """The user states one or two things; the assistant says them back."""
        rng = self.rng
        if self.known and rng.random() < 0.12 and (said := self.revised()):
            self.turns += [("user", said), ("assistant", f"Got it. I will remember that {self.known[-1][1]}.")]
            return
        said = self.line()
        backs = [self.known[-1][1]]
        if rng.random() < 0.2:
            said = f"{sentence(said)} {self.line()}"
            backs.append(self.known[-1][1])
        elif rng.random() < 0.15:
            said = with_filler(rng, said)
        self.turns += [("user", said), ("assistant", f"Got it. I will remember that {' and that '.join(backs)}.")]

    def ask(self) -> None:
        """The user asks for something that was told."""
        fresh = [a for s, *_ in self.known for a in self.rng.sample(s.asks, min(2, len(s.asks))) if a not in self.asked and plain(a) not in _KEPT]
        if fresh:
            ask = self.rng.choice(fresh)
            self.asked.add(ask)
            back, said = self.holds(ask) or ("", "")
            where = self.place(said)
            self.turns += [("user", question(self.rng, ask)), ("assistant", sentence(back))]
            if where:
                self.evidence[len(self.turns) - 1] = where

    def ask_unknown(self) -> None:
        """The user asks for something that was not told, more often than not close to something that was."""
        rng = self.rng
        asks = near_miss(rng, rng.choice(self.known)[0], self.tests) if self.known and rng.random() < 0.65 else [about(rng, "I", self.tests)] if rng.random() < 0.5 else list(statement(rng, self.tests).asks)
        asks = [a for a in asks if self.holds(a) is None and plain(a) not in _KEPT]
        if asks:
            self.turns += [("user", question(rng, rng.choice(asks))), ("assistant", UNKNOWN)]
            self.evidence[len(self.turns) - 1] = None

    def chat(self) -> None:
        """The user says or asks something that no memory bears on."""
        rng = self.rng
        self.turns += corpus.open_question(rng) if rng.random() < 0.2 else copying(rng, self.tests) if rng.random() < 0.3 else small_reply(rng)


def talk(rng: random.Random, tests: bool = False, most: int = 14, drill: bool = False) -> Dialogue:
    """Return a dialogue with a memory, without one, or with the memory of what is said in it."""
    made = Talk(rng, tests)
    if drill or rng.random() < 0.75:
        made.turns.append(("system", made.memory()))
    elif rng.random() < 0.5:
        made.turns.append(("system", corpus.SYSTEM))
    for _ in range(rng.randint(6, 24) if drill else rng.randint(3, most)):
        r = rng.random()
        if drill and made.known:
            made.ask() if r < 0.62 else made.ask_unknown()
        elif r < 0.14 or (not made.known and r < 0.6):
            made.tell()
        elif r < 0.66 and made.known:
            made.ask()
        elif r < 0.92:
            made.ask_unknown()
        else:
            made.chat()
    return Dialogue(made.turns, made.evidence, drill)


def dialogue(rng: random.Random) -> Dialogue:
    """Return a talk, a list of facts with questions, or another kind of training dialogue, as `rng` draws it."""
    r = rng.random()
    if r < 0.09:
        return Dialogue(corpus.dialogue(rng))
    if r < 0.13:
        return Dialogue(tool_dialogue(rng, False))
    return talk(rng, drill=r < 0.75)


if __name__ == "__main__":
    some = random.Random()
    for _ in range(12):
        print(corpus.render(dialogue(some).turns))
