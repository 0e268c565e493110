"""Shows the progress of a model's load: a bar on a terminal, else plain lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from echorator.agent.loading.registry import OnProgress


@contextmanager
def loading_shown(label: str) -> Iterator[OnProgress]:
    """Yield the progress callback for one load; it writes to stderr."""
    if not sys.stderr.isatty():
        stages: set[str] = set()

        def line(stage: str, _fraction: float) -> None:
            if stage not in stages:
                stages.add(stage)
                print(f"{stage} {label}", file=sys.stderr, flush=True)

        yield line
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from echorator.cli.output.consoles import Console

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(label, total=1.0)

        def draw(stage: str, fraction: float) -> None:
            progress.update(bar, description=f"{stage} {label}", completed=fraction, total=None if stage == "checking" else 1.0)

        yield draw
