"""A running cluster, and the texts of resources."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from echorator.cluster import Cluster
from tests.cluster.texts import HERE, workers_for_tests_of_clusters


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    workers_for_tests_of_clusters().SEEN.clear()
    with Cluster([HERE]) as running:
        yield running
