"""`echorator pull`: a model's files from wherever its source says into the store."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echorator.cli.exits import Exit
from echorator.cli.model_store import puller_of
from echorator.errors import ResourceError
from echorator.images.puller import Image, OnProgress, Progress

SHOWN = 24  # characters of a source, so that a bar fits 80 columns
LINE_EVERY = 10  # per cent, where there is no terminal


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit code."""
    puller = puller_of(arguments.models_folder, arguments.any_size)
    with progress_shown(arguments.source) as on_progress:
        image = puller.pull(arguments.source, on_progress)
    print(copied(image, arguments.into) if arguments.into is not None else image.path)
    return Exit.OK


def copied(image: Image, folder: Path) -> Path:
    """The model's file in a folder of the user's, under a name that says what it is. Raises ResourceError."""
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


@contextmanager
def progress_shown(label: str) -> Iterator[OnProgress]:
    """Yields the callback of one pull; writes to stderr: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _lines(label)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        short = label.partition("#")[0].rpartition("/")[2][:SHOWN]
        bar = bars.add_task(short, total=None)
        yield lambda p: bars.update(bar, completed=p.done_bytes, total=p.total_bytes or None)


def _lines(label: str) -> OnProgress:
    told_stage, told_percent = "", 0

    def line(progress: Progress) -> None:
        nonlocal told_stage, told_percent
        percent = 100 * progress.done_bytes // progress.total_bytes if progress.total_bytes else 0
        step = percent // LINE_EVERY * LINE_EVERY
        if progress.stage == told_stage and step <= told_percent:
            return
        told_stage, told_percent = progress.stage, step
        size = f" {progress.done_bytes >> 20} of {progress.total_bytes >> 20} MiB, {percent} %" if progress.total_bytes else ""
        print(f"{progress.stage} {label}{size}", file=sys.stderr, flush=True)

    return line
