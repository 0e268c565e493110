"""Finds the credentials of registries where `docker login` and Kubernetes put them. Feeds `registry`.

A key is a host, with a scheme or a path where it has one: `registry.example.com`, `https://index.docker.io/v1/`, and in Kubernetes also
`registry.example.com/team` and `*.example.com`. Of several keys that fit, the most specific one counts. Sources: docker/cli `config.json`;
kubernetes.io/docs/concepts/containers/images, "Interpretation of config.json".
"""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from echorator.model_files.http import AnswerError
from echorator.model_files.json_text import parsed

DOCKER_HUB, DOCKER_LOGIN = "docker.io", "https://index.docker.io/v1/"
HELPER_S = 30.0
MOST_BYTES = 4 << 20
_HELPER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_AUTH = re.compile(r"[A-Za-z0-9+/_=-]*")


class DockerCredentials:
    """The credentials in several configuration files; the first file that has some for a repository counts."""

    def __init__(self, configs: Sequence[Path]) -> None:
        """Keep the paths of files in the format of Docker's config.json, which may be absent."""
        self._configs = configs

    def of(self, host: str, path: str) -> str:
        """Return a repository's user:password in base64; "" for none. Raises AnswerError for a file or helper that cannot be used."""
        return next(filter(None, (_of_file(config, host, path) for config in self._configs)), "")


def _of_file(file: Path, host: str, path: str) -> str:
    try:
        config: Any = parsed(_content(file))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        said = (error.strerror or error) if isinstance(error, OSError) else error
        raise AnswerError(f"{file}: {said}; it holds the credentials of registries") from error
    if not isinstance(config, Mapping):
        raise AnswerError(f"{file}: not a mapping; it holds the credentials of registries")
    for name in ("credHelpers", "auths"):
        if not isinstance(config.get(name) or {}, Mapping):
            raise AnswerError(f"{file}: {name} is not a mapping; it holds the credentials of registries")
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
        return base64.b64encode(f"{entry['username']}:{entry['password']}".encode("utf-8", "replace")).decode()
    auth = str(entry.get("auth") or "")
    if auth and not _AUTH.fullmatch(auth):
        raise AnswerError(f"{file}: the auth of {host} is not base64; it holds the credentials of registries")
    return auth


def _content(file: Path) -> bytes:
    """Return a file's content. Raises OSError, and ValueError for a file that is larger than MOST_BYTES."""
    with file.open("rb") as opened:
        content = opened.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES >> 20} MiB")
    return content


def _bare(key: str) -> str:
    """Return a key without its scheme, and without the version of an API."""
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
    if not _HELPER.fullmatch(helper):
        raise AnswerError(f"{file} names a credential helper {helper[:40]!r}, which is no name of a program")
    command = f"docker-credential-{helper}"
    try:
        done = subprocess.run((command, "get"), input=host, capture_output=True, text=True, timeout=HELPER_S, check=False)
        if done.returncode:
            return ""
        found = parsed(done.stdout)
        return base64.b64encode(f"{found['Username']}:{found['Secret']}".encode("utf-8", "replace")).decode()
    except FileNotFoundError as error:
        raise AnswerError(f"{file} names {command}, which is not installed") from error
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as error:
        raise AnswerError(f"{command} gives no credentials for {host} ({type(error).__name__})") from error
