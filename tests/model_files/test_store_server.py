"""A store that gives others what it has: a cluster pulls a model once, its other machines copy it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from echorator.agent.loading.embedded import embedded_model
from echorator.host.exits import Exit
from echorator.model_files.http import NetworkError
from echorator.model_files.puller import Puller, PullSettings
from echorator.model_files.store import Store
from tests.support.models.servers import Manners, RegistryServer, bad_server, registry_server
from tests.support.ports import free_port
from tests.support.waiting import STEP_S, looks, until

NANO = embedded_model().read_bytes()


@contextmanager
def serving(folder: Path, *sources: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Its URL, once it listens."""
    port = free_port()
    command = (sys.executable, "-P", "-m", "echorator", "pull", *sources, "--models", str(folder), "--serve", f"127.0.0.1:{port}")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.communicate()


def get(url: str, **more: Any) -> requests.Response:
    for _ in looks(30):
        with suppress(requests.RequestException):
            return requests.get(url, timeout=10, **more)
        time.sleep(STEP_S)
    raise AssertionError(f"nothing answers at {url}")


def until_ready(url: str) -> None:
    until(lambda: get(f"{url}/ready").status_code == 200, "it is ready")


@pytest.mark.needs("docker-registry")
def test_another_machine_copies_it(tmp_path: Path) -> None:
    with registry_server(tmp_path) as registry:
        _copied(registry, tmp_path)


def _copied(registry: RegistryServer, tmp_path: Path) -> None:
    registry.ollama("ann/nano", NANO, template=b"{{ .Prompt }}")
    source = f"{registry.host}/ann/nano"
    with serving(tmp_path / "first", source) as (url, process):
        until_ready(url)
        assert get(f"{url}/progress").json() == {"stage": "ready", "done_bytes": len(NANO) + 13, "total_bytes": len(NANO) + 13}
        registry.close()
        copy = Puller(Store(tmp_path / "second"), settings=PullSettings(upstream=url))
        image = copy.pull(source)
        assert image.path.read_bytes() == NANO
        assert image.template == "{{ .Prompt }}"
        assert [stored.source for stored in copy.store.all()] == [f"{source}:latest"]
        assert get(f"{url}/blobs/{image.digest}", headers={"Range": "bytes=4-7"}).content == NANO[4:8]
        for path, status in (("/manifests/a/b", 404), ("/manifests/../../x", 404), ("/manifests/..%2Fx", 400), ("/blobs/x", 400)):
            assert get(f"{url}{path}").status_code == status, path
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    with pytest.raises(NetworkError):
        Puller(Store(tmp_path / "third"), settings=PullSettings(upstream=url)).pull(source)


def test_what_it_lacks_comes_from_the_source(registry: RegistryServer, tmp_path: Path) -> None:
    for name in ("one", "two"):
        registry.ollama(f"ann/{name}", NANO)
    with serving(tmp_path / "first", f"{registry.host}/ann/one") as (url, _):
        until_ready(url)
        copy = Puller(Store(tmp_path / "second"), settings=PullSettings(upstream=url))
        assert copy.pull(f"{registry.host}/ann/two").path.read_bytes() == NANO


@pytest.mark.slow
@pytest.mark.needs("docker-registry")
def test_one_that_starts_again_has_all_that_it_needs(tmp_path: Path) -> None:
    """Its sources are there, or out of reach: either way it is as ready as before."""
    with registry_server(tmp_path) as registry, bad_server({"/m.gguf": NANO}, Manners()) as server:
        registry.ollama("ann/nano", NANO)
        sources = (server.source("/m.gguf"), f"{registry.host}/ann/nano")
        with serving(tmp_path / "first", *sources) as (url, _):
            until_ready(url)
            progress = get(f"{url}/progress").json()
            assert progress["done_bytes"] == progress["total_bytes"] == 2 * len(NANO)
    for again in (sources, sources[:1], sources[1:]):
        with serving(tmp_path / "first", *again) as (url, _):
            until_ready(url)


def test_it_says_how_far_it_is(tmp_path: Path) -> None:
    manners = Manners(bytes_per_s=len(NANO) / 100)
    with bad_server({"/m.gguf": NANO}, manners) as server, serving(tmp_path, server.source("/m.gguf")) as (url, _):
        assert get(f"{url}/ready").status_code == 503
        until(lambda: get(f"{url}/progress").json()["done_bytes"] > 0, "the first bytes")
        said = get(f"{url}/progress").json()
        assert said["stage"] == "pulling"
        assert said["done_bytes"] < said["total_bytes"] == len(NANO)
        manners.bytes_per_s = 1e12
        until_ready(url)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("127.0.0.1:1/a/b", Exit.UNAVAILABLE, "cannot be reached"),
        ("a b", Exit.FAILURE, "no part of a model's name"),
    ],
)
def test_a_pull_that_fails_ends_it_with_its_code(tmp_path: Path, source: str, code: Exit, words: str) -> None:
    with serving(tmp_path, source) as (_, process):
        _, said = process.communicate(timeout=120)
        assert process.returncode == code
        assert words in said


def test_exit_codes_tell_the_operator_what_kind_of_failure_it_was() -> None:
    from echorator.errors import ErrorClass
    from echorator.kube.models.observation import _EXITS

    assert _EXITS[Exit.UNAVAILABLE] is ErrorClass.TRANSIENT
    assert _EXITS[Exit.RESOURCE] is ErrorClass.RESOURCE
    assert _EXITS[Exit.FAILURE] is _EXITS[Exit.USAGE] is ErrorClass.CONFIGURATION


def test_a_folder_with_one_model_is_that_model(tmp_path: Path) -> None:
    mounted = tmp_path / "volume"
    (mounted / "inner").mkdir(parents=True)
    (mounted / "inner/m.gguf").write_bytes(NANO)
    puller = Puller(Store(tmp_path / "models"), settings=PullSettings(mounts={"oci://registry.example.com/a/b:c": mounted}))
    assert puller.have("oci://registry.example.com/a/b:c").path == mounted / "inner/m.gguf"
    (mounted / "other.gguf").write_bytes(NANO)
    with pytest.raises(Exception, match=r"should have one GGUF file in it; it has: inner/m.gguf, other.gguf"):
        puller.have("oci://registry.example.com/a/b:c")
