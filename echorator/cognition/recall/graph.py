"""The graph of what memories name: people and things as nodes, connected by the facts that hold and by standing in one memory. Pure.

Feeds `api`; associations between memories are the index's own, and not shown here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from echorator.cognition.memory import Memory
from echorator.cognition.reading.values import Claim
from echorator.cognition.recall.profile import stands_at

MOST_IDS = 20  # memories of a node or an edge that are named
MOST_NAMES = 12  # names of one memory that are connected with each other
EDGES_OF_A_NODE = 10  # shown on average


@dataclass(frozen=True, slots=True)
class Node:
    """A name, and the memories that have it, the latest first."""

    name: str
    memories: int
    memory_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection: a fact's attribute from its subject to its value, or, without a label, names that occur together."""

    source: str
    target: str
    label: str
    memories: int
    memory_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EntityGraph:
    """The nodes that most memories name, the edges between them, and how many nodes are left out."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left_out: int


def graph_of(memories: Iterable[Memory], at_s: float, limit: int, about: str = "") -> EntityGraph:
    """Return the graph of the memories.

    Args:
        memories: in the order of their ids.
        at_s: the time at which facts hold, in seconds since 1970.
        limit: the largest number of nodes.
        about: a name in lower case: only it and its neighbours are shown; "" shows all.
    """
    named: defaultdict[str, list[int]] = defaultdict(list)
    joined: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for memory in memories:
        together = sorted(set(memory.entities))[:MOST_NAMES]
        stated = {
            (fact.subject, fact.value.lower(), fact.attribute)
            for fact in memory.facts
            if fact.claim is Claim.HOLDS and fact.value and stands_at(memory, fact, at_s)
        }
        for edge in [*stated, *((a, b, "") for a, b in combinations(together, 2))]:
            joined[edge].append(memory.id)
        for name in {*together, *(end for source, target, _ in stated for end in (source, target))}:
            named[name].append(memory.id)
    if about:
        near = {about} | {end for source, target, _ in joined for end in (source, target) if about in (source, target)}
        named = defaultdict(list, {name: ids for name, ids in named.items() if name in near})
    nodes = sorted(
        (Node(name, len(ids), _latest(ids)) for name, ids in named.items()), key=lambda n: (n.name != about, -n.memories, n.name)
    )
    shown = {node.name for node in nodes[:limit]}
    edges = [Edge(a, b, label, len(ids), _latest(ids)) for (a, b, label), ids in joined.items() if a in shown and b in shown]
    edges.sort(key=lambda e: (-e.memories, not e.label, e.source, e.target, e.label))
    return EntityGraph(tuple(nodes[:limit]), tuple(edges[: EDGES_OF_A_NODE * limit]), max(len(nodes) - limit, 0))


def _latest(ids: list[int]) -> tuple[int, ...]:
    return tuple(reversed(ids[-MOST_IDS:]))
