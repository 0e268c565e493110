"""Shows the progress of a pull: a bar on a terminal, else plain lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from echorator.model_files.puller import OnProgress, Progress

SHOWN = 24  # characters of a source that are shown, so that a bar fits 80 columns
LINE_EVERY = 10  # percent between two lines where there is no terminal


@contextmanager
def progress_shown(label: str) -> Iterator[OnProgress]:
    """Yield the progress callback of one pull; it draws a bar on stderr, or prints a line at each LINE_EVERY percent without a terminal."""
    if not sys.stderr.isatty():
        yield _lines(label)
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    from echorator.cli.output.consoles import Console

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
