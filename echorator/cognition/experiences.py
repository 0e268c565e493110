"""What is learned from a turn of a conversation when it has been answered.

Requests to forget are carried out first. Then every passage of the turn becomes a memory, word for word; what the user asks to remember is
pinned. Mood, focus and reservoir of the session move on, what was recalled together is associated, and feedback calibrates confidence.
Fed by `api`; `turns` makes the context before the answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from echorator.cognition.cognition import Cognition
from echorator.cognition.learning.reservoir import Reservoir, similarity
from echorator.cognition.learning.writing import Told, told_last
from echorator.cognition.memory import Action, Batch, Experience, Link, Patch
from echorator.cognition.off_loop import off_loop
from echorator.cognition.reading.acts import Request, request_of
from echorator.cognition.reading.facts import facts_of
from echorator.cognition.reading.meant import meaning_of, topics_meant
from echorator.cognition.reading.sentences import passages
from echorator.cognition.recall.affect import affect_of, carried, decayed
from echorator.cognition.recall.confidence import SAMPLES
from echorator.cognition.recall.context import without_blocks
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.recall.recalling import Asked, Owner
from echorator.cognition.recall.session import SessionState
from echorator.cognition.settings import MAX_TEXT_BYTES

MOST_PASSAGES = 1000  # about as many passages of one turn become memories of their own; those of a longer turn are joined
MAX_RESONANT = 500  # sessions that are compared with the present one
MOST_FORGOTTEN = 200  # memories that one request to forget may mean


@dataclass(frozen=True, slots=True)
class Turn:
    """A finished turn of a conversation."""

    user_text: str
    answer: str
    model: str = ""
    recalled: Sequence[int] = ()  # ids of the memories that were recalled for it
    outcome: int = 1
    feedback: float | None = None  # -1..1
    at_s: float | None = None  # when it ended; None: now


@dataclass(frozen=True, slots=True)
class Recorded:
    """The ids of what was learned from a turn, and of what it ended, confirmed and erased."""

    experience_id: int
    memory_ids: list[int]
    superseded_ids: list[int]
    confirmed_ids: list[int]  # memories that the user asked to remember
    forgotten_ids: list[int]  # memories that the user asked to forget


@dataclass(slots=True)
class _Said:
    """The passages of a turn, parted by what is to be done with them."""

    told: list[Told] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)  # places in `told` of what the user asks to remember
    forget: list[Request] = field(default_factory=list)
    keep_last: bool = False  # the user asks to remember what was said before
    rest: list[str] = field(default_factory=list)  # the passages without the requests to forget
    taken_back: bool = False  # the turn asked to forget a passage of its own

    def keep(self, place: int) -> None:
        """Pin the passage at a place of `told`."""
        self.told[place] = replace(self.told[place], importance=1.0, pinned=True)
        self.kept.append(place)

    def forget_last(self) -> str:
        """Take back the passage that the turn told last and return it."""
        gone = self.told.pop()
        self.rest = [passage for passage in self.rest if gone.text not in passage]
        self.kept = [place for place in self.kept if place < len(self.told)]
        self.taken_back = True
        return gone.text


class Experiences:
    """What the conversations of one `Cognition` teach it."""

    def __init__(self, cognition: Cognition) -> None:
        self._cognition = cognition
        self._reservoir = Reservoir(cognition.embedder.dimension)

    async def record(self, owner: Owner, turn: Turn) -> Recorded:
        """Learn from a finished turn; what was learned is durable when it returns. Raises InvalidRequestError, ResourceError."""
        cognition = self._cognition
        now_s = time.time() if turn.at_s is None else turn.at_s
        text = without_blocks(turn.user_text)
        said = await off_loop(len(text), lambda: _parted(text, now_s))
        forgotten = await self._forget(owner, said.forget) if said.forget else []
        opened = await cognition.opened(owner)
        session = SessionState() if opened is None else await cognition.session(opened, owner.session)
        memories = await cognition.prepared(said.told, owner.session, now_s, session.facts)
        if opened is None:
            opened = await cognition.opened(owner, create=True)
            assert opened is not None
        session = await self._felt(session, text, now_s)
        session = replace(session, facts=told_last([fact for m in memories for fact in m.facts], session.facts))
        before = await self._learned_last(opened, owner) if said.keep_last else []
        pairs = combinations(sorted(set(turn.recalled))[:8], 2)
        gain = cognition.settings.hebbian_gain
        batch = Batch(
            patch=tuple(Patch(i, {"pinned": True}, Action.UPDATED, "the user asked to remember it") for i in before),
            links=tuple(Link(a, b, "recalled", gain) for a, b in pairs if a in opened.index and b in opened.index),
            uses=tuple((i, now_s) for i in turn.recalled if i in opened.index),
            experience=_experience(owner, turn, said, text, now_s),
            documents={f"session:{owner.session}": session.dumped()} if owner.session else {},
        )
        ids, superseded, receipt = await cognition.written(opened, memories, batch, now_s)
        latest = await cognition.session(opened, owner.session)
        opened.keep_session(owner.session, replace(session, blocks=latest.blocks) if owner.session else SessionState(facts=session.facts))
        if turn.feedback is not None:
            await self._calibrate(opened, turn.recalled, turn.feedback, now_s)
        confirmed = [*before, *(ids[place] for place in said.kept)]
        return Recorded(receipt.experience_id, ids, superseded, confirmed, forgotten)

    async def _forget(self, owner: Owner, requests: Sequence[Request]) -> list[int]:
        """Erase what the requests mean and return the ids of it."""
        forgotten: set[int] = set()
        for request in requests:
            opened = await self._cognition.opened(owner)
            if opened is None:
                break
            ids = await self._meant(opened, owner, request)
            if ids:
                await self._cognition.forget(owner, None if request.everything else sorted(ids))
                forgotten |= ids
        return sorted(forgotten)

    async def _meant(self, opened: OpenNamespace, owner: Owner, request: Request) -> set[int]:
        """Return the memories that a request to forget means: those of its topic, and those that tell all that it names."""
        store, what = self._cognition.store, request.what
        if request.everything:
            return {m.id for m in await asyncio.to_thread(lambda: list(store.everything(opened.namespace, False)))}
        if not what:
            return set(await self._learned_last(opened, owner))
        values = {fact.topic: fact.value for fact in facts_of(what)}
        topics = list(values) or topics_meant(what)
        found: set[int] = set()
        for topic in topics:
            for memory in await asyncio.to_thread(store.facts, opened.namespace, *topic):
                if topic not in values or any(f.topic == topic and f.value.lower() == values[topic].lower() for f in memory.facts):
                    found.add(memory.id)
        meaning = meaning_of(what)
        answer = await self._cognition.recall_in(opened, Asked(f"{what} {meaning.words}", MOST_FORGOTTEN, superseded=True))
        return found | {r.memory.id for r in answer.memories if meaning.told_by(r.memory.text)}

    async def _learned_last(self, opened: OpenNamespace, owner: Owner) -> list[int]:
        """Return the memories of the session's last turn that are still there."""
        last = await asyncio.to_thread(self._cognition.store.experiences, opened.namespace, owner.session, 1)
        return [i for experience in last for i in experience.learned if i in opened.index]

    async def _felt(self, session: SessionState, said: str, now_s: float) -> SessionState:
        settings = self._cognition.settings
        with self._cognition.stages.timed("colour"):
            mood = carried(decayed(session.mood, now_s - session.mood_s, settings.mood_half_life_s), affect_of(said), settings.mood_gain)
        vector = (await self._cognition.embedder.embed([said]))[0]
        with self._cognition.stages.timed("resonance"):
            state = self._reservoir.start() if session.state is None else session.state
            state = self._reservoir.step(state, vector)
        return replace(session, mood=mood, mood_s=now_s, state=state)

    async def resonance(self, opened: OpenNamespace, owner: Owner, limit: int = 3) -> list[tuple[str, float]]:
        """Return the sessions whose reservoir states are most like this session's, with their cosines, best first."""
        mine = (await self._cognition.session(opened, owner.session)).state
        if mine is None:
            return []
        names = await asyncio.to_thread(self._cognition.store.documents, opened.namespace, "session:")
        found: list[tuple[str, float]] = []
        for name in names[-MAX_RESONANT:]:
            other = await self._cognition.session(opened, name.removeprefix("session:"))
            if other.state is not None and name != f"session:{owner.session}":
                found.append((name.removeprefix("session:"), similarity(mine, other.state)))
        return sorted(found, key=lambda item: -item[1])[:limit]

    async def _calibrate(self, opened: OpenNamespace, recalled: Sequence[int], feedback: float, now_s: float) -> None:
        with self._cognition.stages.timed("calibrate"):
            samples = [(opened.fits[i], feedback > 0) for i in recalled if i in opened.fits]
            if not samples or feedback == 0:
                return
            body = opened.learn_confidence(samples)
            batch = Batch(documents={SAMPLES: body})
            await asyncio.wrap_future(self._cognition.store.write(opened.namespace, batch, now_s))


