"""Stores blobs by their digest and manifests by their reference, in the layout of Ollama's store, which can be read in place.

    blobs/sha256-HEX                       complete and verified; never written to
    blobs/sha256-HEX.partial(.map)         being pulled, or left by a pull that broke off
    blobs/sha256-HEX.lock                  held by the process that pulls the blob
    manifests/HOST/NAMESPACE/NAME/TAG      what a reference means: JSON that names its blobs

A manifest is written after all its blobs, so that every visible model is complete.
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
from echorator.model_files.json_text import parsed
from echorator.model_files.partial import discard
from echorator.model_files.reference import DIGEST, File, Reference, Registry, Remote

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
SOURCE = "dev.echorator.source"  # the source, in a manifest that this program made
REVISION = "dev.echorator.revision"  # the commit that the source meant
UNPACKED = "dev.echorator.unpacked"  # the manifest of the image from whose file system the files come


class StoreError(InvalidRequestError):
    """The store holds something unexpected; the message says what to do."""


class NotPulledError(EchoratorError):
    """The model is not in the store, and may not be pulled."""


@dataclass(frozen=True)
class Layer:
    """One blob of a manifest."""

    media_type: str
    digest: str
    size_bytes: int
    title: str = ""


@dataclass(frozen=True)
class Manifest:
    """A manifest: `text` is the signed form that `digest` belongs to, `layers` and `annotations` are what was read from it."""

    text: bytes
    layers: tuple[Layer, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Return the sha256 digest of the manifest's text."""
        return f"sha256:{hashlib.sha256(self.text).hexdigest()}"

    @property
    def size_bytes(self) -> int:
        """Return the size of all layers together."""
        return sum(layer.size_bytes for layer in self.layers)

    def of(self, media_type: str) -> tuple[Layer, ...]:
        """Return the layers of a media type."""
        return tuple(layer for layer in self.layers if layer.media_type == media_type)


@dataclass(frozen=True)
class Stored:
    """A model in a store, with its place and its manifest."""

    place: tuple[str, ...]
    manifest: Manifest
    folder: Path
    changed_s: float  # seconds since 1970

    @property
    def source(self) -> str:
        """Return the source that was pulled, as a user writes it."""
        if self.place[0] in ("url", "hf"):
            return self.manifest.annotations.get(SOURCE, "/".join(self.place))
        oci = self.place[0] == "oci"
        host, *path, version = self.place[1:] if oci else self.place
        return str(Registry(host, "/".join(path), version.replace("sha256-", "sha256:"), oci))


