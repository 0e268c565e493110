"""`echorator models list | show | remove | prune | verify`: manages the model files of this user's store."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from echorator.cli.output.model_standing import age
from echorator.cli.output.model_tables import ModelLine, models_table, size_of
from echorator.cli.output.rendering import show
from echorator.cli.output.tables import Column, Table
from echorator.errors import ModelFileError
from echorator.host.exits import CommandError, Exit
from echorator.host.model_store import stores_of
from echorator.model_files import gguf_header
from echorator.model_files.partial import discard
from echorator.model_files.puller import meant
from echorator.model_files.reference import File, parse, short_name
from echorator.model_files.registry import is_model
from echorator.model_files.store import Store, Stored
from echorator.model_files.transfer import claim

HEADER_BYTES = 64 << 20
LONGEST_VALUE = 200  # characters of a value of the file's metadata that is shown


def run(arguments: argparse.Namespace) -> int:
    """Carry out one command on the store and return the exit code. Raises CommandError."""
    own, others = stores_of(arguments.models_folder)
    return _COMMANDS[arguments.models_command](own, others, arguments)


def _list(own: Store, others: list[Store], arguments: argparse.Namespace) -> int:
    models = [stored for store in (own, *others) for stored in store.all()]
    tables = [models_table([_line(stored, own) for stored in models], arguments.output == "wide")] if models else []
    nothing = f"no model is in {own.folder}; echorator pull gets one"
    document = {"models": [_row(stored) for stored in models]}
    show(arguments.output, document, [stored.source for stored in models], *tables, nothing=nothing)
    return Exit.OK


def _line(stored: Stored, own: Store) -> ModelLine:
    manifest, pulled = stored.manifest, datetime.fromtimestamp(stored.changed_s, UTC)
    reference = parse(stored.source)
    return ModelLine(
        name=stored.source if isinstance(reference, File) else short_name(reference),
        size=size_of(manifest.size_bytes),
        age=age(pulled, datetime.now(UTC)),
        source=stored.source,
        digest=manifest.digest,
        store="own" if stored.folder == own.folder else str(stored.folder),
    )


def _row(stored: Stored) -> dict[str, Any]:
    """Return a stored model for programs; numbers of bytes are texts, as in the JSON of the API's messages."""
    manifest, pulled = stored.manifest, datetime.fromtimestamp(int(stored.changed_s), UTC)
    return {
        "source": stored.source,
        "digest": manifest.digest,
        "sizeBytes": str(manifest.size_bytes),
        "pulled": f"{pulled:%Y-%m-%dT%H:%M:%SZ}",
        "store": str(stored.folder),
    }


def _show(own: Store, others: list[Store], arguments: argparse.Namespace) -> int:
    stored = _find([own, *others], arguments.source)
    store = Store(stored.folder)
    layers = [{"type": layer.media_type, "digest": layer.digest, "sizeBytes": str(layer.size_bytes)} for layer in stored.manifest.layers]
    metadata: dict[str, Any] = {}
    for layer in stored.manifest.layers:
        if is_model(layer) and store.has(layer):
            with store.blob(layer.digest).open("rb") as file, suppress(gguf_header.NeedMore, ModelFileError):
                metadata = gguf_header.parse(file.read(HEADER_BYTES)).values
    kept = {key: value for key, value in metadata.items() if not isinstance(value, list) and len(str(value)) <= LONGEST_VALUE}
    wide = arguments.output == "wide"
    rows = [[layer.media_type, size_of(layer.size_bytes), layer.digest] for layer in stored.manifest.layers]
    parts: list[RenderableType] = [models_table([_line(stored, own)], wide), Text()]
    parts.append(Table(("LAYER", Column("SIZE", right=True), "DIGEST"), rows, wide))
    if kept:
        parts += [Text(), Table(("METADATA", "VALUE"), list(kept.items()), wide)]
    show(arguments.output, {**_row(stored), "layers": layers, "metadata": kept}, [stored.source], *parts)
    return Exit.OK


def _remove(own: Store, others: list[Store], arguments: argparse.Namespace) -> int:
    for source in arguments.sources:
        stored = _find([own, *others], source)
        if stored.folder != own.folder:
            raise CommandError(f"{source} is in {stored.folder}, which is not this program's; remove it there")
        own.remove(stored)
        print(f"{stored.source} removed; `echorator models prune` frees its space")
    return Exit.OK


def _prune(own: Store, _others: list[Store], _arguments: argparse.Namespace) -> int:
    freed = 0
    for path, size in own.unused():
        lock = own.lock(own.digest_of(path))
        held = claim(lock)
        if held is None:
            continue  # another process is pulling this blob
        try:
            discard(path)
            freed += size
        finally:
            with suppress(OSError):
                lock.unlink()
            os.close(held)
    print(f"{freed >> 20} MiB freed")
    return Exit.OK


def _verify(own: Store, others: list[Store], arguments: argparse.Namespace) -> int:
    stores = [own, *others]
    chosen = [_find(stores, source) for source in arguments.sources] or [stored for store in stores for stored in store.all()]
    bad = 0
    for stored in chosen:
        for layer in stored.manifest.layers:
            fault = Store(stored.folder).verify(layer)
            if fault:
                bad += 1
                print(f"{stored.source}: {layer.digest} {fault}")
    print(f"{len(chosen)} models verified, {bad} files are wrong{'; pull those models again' if bad else ''}")
    return Exit.FAILURE if bad else Exit.OK


def _find(stores: list[Store], source: str) -> Stored:
    """Return the stored model of a source. Raises CommandError, SourceError."""
    reference = meant(source)
    if isinstance(reference, File):
        raise CommandError(f"{source} is a file of this machine, not one of the store", Exit.USAGE)
    found = next((stored for store in stores if (stored := store.find(reference)) is not None), None)
    if found is None:
        known = ", ".join(stored.source for store in stores for stored in store.all()) or "none"
        raise CommandError(f"{reference} is not in the store; there are: {known}")
    return found


_COMMANDS: dict[str, Callable[[Store, list[Store], argparse.Namespace], int]] = {
    "list": _list,
    "show": _show,
    "remove": _remove,
    "prune": _prune,
    "verify": _verify,
}
