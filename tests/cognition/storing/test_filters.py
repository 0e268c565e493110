"""Every store admits by a filter what `Filter.admits` does, whatever of it the store tests itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echorator._native.recall_index import RecallIndex
from echorator.cognition.memory import Batch, Filter, Kind, Lifecycle, Memory, MetadataCondition, Namespace
from echorator.cognition.reading.values import Act
from echorator.cognition.storing.redis_store import RedisStore
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.storing.store import Store
from tests.cognition.storing.memories import memory
from tests.cognition.storing.redis_server import RedisServer, needs_redis
from tests.support.recall_rows import NOW_S, Row, add, search

NAMES, TEXTS = ["a", "b.c", "\u00e9 '$[0]"], ["", "x", "X", 'a,"a":1.0', "\u00fc", "\U0001f600", "10", "true"]
VALUES = st.one_of(st.sampled_from(TEXTS), st.booleans(), st.sampled_from([0.0, 1.0, -1.5, 1e300, 0.1, 3.0]))
LABELS = ["work", "wor", "\u00e9t\u00e9", "it's"]


@st.composite
def memories(draw: Any) -> Memory:
    made = memory(
        draw(st.sampled_from(["The red fox runs.", "A fox; running!", "caf\u00e9 'n'", "%_"])),
        speaker=draw(st.sampled_from(["", "Ann", "Bob"])),
        session=draw(st.sampled_from(["", "s", "t"])),
        source=draw(st.sampled_from(["api", "chat"])),
        act=draw(st.sampled_from(Act)),
        categories=tuple(sorted(draw(st.sets(st.sampled_from(LABELS))))),
        metadata=draw(st.dictionaries(st.sampled_from(NAMES), VALUES)),
        expires_s=draw(st.sampled_from([0.0, 5.0, 10.0])),
    )
    return replace(made, kind=draw(st.sampled_from(Kind)), said_s=draw(st.sampled_from([1.0, 2.0, 3.0])))


@st.composite
def conditions(draw: Any) -> MetadataCondition:
    name = draw(st.sampled_from([*NAMES, "none"]))
    if draw(st.booleans()):
        return MetadataCondition(name, exists=draw(st.booleans()))
    bound = st.none() | st.sampled_from(TEXTS) | st.sampled_from([0.0, 1.0, -1.5])
    one_of = tuple(draw(st.lists(VALUES, max_size=3)))
    return MetadataCondition(name, one_of, draw(bound), draw(bound), draw(bound), draw(bound))


def some(values: Any) -> Any:
    return st.sets(st.sampled_from(values), max_size=2).map(frozenset)


FLAT = st.builds(
    Filter,
    kinds=some(Kind),
    session=st.sampled_from(["", "", "s"]),
    speaker=st.sampled_from(["", "", "Ann"]),
    since_s=st.none() | st.just(2.0),
    before_s=st.none() | st.just(3.0),
    acts=some(Act),
    sources=some(["api", "chat"]),
    categories=some(LABELS),
    metadata=st.lists(conditions(), max_size=2).map(tuple),
    text=st.sampled_from(["", "", "fox", '"red fox"', "run*"]),
)
FILTERS = st.recursive(
    st.just(Filter()) | FLAT,
    lambda inner: st.builds(
        lambda flat, lists, now_s: replace(flat, **{name: tuple(value) for name, value in lists.items()}, now_s=now_s),
        FLAT | st.just(Filter()),
        st.dictionaries(st.sampled_from(["all", "any", "none"]), st.lists(inner, max_size=3)),
        st.sampled_from([0.0, 7.0]),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("redis", marks=needs_redis)])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder: Path = tmp_path_factory.mktemp("store")
    server = RedisServer(folder)
    if request.param == "redis":
        server.start()
    made: Store = RedisStore(server.url) if request.param == "redis" else SqliteStore(folder)
    made.embedder("test", 4)
    yield made
    made.close()
    server.stop()


@pytest.fixture
def filled(store: Store) -> tuple[Store, Namespace]:
    space = store.namespace("t", "a", "u", create=True)
    assert space is not None
    return store, space


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(memories(), max_size=12), st.lists(FILTERS, min_size=4, max_size=8))
def test_a_store_admits_what_the_filter_does(filled: tuple[Store, Namespace], told: list[Memory], filters: list[Filter]) -> None:
    store, space = filled
    ids = store.write(space, Batch(add=tuple(told)), 1.0).result().ids
    stored = [replace(one, id=i) for one, i in zip(told, ids, strict=True)]
    for filter_ in filters:
        admitted = [one.id for one in stored if filter_.admits(one)]
        assert store.matching(space, filter_) == admitted
        assert [one.id for one in store.page(space, filter_, "", Lifecycle.ACTIVE, 0, 1000)] == admitted
        assert [one.id for one in store.page(space, filter_, "", None, ids[0] if ids else 0, 2)] == [i for i in admitted if i > ids[0]][:2]
    store.purge(space, ids, 1.0)


def test_an_index_finds_only_what_it_is_told_to_and_what_has_not_expired() -> None:
    rng = np.random.default_rng(3)
    index, dim = RecallIndex(8), 8
    rows = rng.normal(size=(300, dim)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    expiring = {7: NOW_S, 8: NOW_S + 1.0}
    add(index, [Row(i + 1, rows[i], [i % 5 + 1], columns={"expires_s": expiring.get(i + 1, 0.0)}) for i in range(300)])
    only = np.array([3, 7, 8, 9, 250, 999], np.uint64)
    labels, scores, *_ = search(index, rows[0], [1, 2], only=only, k=100, pool=128)
    assert sorted(labels.tolist()) == [3, 8, 9, 250], "7 has expired, and there is no 999"
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)
    assert 8 not in search(index, rows[7], [], only=only, k=100, now_s=NOW_S + 1.0)[0].tolist()
    assert 7 not in search(index, rows[6], [], k=300)[0].tolist()
    assert len(search(index, rows[0], [1], only=np.zeros(0, np.uint64), k=5)[0]) == 0
