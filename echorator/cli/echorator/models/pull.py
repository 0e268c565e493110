"""`echorator pull`: brings a model's files from its source into the store."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import uvicorn

from echorator.agent.loading.embedded import embedded_model
from echorator.cli.output.model_tables import size_of
from echorator.cli.output.pull_progress import progress_shown
from echorator.cli.output.rendering import show
from echorator.cli.output.tables import Column, Table
from echorator.errors import EchoratorError, ResourceError
from echorator.host.addresses import host_port_of
from echorator.host.exits import CommandError, Exit, exit_of
from echorator.host.model_store import puller_of
from echorator.model_files.first_look import first_look
from echorator.model_files.puller import Image, OnProgress, Progress, Puller, meant
from echorator.model_files.reference import File
from echorator.model_files.store_server import READY, store_app


def run(arguments: argparse.Namespace) -> int:
    """Pull the sources, and with --serve share the store until a signal; return the exit code. Raises CommandError."""
    puller = puller_of(arguments.models_folder, arguments.any_size, arguments.upstream)
    try:
        if arguments.serve:
            return asyncio.run(_serve(puller, arguments))
        pulled = []
        for source in arguments.sources:
            with progress_shown(source) as on_progress:
                image = _checked(source, puller.pull(source, on_progress))
            path = copied(image, arguments.into) if arguments.into is not None else image.path
            pulled.append({"source": image.source, "digest": image.digest, "sizeBytes": str(image.size_bytes), "path": str(path)})
            if arguments.output == "name":
                print(path, flush=True)  # at once, as the next pull may fail
    except EchoratorError as error:
        raise CommandError(str(error), exit_of(error)) from error
    if arguments.output != "name":
        rows = [(row["source"], size_of(int(row["sizeBytes"])), row["digest"], row["path"]) for row in pulled]
        columns = ("SOURCE", Column("SIZE", right=True), Column("DIGEST", wide=True), "PATH")
        show(arguments.output, {"models": pulled}, (), Table(columns, rows, arguments.output == "wide"))
    return Exit.OK


def _checked(source: str, image: Image) -> Image:
    """Return the image; where nothing was pulled, after a look at the file. Raises ModelFileError for a file that is no model."""
    reference = meant(source)
    if not isinstance(reference, File):
        return image
    path = embedded_model() if reference.embedded else image.path
    size_bytes = path.stat().st_size
    check = first_look(str(path), size_bytes)
    with path.open("rb") as file:
        while check(lambda view, offset: os.preadv(file.fileno(), [view], offset), size_bytes):
            pass
    return replace(image, path=path, size_bytes=image.size_bytes or size_bytes)


async def _serve(puller: Puller, arguments: argparse.Namespace) -> int:
    """Pull, and serve the store to others until a signal. Raises what the pull raises."""
    host, port = host_port_of(arguments.serve, "--serve")
    latest = Progress("resolving")
    with progress_shown(", ".join(arguments.sources)) as shown:

        def on_progress(progress: Progress) -> None:
            nonlocal latest
            latest = progress
            shown(progress)

        app = store_app(puller.store, lambda: (latest.stage, latest.done_bytes, latest.total_bytes))
        settings = uvicorn.Config(app, host, port, log_level="warning", lifespan="off", timeout_graceful_shutdown=3)
        server = uvicorn.Server(settings)
        serving = asyncio.create_task(server.serve())
        pulling = asyncio.create_task(asyncio.to_thread(pull_all, puller, arguments.sources, on_progress))
        done, _ = await asyncio.wait((serving, pulling), return_when=asyncio.FIRST_COMPLETED)
        if pulling not in done:  # a signal came, or the port is taken
            os._exit(Exit.OK if server.started else Exit.FAILURE)
        try:
            await pulling
        except EchoratorError:
            server.should_exit = True
            await serving
            raise
    print(f"listening on {arguments.serve}", flush=True)
    await serving
    return Exit.OK


def pull_all(puller: Puller, sources: Sequence[str], on_progress: OnProgress) -> None:
    """Pull the sources one after the other. Raises what `Puller.pull` raises.

    Bytes in the progress are those of all sources so far; "ready" is reported once, at the end.
    """
    before = 0

    def told(progress: Progress) -> None:
        if progress.stage != READY:
            on_progress(replace(progress, done_bytes=before + progress.done_bytes, total_bytes=before + progress.total_bytes))

    for source in sources:
        before += puller.pull(source, told).size_bytes
    on_progress(Progress(READY, before, before))


def copied(image: Image, folder: Path) -> Path:
    """Link or copy the model's file into the user's folder under a readable name, and return its path. Raises ResourceError."""
    name = image.source.rpartition("/")[2].partition("#")[0].replace(":", "-").replace("@", "-")
    path = folder / (name if name.endswith(".gguf") else f"{name}.gguf")
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            os.link(image.path, fresh)
        except OSError:
            shutil.copyfile(image.path, fresh)
        fresh.rename(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise ResourceError(f"{path}: {error.strerror}; choose another --into") from error
    return path
