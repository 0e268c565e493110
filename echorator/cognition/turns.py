"""What is recalled into the messages of a conversation before its next turn is answered.

Reference resolution -> recall -> standing memories -> packing -> placement (`context`). `experiences` learns from the turn afterwards. Fed
by `api`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from echorator.cognition.cognition import Cognition
from echorator.cognition.recall.affect import decayed
from echorator.cognition.recall.context import Message, Wording, block_of, line_of, pack, placed, without_blocks, wording_of
from echorator.cognition.recall.form import only_chats
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.recall.recalling import NO_SIGNALS, Asked, Owner, Recalled
from echorator.cognition.recall.session import Block, digest_of
from echorator.cognition.text import words
from echorator.errors import InvalidRequestError

MOST_QUERY = 8192  # characters of a query; most texts of that length have fewer words than text.MAX_TERMS
MOST_STANDING = 16  # standing memories that may be put into a context, the latest first
STANDING_SHARE = 0.25  # share of the budget that they may take
FULL = 0.8  # share of the budget that earlier blocks may hold
CANDIDATES = 100  # recalled memories that packing chooses from
CHATTING = 0.2  # least confidence of what small talk recalls: it asks for nothing
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
    reason: str  # "relevant", "standing", or "kept" from an earlier turn


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
    """The contexts of the conversations of one `Cognition`."""

    def __init__(self, cognition: Cognition, count: Count = estimated_tokens) -> None:
        self._cognition = cognition
        self._count = count

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
        least = max(settings.min_confidence, wording_of(model).min_confidence) if bounds.min_confidence is None else bounds.min_confidence
        with self._cognition.stages.timed("context"):
            least = max(least, CHATTING) if only_chats(query) else least
            fitting = [r for r in answer.memories if r.confidence >= least]
            room = self._room(model, bounds)
            expired = opened.expired(now_s)
            kept = [b for b in _kept_blocks(session.blocks, messages, room.wording) if expired.isdisjoint(b.ids)]
            compose = self._lines if room.wording.in_system else self._block
            blocks, chosen = await compose(opened, messages, kept, await self._candidates(opened, fitting, now_s), room)
            out = placed(messages, {b.place: b.text for b in blocks}, room.wording)
        erasures = await asyncio.to_thread(self._cognition.store.erasures, owner.tenant)
        latest = next((b for b in blocks if b not in kept), None)
        if owner.session:
            focused = session.focused([c.recalled.memory.id for c in chosen], settings.working_memory)
            opened.keep_session(owner.session, replace(focused, blocks=tuple(blocks)))
        opened.chose((c.recalled.memory.id, c.recalled.fit) for c in chosen)
        return Built(out, chosen, latest.text if latest else "", sum(b.tokens for b in blocks), answer.embed_s, answer.search_s, erasures)

    def _room(self, model: str, bounds: Bounds) -> _Room:
        settings, wording = self._cognition.settings, wording_of(model)
        limit = min(wording.max_memories, settings.max_memories) if bounds.max_memories is None else bounds.max_memories
        return _Room(model, wording, settings.budget_tokens if bounds.budget_tokens is None else bounds.budget_tokens, limit)

    async def _candidates(self, opened: OpenNamespace, fitting: list[Recalled], now_s: float) -> list[Chosen]:
        """Return what may be put into the context: the standing memories that hold now, the latest first, then what fits the question."""
        ids = sorted(opened.standing - opened.expired(now_s), reverse=True)[:MOST_STANDING]
        there = {r.memory.id: r for r in fitting}
        memories = await asyncio.to_thread(self._cognition.store.memories, opened.namespace, ids) if ids else []
        always = [there.get(m.id, Recalled(m, 0.0, NO_SIGNALS, 0.0, 0.0, 1.0)) for m in memories if m.valid_from_s <= now_s]
        rest = [r for r in fitting if r.memory.id not in opened.standing]
        return [*(Chosen(r, 0, "standing") for r in always), *(Chosen(r, 0, "relevant") for r in rest)]

    async def _block(
        self, opened: OpenNamespace, messages: Sequence[Message], kept: list[Block], candidates: list[Chosen], room: _Room
    ) -> tuple[list[Block], list[Chosen]]:
        """Put a block before the last user turn; earlier blocks stay as they are while they hold at most `FULL` of the budget."""
        last = max(i for i, m in enumerate(messages) if m.role == "user")
        if any(b.place == last for b in kept):  # the same turn is sent again
            return kept, await self._kept(opened, kept)
        present = {i for b in kept for i in b.ids}
        fresh = [c for c in candidates if c.recalled.memory.id not in present]
        if fresh and sum(b.tokens for b in kept) > room.budget * FULL:
            # Drop the older half at once and not block by block, so that the prompt behind it is prefilled again only now and then.
            kept = kept[len(kept) // 2 :]
        budget = room.budget - sum(b.tokens for b in kept)
        chosen, tokens = await self._packed(opened, fresh, replace(room, first=not kept), budget, room.limit)
        if not chosen:
            return kept, []
        block = self._made(last, messages[last], chosen, replace(room, first=not kept), tokens)
        return [*kept, block], chosen

    async def _lines(
        self, opened: OpenNamespace, messages: Sequence[Message], kept: list[Block], candidates: list[Chosen], room: _Room
    ) -> tuple[list[Block], list[Chosen]]:
        """Put lines into the system turn; they change only when the best fitting memory, or a standing one, is not among them."""
        old = await self._kept(opened, kept)
        present = {c.recalled.memory.id for c in old}
        first = [c for c in candidates if c.reason == "standing"][: room.limit // 2]
        first += [c for c in candidates if c.reason == "relevant"][:1]
        if kept and all(c.recalled.memory.id in present for c in first):
            return kept, old
        chosen, tokens = await self._packed(opened, candidates, room, room.budget, room.limit)
        if not chosen:
            return kept, old
        new = {c.recalled.memory.id for c in chosen}
        for one in reversed(old):  # the latest first
            if one.recalled.memory.id not in new and len(chosen) < room.limit and tokens + one.tokens <= room.budget:
                chosen.append(one)
                tokens += one.tokens
        return [self._made(-1, _head(messages), chosen, room, tokens)], chosen

    async def _packed(
        self, opened: OpenNamespace, candidates: list[Chosen], room: _Room, budget: int, limit: int
    ) -> tuple[list[Chosen], int]:
        """Return the candidates that fit, with their tokens, and the tokens of the block: standing ones first, within their own share."""
        if not candidates or not limit:
            return [], 0
        lines = [line_of(c.recalled.memory, room.wording) for c in candidates]
        frame, *costs = await self._count(
            room.model, [(room.wording.head if room.first else room.wording.again) + room.wording.foot, *(f"{line}\n" for line in lines)]
        )
        counted = [replace(c, tokens=cost) for c, cost in zip(candidates, costs, strict=True)]
        chosen: list[Chosen] = []
        share = STANDING_SHARE * (budget - frame)
        for one in counted:
            if one.reason == "standing" and one.tokens <= share and len(chosen) < limit // 2:
                chosen.append(one)
                share -= one.tokens
        rest = [c for c in counted if c.reason == "relevant"]
        vectors = opened.vectors([c.recalled.memory.id for c in rest])
        left = budget - frame - sum(c.tokens for c in chosen)
        diversity = self._cognition.settings.diversity
        gains = [c.recalled.confidence for c in rest]
        turns = [(c.recalled.memory.session, c.recalled.memory.said_s) for c in rest]
        places = pack([c.tokens for c in rest], gains, vectors, turns, left, limit - len(chosen), diversity)
        chosen += [rest[i] for i in places]
        return chosen, frame + sum(c.tokens for c in chosen)

    async def _kept(self, opened: OpenNamespace, kept: Sequence[Block]) -> list[Chosen]:
        ids = [i for b in kept for i in b.ids]
        memories = await asyncio.to_thread(self._cognition.store.memories, opened.namespace, ids)
        return [Chosen(Recalled(m, 0.0, NO_SIGNALS, 0.0, 0.0, 0.0), 0, "kept") for m in memories]

    @staticmethod
    def _made(place: int, message: Message, chosen: Sequence[Chosen], room: _Room, tokens: int) -> Block:
        memories = [c.recalled.memory for c in chosen]
        text = block_of(memories, room.wording, room.first)
        return Block(place, digest_of(message.role, message.content), text, tuple(m.id for m in memories), tokens)


@dataclass(frozen=True, slots=True)
class _Room:
    """The share of a prompt that memories may take, and how they are worded."""

    model: str
    wording: Wording
    budget: int
    limit: int
    first: bool = True  # the conversation has no block yet


def _head(messages: Sequence[Message]) -> Message:
    """Return the first user turn, by which one conversation of a session is told from the next."""
    return next(m for m in messages if m.role == "user")


def _kept_blocks(blocks: Sequence[Block], messages: Sequence[Message], wording: Wording) -> list[Block]:
    """Return the blocks of earlier turns whose messages are unchanged since the blocks were put before them."""
    if wording.in_system:
        head = _head(messages)
        return [b for b in blocks if b.place == -1 and b.digest == digest_of(head.role, head.content)]
    return [b for b in blocks if 0 <= b.place < len(messages) and b.digest == digest_of(messages[b.place].role, messages[b.place].content)]
