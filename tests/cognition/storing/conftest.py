"""The servers of stores that tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from echorator.cognition.memory import Namespace
from echorator.cognition.storing.store import Store
from tests.cognition.storing.stores import Place, Servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    running = Servers(tmp_path_factory.mktemp("stores"))
    yield running
    running.stop()


@pytest.fixture
def place(request: pytest.FixtureRequest, servers: Servers) -> Place:
    return servers.place(request.param)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    opened = place.open()
    assert opened.embedder("test", 4) == 1
    yield opened
    opened.close()


@pytest.fixture
def space(store: Store) -> Namespace:
    made = store.namespace("t", "a", "u", create=True)
    assert made is not None
    return made
