"""The state of a mesh for people, as tables, and lines for a log; and for programs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from echorator.cli.output.mesh_status import AgentLine, MeshStatus, ModelLine
from echorator.cli.output.tables import Column, Table
from echorator.host.running_file import Running


def view_of(status: MeshStatus, running: Running | None = None, wide: bool = False) -> RenderableType:
    """Return the view of models, agents and queues; `running` gives the addresses, if they are known. `wide` leaves nothing out."""
    parts: list[RenderableType] = []
    if running is not None:
        parts += [*_addresses(running), Text()]
    models, agents = [_model_row(m) for m in status.models], [_agent_row(a) for a in status.agents]
    parts.append(Table(_MODEL_COLUMNS, models, wide) if models else Text("no model yet: echorator apply -f model.yaml"))
    if not wide:
        parts += [Text(f"  {m.name}: {m.stands.says}", _says_style(m.stands.phase)) for m in status.models if m.stands.says]
    if agents:
        parts += [Text(), Table(_AGENT_COLUMNS, agents, wide)]
    if not wide:
        parts += [Text(f"  {a.name}: {a.says}", "red") for a in status.agents if a.says]
    if status.waiting is not None:
        parts += [Text(), Text(f"{status.waiting} requests wait in the gateway")]
    return Group(*parts)


_MODEL_COLUMNS = (
    "NAME",
    "PHASE",
    Column("READY", right=True),
    Column("SLOTS", right=True),
    Column("QUEUE", right=True),
    Column("TOKENS/S", right=True),
    Column("SAYS", wide=True),
)
_AGENT_COLUMNS = (
    "AGENT",
    "STATE",
    Column("SLOTS", right=True),
    Column("QUEUE", right=True, wide=True),
    Column("TOKENS/S", right=True),
    Column("RESTARTS", right=True),
    "MODELS",
    Column("SAYS", wide=True),
)


def _model_row(m: ModelLine) -> list[object]:
    return [m.name, m.stands.phase, m.stands.share, f"{m.busy}/{m.slots}", m.queued, f"{m.tokens_per_s:.0f}", m.stands.says]


def _agent_row(a: AgentLine) -> list[object]:
    return [a.name, a.state, f"{a.busy}/{a.slots}", a.queued, f"{a.tokens_per_s:.0f}", a.restarts, a.models, a.says]


def _says_style(phase: str) -> str:
    return "red" if phase == "Failed" else "dim"


def document_of_status(status: MeshStatus, running: Running | None) -> dict[str, Any]:
    """Return the state for programs, in lowerCamelCase; `waiting` is null where no gateway could be asked."""
    made = {
        "models": [
            {
                "name": m.name,
                "phase": m.stands.phase,
                "ready": m.stands.ready,
                "replicas": m.stands.replicas,
                "says": m.stands.says,
                "busy": m.busy,
                "slots": m.slots,
                "queued": m.queued,
                "tokensPerS": m.tokens_per_s,
            }
            for m in status.models
        ],
        "agents": [
            {
                "id": a.name,
                "state": a.state,
                "models": list(a.served),
                "says": a.says,
                "busy": a.busy,
                "slots": a.slots,
                "queued": a.queued,
                "tokensPerS": a.tokens_per_s,
                "restarts": a.restarts,
            }
            for a in status.agents
        ],
        "waiting": status.waiting,
    }
    if running is None:
        return made
    return {"controller": running.controller, "gateway": running.gateway, "http": running.http, "memory": running.memory, **made}


def _addresses(running: Running) -> list[Text]:
    first = f"gRPC {running.gateway}"
    if running.http:
        first += f"   OpenAI http://{running.http}/v1"
    return [Text(first, "bold"), Text(f"controller {running.controller}   memory {'on' if running.memory else 'off'}")]


def changes(before: MeshStatus | None, now: MeshStatus) -> Sequence[str]:
    """Return a line for each model that changed, for a log."""
    known = {m.name: m for m in before.models} if before is not None else {}
    lines = []
    for m in now.models:
        earlier = known.pop(m.name, None)
        if earlier is None or earlier.stands != m.stands:
            lines.append(f"model {m.name}: {m.stands.line}")
    return [*lines, *(f"model {name}: gone" for name in known)]
