"""What `echorator memory` shows people: tables and sentences for `rendering.show`; pure, but for the progress that it draws on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Value
from rich.console import RenderableType
from rich.text import Text

from echorator.cli.output.consoles import Console
from echorator.cli.output.tables import Column, Table, printable
from echorator.rpc.v1 import cognition_pb2 as pb

SIGNALS = {
    **{"dense": "DENSE", "lexical": "WORDS", "tokens": "TOKENS", "neighbours": "NEAR", "session": "SESS", "form": "FORM", "fact": "FACT"},
    **{"goal": "GOAL", "association": "ASSOC", "activation": "ACTIV", "importance": "IMPORT", "affect": "AFFECT"},
}
"""The signals of a score, with the titles of their columns; one that added nothing to any memory has no column."""


def day(at_s: float) -> str:
    """Format seconds since 1970 as an ISO date; "" for 0."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d") if at_s else ""


def moment(at_s: float) -> str:
    """Format seconds since 1970 as an ISO time of UTC, to the minute; "" for 0."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M UTC") if at_s else ""


def _kind(kind: int) -> str:
    return pb.Kind.Name(kind).removeprefix("KIND_").lower()


def _right(*titles: str) -> list[Column]:
    return [Column(title, right=True) for title in titles]


def _noted(text: str, note: str) -> Text:
    """Return a text with a note behind it, in brackets; "" for none."""
    return Text.assemble(printable(text), (f" ({printable(note)})", "dim") if note else "")


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[..., None]]:
    """Yield advance(done, label), which draws a bar on a terminal and nothing elsewhere."""
    if not sys.stderr.isatty() or total < 2:
        yield lambda _done, _label="": None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done, text=label: bar.update(task, completed=done, description=text)


def remembered(response: pb.RememberResponse) -> list[RenderableType]:
    """Return the ids of new memories, and of those that they superseded."""
    return [f"remembered {_ids(response.ids)}" + (f", superseding {_ids(response.superseded_ids)}" if response.superseded_ids else "")]


def _ids(ids: Iterable[int]) -> str:
    numbers = [str(i) for i in ids]
    return ", ".join(numbers) if len(numbers) < 12 else f"{len(numbers)} memories ({numbers[0]} to {numbers[-1]})"


def search(response: pb.RecallResponse, wide: bool) -> list[RenderableType]:
    """Return recalled memories with their score, its signals where there is room, and their confidence."""
    used = {name: title for name, title in SIGNALS.items() if any(getattr(r.signals, name) for r in response.memories)}
    rows = []
    for r in response.memories:
        signals = [f"{getattr(r.signals, name):.2f}".replace("0.00", "\u00b7") for name in used]
        speaker = f"{r.memory.speaker}: " if r.memory.speaker else ""
        text = _noted(speaker + r.memory.text, "no longer holds" if r.memory.valid_to_s else "")
        rows.append([r.memory.id, day(r.memory.said_at_s), f"{r.score:.2f}", f"{r.confidence:.0%}", *signals, text])
    columns = [
        *_right("ID", "SAID", "SCORE", "SURE"),
        *(Column(title, right=True, spare=True) for title in used.values()),
        Column("MEMORY"),
    ]
    return [Table(columns, rows, wide)] if rows else []


def listing(response: pb.ListMemoriesResponse, wide: bool) -> list[RenderableType]:
    """Return memories, one in each row."""
    rows = []
    for m in response.memories:
        marks = [mark for holds, mark in ((m.pinned, "pinned"), (m.valid_to_s, "no longer holds"), (m.lifecycle == 2, "archived")) if holds]
        marks += [f"expires {day(m.expires_at_s)}"] if m.expires_at_s else []
        marks += m.categories
        text = _noted(f"{m.speaker}: {m.text}" if m.speaker else m.text, ", ".join(marks))
        rows.append([m.id, day(m.said_at_s), _kind(m.kind), m.uses, m.session, f"{m.importance:.2f}", m.source, text])
    more = [Column(title, wide=True) for title in ("SESSION", "IMPORTANCE", "SOURCE")]
    columns = [*_right("ID"), Column("SAID"), Column("KIND"), *_right("USES"), *more, Column("MEMORY")]
    return [Table(columns, rows, wide)] if rows else []


def _fact(fact: pb.Fact) -> str:
    """Return a fact as a line, such as "user / home city = Graz, until 2026-03-01"."""
    claim = {pb.CLAIM_DENIES: "not ", pb.CLAIM_PAST: "once "}.get(fact.claim, "")
    ended = f", until {day(fact.valid_to_s)}" if fact.valid_to_s else ""
    return f"{fact.subject} / {fact.attribute} = {claim}{fact.value or 'any'}{ended}"


def one(memory: pb.Memory, history: pb.HistoryResponse) -> list[RenderableType]:
    """Return all fields of a memory, and its history."""
    fields = [
        ("text", memory.text),
        ("kind", _kind(memory.kind)),
        ("speaker", memory.speaker),
        ("session", memory.session),
        ("said", day(memory.said_at_s)),
        ("holds", "yes" if not memory.valid_to_s else f"until {day(memory.valid_to_s)}"),
        *(("fact", _fact(fact)) for fact in memory.facts),
        ("importance", ", ".join([f"{memory.importance:.2f}", *["pinned"] * memory.pinned, *["in every context"] * memory.standing])),
        ("affect", f"valence {memory.affect.valence:+.2f}, arousal {memory.affect.arousal:.2f}"),
        ("used", f"{memory.uses} times, last {day(memory.last_used_s)}"),
        ("names", ", ".join(memory.entities)),
        ("categories", ", ".join(memory.categories)),
        ("metadata", ", ".join(f"{name} = {_value(value)}" for name, value in sorted(memory.metadata.fields.items()))),
        ("expires", moment(memory.expires_at_s)),
        ("made of", _ids(memory.derived_from) if memory.derived_from else ""),
        ("superseded by", str(memory.superseded_by or "")),
        ("source", memory.source),
        ("key", memory.key),
    ]
    rows: list[Sequence[object]] = [(name, value) for name, value in fields if value]
    rows += [("", Text(printable(f"{day(c.at_s)} {c.action}{f': {c.detail}' if c.detail else ''}"), "dim")) for c in history.changes]
    return [Table(("MEMORY", str(memory.id)), rows)]


def _value(value: Value) -> str:
    """Return a value of the metadata as JSON shows it."""
    plain = MessageToDict(value)
    return json.dumps(int(plain) if isinstance(plain, float) and plain.is_integer() else plain, ensure_ascii=False)


def forgotten(response: pb.ForgetResponse) -> list[RenderableType]:
    """Return how many memories were erased."""
    if not response.forgotten:
        return ["nothing fitted; nothing was forgotten"]
    return [f"forgot {response.forgotten} memories; no text of them is left"]


def imported(response: pb.ImportResponse) -> list[RenderableType]:
    """Return how many memories were imported and skipped."""
    return [f"imported {response.imported} memories" + (f", {response.skipped} were there already" if response.skipped else "")]


def consolidated(done: pb.ConsolidateProgress, dry_run: bool) -> list[RenderableType]:
    """Return how many memories were merged, summarised, archived and purged; with `dry_run`, how many would be."""
    if dry_run:
        erased = f"erase {done.expired} expired, " if done.expired else ""
        return [
            f"would {erased}merge {done.merged}, summarise into {done.summaries}, archive {done.archived}, purge {done.purged}; "
            "nothing was changed"
        ]
    erased = f"erased {done.expired} expired, " if done.expired else ""
    return [f"{erased}merged {done.merged}, summarised into {done.summaries}, archived {done.archived}, purged {done.purged}"]


def checked(done: pb.CheckResponse) -> list[RenderableType]:
    """Return the findings of a check, or that there are none."""
    found = [f"{finding.severity}: {finding.what}" + (" (repaired)" if finding.repaired else "") for finding in done.findings]
    return [*found, f"{done.memories} memories, " + ("all clean" if done.clean else f"{len(done.findings)} findings")]


def namespaces(response: pb.ListNamespacesResponse, wide: bool) -> list[RenderableType]:
    """Return the namespaces, one in each row, with their numbers of memories."""
    rows = [(n.scope.user, n.scope.agent, n.memories, n.archived, day(n.last_change_s)) for n in response.namespaces]
    return [Table(("USER", "AGENT", *_right("MEMORIES", "ARCHIVED"), "LAST-CHANGE"), rows, wide)] if rows else []


def state(s: pb.State) -> list[RenderableType]:
    """Return the state of a memory: counts, index, embedder, mood, goals, and the run times of all stages."""
    building = ", its graph is being built" if s.index.building else ""
    left = f", {s.reembed_left} memories still to be embedded" if s.reembed_left else ""
    lines = [
        f"{s.active} active, {s.superseded} of them no longer hold; {s.archived} archived",
        f"{s.experiences} experiences, {s.associations} associations",
        f"index {s.index.kind}, {s.index.size} vectors, {s.index.memory_bytes / 1e6:.1f} MB{building}",
        f"embedder {s.embedder}, {s.dimension} numbers{left}",
        f"mood: valence {s.mood.valence:+.2f}, arousal {s.mood.arousal:.2f}; in focus: {_ids(s.working_memory) or 'nothing'}",
        *(["goals: " + printable("; ".join(g.text for g in s.goals))] if s.goals else []),
        *(f"like session {printable(r.session)}: {r.similarity:.2f}" for r in s.resonance),
    ]
    rows = [(t.name, t.runs, f"{t.total_s / t.runs * 1000:.2f}" if t.runs else "", t.summary) for t in s.stages]
    return [*lines, Table(("STAGE", *_right("RUNS", "MEAN-MS"), "WHAT-IT-DOES"), rows)]


def patterns(response: pb.ListPatternsResponse) -> list[RenderableType]:
    """Return the recurring patterns with the share of recent experiences that they cover."""
    rows = [(f"{p.weight:.0%}", p.count, f"{p.similarity:.2f}", p.label) for p in response.patterns]
    return [Table((*_right("SHARE", "COUNT", "ALIKE"), "PATTERN"), rows)] if rows else []


def seen(reply: pb.WatchChangesResponse) -> str:
    """Return a line about one change that was seen."""
    change, of = reply.change, f"memory {reply.change.memory_id}" if reply.change.memory_id else "everything"
    detail = f": {change.detail}" if change.detail else ""
    return printable(f"{moment(change.at_s)} {reply.scope.user} {change.action} {of}{detail}".strip())


def profile(known: pb.Profile) -> list[RenderableType]:
    """Return what is known by subject and attribute, then what is in every context."""
    rows = []
    for subject in known.subjects:
        for attribute in subject.attributes:
            for value in attribute.values:
                said = ("not " if value.claim == pb.CLAIM_DENIES else "") + (value.value or "any")
                noted = _noted(said, "contradicted" if attribute.conflict else "")
                rows.append([subject.subject, attribute.attribute, noted, day(value.said_at_s), _ids(value.memory_ids)])
    tables: list[RenderableType] = [Table(("SUBJECT", "ATTRIBUTE", "VALUE", "SAID", "MEMORIES"), rows)] if rows else []
    return tables + [_noted(f"always: {memory.text}", str(memory.id)) for memory in known.standing]


def graph(found: pb.Graph) -> list[RenderableType]:
    """Return the connections of names, then the names that have none."""
    connected = {name for edge in found.edges for name in (edge.source, edge.target)}
    rows = [(edge.source, edge.label or Text("together", "dim"), edge.target, edge.memories) for edge in found.edges]
    parts: list[RenderableType] = [Table(("NAME", "CONNECTION", "WITH", *_right("MEMORIES")), rows)] if rows else []
    alone = [f"{node.name} ({node.memories})" for node in found.nodes if node.name not in connected]
    return [*parts, printable(", ".join(alone))] if alone else parts


def goals(response: pb.SetGoalsResponse | pb.GetGoalsResponse) -> list[RenderableType]:
    """Return the goals, one on each line."""
    return [printable(g.text) for g in response.goals]
