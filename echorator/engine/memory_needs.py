"""Computes whether a model with its context fits into the free memory, before any of it is allocated.

llama.cpp itself says what each part takes on each device (`memory_needs.hpp`); the memory that this program adds is estimated here. Feeds
the check of a file (`vetting`) and the registry, which knows what else is being loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from echorator._native import engine
from echorator.errors import ResourceError
from echorator.settings import EngineSettings

CELL_BYTES = 64  # llama.cpp's record of a KV cell, and this program's
FIXED_BYTES = 24 << 20  # an embedder for requests of vectors, threads, buffers of the engine
ROW_BYTES = 4  # one logit


@dataclass(frozen=True)
class DevicePart:
    """Bytes of a model on one device other than the host, and the free bytes there."""

    device: str
    bytes: int
    free_bytes: int


@dataclass(frozen=True)
class Needs:
    """Bytes that one model will take. `mapped_bytes` are pages of its file, which the kernel may drop and processes share."""

    weights_bytes: int
    mapped_bytes: int
    context_bytes: int
    compute_bytes: int
    devices: tuple[DevicePart, ...] = ()

    @property
    def host_bytes(self) -> int:
        """Return the bytes of the machine's memory, all parts together."""
        return self.weights_bytes + self.mapped_bytes + self.context_bytes + self.compute_bytes


def measured(settings: EngineSettings) -> Needs:
    """Return the needs of a model; reads the metadata in about 30 ms. For files known to be harmless, or in a child.

    Raises ModelFileError.
    """
    parts, info = engine.memory_needs(settings)
    host = next((part for part in parts if not part.device), None)
    cells = settings.context_tokens or min(settings.slots * max(64, info.trained_context_tokens), 32768)
    rows = 2 * settings.slots + 1
    others = tuple(
        DevicePart(part.device, part.weights + part.mapped + part.context + part.compute, part.free) for part in parts if part.device
    )
    return Needs(
        weights_bytes=host.weights if host else 0,
        mapped_bytes=host.mapped if host else 0,
        context_bytes=(host.context if host else 0) + cells * CELL_BYTES,
        compute_bytes=(host.compute if host else 0) + FIXED_BYTES + rows * info.vocabulary * ROW_BYTES,
        devices=others,
    )


def embed_needs(settings: EngineSettings, tokens: int) -> Needs:
    """Return the needs of an embedding context for inputs of `tokens`, without weights. Blocking, for a file known to be harmless.

    Raises ModelFileError.
    """
    parts, info = engine.memory_needs(settings, tokens)
    host = next((part for part in parts if not part.device), None)
    rows = tokens * (info.embedding_length + (info.vocabulary if info.generates else 0))  # llama.cpp has a row of logits for each token
    return Needs(
        weights_bytes=0,
        mapped_bytes=0,
        context_bytes=host.context if host else 0,
        compute_bytes=(host.compute if host else 0) + rows * ROW_BYTES,
        devices=tuple(DevicePart(part.device, part.context + part.compute, part.free) for part in parts if part.device),
    )


def check_embed_room(tokens: int, needs: Needs, free_bytes: int) -> None:
    """Check that an embedding context for `tokens` fits into the free memory. Pure. Raises ResourceError, with both numbers."""
    wanted = [("memory", needs.host_bytes, free_bytes)]
    wanted += [(f"the memory of {part.device}", part.bytes, part.free_bytes) for part in needs.devices if part.free_bytes]
    for where, size, free in wanted:
        if size > free:
            raise ResourceError(
                f"an input of up to {tokens} tokens needs {sized(size)} of {where} to be embedded, {sized(free)} are free; split or "
                "shorten it, unload another model, or start the agent with --no-memory-check"
            )


def check_room(what: str, needs: Needs, free_bytes: int, held_bytes: int = 0) -> None:
    """Check that a model fits. Pure. `held_bytes` of the free ones are reserved: loads under way, mapped weights already in use.

    Raises:
        ResourceError: the model does not fit; the message has both numbers, the parts, and what to change.
    """
    room = max(0, free_bytes - held_bytes)
    if needs.host_bytes > room:
        raise ResourceError(_told(what, needs, room))
    for part in needs.devices:
        if part.free_bytes and part.bytes > part.free_bytes:
            raise ResourceError(
                f"{what} needs {sized(part.bytes)} on {part.device}, where {sized(part.free_bytes)} are free; "
                "ask for fewer --gpu-layers, fewer context tokens or a smaller quantisation"
            )


def _told(what: str, needs: Needs, room: int) -> str:
    parts = {
        "weights": needs.weights_bytes + needs.mapped_bytes,
        "its context": needs.context_bytes,
        "buffers": needs.compute_bytes,
    }
    of_weights = max(parts, key=lambda part: parts[part]) == "weights"
    change = "choose a smaller quantisation of the model" if of_weights else "ask for fewer context tokens (context_tokens, slots)"
    said = ", ".join(f"{sized(size)} {part}" for part, size in parts.items())
    return (
        f"{what} needs {sized(needs.host_bytes)} of memory ({said}), {sized(room)} are free; {change}, "
        "unload another model, or start the agent with --no-memory-check"
    )


def sized(size_bytes: int) -> str:
    """Return a size in the largest unit of which there is at least one: "5.1 GiB"."""
    for unit, size in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20)):
        if size_bytes >= size:
            return f"{size_bytes / size:.1f} {unit}"
    return f"{max(1, size_bytes >> 10)} KiB"


def mapped_by(needs: Sequence[Needs]) -> int:
    """Return the bytes of files that all of these map together."""
    return sum(one.mapped_bytes for one in needs)
