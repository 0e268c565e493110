"""Blobs by their digest, manifests by their reference: the layout of Ollama's store, so that one is read in place.

    blobs/sha256-HEX                       complete and verified; never written to
    blobs/sha256-HEX.partial(.map)         being pulled, or to be gone on with
    blobs/sha256-HEX.lock                  held by the process that pulls it
    manifests/HOST/NAMESPACE/NAME/TAG      what a reference means: JSON that names its blobs

A manifest is written after all its blobs: what is visible is whole.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echorator.errors import EchoratorError, InvalidRequestError, ResourceError
from echorator.images.partial import discard
from echorator.images.reference import File, Reference, Registry, Remote

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_BLOB = re.compile(r"sha256-[0-9a-f]{64}")
MANIFEST_BYTES = 4 << 20
READ_BYTES = 1 << 20

MODEL = "application/vnd.ollama.image.model"
TEMPLATE = "application/vnd.ollama.image.template"
SYSTEM = "application/vnd.ollama.image.system"
PARAMS = "application/vnd.ollama.image.params"
LICENSE = "application/vnd.ollama.image.license"
ADAPTER = "application/vnd.ollama.image.adapter"
PROJECTOR = "application/vnd.ollama.image.projector"
TITLE = "org.opencontainers.image.title"
SOURCE = "dev.echorator.source"  # of a manifest that this program made
REVISION = "dev.echorator.revision"  # the commit that was meant
UNPACKED = "dev.echorator.unpacked"  # the manifest of the image whose file system had the files


class StoreError(InvalidRequestError):
    """The store holds something that it should not; the message says what to do."""


class NotPulledError(EchoratorError):
    """The model is not in the store."""


@dataclass(frozen=True)
class Layer:
    """One blob of a manifest."""

    media_type: str
    digest: str
    size_bytes: int
    title: str = ""


@dataclass(frozen=True)
class Manifest:
    """`text` is what was signed for by `digest`; `source` and `pulled_s` are this store's own."""

    text: bytes
    layers: tuple[Layer, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of the text."""
        return f"sha256:{hashlib.sha256(self.text).hexdigest()}"

    @property
    def size_bytes(self) -> int:
        """Of all layers."""
        return sum(layer.size_bytes for layer in self.layers)

    def of(self, media_type: str) -> tuple[Layer, ...]:
        """Its layers of a type."""
        return tuple(layer for layer in self.layers if layer.media_type == media_type)


@dataclass(frozen=True)
class Stored:
    """A model that is in a store."""

    place: tuple[str, ...]
    manifest: Manifest
    folder: Path
    changed_s: float  # since 1970

    @property
    def source(self) -> str:
        """What was pulled, as a user writes it."""
        if self.place[0] in ("url", "hf"):
            return self.manifest.annotations.get(SOURCE, "/".join(self.place))
        oci = self.place[0] == "oci"
        host, *path, version = self.place[1:] if oci else self.place
        return str(Registry(host, "/".join(path), version.replace("sha256-", "sha256:"), oci))


def manifest_of(text: bytes, what: str) -> Manifest:
    """Raises StoreError for anything but layers with a type, a sha256 digest and a size."""
    try:
        given: Any = json.loads(text)
        layers = tuple(
            Layer(str(layer["mediaType"]), str(layer["digest"]), int(layer["size"]), str((layer.get("annotations") or {}).get(TITLE, "")))
            for layer in given["layers"]
        )
        annotations = {str(key): str(value) for key, value in (given.get("annotations") or {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(f"{what}: not a manifest ({type(error).__name__}: {error})") from error
    for layer in layers:
        if not _DIGEST.fullmatch(layer.digest) or layer.size_bytes < 0:
            raise StoreError(f"{what}: a layer's digest is {layer.digest[:80]!r} and its size {layer.size_bytes}, which cannot be")
    return Manifest(text, layers, annotations)


def made(layers: Sequence[Layer], annotations: Mapping[str, str]) -> Manifest:
    """A manifest for a source that has none of its own. Raises StoreError."""
    parts = [
        {"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size_bytes, "annotations": {TITLE: layer.title}}
        for layer in layers
    ]
    return manifest_of(json.dumps({"schemaVersion": 2, "layers": parts, "annotations": dict(annotations)}).encode(), str(annotations))


class Store:
    """One folder. Made where it is not there yet, unless it is only read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs = folder / "blobs"
        self._manifests = folder / "manifests"

    def prepare(self) -> None:
        """Raises ResourceError where nothing can be written."""
        try:
            for folder in (self._blobs, self._manifests):
                folder.mkdir(parents=True, exist_ok=True)
                if folder.is_symlink():
                    raise StoreError(f"{folder} is a symbolic link; models are not written through one")
        except OSError as error:
            raise written_to(self.folder, error) from error

    # Blobs

    def blob(self, digest: str) -> Path:
        """Where a blob is, or would be. Raises StoreError for what is no digest."""
        if not _DIGEST.fullmatch(digest):
            raise StoreError(f"{digest[:80]!r} is no digest")
        return self._blobs / digest.replace(":", "-")

    @staticmethod
    def digest_of(path: Path) -> str:
        """Of a blob's file, or of one beside it."""
        return path.name.partition(".")[0].replace("-", ":", 1)

    def partial(self, digest: str) -> Path:
        """Of a blob."""
        path = self.blob(digest)
        return path.with_name(f"{path.name}.partial")

    def lock(self, digest: str) -> Path:
        """Of a blob."""
        path = self.blob(digest)
        return path.with_name(f"{path.name}.lock")

    def has(self, layer: Layer) -> bool:
        """It is there and as large as it has to be. Raises StoreError for a link or a folder in its place."""
        path = self.blob(layer.digest)
        try:
            found = path.lstat()
        except OSError:
            return False
        if not os.path.isfile(path) or path.is_symlink():
            raise StoreError(f"{path} is no file of its own; remove it")
        return found.st_size == layer.size_bytes

    def whole(self, stored: Stored) -> bool:
        """All its blobs are there. Raises StoreError."""
        return all(self.has(layer) for layer in stored.manifest.layers)

    def accept(self, digest: str) -> Path:
        """The partial of a blob is whole and verified: from here on it is the blob. Raises OSError."""
        path = self.adopt(self.partial(digest), digest)
        discard(self.partial(digest))
        return path

    def adopt(self, file: Path, digest: str) -> Path:
        """A file of the store's folder that is whole, durable and of that digest is the blob from here on. Raises OSError."""
        path = self.blob(digest)
        os.chmod(file, 0o444)
        os.rename(file, path)
        sync_folder(path.parent)
        return path

    def verify(self, layer: Layer) -> str:
        """What is wrong with a blob; "" for nothing."""
        path = self.blob(layer.digest)
        try:
            if not self.has(layer):
                return "is missing" if not path.exists() else f"has {path.stat().st_size} bytes, not {layer.size_bytes}"
            return "" if sha256_of(path) == layer.digest else "has another content than its digest says"
        except (StoreError, OSError) as error:
            return str(error)

    def joined(self, manifest: Manifest, layers: Sequence[Layer]) -> Path:
        """The parts of a split model side by side under their own names, as llama.cpp looks for them; the first. Raises ResourceError."""
        folder = self.folder / "split" / manifest.digest.replace(":", "-")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for layer in layers:
                path = folder / Path(layer.title).name
                if not path.exists():
                    os.link(self.blob(layer.digest), path)
        except OSError as error:
            raise written_to(folder, error) from error
        return folder / Path(layers[0].title).name

    # Manifests

    def _place(self, place: tuple[str, ...]) -> Path:
        if not all(part and part not in (".", "..") and "/" not in part and "\0" not in part for part in place):
            raise StoreError(f"{'/'.join(place)[:200]!r} leads out of the store")
        return self._manifests.joinpath(*place)

    def find(self, reference: Remote) -> Stored | None:
        """What a reference means here; None where it was not pulled. Raises StoreError."""
        path = self._place(reference.place)
        if not path.is_file():
            return None
        return self._read(path)

    def _read(self, path: Path) -> Stored:
        try:
            found = path.stat()
            if found.st_size > MANIFEST_BYTES:
                raise StoreError(f"{path}: {found.st_size} bytes are no manifest; remove it")
            text = path.read_bytes()
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error
        place = path.relative_to(self._manifests).parts
        return Stored(place, manifest_of(text, str(path)), self.folder, found.st_mtime)

    def text_at(self, place: tuple[str, ...]) -> bytes | None:
        """Of the manifest there; None where there is none. Raises StoreError."""
        path = self._place(place)
        return self._read(path).manifest.text if path.is_file() else None

    def keep(self, reference: Remote, manifest: Manifest) -> Stored:
        """From here on the reference means this; durable when it returns. Raises ResourceError."""
        path = self._place(reference.place)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
                try:
                    file.write(manifest.text)
                    file.flush()
                    os.fsync(file.fileno())
                    os.chmod(file.name, 0o644)
                    os.rename(file.name, path)
                except BaseException:
                    os.unlink(file.name)
                    raise
            sync_folder(path.parent)
        except OSError as error:
            raise written_to(path, error) from error
        return self._read(path)

    def all(self) -> Iterator[Stored]:
        """Every model, by place; a manifest that cannot be read is left out."""
        for path in sorted(self._manifests.rglob("*")):
            if path.is_file() and not path.name.startswith(".new-"):
                try:
                    yield self._read(path)
                except StoreError:
                    continue

    def remove(self, stored: Stored) -> None:
        """Forget a reference; its blobs go with `prune`. Raises ResourceError."""
        path = self._place(stored.place)
        try:
            path.unlink()
            for folder in path.parents:
                if folder == self._manifests or any(folder.iterdir()):
                    break
                folder.rmdir()
        except OSError as error:
            raise written_to(path, error) from error

    def unused(self) -> list[tuple[Path, int]]:
        """Files that no manifest names, and their sizes: blobs, and what is left of pulls that nobody went on with."""
        used = {layer.digest.replace(":", "-") for stored in self.all() for layer in stored.manifest.layers}
        found = []
        for path in sorted(self._blobs.iterdir()) if self._blobs.is_dir() else ():
            stem = path.name.partition(".")[0]
            if _BLOB.fullmatch(stem) and (stem not in used or path.name != stem) and path.is_file():
                found.append((path, path.lstat().st_blocks * 512))
        return found


def meant_by(stores: list[Store], reference: Reference) -> Stored | None:
    """The first store's that has it whole."""
    if isinstance(reference, File):
        return None
    for store in stores:
        stored = store.find(reference)
        if stored is not None and store.whole(stored):
            return stored
    return None


def sha256_of(path: Path) -> str:
    """Of a file's content. Raises OSError."""
    state, buffer = hashlib.sha256(), bytearray(READ_BYTES)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(view):
            state.update(view[:count])
    return f"sha256:{state.hexdigest()}"


def sync_folder(folder: Path) -> None:
    """Names in it are durable when it returns. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def written_to(path: Path, error: OSError) -> EchoratorError:
    """What is said of a write that failed."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return ResourceError(
            f"{path}: {error.strerror}; free some space, or use another --models folder, and pull again: what is there is kept"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ResourceError(f"{path}: {error.strerror}; give the right to write there, or use another --models folder")
    return ResourceError(f"{path}: {error.strerror or error}")
