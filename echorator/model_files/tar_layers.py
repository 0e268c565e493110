"""Unpacks GGUF files from the tar layers of a container image (`FROM scratch`, `COPY model.gguf /`): each becomes a blob of the store."""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import struct
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

import zstandard

from echorator.errors import ResourceError
from echorator.model_files.first_look import Check, first_look
from echorator.model_files.http import AnswerError
from echorator.model_files.store import MODEL, READ_BYTES, Layer, Store

TAR_TYPES = (
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
)
MOST_HEADER_BYTES = 1 << 20  # largest name, or set of pax records
_READ_WHOLE = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_ZSTD = b"\x28\xb5\x2f\xfd"
_REMOVED = ".wh."  # marks the removal of an earlier layer's file; OCI image specification, "Whiteouts"


_DAMAGED = (
    tarfile.TarError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zstandard.ZstdError,
    struct.error,
    ValueError,  # raised by tarfile for bad numbers in pax headers, sparse maps among them
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


class _Member(tarfile.TarInfo):
    """A tar member that refuses headers larger than names and numbers can be, since tarfile reads headers into memory whole."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _READ_WHOLE and self.size > MOST_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        member: tarfile.TarInfo = super()._proc_member(tar)  # type: ignore[misc]  # the entry point that tarfile.py says may be overridden
        return member


def is_tar(layer: Layer) -> bool:
    """Return whether a layer is a part of an image's file system."""
    return layer.media_type in TAR_TYPES


def unpacked(store: Store, layers: Sequence[Layer], what: str) -> list[Layer]:
    """Return the GGUF files of an image's file system, sorted by their path there; its layers must be in the store.

    Raises:
        AnswerError: there is no GGUF file, or a layer is damaged.
        ModelFileError: a file is refused by `first_look`.
        ResourceError: the disk is full.
        OSError: the store cannot be written.
    """
    found: dict[str, Layer] = {}
    for layer in layers:
        try:
            with _opened(store.blob(layer.digest)) as tar:
                for member in tar:
                    path = PurePosixPath("/", member.name)
                    if path.name == _REMOVED:
                        continue  # a whiteout without a name
                    if path.name.startswith(_REMOVED):
                        found.pop(str(path.with_name(path.name.removeprefix(_REMOVED))), None)
                        continue
                    content = tar.extractfile(member) if member.isreg() and path.suffix == ".gguf" else None
                    if content is not None:
                        found[str(path)] = _kept(store, layer, content, member.size, path.name, first_look(what, member.size))
        except _DAMAGED as error:
            raise AnswerError(f"{what}: the layer {layer.digest} is no tar archive that can be read ({type(error).__name__})") from error
        except OSError as error:
            if error.errno is not None:  # an error of the disk; those of the decompressors have no number
                raise
            raise AnswerError(f"{what}: the layer {layer.digest} is no tar archive that can be read ({error})") from error
    if not found:
        raise AnswerError(f"{what} has no GGUF file, neither as a layer nor in the file system of the image")
    return [found[path] for path in sorted(found)]


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """Open a tar archive, plain or compressed by its first bytes, since the media types of layers are not always true."""
    with path.open("rb") as file:
        packed = file.read(len(_ZSTD)) == _ZSTD
        file.seek(0)
        if not packed:
            with tarfile.open(fileobj=file, mode="r|*", tarinfo=_Member) as tar:
                yield tar
            return
        with zstandard.ZstdDecompressor().stream_reader(file) as content, tarfile.open(fileobj=content, mode="r|", tarinfo=_Member) as tar:
            yield tar


def _kept(store: Store, layer: Layer, content: IO[bytes], size_bytes: int, name: str, check: Check) -> Layer:
    """Store one file as a blob and return its layer."""
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
    """Copy the content to a file, durable on return, and return its digest."""
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
