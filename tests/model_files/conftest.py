"""What tests of pulls share: a real registry, a store of the test's own, and no patience."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from echorator.backoff import Backoff
from echorator.model_files import http
from echorator.model_files.puller import Puller, PullSettings
from echorator.model_files.store import Store
from tests.support.models.servers import RegistryServer, registry_server
from tests.support.programs import needing


@pytest.fixture(scope="module")
@needing("docker-registry")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    with registry_server(tmp_path_factory.mktemp("registry")) as server:
        yield server


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(Store(tmp_path / "models"), settings=PullSettings([tmp_path / "docker.json"]))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits between two tries are a matter of patience, not of what is tested."""
    monkeypatch.setattr(http, "RETRY", Backoff(0.005, http.RETRY.longest_s, http.RETRY.jitter))
