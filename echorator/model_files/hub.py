"""Hugging Face's hub: finds the files of a repository that a reference means, their commit and their digests.

The hub is asked two things only, the list of files and the bytes of each. Its client library would keep a second copy of each file in a
cache of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from echorator.model_files.http import AbsentError, AnswerError, Http, Target, shown, small_body
from echorator.model_files.json_text import parsed
from echorator.model_files.reference import Hub
from echorator.model_files.retrying import retried
from echorator.model_files.store import MODEL, REVISION, SOURCE, Layer, Manifest, made
from echorator.model_files.transfer import Origin, refuse

MOST_LIST_BYTES = 32 << 20  # largest list of a repository's files
_SPLIT = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")
_USUAL = re.compile(r"(^|[-._/])Q4_K_M([-._/]|$)", re.IGNORECASE)  # what is taken of several quantisations, as llama-server and Ollama do
_NOT_MODELS = re.compile(r"mmproj|imatrix", re.IGNORECASE)


@dataclass(frozen=True)
class HubSettings:
    """The address of Hugging Face's hub, and the token that is sent to it."""

    endpoint: str = "https://huggingface.co"  # URL of the hub, or of a mirror
    token: str = ""  # access token; "" sends none


@dataclass(frozen=True)
class HubFile:
    """One file of a repository. `digest` is "" where the hub does not know it, because the file is not stored as a large one."""

    name: str
    size_bytes: int
    digest: str


class HubClient:
    """A client for one repository at one revision."""

    def __init__(self, reference: Hub, http: Http, settings: HubSettings) -> None:
        self._reference = reference
        self._http = http
        self._settings = settings

    def manifest(self) -> Manifest:
        """Return the manifest of the files meant, pinned to a commit. Raises AbsentError, DeniedError, AnswerError, NetworkError."""
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
        """Return where the bytes of a file are; call it after `manifest`."""
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
                answer: Any = parsed(small_body(response, MOST_LIST_BYTES))
                files = [_file(sibling) for sibling in answer["siblings"]]
                return str(answer["sha"]), files
            except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
                raise AnswerError(f"{shown(url)} does not answer as Hugging Face does ({type(error).__name__})") from error


def _file(sibling: dict[str, Any]) -> HubFile:
    large = sibling.get("lfs") or {}
    digest = str(large.get("sha256") or large.get("oid") or "")
    size = large.get("size", sibling.get("size")) or 0
    return HubFile(str(sibling["rfilename"]), int(size), f"sha256:{digest}" if re.fullmatch(r"[0-9a-f]{64}", digest) else "")


def choose(reference: Hub, files: list[HubFile]) -> list[HubFile]:
    """Return the file that is meant, or all parts of a split one in their order. Pure. Raises AbsentError.

    Where the reference names neither a file nor a quantisation and there are several models, it is the one of Q4_K_M.
    """
    models = [file for file in files if file.name.endswith(".gguf")]
    if reference.file:
        found = [file for file in files if file.name == reference.file]
    else:
        meant = [file for file in models if not _NOT_MODELS.search(file.name)]
        tag = re.compile(rf"(^|[-._/]){re.escape(reference.quantisation)}([-._/]|$)", re.IGNORECASE)
        found = [file for file in meant if tag.search(file.name)] if reference.quantisation else meant
    if not found:
        raise AbsentError(f"{reference}: there is no such file; {_known(models)}")
    groups = _groups(found)
    if len(groups) > 1 and not reference.file and not reference.quantisation:
        usual = [file for file in found if _USUAL.search(file.name)]
        if len(_groups(usual)) == 1:
            found, groups = usual, _groups(usual)
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


def _groups(files: list[HubFile]) -> set[tuple[str, str]]:
    """Return the models in a list of files: the stem and the number of parts of a split one, a name and "" of any other. Pure."""
    return {(match[1], match[3]) if (match := _SPLIT.fullmatch(file.name)) else (file.name, "") for file in files}


def _known(files: list[HubFile]) -> str:
    names = ", ".join(file.name for file in files[:20])
    return f"its GGUF files are: {names}{', ...' if len(files) > 20 else ''}" if files else "it has no GGUF file"
