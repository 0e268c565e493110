"""What tests of Kubernetes have beside a cluster: a registry of images, and a controller of a mesh."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.models.servers import RegistryServer, registry_server
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.programs import needing


@pytest.fixture(scope="session")
@needing("docker-registry")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """A real registry that asks for no credentials."""
    with registry_server(tmp_path_factory.mktemp("registry")) as server:
        yield server


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[str]:
    """The address of a mesh's controller, which is a process."""
    port = free_port()
    process = Process(tmp_path / "controller.log", "controller", "--port", str(port), "--data", str(tmp_path / "data")).start()
    yield f"127.0.0.1:{port}"
    process.end()
