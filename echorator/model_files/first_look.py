"""Checks from a file's first bytes whether it is a usable model or adapter, so that a pull is refused before the whole file is there."""

from __future__ import annotations

from collections.abc import Callable

from echorator.errors import ModelFileError, ResourceError
from echorator.model_files import gguf_header
from echorator.model_files.architectures import may_be_known

FIRST_LOOK_BYTES = 64 << 10
NO_MODELS = ("clip", "mmproj")  # architectures of files that only accompany a model
KINDS = ("", "model", "adapter")  # whether model or adapter is the right kind is checked at the load

Read = Callable[[memoryview, int], int]  # (buffer, offset) -> bytes read
Check = Callable[[Read, int], int]  # (read, bytes available from the beginning) -> bytes wanted for the next call, 0: no more


def room_for(what: str, size_bytes: int, memory_bytes: int) -> None:
    """Check that weights of `size_bytes` fit into `memory_bytes` (0: any size fits). Raises ResourceError where they do not."""
    if memory_bytes and size_bytes > memory_bytes:
        raise ResourceError(
            f"{what} has {size_bytes >> 20} MiB of weights, at most {memory_bytes >> 20} MiB of memory may be used here; "
            "choose a smaller quantisation, or say --any-size"
        )


def first_look(what: str, size_bytes: int) -> Check:
    """Return a check of one file of `size_bytes`; the check raises ModelFileError for a file that llama.cpp cannot use."""
    wanted = FIRST_LOOK_BYTES

    def check(read: Read, available: int) -> int:
        nonlocal wanted
        view = memoryview(bytearray(min(available, wanted, gguf_header.MOST_BYTES)))
        length = read(view, 0)
        try:
            header = gguf_header.parse(view[:length])
        except gguf_header.NeedMore as more:
            if more.length > size_bytes:
                raise ModelFileError(f"{what}: its GGUF metadata goes on beyond its end; the file is damaged") from more
            wanted = max(more.length, 2 * length, FIRST_LOOK_BYTES)
            return wanted
        except ModelFileError as error:
            raise ModelFileError(f"{what}: {error}") from error
        try:
            part = header.number("split.no")
        except ModelFileError as error:
            raise ModelFileError(f"{what}: {error}") from error
        if part:
            return 0  # only the first part of a split model describes it
        architecture = header.text("general.architecture")
        if not architecture or architecture in NO_MODELS or header.text("general.type") not in KINDS:
            kind = header.text("general.type") or architecture or "nothing that says what it is"
            raise ModelFileError(f"{what} is no language model but {kind}")
        if not may_be_known(architecture):
            raise ModelFileError(f"{what} is of the architecture {architecture!r}, which the installed llama.cpp does not know")
        return 0

    return check
