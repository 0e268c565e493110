"""The tools of the memory: each is one call of CognitionService. Fed by `service`; the scope comes from the options of the command.

A user of whom nothing was ever remembered is NOT_FOUND to the server; tools that only look answer that there is nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from echorator.mcp.calls import Calls, NotThere, Whose
from echorator.mcp.tool import Answer, Arguments, Session, Tool
from echorator.rpc.v1 import cognition_pb2 as pb

TEXT_CHARACTERS = 16384
Label = Annotated[str, Field(min_length=1, max_length=64)]
MemoryId = Annotated[int, Field(ge=1, lt=1 << 63)]
_WRITTEN_IN = "Name of the conversation that this belongs to; leave it out unless you keep several apart."
_READ_FROM = "Only what was remembered in the conversation of this name; leave it out to look everywhere."


class Remembering(Arguments):
    """Arguments of `remember`."""

    text: str = Field(
        min_length=1,
        max_length=TEXT_CHARACTERS,
        description='What to remember, a whole sentence that makes sense alone, such as "My dog is called Pixel".',
    )
    categories: list[Label] = Field(default=[], max_length=32, description="Labels to find it by, such as work or diet.")
    pinned: bool = Field(default=False, description="Never let it fade.")
    standing: bool = Field(default=False, description="It matters in every conversation, as an allergy does.")
    session: Session = Field(default="", description=_WRITTEN_IN)


class Recalling(Arguments):
    """Arguments of `recall`."""

    query: str = Field(min_length=1, max_length=TEXT_CHARACTERS, description="A question or topic, in plain words.")
    limit: int = Field(default=10, ge=1, le=100, description="Largest number of memories.")
    categories: list[Label] = Field(default=[], max_length=32, description="Only memories with one of these labels.")
    include_superseded: bool = Field(default=False, description="Also what a later memory has replaced.")
    session: Session = Field(default="", description=_READ_FROM)


class Listing(Arguments):
    """Arguments of `list_memories`."""

    words: str = Field(default="", max_length=TEXT_CHARACTERS, description='Words that all occur in it; "a phrase"; prefix*.')
    categories: list[Label] = Field(default=[], max_length=32, description="Only memories with one of these labels.")
    limit: int = Field(default=50, ge=1, le=500, description="Largest number of memories of this page.")
    cursor: str = Field(default="", max_length=1024, description="next_cursor of the page before; empty for the first.")
    session: Session = Field(default="", description=_READ_FROM)


class Forgetting(Arguments):
    """Arguments of `forget`."""

    ids: list[MemoryId] = Field(min_length=1, max_length=1000, description="Ids of the memories, from recall or list_memories.")


class Updating(Arguments):
    """Arguments of `update_memory`."""

    id: MemoryId = Field(description="Id of the memory, from recall or list_memories.")
    text: str | None = Field(default=None, min_length=1, max_length=TEXT_CHARACTERS, description="Another text in place of the old one.")
    pinned: bool | None = Field(default=None, description="Whether it may never fade.")
    standing: bool | None = Field(default=None, description="Whether it matters in every conversation.")
    add_categories: list[Label] = Field(default=[], max_length=32, description="Labels to give it.")
    remove_categories: list[Label] = Field(default=[], max_length=32, description="Labels to take from it.")


class Profiling(Arguments):
    """Arguments of `profile`."""

    subject: str = Field(default="", max_length=256, description='Only of this one, such as "user" or "user\'s dog"; empty for all.')


class Memory(BaseModel):
    """A memory as tools show it."""

    id: int
    text: str
    said_at: str = Field(description="Time at which it was said, ISO 8601.")
    session: str
    speaker: str
    categories: list[str]
    pinned: bool
    standing: bool
    holds: bool = Field(description="False where a later memory has replaced it.")
    confidence: float | None = Field(default=None, description="Of a recall: probability that it is relevant, 0 to 1.")


class Remembered(BaseModel):
    """Result of `remember`."""

    id: int
    superseded_ids: list[int] = Field(description="Memories that no longer hold because of this one.")


class Memories(BaseModel):
    """Result of `recall`."""

    memories: list[Memory] = Field(description="The best first.")


class Page(BaseModel):
    """Result of `list_memories`."""

    memories: list[Memory] = Field(description="In the order in which they came.")
    next_cursor: str = Field(description="Empty on the last page.")


class Forgotten(BaseModel):
    """Result of `forget`."""

    forgotten: int = Field(description="Number of memories that were erased.")


class Known(BaseModel):
    """One attribute of a subject."""

    subject: str
    attribute: str
    values: list[str]
    denied: list[str] = Field(description="Values that were said not to hold; an empty text for every value.")
    conflict: bool = Field(description="The values contradict each other.")
    memory_ids: list[int] = Field(description="Memories that state it.")


class Profile(BaseModel):
    """Result of `profile`."""

    facts: list[Known]
    standing: list[Memory] = Field(description="What matters in every conversation.")


class MemoryTools:
    """The memory's tools for one scope, over these calls."""

    def __init__(self, calls: Calls, whose: Whose) -> None:
        self._calls = calls
        self._whose = whose

    def reading(self) -> list[Tool[Recalling] | Tool[Listing] | Tool[Profiling]]:
        """Return the tools that change nothing."""
        return [
            Tool(
                "recall",
                "Recall memories",
                "Find what is remembered about the user that bears on a question or topic, the most relevant first. Use it before you "
                "answer "
                "anything that may depend on earlier conversations, such as names, preferences, plans or decisions.",
                Recalling,
                Memories,
                self._recall,
            ),
            Tool(
                "list_memories",
                "List memories",
                "List what is remembered about the user in the order in which it came, a page at a time. Use it to go through "
                "everything, or to "
                "find memories with certain words or labels; to answer a question use recall.",
                Listing,
                Page,
                self._list,
            ),
            Tool(
                "profile",
                "Show the profile",
                "Show what is known of the user and of those around them as facts: subject, attribute, values. Use it to get to know "
                "the user at "
                "the beginning of a conversation.",
                Profiling,
                Profile,
                self._profile,
            ),
        ]

    def writing(self) -> list[Tool[Remembering] | Tool[Updating] | Tool[Forgetting]]:
        """Return the tools that change the memory."""
        return [
            Tool(
                "remember",
                "Remember",
                "Keep something that the user said or that was decided, for later conversations. Use it when the user asks to remember "
                "something, "
                "or tells a lasting fact, preference, plan or decision. A later value of the same fact replaces the earlier one by itself.",
                Remembering,
                Remembered,
                self._remember,
                writes=True,
            ),
            Tool(
                "update_memory",
                "Update a memory",
                "Correct the text or the labels of one memory. Use it when a memory is wrong; when things have changed since, remember "
                "what holds now.",
                Updating,
                Memory,
                self._update,
                writes=True,
                destroys=True,
                repeatable=True,
            ),
            Tool(
                "forget",
                "Forget memories",
                "Erase memories for good, by their ids. Use it only when the user asks to forget something, and only for what recall or "
                "list_memories showed to be meant.",
                Forgetting,
                Forgotten,
                self._forget,
                writes=True,
                destroys=True,
                repeatable=True,
            ),
        ]

    async def _remember(self, given: Remembering) -> Answer:
        new = pb.NewMemory(text=given.text, pinned=given.pinned, categories=given.categories)
        if given.standing:
            new.standing = True
        async with self._calls.memory() as memory:
            done = await memory.Remember(pb.RememberRequest(scope=self._whose.scope(given.session), memories=[new]))
        replaced = f" It replaces {_numbers(done.superseded_ids)}." if done.superseded_ids else ""
        return Answer(f"Remembered as #{done.ids[0]}.{replaced}", Remembered(id=done.ids[0], superseded_ids=list(done.superseded_ids)))

    async def _recall(self, given: Recalling) -> Answer:
        request = pb.RecallRequest(
            scope=self._whose.scope(given.session),
            query=given.query,
            k=given.limit,
            filter=pb.Filter(session=given.session, categories=given.categories),
            include_superseded=given.include_superseded,
        )
        found = pb.RecallResponse()
        with suppress(NotThere):
            async with self._calls.memory() as memory:
                found = await memory.Recall(request)
        memories = [_shown(one.memory, one.confidence) for one in found.memories]
        return Answer(_lines(memories, "Nothing is remembered that bears on this."), Memories(memories=memories))

    async def _list(self, given: Listing) -> Answer:
        request = pb.ListMemoriesRequest(
            scope=self._whose.scope(given.session),
            filter=pb.Filter(session=given.session, categories=given.categories),
            text=given.words,
            lifecycle=pb.LIFECYCLE_ACTIVE,
            page_size=given.limit,
            page_token=given.cursor,
        )
        page = pb.ListMemoriesResponse()
        with suppress(NotThere):
            async with self._calls.memory() as memory:
                page = await memory.ListMemories(request)
        memories = [_shown(one) for one in page.memories]
        more = f"\nThere are more: call again with cursor {page.next_page_token!r}." if page.next_page_token else ""
        return Answer(_lines(memories, "No such memories.") + more, Page(memories=memories, next_cursor=page.next_page_token))

    async def _forget(self, given: Forgetting) -> Answer:
        request = pb.ForgetRequest(scope=self._whose.scope(), ids=pb.MemoryIds(ids=given.ids))
        async with self._calls.memory() as memory:
            done = await memory.Forget(request)
        return Answer(f"Erased {done.forgotten} of {len(set(given.ids))} memories.", Forgotten(forgotten=done.forgotten))

    async def _update(self, given: Updating) -> Answer:
        request = pb.UpdateMemoryRequest(
            scope=self._whose.scope(),
            id=given.id,
            add_categories=given.add_categories,
            remove_categories=given.remove_categories,
            **given.model_dump(include={"text", "pinned", "standing"}, exclude_none=True),
        )
        async with self._calls.memory() as memory:
            changed = _shown(await memory.UpdateMemory(request))
        return Answer(_line(changed), changed)

    async def _profile(self, given: Profiling) -> Answer:
        return await profile(self._calls, self._whose, given.subject)