def manifest_of(text: bytes, what: str) -> Manifest:
    """Parse a manifest. Raises StoreError unless all its layers have a type, a sha256 digest and a size."""
    try:
        given: Any = parsed(text)
        layers = tuple(
            Layer(str(layer["mediaType"]), str(layer["digest"]), int(layer["size"]), str((layer.get("annotations") or {}).get(TITLE, "")))
            for layer in given["layers"]
        )
        annotations = {str(key): str(value) for key, value in (given.get("annotations") or {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise StoreError(f"{what}: not a manifest ({type(error).__name__}: {str(error)[:80]})") from error
    for layer in layers:
        if not DIGEST.fullmatch(layer.digest) or not 0 <= layer.size_bytes < 1 << 63:
            raise StoreError(f"{what}: a layer's digest is {layer.digest[:80]!r} and its size {layer.size_bytes}, which cannot be")
    return Manifest(text, layers, annotations)


def made(layers: Sequence[Layer], annotations: Mapping[str, str]) -> Manifest:
    """Return a new manifest for a source that has none. Raises StoreError."""
    parts = [
        {"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size_bytes, "annotations": {TITLE: layer.title}}
        for layer in layers
    ]
    return manifest_of(json.dumps({"schemaVersion": 2, "layers": parts, "annotations": dict(annotations)}).encode(), str(annotations))


class Store:
    """One folder of models; `prepare` creates it where it is to be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs = folder / "blobs"
        self._manifests = folder / "manifests"

    def prepare(self) -> None:
        """Create the folders of the store. Raises ResourceError where they cannot be written, StoreError for a link in their place."""
        try:
            for folder in (self._blobs, self._manifests):
                folder.mkdir(parents=True, exist_ok=True)
                if folder.is_symlink():
                    raise StoreError(f"{folder} is a symbolic link; models are not written through one")
        except OSError as error:
            raise written_to(self.folder, error) from error

    # Blobs

    def blob(self, digest: str) -> Path:
        """Return the path that a blob has or would have. Raises StoreError for an invalid digest."""
        if not DIGEST.fullmatch(digest):
            raise StoreError(f"{digest[:80]!r} is no digest")
        return self._blobs / digest.replace(":", "-")

    @staticmethod
    def digest_of(path: Path) -> str:
        """Return the digest in the name of a blob's file, or of a file beside it."""
        return path.name.partition(".")[0].replace("-", ":", 1)

    def partial(self, digest: str) -> Path:
        """Return the path of a blob while it is incomplete."""
        path = self.blob(digest)
        return path.with_name(f"{path.name}.partial")

    def lock(self, digest: str) -> Path:
        """Return the path of a blob's lock file."""
        path = self.blob(digest)
        return path.with_name(f"{path.name}.lock")

    def has(self, layer: Layer) -> bool:
        """Return whether a blob is there and has its size. Raises StoreError for a link or a folder in its place."""
        path = self.blob(layer.digest)
        try:
            found = path.lstat()
        except OSError:
            return False
        if not os.path.isfile(path) or path.is_symlink():
            raise StoreError(f"{path} is no file of its own; remove it")
        return found.st_size == layer.size_bytes

    def whole(self, stored: Stored) -> bool:
        """Return whether all blobs of a model are there. Raises StoreError."""
        return all(self.has(layer) for layer in stored.manifest.layers)

    def accept(self, digest: str) -> Path:
        """Turn a complete and verified partial into the blob. Raises OSError."""
        path = self.adopt(self.partial(digest), digest)
        discard(self.partial(digest))
        return path

    def adopt(self, file: Path, digest: str) -> Path:
        """Turn a file of the store's folder, which must be complete, durable and of that digest, into the blob. Raises OSError."""
        path = self.blob(digest)
        os.chmod(file, 0o444)
        os.rename(file, path)
        sync_folder(path.parent)
        return path

    def verify(self, layer: Layer) -> str:
        """Return what is wrong with a blob; "" if nothing is."""
        path = self.blob(layer.digest)
        try:
            if not self.has(layer):
                return "is missing" if not path.exists() else f"has {path.stat().st_size} bytes, not {layer.size_bytes}"
            return "" if sha256_of(path) == layer.digest else "has another content than its digest says"
        except (StoreError, OSError) as error:
            return str(error)

    def joined(self, manifest: Manifest, layers: Sequence[Layer]) -> Path:
        """Link the parts of a split model side by side under their own names, where llama.cpp looks for them, and return the first.

        Raises ResourceError.
        """
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
        """Return what a reference means here; None if it was not pulled. Raises StoreError."""
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
        """Return the text of the manifest at a place; None if there is none. Raises StoreError."""
        path = self._place(place)
        return self._read(path).manifest.text if path.is_file() else None

    def keep(self, reference: Remote, manifest: Manifest) -> Stored:
        """Set the manifest of a reference; durable when this returns. Raises ResourceError."""
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
        """Yield every model, sorted by place; manifests that cannot be read are skipped."""
        for path in sorted(self._manifests.rglob("*")):
            if path.is_file() and not path.name.startswith(".new-"):
                try:
                    yield self._read(path)
                except StoreError:
                    continue

    def remove(self, stored: Stored) -> None:
        """Remove the manifest of a reference; its blobs are removed by `prune`. Raises ResourceError."""
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
        """Return the files that no manifest names, with their sizes: blobs, and the remains of abandoned pulls."""
        used = {layer.digest.replace(":", "-") for stored in self.all() for layer in stored.manifest.layers}
        found = []
        for path in sorted(self._blobs.iterdir()) if self._blobs.is_dir() else ():
            stem = path.name.partition(".")[0]
            if _BLOB.fullmatch(stem) and (stem not in used or path.name != stem) and path.is_file():
                found.append((path, path.lstat().st_blocks * 512))
        return found


def meant_by(stores: list[Store], reference: Reference) -> Stored | None:
    """Return the model of the first store that has all blobs of it; None if no store does."""
    if isinstance(reference, File):
        return None
    for store in stores:
        stored = store.find(reference)
        if stored is not None and store.whole(stored):
            return stored
    return None


def sha256_of(path: Path) -> str:
    """Return the sha256 digest of a file's content. Raises OSError."""
    state, buffer = hashlib.sha256(), bytearray(READ_BYTES)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(view):
            state.update(view[:count])
    return f"sha256:{state.hexdigest()}"


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def written_to(path: Path, error: OSError) -> EchoratorError:
    """Return the error for a failed write, with what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return ResourceError(
            f"{path}: {error.strerror}; free some space, or use another --models folder, and pull again: what is there is kept"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ResourceError(f"{path}: {error.strerror}; give the right to write there, or use another --models folder")
    return ResourceError(f"{path}: {error.strerror or error}")