def _parted(text: str, now_s: float) -> _Said:
    """Part the passages of a turn; equal ones are told once."""
    said = _Said()
    places: dict[str, int] = {}
    for passage in _joined(list(dict.fromkeys(passages(text, lambda sentence: request_of(sentence) is not None)))):
        request = request_of(passage)
        if request is not None and request.kind == "forget":
            if said.told and not request.what and not request.everything:
                places.pop(said.forget_last(), None)
            else:
                said.forget.append(request)
            continue
        if request is not None and not request.what:
            said.rest.append(passage)
            if said.told:
                said.keep(len(said.told) - 1)
            said.keep_last = said.keep_last or not said.told
            continue
        said.rest.append(passage)
        kept = request is not None
        content = request.what if request is not None else passage
        place = places.setdefault(content, len(said.told))
        if place == len(said.told):
            said.told.append(Told(content, said_s=now_s, source="chat"))
        if kept:
            said.keep(place)
    return said


def _joined(found: list[str]) -> list[str]:
    """Return passages as they are, or, where there are more than `MOST_PASSAGES`, joined into fewer, in their order."""
    if len(found) <= MOST_PASSAGES:
        return found
    enough = sum(len(passage) + 1 for passage in found) // MOST_PASSAGES + 1
    joined = [""]
    for passage in found:
        longer = f"{joined[-1]} {passage}".strip()
        if joined[-1] and (len(joined[-1]) >= enough or len(longer.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES):
            joined.append(passage)
        else:
            joined[-1] = longer
    return joined


def _experience(owner: Owner, turn: Turn, said: _Said, text: str, now_s: float) -> Experience:
    """Return the turn as the history keeps it: without what it asked to forget, and without an answer that may repeat it."""
    text, answer = (" ".join(said.rest), "") if said.forget or said.taken_back else (text, turn.answer)
    return Experience(owner.session, now_s, text, answer, turn.model, tuple(turn.recalled), (), turn.outcome, turn.feedback)