async def profile(calls: Calls, whose: Whose, subject: str = "") -> Answer:
    """Return what is known of a subject, or of all for "". Raises ToolFailure."""
    known = pb.Profile()
    with suppress(NotThere):
        async with calls.memory() as memory:
            known = await memory.GetProfile(pb.GetProfileRequest(scope=whose.scope(), subject=subject))
    facts = [_fact(one.subject, attribute) for one in known.subjects for attribute in one.attributes]
    standing = [_shown(one) for one in known.standing]
    lines = [_fact_line(fact) for fact in facts]
    if standing:
        lines += ["Always to be kept in mind:", *map(_line, standing)]
    return Answer("\n".join(lines) or "Nothing is known yet.", Profile(facts=facts, standing=standing))


def _shown(memory: pb.Memory, confidence: float | None = None) -> Memory:
    return Memory(
        id=memory.id,
        text=memory.text,
        said_at=datetime.fromtimestamp(memory.said_at_s, UTC).isoformat(timespec="seconds"),
        session=memory.session,
        speaker=memory.speaker,
        categories=list(memory.categories),
        pinned=memory.pinned,
        standing=memory.standing,
        holds=memory.valid_to_s == 0,
        confidence=None if confidence is None else round(confidence, 3),
    )


def _line(memory: Memory) -> str:
    marks = [memory.said_at[:10], *(["no longer holds"] if not memory.holds else []), *memory.categories]
    speaker = f"{memory.speaker}: " if memory.speaker else ""
    return f"#{memory.id} ({', '.join(marks)}) {speaker}{memory.text}"


def _lines(memories: list[Memory], none: str) -> str:
    return "\n".join(map(_line, memories)) or none


def _numbers(ids: Iterable[int]) -> str:
    return ", ".join(f"#{one}" for one in ids)


def _fact(subject: str, attribute: pb.ProfileAttribute) -> Known:
    denied = [one.value for one in attribute.values if one.claim == pb.CLAIM_DENIES]
    return Known(
        subject=subject,
        attribute=attribute.attribute,
        values=[one.value for one in attribute.values if one.claim != pb.CLAIM_DENIES],
        denied=denied,
        conflict=attribute.conflict,
        memory_ids=sorted({one for value in attribute.values for one in value.memory_ids}),
    )


def _fact_line(fact: Known) -> str:
    said = [*fact.values, *(f"not {value}" if value else "none" for value in fact.denied)]
    return f"{fact.subject} / {fact.attribute}: {', '.join(said)}{' (these contradict each other)' if fact.conflict else ''}"
