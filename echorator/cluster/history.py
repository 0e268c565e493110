"""What happened to a resource, told from the changes that the store keeps. Pure; shown by `echorator describe`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from echorator.cluster.resources import Key, Resource
from echorator.cluster.store import Change, Event


@dataclass(frozen=True)
class Happening:
    """One line of a resource's history; `at_s` is seconds since 1970."""

    at_s: float
    key: Key
    text: str


def history_of(key: Key, events: Iterable[Event]) -> list[Happening]:
    """Return the history of a resource and of the resources it owns, directly or not, oldest first."""
    family = {key}
    before: dict[Key, Resource] = {}
    told = []
    for event in events:
        resource = event.resource
        if resource.owner in family:
            family.add(resource.key)
        if resource.key in family:
            texts = _texts(event, before.get(resource.key))
            told += [Happening(event.at_s, resource.key, text) for text in texts]
            before[resource.key] = resource
    return told


def _texts(event: Event, before: Resource | None) -> list[str]:
    resource = event.resource
    if event.change is Change.ADDED:
        return ["created"]
    if event.change is Change.DELETED:
        return ["gone"]
    status, earlier = resource.status, before.status if before is not None else {}
    texts = []
    if before is not None and resource.generation != before.generation:
        texts.append(f"changed, generation {resource.generation}")
    if before is not None and resource.deleting_s and not before.deleting_s:
        texts.append("to be deleted")
    if status.get("phase") != earlier.get("phase"):
        texts.append(f"{earlier['phase']} -> {status['phase']}" if "phase" in earlier else str(status["phase"]))
    if status.get("restarts", 0) != earlier.get("restarts", 0):
        texts.append(f"started again ({status['restarts']}): {status.get('lastError', '')}")
    stalled = [c["message"] for c in status.get("conditions", ()) if c["type"] == "Stalled" and c["status"] == "True"]
    if stalled and stalled != [c["message"] for c in earlier.get("conditions", ()) if c["type"] == "Stalled" and c["status"] == "True"]:
        texts += stalled
    return texts
