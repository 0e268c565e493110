"""GGUF files in the tar layers of a container image (`FROM scratch`, `COPY model.gguf /`): each becomes a blob of the store."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

import zstandard

from echorator.errors import ResourceError
from echorator.images.first_look import Check, first_look
from echorator.images.http import AnswerError
from echorator.images.store import MODEL, READ_BYTES, Layer, Store

TAR_TYPES = (
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
)
_ZSTD = b"\x28\xb5\x2f\xfd"
_REMOVED = ".wh."  # of a file that an earlier layer had; OCI image specification, "Whiteouts"


def is_tar(layer: Layer) -> bool:
    """It is a part of an image's file system."""
    return layer.media_type in TAR_TYPES


def unpacked(store: Store, layers: Sequence[Layer], what: str) -> list[Layer]:
    """The GGUF files of an image's file system, by their path there; its layers are in the store.

    Raises:
        AnswerError: there is none, or a layer is damaged.
        ModelFileError: what `first_look` refuses.
        ResourceError: the disk is full.
        OSError: it cannot be written to.
    """
    found: dict[str, Layer] = {}
    for layer in layers:
        try:
            with _opened(store.blob(layer.digest)) as tar:
                for member in tar:
                    path = PurePosixPath("/", member.name)
                    if path.name.startswith(_REMOVED):
                        found.pop(str(path.with_name(path.name.removeprefix(_REMOVED))), None)
                        continue
                    content = tar.extractfile(member) if member.isreg() and path.suffix == ".gguf" else None
                    if content is not None:
                        found[str(path)] = _kept(store, layer, content, member.size, path.name, first_look(what, member.size))
        except (tarfile.TarError, EOFError, zlib.error, zstandard.ZstdError) as error:
            raise AnswerError(f"{what}: the layer {layer.digest} is no tar archive that can be read ({error})") from error
    if not found:
        raise AnswerError(f"{what} has no GGUF file, neither as a layer nor in the file system of the image")
    return [found[path] for path in sorted(found)]


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """By its first bytes, for types of layers are not always true."""
    with path.open("rb") as file:
        packed = file.read(len(_ZSTD)) == _ZSTD
        file.seek(0)
        if not packed:
            with tarfile.open(fileobj=file, mode="r|*") as tar:
                yield tar
            return
        with zstandard.ZstdDecompressor().stream_reader(file) as content, tarfile.open(fileobj=content, mode="r|") as tar:
            yield tar


def _kept(store: Store, layer: Layer, content: IO[bytes], size_bytes: int, name: str, check: Check) -> Layer:
    """One file as a blob."""
    path = store.blob(layer.digest)
    path = path.with_name(f"{path.name}.unpacking")
    free = shutil.disk_usage(path.parent).free
    if free < size_bytes:
        raise ResourceError(
            f"{path.parent}: {size_bytes >> 20} MiB are to be unpacked, {free >> 20} MiB are free; "
            "free some space, or use another --models folder"
        )
    try:
        digest = _copied(path, content, size_bytes, check)
        store.adopt(path, digest)
    finally:
        path.unlink(missing_ok=True)
    return Layer(MODEL, digest, size_bytes, name)


def _copied(path: Path, content: IO[bytes], size_bytes: int, check: Check) -> str:
    """Durable when it returns; the digest."""
    state, wanted, written = hashlib.sha256(), 1, 0
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o644), "r+b", buffering=0) as file:
        while data := content.read(READ_BYTES):
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
            state.update(data)
            written += len(data)
            if wanted and written >= min(wanted, size_bytes):
                wanted = check(lambda view, offset: os.preadv(file.fileno(), [view], offset), written)
        if written != size_bytes:
            raise tarfile.ReadError(f"{path.name} ends at {written} of {size_bytes} bytes")
        os.fsync(file.fileno())
    return f"sha256:{state.hexdigest()}"
