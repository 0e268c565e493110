"""`echorator models list | show | remove | prune | verify`: manages the model files of this user's store."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from echorator.cli.output.tables import print_table
from echorator.errors import ModelFileError
from echorator.host.exits import CommandError, Exit
from echorator.host.model_store import stores_of
from echorator.model_files import gguf_header
from echorator.model_files.partial import discard
from echorator.model_files.puller import meant
from echorator.model_files.reference import File
from echorator.model_files.registry import is_model
from echorator.model_files.store import Store, Stored
from echorator.model_files.transfer import claim

HEADER_BYTES = 64 << 20


def run(arguments: argparse.Namespace) -> int:
    """Carry out one command on the store and return the exit code. Raises CommandError."""
    own, others = stores_of(arguments.models_folder)
    return _COMMANDS[arguments.models_command](own, others, arguments)


def _list(own: Store, others: list[Store], arguments: argparse.Namespace) -> int:
    models = [stored for store in (own, *others) for stored in store.all()]
    if arguments.output == "json":
        print(json.dumps([_row(stored) for stored in models], ensure_ascii=False, indent=2))
    elif not models:
        print(f"no model is in {own.folder}; echorator pull gets one")
    else:
        columns = ("source", "MiB", "pulled", "digest", "store")
        print_table(columns, [[s.source, s.manifest.size_bytes >> 20, _pulled(s), s.manifest.digest[7:19], _where(s, own)] for s in models])
    return Exit.OK


def _pulled(stored: Stored) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(stored.changed_s))


def _where(stored: Stored, own: Store) -> str:
    return "own" if stored.folder == own.folder else str(stored.folder)


def _row(stored: Stored) -> dict[str, Any]:
    manifest = stored.manifest
    return {
        "source": stored.source,
        "digest": manifest.digest,
        "size_bytes": manifest.size_bytes,
        "pulled": _pulled(stored),
        "store": str(stored.folder),
    }


def _show(own: Store, others: list[Store], arguments: argparse.Namespace) -> int:
    stored = _find([own, *others], arguments.source)
    store = Store(stored.folder)
    layers = [{"type": layer.media_type, "digest": layer.digest, "size_bytes": layer.size_bytes} for layer in stored.manifest.layers]
    metadata: dict[str, Any] = {}
    for layer in stored.manifest.layers:
        if is_model(layer) and store.has(layer):
            with store.blob(layer.digest).open("rb") as file, suppress(gguf_header.NeedMore, ModelFileError):
                metadata = gguf_header.parse(file.read(HEADER_BYTES)).values
    kept = {key: value for key, value in metadata.items() if not isinstance(value, list) and len(str(value)) <= 200}
    print(json.dumps({**_row(stored), "layers": layers, "metadata": kept}, ensure_ascii=False, indent=2))
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
