"""The state of a mesh for people: tables that fit 80 columns, and plain lines where there is no terminal. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from echorator.cli.output.mesh_status import MeshStatus
from echorator.host.running_file import Running

_COLOURS = {"Ready": "green", "Failed": "red", "Lost": "red", "BackOff": "red", "Terminating": "yellow", "Draining": "yellow"}
_FIRST_WIDEST = 21  # characters of the first column; longer names are cut, so that the numbers fit 80 columns
_WIDEST = {"MODEL": 14}
_NUMBERS = {"READY", "SLOTS", "QUEUE", "TOKENS/S", "RESTARTS"}


def view_of(status: MeshStatus, running: Running | None = None) -> RenderableType:
    """Return the view of models, agents and queues; `running` gives the addresses, if they are known."""
    parts: list[RenderableType] = []
    if running is not None:
        parts += [*_addresses(running), Text()]
    models = _table("MODEL", "PHASE", "READY", "SLOTS", "QUEUE", "TOKENS/S")
    for m in status.models:
        phase, slots = _coloured(m.stands.phase), f"{m.busy}/{m.slots}"
        models.add_row(m.name, phase, m.stands.share, slots, str(m.queued), f"{m.tokens_per_s:.0f}")
    parts.append(models if status.models else Text("no model yet: echorator apply -f model.yaml"))
    parts += [Text(f"  {m.name}: {m.stands.says}", "red" if m.stands.phase == "Failed" else "dim") for m in status.models if m.stands.says]
    if status.agents:
        agents = _table("AGENT", "STATE", "MODEL", "SLOTS", "TOKENS/S", "RESTARTS")
        for a in status.agents:
            agents.add_row(a.name, _coloured(a.state), a.models, f"{a.busy}/{a.slots}", f"{a.tokens_per_s:.0f}", str(a.restarts))
        parts += [Text(), agents]
        parts += [Text(f"  {a.name}: {a.says}", "red") for a in status.agents if a.says]
    if status.waiting is not None:
        parts += [Text(), Text(f"{status.waiting} requests wait in the gateway")]
    return Group(*parts)


def _addresses(running: Running) -> list[Text]:
    first = f"gRPC {running.gateway}"
    if running.http:
        first += f"   OpenAI http://{running.http}/v1"
    return [Text(first, "bold"), Text(f"controller {running.controller}   memory {'on' if running.memory else 'off'}")]


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        widest = _FIRST_WIDEST if index == 0 else _WIDEST.get(column)
        table.add_column(column, justify="right" if column in _NUMBERS else "left", overflow="ellipsis", no_wrap=True, max_width=widest)
    return table


def _coloured(word: str) -> Text:
    return Text(word, _COLOURS.get(word, ""))


def changes(before: MeshStatus | None, now: MeshStatus) -> Sequence[str]:
    """Return a line for each model that changed, for a log."""
    known = {m.name: m for m in before.models} if before is not None else {}
    lines = []
    for m in now.models:
        earlier = known.pop(m.name, None)
        if earlier is None or earlier.stands != m.stands:
            lines.append(f"model {m.name}: {m.stands.line}")
    return [*lines, *(f"model {name}: gone" for name in known)]
