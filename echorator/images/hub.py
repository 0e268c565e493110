"""Hugging Face's hub: which files of a repository are meant, at which commit, with which digests.

Two questions are asked of it, one for the list of files and one for the bytes of each; a client library is not needed, and would keep
a second copy in a cache of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from echorator.images.http import AbsentError, AnswerError, Http, Target
from echorator.images.reference import Hub
from echorator.images.retrying import retried
from echorator.images.store import MODEL, REVISION, SOURCE, Layer, Manifest, made
from echorator.images.transfer import Origin, refuse

_SPLIT = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")
_NOT_MODELS = re.compile(r"mmproj|imatrix", re.IGNORECASE)


@dataclass(frozen=True)
class HubSettings:
    """`token` "" asks without one."""

    endpoint: str = "https://huggingface.co"
    token: str = ""


@dataclass(frozen=True)
class HubFile:
    """One file of a repository. `digest` "" where the hub does not know it: it is not stored as a large file."""

    name: str
    size_bytes: int
    digest: str


class HubClient:
    """One repository at one revision."""

    def __init__(self, reference: Hub, http: Http, settings: HubSettings) -> None:
        self._reference = reference
        self._http = http
        self._settings = settings

    def manifest(self) -> Manifest:
        """Of the files that are meant, pinned to their commit. Raises AbsentError, DeniedError, AnswerError, NetworkError."""
        commit, files = retried(self._files)
        chosen = choose(self._reference, files)
        for file in chosen:
            if not file.digest:
                raise AnswerError(f"{self._reference}: the hub has no digest of {file.name}, which can therefore not be verified")
        self._names = {file.digest: file.name for file in chosen}
        self._commit = commit
        layers = [Layer(MODEL, file.digest, file.size_bytes, file.name.rpartition("/")[2]) for file in chosen]
        return made(layers, {SOURCE: str(self._reference), REVISION: commit})

    def origin_of(self, digest: str) -> Origin:
        """After `manifest`: where a file's bytes are."""
        url = f"{self._settings.endpoint}/{self._reference.repository}/resolve/{self._commit}/{quote(self._names[digest])}"
        return Origin(lambda: self._target(url))

    def _target(self, url: str) -> Target:
        return Target(url, {"Authorization": f"Bearer {self._settings.token}"} if self._settings.token else {})

    def _files(self) -> tuple[str, list[HubFile]]:
        repository, revision = self._reference.repository, quote(self._reference.revision, safe="")
        url = f"{self._settings.endpoint}/api/models/{repository}/revision/{revision}?blobs=true"
        response = self._http.open(self._target(url))
        with response:
            refuse(url, response.status_code, response.reason)
            try:
                answer: Any = response.json()
                files = [_file(sibling) for sibling in answer["siblings"]]
                return str(answer["sha"]), files
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise AnswerError(f"{url} does not answer as Hugging Face does ({type(error).__name__}: {error})") from error


def _file(sibling: dict[str, Any]) -> HubFile:
    large = sibling.get("lfs") or {}
    digest = str(large.get("sha256") or large.get("oid") or "")
    size = large.get("size", sibling.get("size")) or 0
    return HubFile(str(sibling["rfilename"]), int(size), f"sha256:{digest}" if re.fullmatch(r"[0-9a-f]{64}", digest) else "")


def choose(reference: Hub, files: list[HubFile]) -> list[HubFile]:
    """The file that is meant, or all parts of one that is split, in their order. Pure. Raises AbsentError."""
    models = [file for file in files if file.name.endswith(".gguf")]
    if reference.file:
        found = [file for file in files if file.name == reference.file]
    else:
        meant = [file for file in models if not _NOT_MODELS.search(file.name)]
        tag = re.compile(rf"(^|[-._/]){re.escape(reference.quantisation)}([-._/]|$)", re.IGNORECASE)
        found = [file for file in meant if tag.search(file.name)] if reference.quantisation else meant
    if not found:
        raise AbsentError(f"{reference}: there is no such file; {_known(models)}")
    groups = {(match[1], match[3]) if (match := _SPLIT.fullmatch(file.name)) else (file.name, "") for file in found}
    if len(groups) > 1:
        raise AbsentError(f"{reference} may be any of {len(groups)} files; say which: {_known(found)}")
    stem, count = next(iter(groups))
    if not count:
        return found
    by_name = {file.name: file for file in files}
    names = [f"{stem}-{number:05}-of-{count}.gguf" for number in range(1, int(count) + 1)]
    missing = [name for name in names if name not in by_name]
    if missing:
        raise AbsentError(f"{reference} is split into {int(count)} files, of which {', '.join(missing[:5])} are not there")
    return [by_name[name] for name in names]


def _known(files: list[HubFile]) -> str:
    names = ", ".join(file.name for file in files[:20])
    return f"its GGUF files are: {names}{', ...' if len(files) > 20 else ''}" if files else "it has no GGUF file"
