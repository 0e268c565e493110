"""The state of one Model as tables and lines, for `kollama status`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.text import Text

from echorator.cli.output.model_standing import age, standing_of
from echorator.cli.output.tables import Table, coloured
from echorator.kube.api.resources import PART_LABEL, Object

LAST_EVENTS = 10
_BAR = 30


@dataclass(frozen=True)
class Standing:
    """A Model with its pods and events; `unseen` says what the user may not read."""

    model: Object
    pods: Sequence[Object] = ()
    events: Sequence[Object] = ()
    unseen: Sequence[str] = ()


def _age(stamp: str | None, now: datetime) -> str:
    return age(datetime.fromisoformat(stamp), now) if stamp else ""


def view_of(standing: Standing, now: datetime | None = None) -> RenderableType:
    """Return the view of one Model: facts, conditions, pods and the latest events."""
    now = now or datetime.now(UTC)
    model, status = standing.model, standing.model.get("status") or {}
    metadata = model["metadata"]
    stands = standing_of(model)
    head = Text.assemble((f"model/{metadata['name']}", "bold"), "  ", coloured(stands.phase), f"  {stands.share} ready")
    parts: list[RenderableType] = [head]
    facts = (
        ("namespace", metadata["namespace"]),
        ("image", model["spec"]["image"]),
        ("served as", status.get("servedName", "")),
        ("endpoint", status.get("endpoint", "")),
        ("file", _file(status.get("model") or {})),
        ("age", _age(metadata.get("creationTimestamp"), now)),
    )
    parts += [Text(f"  {name:<10} {value}") for name, value in facts if value]
    if download := status.get("download"):
        parts.append(Text(f"  download   {_bar(download)}"))
    if error := status.get("lastError"):
        parts.append(Text(f"  last error {error.get('class', '')}: {error.get('message', '')}", "red"))
    conditions = status.get("conditions") or ()
    rows = [[c["type"], c["status"], c["reason"], _age(c.get("lastTransitionTime"), now), c.get("message", "")] for c in conditions]
    parts += _section(("CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"), rows, "no operator has looked at it yet")
    parts += _section(("POD", "PART", "STATUS", "READY", "RESTARTS", "AGE"), [_pod_row(pod, now) for pod in standing.pods], "no pods")
    latest = sorted(standing.events, key=_event_time)[-LAST_EVENTS:]
    parts += _section(("AGE", "TYPE", "REASON", "TIMES", "MESSAGE"), [_event_row(event, now) for event in latest], "no events")
    parts += [Text(line, "yellow") for line in standing.unseen]
    return Group(*parts)


def _file(loaded: Object) -> str:
    """Format digest and size of the served file."""
    size = f"  {loaded['sizeBytes'] / (1 << 20):.1f} MiB" if loaded.get("sizeBytes") else ""
    return f"{loaded.get('digest', '')}{size}"


def _bar(download: Object) -> str:
    percent = min(100, int(download.get("percent", 0)))
    full = _BAR * percent // 100
    done, total = int(download.get("doneBytes", 0)) >> 20, int(download.get("totalBytes", 0)) >> 20
    return f"{'█' * full}{'░' * (_BAR - full)} {percent} %, {done} of {total} MiB"


def _section(columns: Sequence[str], rows: Sequence[Sequence[object]], nothing: str) -> list[RenderableType]:
    if not rows:
        return [Text(), Text(nothing, "dim")]
    return [Text(), Table(columns, rows)]


def _pod_row(pod: Object, now: datetime) -> list[object]:
    status = pod.get("status") or {}
    containers = status.get("containerStatuses") or ()
    ready = f"{sum(1 for c in containers if c.get('ready'))}/{len(pod['spec']['containers'])}"
    restarts = sum(int(c.get("restartCount", 0)) for c in containers)
    metadata = pod["metadata"]
    part = (metadata.get("labels") or {}).get(PART_LABEL, "")
    return [metadata["name"], part, _pod_status(pod), ready, restarts, _age(metadata.get("creationTimestamp"), now)]


def _pod_status(pod: Object) -> str:
    """Return the status of a pod as `kubectl get pods` shows it: the reason why a container does not run, else the phase."""
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    status = pod.get("status") or {}
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind) or ():
            state = container.get("state") or {}
            ended = state.get("terminated") or {}
            reason = (state.get("waiting") or {}).get("reason") or (ended.get("reason") if ended.get("exitCode") else None)
            if reason:
                return str(reason)
    unscheduled = any(c["type"] == "PodScheduled" and c["status"] == "False" for c in status.get("conditions") or ())
    return "Unschedulable" if unscheduled else str(status.get("phase", "Pending"))


def _event_time(event: Object) -> str:
    series = event.get("series") or {}
    stamps = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event["metadata"].get("creationTimestamp"),
    )
    return next((str(stamp) for stamp in stamps if stamp), "")


def _event_row(event: Object, now: datetime) -> list[object]:
    times = (event.get("series") or {}).get("count") or event.get("count") or 1
    return [_age(_event_time(event), now), event.get("type", ""), event.get("reason", ""), times, event.get("message", "")]
