"""The credentials of registries, from where `docker login` and Kubernetes put them. Feeds `registry`.

A key is a host, with a scheme or a path where it has one: `registry.example.com`, `https://index.docker.io/v1/`, and as Kubernetes has it
`registry.example.com/team` and `*.example.com`. Of several that fit, the one that says most. Sources: docker/cli `config.json`;
kubernetes.io/docs/concepts/containers/images, "Interpretation of config.json".
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from echorator.images.http import AnswerError

DOCKER_HUB, DOCKER_LOGIN = "docker.io", "https://index.docker.io/v1/"
HELPER_S = 30.0


class DockerCredentials:
    """Of several files; the first that has some for a repository counts."""

    def __init__(self, configs: Sequence[Path]) -> None:
        """`configs` are files as Docker's config.json; they need not be there."""
        self._configs = configs

    def of(self, host: str, path: str) -> str:
        """Of a repository, user:password in base64; "" for none. Raises AnswerError for a file or a helper that is of no use."""
        return next(filter(None, (_of_file(config, host, path) for config in self._configs)), "")


def _of_file(file: Path, host: str, path: str) -> str:
    try:
        config: Any = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise AnswerError(f"{file}: {error}; it holds the credentials of registries") from error
    if not isinstance(config, Mapping):
        raise AnswerError(f"{file}: not a mapping; it holds the credentials of registries")
    asked = DOCKER_LOGIN if host == DOCKER_HUB else host
    helper = (config.get("credHelpers") or {}).get(asked) or config.get("credsStore")
    if helper:
        return _of_helper(file, str(helper), asked)
    entries = config.get("auths") or {}
    fitting = [(_bare(key), entry) for key, entry in entries.items() if isinstance(entry, Mapping) and _fits(_bare(key), host, path)]
    if not fitting:
        return ""
    _, entry = max(fitting, key=lambda pair: ("*" not in pair[0], len(pair[0])))
    if entry.get("username") and entry.get("password"):
        return base64.b64encode(f"{entry['username']}:{entry['password']}".encode()).decode()
    return str(entry.get("auth", ""))


def _bare(key: str) -> str:
    """Without its scheme, and without the version of an API."""
    bare = key.rpartition("://")[2].rstrip("/")
    for version in ("/v1", "/v2"):
        bare = bare.removesuffix(version)
    return DOCKER_HUB if bare == "index.docker.io" else bare


def _fits(key: str, host: str, path: str) -> bool:
    of_host, slash, of_path = key.partition("/")
    labels, wanted = of_host.split("."), host.split(".")
    same = len(labels) == len(wanted) and all(fnmatchcase(label, pattern) for pattern, label in zip(labels, wanted, strict=True))
    return same and (not slash or path == of_path or path.startswith(f"{of_path}/"))


def _of_helper(file: Path, helper: str, host: str) -> str:
    command = f"docker-credential-{helper}"
    try:
        done = subprocess.run((command, "get"), input=host, capture_output=True, text=True, timeout=HELPER_S, check=False)
        if done.returncode:
            return ""
        found = json.loads(done.stdout)
        return base64.b64encode(f"{found['Username']}:{found['Secret']}".encode()).decode()
    except FileNotFoundError as error:
        raise AnswerError(f"{file} names {command}, which is not installed") from error
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
        raise AnswerError(f"{command} gives no credentials for {host}: {error}") from error
