"""The graph of what memories name: what connects what, what is left out, and what a client sees of it."""

from __future__ import annotations

import grpc
import pytest

from echorator.cognition.memory import Kind, Memory
from echorator.cognition.reading.values import Claim, Fact
from echorator.cognition.recall.graph import EDGES_OF_A_NODE, MOST_IDS, graph_of
from echorator.rpc.v1 import cognition_pb2 as pb
from tests.support.agents import refused
from tests.support.memories import Memory as Client


def told(number: int, *entities: str, facts: tuple[Fact, ...] = (), **more: object) -> Memory:
    return Memory("text", Kind.EPISODIC, float(number), 1.0, id=number, entities=entities, facts=facts, **more)  # type: ignore[arg-type]


def test_names_that_occur_together_are_connected_once_a_memory() -> None:
    graph = graph_of([told(1, "ann", "bob"), told(2, "bob", "ann", "ann"), told(3, "carl")], 10.0, 100)
    assert [(n.name, n.memories, n.memory_ids) for n in graph.nodes] == [("ann", 2, (2, 1)), ("bob", 2, (2, 1)), ("carl", 1, (3,))]
    assert [(e.source, e.target, e.label, e.memories) for e in graph.edges] == [("ann", "bob", "", 2)]


def test_facts_that_hold_are_labelled_edges() -> None:
    facts = (
        Fact("user", "home city", "Graz"),
        Fact("user", "home city", "Oslo", to_s=5.0),
        Fact("user", "pet", "dog", claim=Claim.DENIES),
        Fact("user", "job", "cook", claim=Claim.PAST),
    )
    graph = graph_of([told(1, "graz", facts=facts)], 10.0, 100)
    assert [(e.source, e.target, e.label) for e in graph.edges] == [("user", "graz", "home city")]
    assert {n.name for n in graph.nodes} == {"user", "graz"}
    assert {e.target for e in graph_of([told(1, facts=facts)], 2.0, 100).edges} == {"graz", "oslo"}


def test_one_name_is_shown_with_its_neighbours() -> None:
    graph = graph_of([told(1, "ann", "bob"), told(2, "bob", "carl"), told(3, "dora", "carl")], 10.0, 100, "ann")
    assert [n.name for n in graph.nodes] == ["ann", "bob"]
    assert [(e.source, e.target) for e in graph.edges] == [("ann", "bob")]
    assert graph_of([told(1, "ann")], 10.0, 100, "nobody").nodes == ()


def test_the_graph_is_limited_in_size() -> None:
    memories = [told(i, f"n{i % 50}", f"m{i % 7}") for i in range(1, 2001)]
    graph = graph_of(memories, 10.0, 10)
    assert (len(graph.nodes), graph.left_out) == (10, 47)
    assert len(graph.edges) <= 10 * EDGES_OF_A_NODE
    assert all(len(n.memory_ids) <= MOST_IDS for n in graph.nodes)
    shown = {n.name for n in graph.nodes}
    assert all({e.source, e.target} <= shown for e in graph.edges)
    crowd = graph_of([told(1, *(f"n{i}" for i in range(200)))], 10.0, 5000)
    assert len(crowd.edges) <= 66


@pytest.mark.asyncio(loop_scope="session")
async def test_the_graph_of_a_namespace(memory: Client) -> None:
    facts = [pb.Fact(subject="anna", attribute="home city", value="Graz")]
    new = [
        pb.NewMemory(text="We met Anna and Berta at the harbour.", facts=facts, categories=["trip"]),
        pb.NewMemory(text="We saw Anna and Berta.", expires_at_s=1.0),
    ]
    ids = (await memory.stub.Remember(pb.RememberRequest(scope=memory.scope(), memories=new))).ids
    graph = await memory.stub.GetGraph(pb.GetGraphRequest(scope=memory.scope(), about="Anna"))
    edges = {(e.source, e.target, e.label): list(e.memory_ids) for e in graph.edges}
    assert edges["anna", "graz", "home city"] == [ids[0]]
    assert edges["anna", "berta", ""] == [ids[0]], "what has expired connects nothing"
    none = pb.GetGraphRequest(scope=memory.scope(), filter=pb.Filter(none=[pb.Filter(categories=["trip"])]))
    assert not (await memory.stub.GetGraph(none)).nodes
    await refused(memory.stub.GetGraph(pb.GetGraphRequest(scope=memory.scope(), limit=5001)), grpc.StatusCode.INVALID_ARGUMENT, "1..5000")
