"""Convert plain values to reply messages. Pure; feeds `api`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from google.protobuf.struct_pb2 import Struct

from echorator._native.recall_index import SIGNALS
from echorator.cognition.memory import Change, Goal, Memory, MetadataValue
from echorator.cognition.reading.values import Act, Claim, Fact, FactType
from echorator.cognition.recall.graph import EntityGraph
from echorator.cognition.recall.profile import KnownSubject
from echorator.cognition.recall.recalling import Answer, Owner, Recalled
from echorator.cognition.requests import conversation
from echorator.cognition.turns import Built
from echorator.cognition.upkeep.consolidating import Progress
from echorator.cognition.upkeep.mapping import MemoryMap
from echorator.cognition.upkeep.patterns import NamedPattern
from echorator.cognition.watching import Seen
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import common_pb2

# The API numbers the values of each of these in their order, from 1.
_NUMBERS = {value: number for kind in (Act, Claim, FactType) for number, value in enumerate(kind, 1)}


def scope_of(owner: Owner) -> common_pb2.Scope:
    """Return the scope of an owner, with its defaults filled in."""
    return common_pb2.Scope(tenant=owner.tenant, agent=owner.agent, user=owner.user, session=owner.session)


def memory_of(memory: Memory) -> pb.Memory:
    """Return the message of a memory, without its vector and terms."""
    return pb.Memory(
        id=memory.id,
        kind=int(memory.kind),  # type: ignore[arg-type]
        text=memory.text,
        speaker=memory.speaker,
        session=memory.session,
        said_at_s=memory.said_s,
        valid_from_s=memory.valid_from_s,
        valid_to_s=memory.valid_to_s,
        importance=memory.importance,
        affect=pb.Affect(valence=memory.valence, arousal=memory.arousal),
        pinned=memory.pinned,
        lifecycle=int(memory.lifecycle),  # type: ignore[arg-type]
        source=memory.source,
        derived_from=memory.derived_from,
        superseded_by=memory.superseded_by,
        uses=memory.uses,
        last_used_s=memory.last_used_s,
        key=memory.key,
        entities=memory.entities,
        facts=[fact_of(fact) for fact in memory.facts],
        act=_NUMBERS[memory.act],  # type: ignore[arg-type]
        standing=memory.standing,
        metadata=struct_of(memory.metadata) if memory.metadata else None,
        categories=memory.categories,
        expires_at_s=memory.expires_s,
    )


def struct_of(metadata: Mapping[str, MetadataValue]) -> Struct:
    """Return metadata as a message."""
    struct = Struct()
    struct.update(metadata)
    return struct


def fact_of(fact: Fact) -> pb.Fact:
    """Return the message of a fact."""
    return pb.Fact(
        subject=fact.subject,
        attribute=fact.attribute,
        value=fact.value,
        type=_NUMBERS[fact.type],  # type: ignore[arg-type]
        claim=_NUMBERS[fact.claim],  # type: ignore[arg-type]
        certainty=fact.certainty,
        valid_to_s=fact.to_s,
    )


def recalled_of(recalled: Recalled) -> pb.Recalled:
    """Return the message of a recalled memory with its score, every signal and its confidence."""
    return pb.Recalled(
        memory=memory_of(recalled.memory),
        score=recalled.score,
        signals=pb.Signals(**dict(zip(SIGNALS, recalled.signals.tolist(), strict=True)), fact=recalled.fact),
        confidence=recalled.confidence,
        similarity=recalled.similarity,
    )


def answer_of(answer: Answer) -> pb.RecallResponse:
    """Return the reply to a recall, with the seconds of embedding and search."""
    return pb.RecallResponse(memories=[recalled_of(r) for r in answer.memories], embed_s=answer.embed_s, search_s=answer.search_s)


def built_of(built: Built) -> pb.BuildContextResponse:
    """Return the reply of a built context: the messages, the chosen memories and the text of the new block."""
    return pb.BuildContextResponse(
        messages=conversation(built.messages),
        chosen=[pb.Chosen(recalled=recalled_of(c.recalled), tokens=c.tokens, reason=c.reason) for c in built.chosen],
        block_tokens=built.block_tokens,
        block=built.block,
        embed_s=built.embed_s,
        search_s=built.search_s,
        erasures=built.erasures,
    )


def change_of(change: Change) -> pb.Change:
    """Return the message of one line of the history."""
    return pb.Change(seq=change.seq, at_s=change.at_s, memory_id=change.memory_id, action=change.action, detail=change.detail)


def seen_of(seen: Seen) -> pb.WatchChangesResponse:
    """Return the message of one step of a watch."""
    reply = pb.WatchChangesResponse(cursor=seen.cursor, namespace=seen.namespace)
    if seen.change is not None:
        tenant, agent, user = seen.key
        reply.change.CopyFrom(change_of(seen.change))
        reply.scope.CopyFrom(common_pb2.Scope(tenant=tenant, agent=agent, user=user))
    return reply


def goal_of(goal: Goal) -> pb.Goal:
    """Return the message of a goal, without its vector."""
    return pb.Goal(text=goal.text, priority=goal.priority)


def profile_of(subjects: Sequence[KnownSubject], standing: Sequence[Memory]) -> pb.Profile:
    """Return the message of a profile."""
    profile = pb.Profile(standing=[memory_of(memory) for memory in standing])
    for known in subjects:
        subject = profile.subjects.add(subject=known.subject)
        for attribute in known.attributes:
            shown = subject.attributes.add(attribute=attribute.attribute, type=_NUMBERS[attribute.type], conflict=attribute.conflict)
            for one in attribute.values:
                shown.values.add(
                    value=one.value,
                    claim=_NUMBERS[one.claim],
                    certainty=one.certainty,
                    said_at_s=one.said_s,
                    memory_ids=one.memory_ids,
                )
    return profile


def graph_of(graph: EntityGraph) -> pb.Graph:
    """Return the message of an entity graph."""
    made = pb.Graph(left_out=graph.left_out)
    for node in graph.nodes:
        made.nodes.add(name=node.name, memories=node.memories, memory_ids=node.memory_ids)
    for edge in graph.edges:
        # "from" is a keyword of Python
        made.edges.add(source=edge.source, target=edge.target, label=edge.label, memories=edge.memories, memory_ids=edge.memory_ids)
    return made


def progress_of(progress: Progress) -> pb.ConsolidateProgress:
    """Return the message of a consolidation's progress."""
    return pb.ConsolidateProgress(
        stage=progress.stage,
        progress=progress.fraction,
        merged=progress.merged,
        summaries=progress.summaries,
        archived=progress.archived,
        purged=progress.purged,
        expired=progress.expired,
    )


def pattern_of(pattern: NamedPattern) -> pb.Pattern:
    """Return the message of a pattern, without its centre."""
    prototype = pattern.prototype
    return pb.Pattern(
        id=prototype.id,
        label=pattern.label,
        weight=pattern.weight,
        count=prototype.count,
        similarity=prototype.similarity,
        memory_ids=pattern.memory_ids,
        last_seen_s=prototype.last_seen_s,
    )


def map_of(drawn: MemoryMap) -> pb.Map:
    """Return the message of a map, with the texts of its memories."""
    return pb.Map(
        points=[
            pb.MapPoint(
                id=point.memory.id,
                x=point.x,
                y=point.y,
                text=point.memory.text,
                kind=int(point.memory.kind),  # type: ignore[arg-type]
                session=point.memory.session,
                activation=point.activation,
            )
            for point in drawn.points
        ],
        explained=drawn.explained,
        basis=drawn.version,
    )
