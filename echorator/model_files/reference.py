"""Parses the ways in which a user may name a model. Pure.

phi, phi:latest, library/phi, registry.example.com/ns/phi:tag     Ollama's registry protocol
oci://registry/repo:tag, oci://registry/repo@sha256:HEX           OCI artefacts and images
hf://org/repo/file.gguf, hf://org/repo@revision/file.gguf         a file of Hugging Face's hub
hf://org/repo:Q4_K_M, hf://org/repo                               the quantisation of that name, the only file or the one of Q4_K_M
https://huggingface.co/org/repo/blob/main/file.gguf               the same, as a browser has it
https://host/model.gguf#sha256=HEX                                any server
echo-nano, model.gguf, ./model, /models/x, file:/models/x         the embedded model, files of this machine
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from echorator.errors import InvalidRequestError
from echorator.settings import EMBEDDED_NAME

OLLAMA_REGISTRY = "registry.ollama.ai"
OLLAMA_NAMESPACE = "library"
LATEST = "latest"
HUB_REVISION = "main"

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"({_LABEL}(\.{_LABEL})*|\[[0-9a-fA-F:]+\])(:[0-9]{{1,5}})?")
_PART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HUB = re.compile(
    r"hf://(?P<repository>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})(@(?P<revision>[A-Za-z0-9][\w./-]{0,127}?))?"
    r"(/(?P<file>[^/:@\s][^@\s]{0,400}\.gguf)|:(?P<quantisation>[A-Za-z0-9][\w.-]{0,63}))?"
)
_HUB_PAGE = re.compile(r"https?://(www\.)?(huggingface\.co|hf\.co)/(?P<path>[^#]*)", re.IGNORECASE)
_NOT_MODELS = ("datasets", "spaces", "collections", "papers", "docs", "blog")  # first parts of the hub's paths that name no model
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class SourceError(InvalidRequestError):
    """The text names no model; the message says what is wrong with it."""


@dataclass(frozen=True)
class Registry:
    """A model in a registry. `version` is a tag or a digest; `oci` tells an OCI artefact or image from one of Ollama's models."""

    host: str
    path: str  # "library/phi"
    version: str
    oci: bool = False

    def __str__(self) -> str:
        """Return the reference as a user writes it, in its short form where it has one."""
        mark = "@" if DIGEST.fullmatch(self.version) else ":"
        if self.oci:
            return f"oci://{self.host}/{self.path}{mark}{self.version}"
        path = self.path
        if self.host == OLLAMA_REGISTRY:
            return f"{path.removeprefix(f'{OLLAMA_NAMESPACE}/')}{mark}{self.version}"
        return f"{self.host}/{path}{mark}{self.version}"

    @property
    def place(self) -> tuple[str, ...]:
        """Return the path of the manifest below the store's `manifests`, in Ollama's layout."""
        scheme = ("oci",) if self.oci else ()
        return (*scheme, self.host, *self.path.split("/"), self.version.replace(":", "-"))


@dataclass(frozen=True)
class Url:
    """A file on any server, identified by its digest."""

    url: str
    digest: str

    def __str__(self) -> str:
        """Return the URL without user and password, since it is shown and stored."""
        return f"{_without_password(self.url)}#sha256={self.digest.removeprefix('sha256:')}"

    @property
    def place(self) -> tuple[str, ...]:
        """Return the path of the manifest, as `Registry.place` does."""
        return ("url", sha256(self.url.encode()).hexdigest(), self.digest.replace(":", "-"))


@dataclass(frozen=True)
class Hub:
    """Files in a repository of Hugging Face's hub: `file`, or the one of a `quantisation`, or the only one."""

    repository: str  # "org/repo"
    revision: str = HUB_REVISION
    file: str = ""
    quantisation: str = ""

    def __str__(self) -> str:
        at = "" if self.revision == HUB_REVISION else f"@{self.revision}"
        tail = f"/{self.file}" if self.file else f":{self.quantisation}" if self.quantisation else ""
        return f"hf://{self.repository}{at}{tail}"

    @property
    def place(self) -> tuple[str, ...]:
        """Return the path of the manifest, as `Registry.place` does."""
        which = self.file.replace("/", "%2F") or (f":{self.quantisation}" if self.quantisation else ":")
        return ("hf", *self.repository.split("/"), self.revision.replace("/", "%2F"), which)


@dataclass(frozen=True)
class File:
    """A file on this machine, or the embedded model; nothing has to be pulled."""

    path: Path
    embedded: bool = False

    def __str__(self) -> str:
        if self.embedded:
            return EMBEDDED_NAME
        return str(self.path) if self.path.is_absolute() or self.path.suffix == ".gguf" else f"file:{self.path}"


Remote = Registry | Url | Hub
Reference = Remote | File


def parse(source: str) -> Reference:
    """Return the reference that a source names. Raises SourceError, which says how to write it."""
    if not source or "\0" in source or len(source) > 4096:
        raise SourceError("a model is named by at most 4096 characters without NUL, and at least one")
    if source == EMBEDDED_NAME:
        return File(Path(), embedded=True)
    if source.startswith("file:"):
        return _file(re.sub(r"^file:(//(localhost)?(?=/))?", "", source))
    if source.startswith(("/", "./", "../", "~")) or (source.endswith(".gguf") and "://" not in source):
        return _file(source)
    if source.startswith("oci://"):
        return _registry(source.removeprefix("oci://"), source, oci=True)
    if source.startswith("hf://"):
        return _hub(source)
    if page := _HUB_PAGE.fullmatch(source):
        return _hub_page(source, page["path"])
    if source.startswith(("https://", "http://")):
        return _url(source)
    if "://" in source:
        scheme = source.partition("://")[0]
        raise SourceError(f"{source!r}: {scheme}:// is not known; there are hf://, oci://, https://, file: and names such as phi:latest")
    return _registry(source, source, oci=False)


