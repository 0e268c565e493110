"""What every store does: each call of `Store` with what it returns and refuses, on SQLite, Redis and PostgreSQL alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from echorator.cognition.memory import (
    Action,
    Batch,
    Change,
    Experience,
    Filter,
    Goal,
    Kind,
    Lifecycle,
    Link,
    MetadataCondition,
    Namespace,
    Patch,
)
from echorator.cognition.reading.values import Act, Claim, Fact, FactType
from echorator.cognition.storing.store import MemoryNotFoundError, NamespaceGoneError, Store
from echorator.errors import InvalidRequestError, ResourceError
from tests.cognition.storing.memories import memory
from tests.cognition.storing.stores import STORES, Place

pytestmark = pytest.mark.parametrize("place", STORES, indirect=True)

RED = Fact("the", "fox", "red", FactType.MANY, certainty=0.5)


def write(store: Store, space: Namespace, *texts: str, **more: object) -> list[int]:
    return list(store.write(space, Batch(add=tuple(memory(text, **more) for text in texts)), 7.0).result().ids)


def texts(store: Store, space: Namespace) -> list[str]:
    return [m.text for m in store.everything(space, vectors=False)]


def test_all_fields_of_a_memory_come_back(store: Store, space: Namespace) -> None:
    kept = memory(
        "A caf\u00e9, said Ann\n twice: \u8bb0\u4f4f \U0001f98a \" ' % ? {} \\ \t",
        speaker="Ann",
        session="s",
        tokens=np.array([5, 2**63], np.uint64),
        said_s=-3.5,
        created_s=1.0,
        valid_from_s=7.123456789012,
        valid_to_s=8.0,
        importance=0.1,
        valence=-0.25,
        arousal=1e-300,
        pinned=True,
        changed_s=1e300,
        source="chat",
        act=Act.ASKS,
        facts=(RED, Fact("fox", "legs", "4", claim=Claim.DENIES, corrects=True, from_s=1.5, to_s=2.5)),
        standing=True,
        expires_s=5e9,
        categories=("animals", "caf\u00e9s"),
        metadata={"n": 1.5, "b": True, "t": "x\0y", "i": 3},
        derived_from=(2**53 - 1, 4),
        superseded_by=2**53 + 3,
        uses=2**40,
        last_used_s=99.25,
        key="k\u00e9",
        entities=("fox", "Ann"),
        terms_version=1,
    )
    kept = replace(
        kept, kind=Kind.PROCEDURAL, embedding=np.array([1, -2, 3e-39, 0.1], np.float32), terms=np.array([2**64 - 1, 7], np.uint64)
    )
    number = store.write(space, Batch(add=(kept,)), 7.0).result().ids[0]
    (light,), (full,), (exported,) = store.memories(space, [number]), store.scan(space), store.everything(space, vectors=True)
    assert light == full == exported == replace(kept, id=number)
    assert full.embedding.tolist() == exported.embedding.tolist() == kept.embedding.tolist()
    assert full.terms.tolist() == kept.terms.tolist()
    assert full.tokens.tolist() == kept.tokens.tolist()
    assert (len(light.embedding), len(light.terms), len(light.tokens)) == (0, 0, 0)
    assert [type(value) for value in light.metadata.values()] == [type(value) for value in kept.metadata.values()]


def test_a_batch_is_applied_whole(store: Store, space: Namespace) -> None:
    batch = Batch(
        add=(memory("one", entities=("x", "y")), memory("two", key="k", pinned=True)),
        patch=(Patch(-1, {"superseded_by": -2, "valid_to_s": 9.5}, Action.SUPERSEDED, "by two"),),
        links=(Link(-1, -2, "entity", 0.5), Link(-2, -1, "entity", 0.5), Link(-1, -1, "entity", 0.5)),
        experience=Experience("s", 5.0, "said \0", "answered", "m", recalled=(9,), learned=(8,), outcome=2, feedback=-0.5),
        goals=(Goal("learn", 0.5, np.ones(4, np.float32)),),
        documents={"session:s": b"abc\n\0\xff", "map": b"x"},
    )
    receipt = store.write(space, batch, 7.0).result()
    one, two = receipt.ids
    assert receipt.fresh == (True, True)
    assert [(m.id, m.superseded_by, m.valid_to_s) for m in store.memories(space, [two, one])] == [(two, 0, 0.0), (one, two, 9.5)]
    assert list(store.associations(space)) == [(one, two, 0.75)]
    told = store.experiences(space, "s", 10)
    assert told == [replace(batch.experience or told[0], learned=(8, one, two), id=receipt.experience_id)]
    assert [(g.text, g.priority, g.embedding.tolist()) for g in store.goals(space)] == [("learn", 0.5, [1.0] * 4)]
    assert store.document(space, "session:s") == b"abc\n\0\xff"
    lines = [(c.memory_id, c.action, c.detail, c.at_s) for c in store.history(space, 0, 0, 10)]
    assert lines == [(one, "superseded", "by two", 7.0), (two, "remembered", "", 7.0), (one, "remembered", "", 7.0)]
    assert store.history(space, 0, 0, 1)[0].seq == receipt.seq
    assert store.changed_since(space, receipt.seq - 1) == {one}
    assert store.changes_after(space, 0, 2) == store.history(space, 0, 0, 9)[:0:-1]


def test_a_refused_batch_leaves_nothing_and_harms_no_other(store: Store, space: Namespace) -> None:
    good = [store.write(space, Batch(add=(memory(f"good {i}"),)), 1.0) for i in range(20)]
    half = Batch(
        add=(memory("half", key="k"),),
        patch=(Patch(999, {"text": "x"}, "updated"),),
        goals=(Goal("half"),),
        documents={"half": b"x"},
        experience=Experience("s", 1.0, "half", "half"),
    )
    bad = store.write(space, half, 1.0)
    more = [store.write(space, Batch(add=(memory(f"more {i}"),)), 1.0) for i in range(20)]
    for future in (*good, *more):
        assert future.result().ids
    with pytest.raises(MemoryNotFoundError, match="999"):
        bad.result()
    assert len(texts(store, space)) == 40
    assert "half" not in texts(store, space)
    assert (store.goals(space), store.documents(space, ""), store.experiences(space, "", 9)) == ([], [], [])
    assert write(store, space, "whole", key="k")  # the key is still free
    assert "whole" in texts(store, space)


def test_ids_are_never_used_again_and_keys_are_known(store: Store, space: Namespace) -> None:
    first = store.write(space, Batch(add=(memory("a", key="k"), memory("b", key="k"))), 1.0).result()
    assert first.fresh == (True, False)
    assert first.ids[0] == first.ids[1]
    again = store.write(space, Batch(add=(memory("c", key="k"),)), 1.0).result()
    assert (again.ids, again.fresh) == (first.ids[:1], (False,))
    other = store.namespace("t", "a", "v", create=True)
    assert other is not None
    assert store.write(other, Batch(add=(memory("c", key="k"),)), 1.0).result().fresh == (True,)  # keys are of one namespace
    store.erase(space, first.ids, 2.0)
    new = store.write(space, Batch(add=(memory("c", key="k"),)), 1.0).result()
    assert new.fresh == (True,)
    assert new.ids[0] > first.ids[0]
    store.erase(space, None, 3.0)
    anew = store.namespace("t", "a", "u", create=True)
    assert anew is not None
    assert anew.id != space.id
    assert write(store, anew, "d")[0] > new.ids[0]


def test_numbers_of_changes_grow_and_the_history_has_pages(store: Store, space: Namespace) -> None:
    seqs = [store.write(space, Batch(add=(memory(str(i)),)), float(i)).result().seq for i in range(10)]
    assert seqs == sorted(set(seqs))
    lines = store.history(space, 0, 0, 4)
    assert [c.seq for c in lines] == seqs[:-5:-1]
    assert [c.seq for c in store.history(space, 0, lines[-1].seq, 100)] == seqs[-5::-1]
    assert store.changed_since(space, seqs[7]) == {c.memory_id for c in lines[:2]}
    store.write(space, Batch(patch=(Patch(lines[0].memory_id, {"importance": 0.9}, Action.UPDATED, "x"),)), 11.0).result()
    store.write(space, Batch(patch=(Patch(lines[0].memory_id, {"importance": 0.8}),)), 12.0).result()  # nothing is noted
    assert [(c.action, c.at_s) for c in store.history(space, lines[0].memory_id, 0, 9)] == [("updated", 11.0), ("remembered", 9.0)]


def test_uses_and_documents_and_goals_are_replaced(store: Store, space: Namespace) -> None:
    one, two = write(store, space, "one", "two")
    uses = ((one, 50.0), (one, 40.0), (two, 0.5), (10**9, 1.0))
    store.write(space, Batch(uses=uses, documents={"a": b"1", "b": b"2"}, goals=(Goal("x"), Goal("y"))), 1.0).result()
    assert [(m.uses, m.last_used_s) for m in store.memories(space, [one, two])] == [(3, 50.0), (2, 0.5)]
    store.write(space, Batch(documents={"a": b"", "b": b"3", "bb": b"4", "c%_": b"5"}, goals=(Goal("z"),)), 1.0).result()
    assert (store.document(space, "a"), store.document(space, "b")) == (b"", b"3")
    assert [store.documents(space, prefix) for prefix in ("", "b", "c%", "%", "_")] == [["b", "bb", "c%_"], ["b", "bb"], ["c%_"], [], []]
    assert [g.text for g in store.goals(space)] == ["z"]
    store.write(space, Batch(goals=()), 1.0).result()
    assert store.goals(space) == []


def test_memories_come_in_the_asked_order_and_only_from_their_namespace(store: Store, space: Namespace) -> None:
    other = store.namespace("t", "a", "v", create=True)
    assert other is not None
    one, two = write(store, space, "one", "two")
    (three,) = write(store, other, "three", facts=(RED,))
    assert [m.id for m in store.memories(space, [two, three, 10**9, one, two])] == [two, one, two]
    assert store.memories(space, []) == []
    assert list(store.scan(space, [three])) == []
    assert [m.id for m in store.scan(space, [two, one])] == [one, two]
    assert store.facts(space, "the", "fox") == []
    assert store.history(space, three, 0, 9) == []
    with pytest.raises(MemoryNotFoundError):
        store.write(space, Batch(patch=(Patch(three, {"text": "x"}),)), 1.0).result()
    assert store.erase(space, [three], 2.0) == 0
    store.purge(space, [three], 2.0)
    assert texts(store, other) == ["three"]


def test_facts_are_found_by_their_topic_as_they_are_now(store: Store, space: Namespace) -> None:
    one, two = write(store, space, "one", "two", facts=(RED, replace(RED, value="brown"), Fact("fox", "legs", "4")))
    write(store, space, "three", facts=(Fact("the", "fo", "x"), Fact("th", "e\0fox", "red")))
    assert [m.id for m in store.facts(space, "the", "fox")] == [one, two]
    assert [m.text for m in store.stating(space)] == ["one", "two", "three"]
    patches = (Patch(one, {"facts": (Fact("dog", "name", "Rex"),)}), Patch(two, {"lifecycle": Lifecycle.ARCHIVED}))
    store.write(space, Batch(patch=patches), 1.0).result()
    assert store.facts(space, "the", "fox") == store.facts(space, "fox", "legs") == []
    assert [m.id for m in store.facts(space, "dog", "name")] == [one]
    assert [m.text for m in store.stating(space)] == ["one", "three"]
    store.write(space, Batch(patch=(Patch(one, {"facts": ()}), Patch(two, {"lifecycle": Lifecycle.ACTIVE}))), 1.0).result()
    assert store.facts(space, "dog", "name") == []
    assert [m.id for m in store.facts(space, "fox", "legs")] == [two]
    assert store.check(repair=False) == ([], 3)


def test_the_smallest_gain_strengthens_an_association_by_nothing(store: Store, space: Namespace) -> None:
    one, two = write(store, space, "one", "two")
    for gain in (1.0 - 2**-53, 5e-324):  # their product with what is left to 1 is smaller than any double
        store.write(space, Batch(links=(Link(one, two, "entity", gain),)), 1.0).result()
    ((a, b, weight),) = store.associations(space)
    assert (a, b) == (one, two)
    assert weight == pytest.approx(1.0)


def test_lifecycles_and_counts(store: Store, space: Namespace) -> None:
    one, two, _ = write(store, space, "one", "two", "three")
    store.write(
        space,
        Batch(
            patch=(Patch(one, {"lifecycle": Lifecycle.ARCHIVED, "valid_to_s": 5.0}, Action.ARCHIVED), Patch(two, {"valid_to_s": 6.0})),
            links=(Link(one, two, "entity", 0.5), Link(one, two, "recalled", 0.75)),
            experience=Experience("s", 1.0, "u", "a"),
        ),
        30.0,
    ).result()
    assert [m.text for m in store.scan(space)] == ["two", "three"]
    assert [m.text for m in store.archived(space)] == ["one"]
    assert list(store.associations(space, [two])) == [(one, two, 1.0)]
    assert list(store.associations(space, [10**9])) == []
    counts = store.counts(space, 1)
    assert (counts.active, counts.archived, counts.superseded, counts.experiences) == (2, 1, 1, 1)
    assert (counts.associations, counts.stale_vectors, counts.last_change_s) == (2, 0, 30.0)
    assert counts.seq == store.history(space, 0, 0, 1)[0].seq
    assert store.counts(space, 2).stale_vectors == 2
    empty = store.namespace("t", "a", "empty", create=True)
    assert empty is not None
    assert (store.counts(empty, 1).active, store.counts(empty, 1).seq, store.counts(empty, 1).last_change_s) == (0, 0, 0.0)


def test_a_batch_may_bring_the_past_of_memories_and_earlier_turns(store: Store, space: Namespace) -> None:
    (old,) = write(store, space, "old", key="old")
    batch = Batch(
        add=(memory("known", key="old"), memory("new"), memory("newer")),
        past=(Change(0, 1.0, -2, "remembered", ""), Change(0, 2.0, -2, "updated", "text was 'x'")),
        patch=(Patch(-3, {"derived_from": (-1, -2, 7)}),),
        experiences=(Experience("s", 3.0, "u", "a", recalled=(-1, 9), learned=(-2,)), Experience("s", 4.0, "v", "b")),
    )
    receipt = store.write(space, batch, 5.0).result()
    known, new, newer = receipt.ids
    assert (known, receipt.fresh, receipt.experience_id) == (old, (False, True, True), 0)
    assert store.memories(space, [newer])[0].derived_from == (old, new, 7)
    lines = [(c.memory_id, c.action, c.detail, c.at_s) for c in store.changes_after(space, 0, 99)]
    assert lines == [
        (old, "remembered", "", 7.0),
        (new, "remembered", "", 1.0),
        (new, "updated", "text was 'x'", 2.0),
        (new, "remembered", "", 5.0),
        (newer, "remembered", "", 5.0),
    ]
    assert receipt.seq == store.history(space, 0, 0, 1)[0].seq
    assert [(e.at_s, e.recalled, e.learned) for e in store.experiences(space, "s", 9)] == [(4.0, (), ()), (3.0, (old, 9), (new,))]


def test_changes_of_a_tenant_come_in_one_order_with_a_cursor(store: Store, space: Namespace) -> None:
    other = store.namespace("t", "b", "v", create=True)
    foreign = store.namespace("u", "a", "u", create=True)
    assert other is not None
    assert foreign is not None
    assert store.tenant_changes("t", "", 99) == []
    begin = store.tenant_cursor("t")
    (one,) = write(store, space, "one")
    (two,) = write(store, other, "two")
    write(store, foreign, "three")
    middle = store.tenant_cursor("t")
    store.write(space, Batch(patch=(Patch(one, {"importance": 0.9}, Action.UPDATED, "x"),)), 8.0).result()
    store.erase(other, None, 9.0)
    noted = store.tenant_changes("t", begin, 99)
    shown = [(n.namespace, n.change.memory_id, n.change.action, n.change.detail, n.change.at_s) for n in noted]
    assert [line for line in shown if line[1] != two] == [
        (space.id, one, "remembered", "", 7.0),
        (space.id, one, "updated", "x", 8.0),
        (other.id, 0, "erased", "", 9.0),
    ]
    assert [n.change.action for n in store.tenant_changes("t", middle, 99)] == ["updated", "erased"]
    assert store.tenant_changes("t", noted[0].cursor, 1) == noted[1:2]
    assert store.tenant_changes("t", noted[-1].cursor, 99) == []
    assert store.tenant_changes("t", store.tenant_cursor("t"), 99) == []
    store.erase(space, [one], 10.0)
    left = store.tenant_changes("t", "", 1)  # what was erased takes no place
    assert [(n.namespace, n.change.memory_id) for n in left] == [(other.id, 0)]
    for wrong in ("x", "-1", "1-", "\u0661", "9" * 99):
        with pytest.raises(InvalidRequestError, match="cursor"):
            store.tenant_changes("t", wrong, 9)


SAID = (
    "The red fox runs.",
    "A fox, red and quick",
    "the quick brown dogs",
    "Unrelated caf\u00e9",
    "\u8bf7\u8bb0\u4f4f\u6211\u5403\u7d20",
    "\u6771\u4eac\u306b\u4f4f\u3093\u3067\u3044\u307e\u3059",
    "Three mice went home",
    "\u0421\u043e\u0431\u0430\u043a\u0430 \u0431\u0435\u0436\u0438\u0442",
    "The call is +49 170 123456",
    "well-known, isn't it",
)


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("red fox", [0, 1]),
        ("RED foxes", [0, 1]),
        ('"red fox"', [0]),
        ('"fox red" quick', [1]),
        ("run*", [0]),
        ("qui* dog", [2]),
        ("cafe", [3]),
        ("\u8bb0\u4f4f", [4]),
        ('"\u8bb0\u4f4f\u6211"', [4]),
        ("\u6771\u4eac*", [5]),
        ("mouse", [6]),
        ("\u0421\u041e\u0411\u0410\u041a\u0410", [7]),
        ("170", [8]),
        ("well-known", [9]),
        ("the", [0, 2, 8]),
        ("cat", []),
        ('red "', None),
        ("* fox", None),
        ("?!", None),
        (" ", list(range(10))),
        ("AND", [1]),
        ("text: fox", []),
        ("NEAR(fox", []),
    ],
)
def test_texts_are_searched_alike(store: Store, space: Namespace, query: str, places: list[int] | None) -> None:
    ids = write(store, space, *SAID)
    if places is None:
        with pytest.raises(InvalidRequestError, match=r"text: .*write words"):
            store.page(space, Filter(), query, None, 0, 100)
        return
    assert [ids.index(m.id) for m in store.page(space, Filter(), query, None, 0, 100)] == places
    if query.strip():
        assert [ids.index(i) for i in store.matching(space, Filter(text=query))] == places


def test_rows_with_terms_of_an_older_version_are_found_by_their_texts(store: Store, space: Namespace) -> None:
    old = memory("A red fox", terms_version=1, terms=np.array([1], np.uint64))
    long = memory("word " * 3000 + "fox")
    ids = store.write(space, Batch(add=(old, long)), 1.0).result().ids
    assert [m.id for m in store.page(space, Filter(), "fox", None, 0, 9)] == list(ids)


def test_pages_and_filters(store: Store, space: Namespace) -> None:
    ids = [
        *write(store, space, "one", said_s=1.0, speaker="Ann", metadata={"n": 1.0}),
        *write(store, space, "two", said_s=2.0, session="s", act=Act.ASKS, categories=("a b",), metadata={"n": 2.0, "t": "x"}),
        *write(store, space, "three", said_s=3.0, source="chat", expires_s=50.0, categories=("a",), metadata={"n": "1"}),
    ]
    store.write(space, Batch(patch=(Patch(ids[1], {"lifecycle": Lifecycle.ARCHIVED}),)), 1.0).result()
    tried: list[tuple[Filter, list[int]]] = [
        (Filter(), [0, 1, 2]),
        (Filter(speaker="Ann"), [0]),
        (Filter(session="s"), [1]),
        (Filter(kinds=frozenset({Kind.SEMANTIC})), []),
        (Filter(since_s=2.0), [1, 2]),
        (Filter(before_s=2.0), [0]),
        (Filter(acts=frozenset({Act.ASKS})), [1]),
        (Filter(sources=frozenset({"chat", "other"})), [2]),
        (Filter(categories=frozenset({"a"})), [2]),
        (Filter(metadata=(MetadataCondition("n", one_of=(1.0,)),)), [0]),
        (Filter(metadata=(MetadataCondition("n", at_least=1.5),)), [1]),
        (Filter(metadata=(MetadataCondition("t", exists=False),)), [0, 2]),
        (Filter(now_s=50.0), [0, 1]),
        (Filter(any=(Filter(speaker="Ann"), Filter(session="s"))), [0, 1]),
        (Filter(none=(Filter(speaker="Ann"),)), [1, 2]),
        (Filter(all=(Filter(since_s=2.0), Filter(text="three"))), [2]),
    ]
    for filter_, places in tried:
        assert [ids.index(m.id) for m in store.page(space, filter_, "", None, 0, 100)] == places, filter_
        assert [ids.index(i) for i in store.matching(space, filter_)] == [p for p in places if p != 1], filter_
    assert [m.id for m in store.page(space, Filter(), "", Lifecycle.ACTIVE, ids[0], 1)] == [ids[2]]
    assert [m.id for m in store.page(space, Filter(), "", Lifecycle.ARCHIVED, 0, 9)] == [ids[1]]
    assert [m.id for m in store.page(space, Filter(), "", None, ids[0], 1)] == [ids[1]]


def test_namespaces_have_pages_by_agent_and_user(store: Store) -> None:
    assert store.namespace("t", "a", "x", create=False) is None
    keys = [("b", "\u00e9"), ("b", "z"), ("a", "%"), ("a b", "c"), ("a", "B"), ("a", "a")]
    made = {key: store.namespace("t", *key, create=True) for key in keys}
    store.namespace("u", "a", "a", create=True)
    assert store.namespace("t", "b", "z", create=True) == store.namespace("t", "b", "z", create=False) == made["b", "z"]
    listed = store.namespaces("t")
    assert [(n.agent, n.user) for n in listed] == sorted(keys)
    assert listed == [made[key] for key in sorted(keys)]
    assert [(n.agent, n.user) for n in store.namespaces("t", ("a", "a"), 2)] == sorted(keys)[3:5]
    assert [n.user for n in store.namespaces("u")] == ["a"]
    assert store.namespaces("v") == []
    assert store.embedder("other", 4) != store.embedder("test", 4) == store.embedder("test", 4) != store.embedder("test", 5)


def test_an_erasure_takes_along_what_may_quote_the_memory(store: Store, space: Namespace) -> None:
    secret, kept, other = write(store, space, "secret", "kept", "other", facts=(RED,))
    (gist,) = write(store, space, "a gist of the secret", derived_from=(secret,))
    (whole,) = write(store, space, "whole", derived_from=(gist, other))
    for recalled in ((secret,), (kept,)):
        turn = Experience("s", 1.0, "said", "answered", recalled=recalled)
        store.write(space, Batch(experience=turn, documents={"session:s": b"x"}), 2.0).result()
    patches = (Patch(kept, {"superseded_by": secret}), Patch(secret, {"importance": 0.9}, Action.UPDATED, "text was 'secret'"))
    store.write(space, Batch(patch=patches, links=(Link(secret, kept, "entity", 0.5),), goals=(Goal("g"),)), 3.0).result()
    seq = store.counts(space, 1).seq
    assert store.erasures("t") == 0
    assert store.erase(space, [secret, 10**9], 4.0) == 4
    assert store.erasures("t") == 1
    assert [(m.text, m.superseded_by) for m in store.everything(space, vectors=False)] == [("kept", 0)]
    assert [e.recalled for e in store.experiences(space, "", 9)] == [(kept,)]
    assert (list(store.associations(space)), store.documents(space, ""), len(store.goals(space))) == ([], [], 1)
    assert [m.id for m in store.facts(space, "the", "fox")] == [kept]
    gone = sorted([secret, other, gist, whole])
    assert [(c.memory_id, c.action, c.detail) for c in store.history(space, 0, 0, 99)] == [
        *((i, "erased", "") for i in reversed(gone)),
        (kept, "remembered", ""),
    ]
    assert store.changed_since(space, seq) == set(gone)
    assert store.counts(space, 1).active == 1
    assert store.check(repair=False) == ([], 1)


def test_a_purge_keeps_what_was_made_of_the_memory(store: Store, space: Namespace) -> None:
    (old,) = write(store, space, "old", facts=(RED,), key="k")
    (gist,) = write(store, space, "gist", derived_from=(old,))
    turn = Experience("s", 1.0, "said", "answered", recalled=(old,))
    store.write(space, Batch(links=(Link(old, gist, "entity", 0.5),), experience=turn, documents={"d": b"x"}), 2.0).result()
    store.purge(space, [old], 3.0)
    assert texts(store, space) == ["gist"]
    assert (list(store.associations(space)), store.facts(space, "the", "fox")) == ([], [])
    assert (len(store.experiences(space, "", 9)), store.document(space, "d"), store.erasures("t")) == (1, b"x", 0)
    assert store.history(space, old, 0, 1)[0].detail == "faded"
    assert store.write(space, Batch(add=(memory("new", key="k"),)), 4.0).result().fresh == (True,)
    assert store.check(repair=False) == ([], 2)


def test_an_erased_namespace_takes_no_writes_of_those_who_still_have_it(store: Store, space: Namespace) -> None:
    write(store, space, "one", "two", facts=(RED,))
    store.write(space, Batch(documents={"d": b"x"}, goals=(Goal("g"),), experience=Experience("s", 1.0, "u", "a")), 1.0).result()
    assert store.erase(space, None, 2.0) == 2
    assert store.namespaces("t") == []
    assert store.erasures("t") == 1
    with pytest.raises(NamespaceGoneError):
        store.write(space, Batch(add=(memory("lost"),)), 3.0).result()
    with pytest.raises(NamespaceGoneError):
        store.erase(space, None, 3.0)
    with pytest.raises(NamespaceGoneError):
        store.purge(space, [1], 3.0)
    anew = store.namespace("t", "a", "u", create=True)
    for each in (space, anew):
        assert each is not None
        assert (texts(store, each), store.goals(each), store.documents(each, ""), store.experiences(each, "", 9)) == ([], [], [], [])
        assert store.facts(each, "the", "fox") == []
    assert anew is not None
    assert (store.history(anew, 0, 0, 9), store.counts(anew, 1).seq) == ([], 0)


def test_many_threads_write_and_nothing_is_lost_or_numbered_twice(store: Store) -> None:
    spaces = [store.namespace("t", "a", f"u{i % 3}", create=True) for i in range(6)]

    def one(place: int) -> list[tuple[int, int, int]]:
        space = spaces[place]
        assert space is not None
        done = []
        for i in range(20):
            receipt = store.write(space, Batch(add=(memory(f"{place}x{i}"),), links=(Link(1, -1, "entity", 0.1),)), 1.0).result()
            done.append((space.id, receipt.ids[0], receipt.seq))
            assert [m.text for m in store.memories(space, receipt.ids)] == [f"{place}x{i}"]
        return done

    with ThreadPoolExecutor(6) as pool:
        written = [line for lines in pool.map(one, range(6)) for line in lines]
    assert len({number for _, number, _ in written}) == len({(space, seq) for space, _, seq in written}) == 120
    for space in spaces[:3]:
        assert space is not None
        assert {c.memory_id for c in store.history(space, 0, 0, 999)} == {number for mine, number, _ in written if mine == space.id}


def test_a_closed_store_refuses(place: Place) -> None:
    store = place.open()
    space = store.namespace("t", "a", "u", create=True)
    assert space is not None
    store.close()
    store.close()
    with pytest.raises(ResourceError, match="closed"):
        store.write(space, Batch(), 1.0).result()


def test_what_was_written_is_there_after_a_close(place: Place) -> None:
    store = place.open()
    number = store.embedder("test", 4)
    space = store.namespace("t", "a", "u", create=True)
    assert space is not None
    futures = [store.write(space, Batch(add=(memory(str(i)),)), 1.0) for i in range(50)]
    store.close()  # finishes accepted writes
    ids = [future.result().ids[0] for future in futures]
    store = place.open()
    assert store.namespace("t", "a", "u", create=False) == space
    assert store.embedder("test", 4) == number
    assert sorted(m.id for m in store.scan(space)) == sorted(ids)
    assert write(store, space, "after")[0] > max(ids)
    store.close()
