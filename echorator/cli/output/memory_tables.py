"""What `echorator memory` prints for people: tables on stdout, progress on stderr. `--output json` does not use it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Value
from rich.markup import escape
from rich.table import Table

from echorator.cli.output.consoles import Console
from echorator.rpc.v1 import cognition_pb2 as pb

SIGNALS = {
    **{"dense": "dense", "lexical": "words", "tokens": "tokens", "neighbours": "near", "session": "sess", "form": "form", "fact": "fact"},
    **{"goal": "goal", "association": "assoc", "activation": "activ", "importance": "import", "affect": "affect"},
}
"""The signals of a score, with the headers of their columns; one that added nothing to any memory has no column."""

NARROW = 100  # below so many columns only the total score is shown, without its signals


def _console() -> Console:
    return Console(highlight=False, soft_wrap=False)


def _clean(text: str) -> str:
    return escape("".join(c if c.isprintable() else " " for c in text))


def day(at_s: float) -> str:
    """Format seconds since 1970 as an ISO date; "" for 0."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d") if at_s else ""


def moment(at_s: float) -> str:
    """Format seconds since 1970 as an ISO time of UTC, to the minute; "" for 0."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M UTC") if at_s else ""


def _kind(kind: int) -> str:
    return pb.Kind.Name(kind).removeprefix("KIND_").lower()


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


def remembered(response: pb.RememberResponse) -> None:
    """Print the ids of new memories, and of those that they superseded."""
    print(f"remembered {_ids(response.ids)}" + (f", superseding {_ids(response.superseded_ids)}" if response.superseded_ids else ""))


def _ids(ids: object) -> str:
    numbers = [str(i) for i in ids]  # type: ignore[attr-defined]
    return ", ".join(numbers) if len(numbers) < 12 else f"{len(numbers)} memories ({numbers[0]} to {numbers[-1]})"


def search(response: pb.RecallResponse) -> None:
    """Print recalled memories with their score, its signals and their confidence."""
    if not response.memories:
        print("nothing fits")
        return
    console = _console()
    used = {name: short for name, short in SIGNALS.items() if any(getattr(r.signals, name) for r in response.memories)}
    shown = used if console.width >= NARROW else {}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "said", "score", "sure", *shown.values()):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("memory", overflow="fold", ratio=1)
    for r in response.memories:
        signals = [f"{getattr(r.signals, name):.2f}".replace("0.00", "\u00b7") for name in shown]
        speaker = f"{r.memory.speaker}: " if r.memory.speaker else ""
        gone = " [dim](no longer holds)[/dim]" if r.memory.valid_to_s else ""
        row = [str(r.memory.id), day(r.memory.said_at_s), f"{r.score:.2f}", f"{r.confidence:.0%}", *signals]
        table.add_row(*row, _clean(speaker + r.memory.text) + gone)
    console.print(table)


def listing(response: pb.ListMemoriesResponse) -> None:
    """Print memories, one in each row."""
    if not response.memories:
        print("nothing is remembered")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "said", "kind", "uses"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("id", "uses") else "left")
    table.add_column("memory", overflow="fold", ratio=1)
    for m in response.memories:
        marks = [mark for holds, mark in ((m.pinned, "pinned"), (m.valid_to_s, "no longer holds"), (m.lifecycle == 2, "archived")) if holds]
        marks += [f"expires {day(m.expires_at_s)}"] if m.expires_at_s else []
        marks += [_clean(label) for label in m.categories]
        note = f" [dim]({', '.join(marks)})[/dim]" if marks else ""
        text = _clean(f"{m.speaker}: {m.text}" if m.speaker else m.text)
        table.add_row(str(m.id), day(m.said_at_s), _kind(m.kind), str(m.uses), text + note)
    _console().print(table)


def _fact(fact: pb.Fact) -> str:
    """Return a fact as a line, such as "user / home city = Graz, until 2026-03-01"."""
    claim = {pb.CLAIM_DENIES: "not ", pb.CLAIM_PAST: "once "}.get(fact.claim, "")
    ended = f", until {day(fact.valid_to_s)}" if fact.valid_to_s else ""
    return f"{fact.subject} / {fact.attribute} = {claim}{fact.value or 'any'}{ended}"


def one(memory: pb.Memory, history: pb.HistoryResponse) -> None:
    """Print all fields of a memory, and its history."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows = {
        "memory": str(memory.id),
        "text": memory.text,
        "kind": _kind(memory.kind),
        "speaker": memory.speaker,
        "session": memory.session,
        "said": day(memory.said_at_s),
        "holds": "yes" if not memory.valid_to_s else f"until {day(memory.valid_to_s)}",
        "facts": "\n".join(_fact(fact) for fact in memory.facts),
        "importance": f"{memory.importance:.2f}"
        + (", pinned" if memory.pinned else "")
        + (", in every context" if memory.standing else ""),
        "affect": f"valence {memory.affect.valence:+.2f}, arousal {memory.affect.arousal:.2f}",
        "used": f"{memory.uses} times, last {day(memory.last_used_s)}",
        "names": ", ".join(memory.entities),
        "categories": ", ".join(memory.categories),
        "metadata": ", ".join(f"{name} = {_value(value)}" for name, value in sorted(memory.metadata.fields.items())),
        "expires": moment(memory.expires_at_s),
        "made of": _ids(memory.derived_from) if memory.derived_from else "",
        "superseded by": str(memory.superseded_by or ""),
        "source": memory.source,
        "key": memory.key,
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, _clean(value))
    for change in history.changes:
        detail = f": {_clean(change.detail)}" if change.detail else ""
        table.add_row("", f"[dim]{day(change.at_s)} {change.action}{detail}[/dim]")
    _console().print(table)


