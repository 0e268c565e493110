"""One turn of a conversation: what is recalled into its messages before the answer, and what is learned from it afterwards.

Before: reference resolution -> recall -> packing -> placement (`context`). After: post-processing of the turn -> statements as memories ->
mood, focus and reservoir of the session -> associations of what was recalled together -> calibration by feedback. Fed by `api`.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from echorator.cognition.cognition import Cognition
from echorator.cognition.learning.facts import statements
from echorator.cognition.learning.reservoir import Reservoir, similarity
from echorator.cognition.learning.writing import Told
from echorator.cognition.memory import Batch, Experience, Link
from echorator.cognition.off_loop import off_loop
from echorator.cognition.recall.affect import affect_of, carried, decayed
from echorator.cognition.recall.context import Message, Wording, block_of, line_of, pack, placed, without_blocks, wording_of
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.recall.recalling import Asked, Owner, Recalled
from echorator.cognition.recall.session import Block, SessionState, digest_of
from echorator.cognition.text import words
from echorator.errors import InvalidRequestError

_log = logging.getLogger(__name__)

MAX_RESONANT = 500  # sessions that are compared with the present one
MOST_STATEMENTS = 1000  # distinct statements of one turn that become memories; the experience keeps the whole turn
MOST_QUERY = 8192  # characters of a query; most texts of that length have fewer words than text.MAX_TERMS
FULL = 0.8  # share of the budget that earlier blocks may hold
CANDIDATES = 48  # recalled memories that packing chooses from
_POINTING = re.compile(
    r"\b(?:it|its|he|him|his|she|her|they|them|their|this|that|these|those|there|one|ones|same|and|what about)\b", re.IGNORECASE
)
_FEW_WORDS = 3

Count = Callable[[str, Sequence[str]], Awaitable[list[int]]]
"""A function from (model, texts) to the number of tokens of each text."""


async def estimated_tokens(_model: str, texts: Sequence[str]) -> list[int]:
    """Return one token for every 3 bytes of each text, more than most need; used where no tokenizer can be asked."""
    return [len(text.encode()) // 3 + 1 for text in texts]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a context may hold; None takes the settings' value."""

    budget_tokens: int | None = None
    max_memories: int | None = None
    min_confidence: float | None = None  # 0..1


@dataclass(frozen=True, slots=True)
class Chosen:
    """A memory that was put into the context, with its tokens and the reason."""

    recalled: Recalled
    tokens: int
    reason: str  # "relevant", or "kept" from an earlier turn


@dataclass(frozen=True, slots=True)
class Built:
    """A conversation with the memories that were put into it."""

    messages: list[Message]
    chosen: list[Chosen]
    block: str  # the text that was put in for the last turn
    block_tokens: int
    embed_s: float = 0.0
    search_s: float = 0.0
    erasures: int = 0  # number of the tenant's erasures so far; see `Store.erasures`


def resolved_query(messages: Sequence[Message]) -> str:
    """Return the last user turn, preceded by the turn before where it is short and only points back. Raises InvalidRequestError."""
    said = [without_blocks(m.content) for m in messages if m.role == "user"]
    if not said:
        raise InvalidRequestError("messages: there is no user message to recall for")
    last = _ends_of(said[-1])
    if len(said) > 1 and len(words(last)) <= _FEW_WORDS and _POINTING.search(last):
        return f"{_ends_of(said[-2])} {last}"
    return last


def _ends_of(text: str) -> str:
    """Return the beginning and the end of a text that is longer than a query may be: one of them has the question."""
    half = MOST_QUERY // 2
    return text if len(text) <= MOST_QUERY else f"{text[:half]} {text[-half:]}"