def short_name(reference: Remote) -> str:
    """Return the name of a model that was given none: "phi", "phi:q4", "model"."""
    if isinstance(reference, Url):
        return Path(urlsplit(reference.url).path).stem or "model"
    if isinstance(reference, Hub):
        return Path(reference.file).stem if reference.file else reference.repository.rpartition("/")[2]
    name = reference.path.rpartition("/")[2]
    return name if reference.version == LATEST or DIGEST.fullmatch(reference.version) else f"{name}:{reference.version}"


def is_local_host(host: str) -> bool:
    """Return whether plain HTTP is expected for a host, by Docker's rules."""
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    return name in ("localhost", "[::1]", "::1") or name.startswith("127.")


def _file(path: str) -> File:
    try:
        return File(Path(path).expanduser())
    except RuntimeError as error:
        raise SourceError(f"{path!r}: nobody of that name has a home here; write the whole path") from error


def _registry(text: str, source: str, oci: bool) -> Registry:
    rest, at, digest = text.partition("@")
    if at and not DIGEST.fullmatch(digest):
        raise SourceError(f"{source!r}: {digest[:80]!r} after the @ is no digest, which is sha256: and 64 hexadecimal digits")
    first, slash, tail = rest.partition("/")
    has_host = bool(slash) and ("." in first or ":" in first or first == "localhost" or oci)
    host = first if has_host else OLLAMA_REGISTRY
    name = tail if has_host else rest
    if oci and not has_host:
        raise SourceError(f"{source!r}: an oci:// source is oci://REGISTRY/REPOSITORY:TAG")
    if not _HOST.fullmatch(host):
        raise SourceError(f"{source!r}: {host!r} is no host of a registry")
    path, colon, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", LATEST)
    if colon and not _TAG.fullmatch(tag):
        raise SourceError(f"{source!r}: {tag[:80]!r} is no tag: letters, digits and _.- of at most 128 characters")
    parts = path.split("/")
    for part in parts:
        if not _PART.fullmatch(part) or ".." in part:
            raise SourceError(f"{source!r}: {part[:80]!r} is no part of a model's name: letters, digits and ._- of at most 128 characters")
    if not oci and len(parts) == 1 and host == OLLAMA_REGISTRY:
        parts = [OLLAMA_NAMESPACE, *parts]
    return Registry(host, "/".join(parts), digest or tag, oci)


def _hub(source: str) -> Hub:
    found = _HUB.fullmatch(source)
    if not found or any(part in (".", "..") for part in source.removeprefix("hf://").split("/")):
        raise SourceError(
            f"{source!r} is not hf://ORG/REPOSITORY/FILE.gguf, maybe with @REVISION before the file, or hf://ORG/REPOSITORY:QUANTISATION"
        )
    return Hub(found["repository"], found["revision"] or HUB_REVISION, found["file"] or "", found["quantisation"] or "")


def _hub_page(source: str, path: str) -> Hub:
    """Return what a page of the hub shows: a repository, or the file in the path or in `show_file_info`. Raises SourceError."""
    split = urlsplit(path)
    parts = [unquote(part) for part in split.path.split("/") if part]
    if len(parts) < 2 or parts[0] in _NOT_MODELS:
        raise SourceError(f"{source!r} is no page of a model; one is https://huggingface.co/ORG/REPOSITORY")
    repository, rest = "/".join(parts[:2]), parts[2:]
    revision, file = HUB_REVISION, parse_qs(split.query).get("show_file_info", [""])[0]
    if rest and (rest[0] not in ("tree", "blob", "resolve", "raw") or len(rest) < 2):
        raise SourceError(f"{source!r} is no page of a model's files; write hf://{repository}, or its page with the file you mean")
    if rest:
        revision, inner = rest[1], "/".join(rest[2:])
        if inner and not inner.endswith(".gguf"):
            raise SourceError(f"{source!r} names {inner[:80]!r}, which is no .gguf file; write hf://{repository}/FILE.gguf")
        file = inner or file
    if not re.fullmatch(r"[A-Za-z0-9][\w./-]{0,127}", revision) or ".." in revision:
        raise SourceError(f"{source!r}: {revision[:80]!r} is no revision of a repository")
    return replace(_hub(f"hf://{repository}{f'/{file}' if file else ''}"), revision=revision)


def _without_password(url: str) -> str:
    return re.sub(r"(?<=://)[^/?#]*@", "...@", url)


def _url(source: str) -> Url:
    url, _, fragment = source.partition("#")
    try:
        split = urlsplit(url)
        host, _ = split.hostname, split.port
    except ValueError as error:
        raise SourceError(f"{_without_password(source)!r}: {error}") from error
    if not host:
        raise SourceError(f"{_without_password(source)!r} names no host")
    found = re.fullmatch(r"sha256=([0-9a-fA-F]{64})", fragment)
    if not found:
        told = _without_password(url)
        raise SourceError(f"{told!r}: say which file is meant by its digest, {told}#sha256=HEX; `curl -sL URL | sha256sum` prints it")
    return Url(url, f"sha256:{found[1].lower()}")