def _value(value: Value) -> str:
    """Return a value of the metadata as JSON shows it."""
    plain = MessageToDict(value)
    return json.dumps(int(plain) if isinstance(plain, float) and plain.is_integer() else plain, ensure_ascii=False)


def forgotten(response: pb.ForgetResponse) -> None:
    """Print how many memories were erased."""
    print(
        f"forgot {response.forgotten} memories; no text of them is left" if response.forgotten else "nothing fitted; nothing was forgotten"
    )


def imported(response: pb.ImportResponse) -> None:
    """Print how many memories were imported and skipped."""
    print(f"imported {response.imported} memories" + (f", {response.skipped} were there already" if response.skipped else ""))


def consolidated(done: pb.ConsolidateProgress) -> None:
    """Print how many memories were merged, summarised, archived and purged."""
    print(
        (f"erased {done.expired} expired, " if done.expired else "")
        + f"merged {done.merged}, summarised into {done.summaries}, archived {done.archived}, purged {done.purged}"
    )


def checked(done: pb.CheckResponse) -> None:
    """Print the findings of a check, or that there are none."""
    for finding in done.findings:
        print(f"{finding.severity}: {finding.what}" + (" (repaired)" if finding.repaired else ""))
    print(f"{done.memories} memories, " + ("all clean" if done.clean else f"{len(done.findings)} findings"))


def namespaces(response: pb.ListNamespacesResponse) -> None:
    """Print the namespaces, one in each row, with their numbers of memories."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("agent", "user", "memories", "archived", "last change"):
        table.add_column(name, justify="right" if name in ("memories", "archived") else "left")
    for n in response.namespaces:
        table.add_row(_clean(n.scope.agent), _clean(n.scope.user), str(n.memories), str(n.archived), day(n.last_change_s))
    _console().print(table)


def state(s: pb.State) -> None:
    """Print the state of a memory: counts, index, embedder, mood, goals, and the run times of all stages."""
    print(f"{s.active} active, {s.superseded} of them no longer hold; {s.archived} archived")
    print(f"{s.experiences} experiences, {s.associations} associations")
    building = ", its graph is being built" if s.index.building else ""
    print(f"index {s.index.kind}, {s.index.size} vectors, {s.index.memory_bytes / 1e6:.1f} MB{building}")
    print(f"embedder {s.embedder}, {s.dimension} numbers" + (f", {s.reembed_left} memories still to be embedded" if s.reembed_left else ""))
    print(f"mood: valence {s.mood.valence:+.2f}, arousal {s.mood.arousal:.2f}; in focus: {_ids(s.working_memory) or 'nothing'}")
    if s.goals:
        print("goals: " + "; ".join(g.text for g in s.goals))
    for r in s.resonance:
        print(f"like session {r.session}: {r.similarity:.2f}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("stage", "runs", "mean ms", "what it does"):
        table.add_column(name, justify="right" if name in ("runs", "mean ms") else "left")
    for stage in s.stages:
        mean = f"{stage.total_s / stage.runs * 1000:.2f}" if stage.runs else ""
        table.add_row(stage.name, str(stage.runs), mean, stage.summary)
    _console().print(table)


def patterns(response: pb.ListPatternsResponse) -> None:
    """Print the recurring patterns with the share of recent experiences that they cover."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("share", "count", "alike", "pattern"):
        table.add_column(name, justify="left" if name == "pattern" else "right")
    for p in response.patterns:
        table.add_row(f"{p.weight:.0%}", str(p.count), f"{p.similarity:.2f}", _clean(p.label))
    _console().print(table)


def seen(reply: pb.WatchChangesResponse) -> None:
    """Print one change that was seen."""
    change, of = reply.change, f"memory {reply.change.memory_id}" if reply.change.memory_id else "everything"
    detail = f": {change.detail}" if change.detail else ""
    print("".join(c if c.isprintable() else " " for c in f"{moment(change.at_s)} {reply.scope.user} {change.action} {of}{detail}".strip()))


def profile(known: pb.Profile) -> None:
    """Print what is known by subject and attribute, then what is in every context."""
    if not known.subjects and not known.standing:
        print("nothing is known")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("subject", "attribute", "value", "said", "memories"):
        table.add_column(name, overflow="fold")
    for subject in known.subjects:
        for attribute in subject.attributes:
            for value in attribute.values:
                said = ("not " if value.claim == pb.CLAIM_DENIES else "") + (value.value or "any")
                note = " [dim](contradicted)[/dim]" if attribute.conflict else ""
                row = (_clean(subject.subject), _clean(attribute.attribute), _clean(said) + note, day(value.said_at_s))
                table.add_row(*row, _ids(value.memory_ids))
    if known.subjects:
        _console().print(table)
    for memory in known.standing:
        _console().print(f"always: {_clean(memory.text)} [dim]({memory.id})[/dim]")


def graph(found: pb.Graph) -> None:
    """Print the connections of names, then the names that have none."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("name", "connection", "with", "memories"):
        table.add_column(name, justify="right" if name == "memories" else "left", overflow="fold")
    connected = set()
    for edge in found.edges:
        connected |= {edge.source, edge.target}
        table.add_row(_clean(edge.source), _clean(edge.label) or "[dim]together[/dim]", _clean(edge.target), str(edge.memories))
    if found.edges:
        _console().print(table)
    alone = [f"{node.name} ({node.memories})" for node in found.nodes if node.name not in connected]
    print(_clean(", ".join(alone)) if alone else "", end="\n" if alone else "")
    if not found.nodes:
        print("no names")


def goals(response: pb.SetGoalsResponse | pb.GetGoalsResponse) -> None:
    """Print the goals, one on each line."""
    print("\n".join(g.text for g in response.goals) or "no goals")
