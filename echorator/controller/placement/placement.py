"""Decides which agent serves which model. A pure function from the wanted models and the agents to the models that each agent has to serve.

The result is stable: an agent that serves a model keeps it while it may, and no model is moved to balance the load. Fed by `placer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wanted:
    """A model that `replicas` agents are to serve, each with `memory_bytes` of memory (0: unknown)."""

    name: str
    replicas: int
    memory_bytes: int = 0


@dataclass(frozen=True)
class Host:
    """An agent that models can be placed on.

    `own` are the models of its command line: they count as replicas and cannot be taken away. `running` has the number of requests by
    model.
    """

    id: str
    assigned: frozenset[str] = frozenset()
    ready: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    unfit: frozenset[str] = frozenset()  # models that failed on this agent and are not tried here for now
    running: Mapping[str, int] = field(default_factory=dict)
    memory_free_bytes: int | None = None  # None: unknown
    takes_more: bool = True  # False: lost for now; its models stay placed, none is added
    only: str = ""  # the agent was started for this model: serves it whatever `replicas` says, and no other


@dataclass(frozen=True)
class Placement:
    """The result: `by_host` has the models that each host has to serve besides its own, `shortages` why a model lacks agents."""

    by_host: dict[str, frozenset[str]]
    shortages: dict[str, str]


def place(wanted: Sequence[Wanted], hosts: Sequence[Host]) -> Placement:
    """Return the placement, with an entry for every host; models earlier in `wanted` get memory first."""
    chosen: dict[str, set[str]] = {host.id: set() for host in hosts}
    free = {host.id: host.memory_free_bytes for host in hosts}
    shortages: dict[str, str] = {}
    kept = {model.name: _kept(model, hosts) for model in wanted}
    for name, holders in kept.items():
        for host in holders:
            chosen[host.id].add(name)
    for model in wanted:
        own = sum(model.name in host.own for host in hosts)
        missing = model.replicas - own - len(kept[model.name])
        if missing <= 0:
            continue
        without = [h for h in hosts if h.takes_more and not h.only and model.name not in h.own and model.name not in chosen[h.id]]
        candidates = [h for h in without if model.name not in h.unfit]
        fitting = [h for h in candidates if _fits(model, free[h.id])]
        fitting.sort(key=lambda h: (len(chosen[h.id]) + len(h.own), -(free[h.id] or 0), h.id))
        for host in fitting[:missing]:
            chosen[host.id].add(model.name)
            left = free[host.id]
            if left is not None:
                free[host.id] = left - model.memory_bytes
        if len(fitting) < missing:
            shortages[model.name] = _why(model, hosts, candidates, fitting, missing)
    return Placement({name: frozenset(models) for name, models in chosen.items()}, shortages)


def _fits(model: Wanted, free_bytes: int | None) -> bool:
    return free_bytes is None or model.memory_bytes <= free_bytes


def _kept(model: Wanted, hosts: Sequence[Host]) -> list[Host]:
    """Return the hosts that keep the model: started for it, or assigned already. Of too many, the ready, then the busiest stay."""
    own = sum(model.name in host.own for host in hosts)
    fit = [h for h in hosts if model.name not in h.unfit and model.name not in h.own]
    given = [h for h in fit if h.only == model.name and (h.takes_more or model.name in h.assigned)]
    holders = [h for h in fit if not h.only and model.name in h.assigned]
    holders.sort(key=lambda h: (model.name not in h.ready, -h.running.get(model.name, 0), h.id))
    return given + holders[: max(0, model.replicas - own - len(given))]


def _why(model: Wanted, hosts: Sequence[Host], candidates: Sequence[Host], fitting: Sequence[Host], missing: int) -> str:
    lacking = missing - len(fitting)
    agents = f"{lacking} more agent{'s' if lacking > 1 else ''} needed"
    if not hosts:
        return f"{agents}: none is connected"
    unfit = [h.id for h in hosts if model.name in h.unfit]
    if unfit:
        return f"{agents}: it failed on {', '.join(unfit[:5])}"
    if len(fitting) < len(candidates):
        most = max(h.memory_free_bytes or 0 for h in candidates)
        return f"{agents}: a replica takes {model.memory_bytes >> 20} MiB, at most {most >> 20} MiB are free on one"
    if any(h.only not in ("", model.name) for h in hosts):
        return f"{agents}: all connected ones serve it, or serve another model only"
    return f"{agents}: all {len(hosts)} connected ones serve it"
