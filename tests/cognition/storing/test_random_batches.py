"""Random batches, erasures and purges leave the same visible state in every store that this machine has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from echorator.cognition.memory import Action, Batch, Experience, Filter, Goal, Lifecycle, Link, Memory, Namespace, Patch
from echorator.cognition.reading.values import Act, Claim, Fact, FactType
from echorator.cognition.storing.store import MemoryNotFoundError, Store
from tests.cognition.storing.memories import memory
from tests.cognition.storing.stores import Servers
from tests.support.programs import there
from tests.support.rounds import rounds

WORDS = (
    "fox",
    "foxes",
    "red",
    "the",
    "caf\u00e9",
    "\u8bb0\u4f4f",
    "\u6771\u4eac",
    "+49 170",
    "isn't",
    '"',
    "%_\\",
    "\U0001f98a",
    "Stra\u00dfe",
)
QUERIES = ("fox", '"red fox"', "caf*", "\u8bb0", "the", "170", "stra\u00dfe fox")
said = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
names = st.sampled_from(("", "a", "b", "\u00e9 %"))
whens = st.floats(-1e9, 1e12)
facts = st.lists(
    st.builds(
        Fact,
        st.sampled_from(("user", "fox")),
        st.sampled_from(("name", "caf\u00e9")),
        said,
        st.sampled_from(FactType),
        st.sampled_from(Claim),
        st.floats(0, 1),
        to_s=whens,
    ),
    max_size=3,
).map(tuple)
places = st.integers(0, 30)
memories = st.builds(
    memory,
    said,
    speaker=names,
    session=names,
    said_s=whens,
    key=st.sampled_from(("", "", "", "k", "l")),
    facts=facts,
    act=st.sampled_from(Act),
    valid_to_s=st.sampled_from((0.0, 5.0)),
    lifecycle=st.sampled_from(Lifecycle),
    embedder=st.integers(1, 2),
    categories=st.lists(st.sampled_from(WORDS), max_size=2).map(tuple),
    metadata=st.dictionaries(st.sampled_from(WORDS), st.one_of(st.booleans(), st.floats(-9, 9), said), max_size=2),
)


def with_terms(values: dict[str, Any]) -> dict[str, Any]:
    """A new text comes with its terms, by which it is found."""
    return values | {"terms": memory(values["text"]).terms} if "text" in values else values


fields = (
    st.fixed_dictionaries(
        {},
        optional={
            "importance": st.floats(0, 1),
            "text": said,
            "valid_to_s": st.sampled_from((0.0, 6.0)),
            "lifecycle": st.sampled_from(Lifecycle),
            "facts": facts,
            "pinned": st.booleans(),
            "embedder": st.integers(1, 2),
            "speaker": names,
        },
    )
    .filter(bool)
    .map(with_terms)
)
ends = st.one_of(places, st.integers(-2, -1))
batches = st.fixed_dictionaries(
    {
        "add": st.lists(st.tuples(memories, st.lists(places, max_size=2)), min_size=2, max_size=4),
        "patch": st.lists(st.tuples(ends, fields, st.sampled_from(("", Action.UPDATED)), names), max_size=3),
        "links": st.lists(st.tuples(ends, ends, st.sampled_from(("entity", "recalled")), st.floats(0, 1)), max_size=3),
        "uses": st.lists(st.tuples(places, whens), max_size=2),
        "turn": st.none() | st.tuples(names, said, st.lists(places, max_size=2)),
        "goals": st.none() | st.lists(st.tuples(said, st.floats(0, 2)), max_size=2),
        "documents": st.dictionaries(st.sampled_from(("session:a", "session:b", "map")), st.binary(max_size=4), max_size=2),
    }
)
chosen = st.lists(places, min_size=1, max_size=3)


class Side:
    """One store with the ids that it gave, in the order in which they were given."""

    def __init__(self, store: Store, space: Namespace) -> None:
        self.store = store
        self.space = space
        self.ids: list[int] = []
        self.turns: list[int] = []

    def at(self, place: int) -> int:
        """Return the id of the memory at a place, -2 and -1 for the batch's own."""
        return place if place < 0 else self.ids[place % len(self.ids)] if self.ids else 10**9

    def write(self, drawn: dict[str, Any], at_s: float) -> object:
        batch = Batch(
            add=tuple(replace(m, derived_from=tuple(map(self.at, parts))) for m, parts in drawn["add"]),
            patch=tuple(Patch(self.at(end), values, action, detail) for end, values, action, detail in drawn["patch"]),
            links=tuple(Link(self.at(a), self.at(b), kind, gain) for a, b, kind, gain in drawn["links"]),
            uses=tuple((self.at(place), when_s) for place, when_s in drawn["uses"]),
            experience=None
            if drawn["turn"] is None
            else Experience(drawn["turn"][0], at_s, drawn["turn"][1], "answer", recalled=tuple(map(self.at, drawn["turn"][2]))),
            goals=None if drawn["goals"] is None else tuple(Goal(text, p, np.full(4, p, np.float32)) for text, p in drawn["goals"]),
            documents=drawn["documents"],
        )
        try:
            receipt = self.store.write(self.space, batch, at_s).result()
        except MemoryNotFoundError as error:
            return self.ids.index(int(str(error).split(" ")[-1])) if self.ids else "none"
        if batch.experience is not None:
            self.turns.append(receipt.experience_id)
        self.ids += [i for i, fresh in zip(receipt.ids, receipt.fresh, strict=True) if fresh]
        return receipt.fresh

    def shown(self, m: Memory) -> object:
        kept = replace(
            m, id=self.place(m.id), derived_from=tuple(map(self.place, m.derived_from)), superseded_by=self.place(m.superseded_by)
        )
        return kept, m.embedding.tolist(), m.terms.tolist()

    def place(self, number: int) -> int:
        return self.ids.index(number) if number in self.ids else -1

    def seen(self) -> dict[str, object]:
        """Return all that can be seen of the store."""
        store, space = self.store, self.space
        history = store.history(space, 0, 0, 1000)
        middle = history[len(history) // 2].seq if history else 0
        counts = store.counts(space, 1)
        return {
            "everything": [self.shown(m) for m in store.everything(space, vectors=True)],
            "scan": [self.shown(m) for m in store.scan(space)],
            "memories": [self.shown(m) for m in store.memories(space, self.ids[::-1])],
            "archived": [self.place(m.id) for m in store.archived(space)],
            "stating": [self.place(m.id) for m in store.stating(space)],
            "facts": [[self.place(m.id) for m in store.facts(space, s, a)] for s in ("user", "fox") for a in ("name", "caf\u00e9")],
            "pages": [[self.place(m.id) for m in store.page(space, Filter(), query, None, 0, 100)] for query in QUERIES],
            "filtered": [
                [self.place(i) for i in store.matching(space, f)]
                for f in (Filter(speaker="a"), Filter(acts=frozenset({Act.ASKS}), since_s=0.0), Filter(categories=frozenset({"fox"})))
            ],
            "associations": sorted((self.place(a), self.place(b), round(w, 6)) for a, b, w in store.associations(space)),
            "changed": {self.place(i) for i in store.changed_since(space, middle)},
            "history": [(self.place(c.memory_id), c.action, c.detail, c.at_s) for c in history],
            "turns": [
                replace(
                    e, id=self.turns.index(e.id), recalled=tuple(map(self.place, e.recalled)), learned=tuple(map(self.place, e.learned))
                )
                for e in store.experiences(space, "", 1000)
            ],
            "goals": [(g.text, g.priority, g.embedding.tolist()) for g in store.goals(space)],
            "documents": {name: store.document(space, name) for name in store.documents(space, "")},
            "counts": replace(counts, seq=0),
            "check": [f.what for f in store.check(repair=False)[0] if "length" not in f.what and "not there" not in f.what],
        }


class Stores(RuleBasedStateMachine):
    """The same steps on all stores."""

    stores: ClassVar[list[Store]]
    runs: ClassVar[Iterator[int]] = iter(range(10**9))

    @initialize()
    def open_namespaces(self) -> None:
        user, self.sides, self.time_s = f"u{next(Stores.runs)}", [], 0.0
        for store in self.stores:
            space = store.namespace("t", "a", user, create=True)
            assert space is not None
            self.sides.append(Side(store, space))

    def _agreed(self, results: list[object]) -> None:
        assert all(result == results[0] for result in results), results
        self.time_s += 1.0

    @rule(drawn=batches)
    def write(self, drawn: dict[str, Any]) -> None:
        self._agreed([side.write(drawn, self.time_s) for side in self.sides])

    @rule(drawn=chosen)
    def erase(self, drawn: list[int]) -> None:
        self._agreed([side.store.erase(side.space, [side.at(place) for place in drawn], self.time_s) for side in self.sides])

    @rule(drawn=chosen)
    def purge(self, drawn: list[int]) -> None:
        for side in self.sides:
            side.store.purge(side.space, sorted({side.at(place) for place in drawn}), self.time_s)
        self.time_s += 1.0

    @invariant()
    def all_show_the_same(self) -> None:
        first, *others = [side.seen() for side in getattr(self, "sides", [])] or [{}]
        for other in others:
            for name, value in first.items():
                assert other[name] == value, name

    def teardown(self) -> None:
        for side in getattr(self, "sides", []):
            side.store.erase(side.space, None, self.time_s)


@pytest.mark.slow
@pytest.mark.parametrize(
    "others",
    [
        pytest.param(("redis",), marks=pytest.mark.needs("redis-server")),
        pytest.param(("postgres",), marks=pytest.mark.needs("initdb")),
    ],
    ids=str,
)
def test_all_stores_show_the_same_after_random_batches(servers: Servers, others: tuple[str, ...]) -> None:
    assert there("redis-server") or there("initdb")
    Stores.stores = [servers.place(kind).open() for kind in ("sqlite", *others)]
    try:
        for store in Stores.stores:
            assert store.embedder("test", 4) == 1
        # Failures are not made smaller: that writes to real servers for minutes.
        run_state_machine_as_test(Stores, settings=settings(max_examples=rounds(60), stateful_step_count=8, phases=(Phase.generate,)))
    finally:
        for store in Stores.stores:
            store.close()