class Turns:
    """The conversations of one `Cognition`: contexts before each answer, learning after it."""

    def __init__(self, cognition: Cognition, count: Count = estimated_tokens) -> None:
        self._cognition = cognition
        self._count = count
        self._reservoir = Reservoir(cognition.embedder.dimension)

    # Before the answer

    async def build_context(
        self, owner: Owner, messages: Sequence[Message], model: str, bounds: Bounds, now_s: float | None = None
    ) -> Built:
        """Return the messages with the memories relevant to the last user turn; unchanged where the namespace does not exist.

        Raises:
            InvalidRequestError: there is no user message.
        """
        settings = self._cognition.settings
        now_s = time.time() if now_s is None else now_s
        query = resolved_query(messages)
        opened = await self._cognition.opened(owner)
        if opened is None:
            erasures = await asyncio.to_thread(self._cognition.store.erasures, owner.tenant)
            return Built(list(messages), [], "", 0, erasures=erasures)
        session = await self._cognition.session(opened, owner.session)
        asked = Asked(query, CANDIDATES, now_s=now_s, mood=decayed(session.mood, now_s - session.mood_s, settings.mood_half_life_s))
        answer = await self._cognition.recall_in(opened, asked)
        least = settings.min_confidence if bounds.min_confidence is None else bounds.min_confidence
        with self._cognition.stages.timed("context"):
            fitting = [r for r in answer.memories if r.confidence >= least and r.score > 0]
            room = self._room(model, bounds)
            standing = _standing(session.blocks, messages, room.wording)
            compose = self._lines if room.wording.in_system else self._block
            blocks, chosen = await compose(opened, messages, standing, fitting, room)
            out = placed(messages, {b.place: b.text for b in blocks}, room.wording)
        erasures = await asyncio.to_thread(self._cognition.store.erasures, owner.tenant)
        latest = next((b for b in blocks if b not in standing), None)
        if owner.session:
            focused = session.focused([c.recalled.memory.id for c in chosen], settings.working_memory)
            opened.keep_session(owner.session, replace(focused, blocks=tuple(blocks)))
        opened.chose((c.recalled.memory.id, c.recalled.fit) for c in chosen)
        return Built(out, chosen, latest.text if latest else "", sum(b.tokens for b in blocks), answer.embed_s, answer.search_s, erasures)

    def _room(self, model: str, bounds: Bounds) -> _Room:
        settings, wording = self._cognition.settings, wording_of(model)
        limit = min(wording.max_memories, settings.max_memories) if bounds.max_memories is None else bounds.max_memories
        return _Room(model, wording, settings.budget_tokens if bounds.budget_tokens is None else bounds.budget_tokens, limit)

    async def _block(
        self, opened: OpenNamespace, messages: Sequence[Message], standing: list[Block], fitting: list[Recalled], room: _Room
    ) -> tuple[list[Block], list[Chosen]]:
        """Put a block before the last user turn; earlier blocks stay as they are while they hold at most `FULL` of the budget."""
        last = max(i for i, m in enumerate(messages) if m.role == "user")
        if any(b.place == last for b in standing):  # the same turn is sent again
            return standing, await self._kept(opened, standing)
        present = {i for b in standing for i in b.ids}
        fresh = [r for r in fitting if r.memory.id not in present]
        if fresh and sum(b.tokens for b in standing) > room.budget * FULL:
            # Drop the older half at once and not block by block, so that the prompt behind it is prefilled again only now and then.
            standing = standing[len(standing) // 2 :]
        budget = room.budget - sum(b.tokens for b in standing)
        chosen, tokens = await self._packed(opened, fresh, replace(room, first=not standing), budget, room.limit)
        if not chosen:
            return standing, []
        block = self._made(last, messages[last], chosen, replace(room, first=not standing), tokens)
        return [*standing, block], chosen

    async def _lines(
        self, opened: OpenNamespace, messages: Sequence[Message], standing: list[Block], fitting: list[Recalled], room: _Room
    ) -> tuple[list[Block], list[Chosen]]:
        """Put lines into the system turn; they change only when the best fitting memory is not among them."""
        kept = await self._kept(opened, standing)
        present = {c.recalled.memory.id for c in kept}
        if standing and (not fitting or fitting[0].memory.id in present):
            return standing, kept
        chosen, tokens = await self._packed(opened, fitting, room, room.budget, room.limit)
        if not chosen:
            return standing, kept
        new = {c.recalled.memory.id for c in chosen}
        for old in reversed(kept):  # the latest first
            if old.recalled.memory.id not in new and len(chosen) < room.limit and tokens + old.tokens <= room.budget:
                chosen.append(old)
                tokens += old.tokens
        return [self._made(-1, _head(messages), chosen, room, tokens)], chosen

    async def _packed(
        self, opened: OpenNamespace, fitting: list[Recalled], room: _Room, budget: int, limit: int
    ) -> tuple[list[Chosen], int]:
        if not fitting or not limit:
            return [], 0
        lines = [line_of(r.memory, room.wording) for r in fitting]
        frame, *costs = await self._count(
            room.model, [(room.wording.head if room.first else room.wording.again) + room.wording.foot, *(f"{line}\n" for line in lines)]
        )
        vectors = opened.vectors([r.memory.id for r in fitting])
        places = pack(costs, [r.score for r in fitting], vectors, budget - frame, limit, self._cognition.settings.diversity)
        chosen = [Chosen(fitting[i], costs[i], "relevant") for i in places]
        return chosen, frame + sum(c.tokens for c in chosen)

    async def _kept(self, opened: OpenNamespace, standing: Sequence[Block]) -> list[Chosen]:
        ids = [i for b in standing for i in b.ids]
        memories = await asyncio.to_thread(self._cognition.store.memories, opened.namespace, ids)
        return [Chosen(Recalled(m, 0.0, np.zeros(9, np.float32), 0.0, 0.0, 0.0), 0, "kept") for m in memories]

    @staticmethod
    def _made(place: int, message: Message, chosen: Sequence[Chosen], room: _Room, tokens: int) -> Block:
        memories = [c.recalled.memory for c in chosen]
        text = block_of(memories, room.wording, room.first)
        return Block(place, digest_of(message.role, message.content), text, tuple(m.id for m in memories), tokens)

    # After the answer

    async def record(self, owner: Owner, turn: Turn) -> Recorded:
        """Learn from a finished turn; what was learned is durable when it returns. Raises InvalidRequestError, ResourceError."""
        now_s = time.time() if turn.at_s is None else turn.at_s
        said = without_blocks(turn.user_text)
        memories = await self._cognition.prepared(await _told(said, now_s), owner.session, now_s)
        opened = await self._cognition.opened(owner, create=True)
        assert opened is not None
        session = await self._felt(await self._cognition.session(opened, owner.session), said, now_s)
        pairs = combinations(sorted(set(turn.recalled))[:8], 2)
        gain = self._cognition.settings.hebbian_gain
        batch = Batch(
            links=tuple(Link(a, b, "recalled", gain) for a, b in pairs if a in opened.index and b in opened.index),
            uses=tuple((i, now_s) for i in turn.recalled if i in opened.index),
            experience=Experience(
                owner.session, now_s, said, turn.answer, turn.model, tuple(turn.recalled), (), turn.outcome, turn.feedback
            ),
            documents={f"session:{owner.session}": session.dumped()} if owner.session else {},
        )
        ids, superseded, receipt = await self._cognition.written(opened, memories, batch, now_s)
        if owner.session:
            latest = await self._cognition.session(opened, owner.session)
            opened.keep_session(owner.session, replace(session, blocks=latest.blocks))
        if turn.feedback is not None:
            await self._calibrate(opened, turn.recalled, turn.feedback, now_s)
        return Recorded(receipt.experience_id, ids, superseded)

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
            batch = Batch(documents={"calibration": body})
            await asyncio.wrap_future(self._cognition.store.write(opened.namespace, batch, now_s))


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
    """The ids of what was learned from a turn, and of what it superseded."""

    experience_id: int
    memory_ids: list[int]
    superseded_ids: list[int]


@dataclass(frozen=True, slots=True)
class _Room:
    """The share of a prompt that memories may take, and how they are worded."""

    model: str
    wording: Wording
    budget: int
    limit: int
    first: bool = True  # the conversation has no block yet


async def _told(said: str, now_s: float) -> list[Told]:
    """Return the distinct statements of a user's turn as memories, at most `MOST_STATEMENTS`."""
    found = await off_loop(len(said), lambda: list(dict.fromkeys(statements(said))))
    if len(found) > MOST_STATEMENTS:
        _log.warning("a turn has more statements than are remembered", extra={"statements": len(found), "most": MOST_STATEMENTS})
    return [Told(statement, said_s=now_s, source="chat") for statement in found[:MOST_STATEMENTS]]


def _head(messages: Sequence[Message]) -> Message:
    """Return the first user turn, by which one conversation of a session is told from the next."""
    return next(m for m in messages if m.role == "user")


def _standing(blocks: Sequence[Block], messages: Sequence[Message], wording: Wording) -> list[Block]:
    """Return the blocks of earlier turns whose messages are unchanged since the blocks were put before them."""
    if wording.in_system:
        head = _head(messages)
        return [b for b in blocks if b.place == -1 and b.digest == digest_of(head.role, head.content)]
    return [b for b in blocks if 0 <= b.place < len(messages) and b.digest == digest_of(messages[b.place].role, messages[b.place].content)]
