"""Whether a file is a model or an adapter that can be used here, from its first bytes: a pull is refused before all of it is there."""

from __future__ import annotations

from collections.abc import Callable

from echorator.engine.architectures import may_be_known
from echorator.errors import ModelFileError, ResourceError
from echorator.images import gguf_header

FIRST_LOOK_BYTES = 64 << 10
NO_MODELS = ("clip", "mmproj")  # architectures of files that only come beside a model
KINDS = ("", "model", "adapter")  # whether it is the right one of them is seen when it is loaded

Read = Callable[[memoryview, int], int]  # from an offset; how much was read
Check = Callable[[Read, int], int]  # with so many bytes there from the beginning; how many it wants to see next, 0: no more


def room_for(what: str, size_bytes: int, memory_bytes: int) -> None:
    """Raises ResourceError where weights of that size cannot be in the memory that may be used here (0: of any size)."""
    if memory_bytes and size_bytes > memory_bytes:
        raise ResourceError(
            f"{what} has {size_bytes >> 20} MiB of weights, at most {memory_bytes >> 20} MiB of memory may be used here; "
            "choose a smaller quantisation, or say --any-size"
        )


def first_look(what: str, size_bytes: int) -> Check:
    """A check of one file of `size_bytes`; it raises ModelFileError for what is nothing that llama.cpp knows."""
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
        if header.number("split.no"):
            return 0  # what the model is, its first part says
        architecture = header.text("general.architecture")
        if not architecture or architecture in NO_MODELS or header.text("general.type") not in KINDS:
            kind = header.text("general.type") or architecture or "nothing that says what it is"
            raise ModelFileError(f"{what} is no language model but {kind}")
        if not may_be_known(architecture):
            raise ModelFileError(f"{what} is of the architecture {architecture!r}, which the installed llama.cpp does not know")
        return 0

    return check
