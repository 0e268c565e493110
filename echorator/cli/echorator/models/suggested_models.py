"""`echorator models suggest`: names models that fit into this machine's memory."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from echorator import machine
from echorator.cli.output.model_tables import size_of
from echorator.cli.output.rendering import show
from echorator.cli.output.tables import Column, Table
from echorator.host.exits import Exit
from echorator.host.suggested_models import CHAT, SUGGESTIONS, Suggestion, fitting

WITHOUT_GPU_GB = 3.0
SAID = "Sizes and licences are their publishers' words. The memory is an estimate with a\ncontext of a few thousand tokens."


def run(arguments: argparse.Namespace) -> int:
    """Print the suggestions and return the exit code."""
    free = machine.memory_free_bytes(machine.ROOT)
    of_purpose = [each for each in SUGGESTIONS if arguments.purpose in ("", each.purpose)]
    chosen = of_purpose if arguments.all else fitting(free, arguments.purpose)
    listed = [
        {
            "source": each.source,
            "purpose": each.purpose,
            "parameters": each.parameters,
            "sizeBytes": str(int(each.size_gb * 1e9)),
            "memoryBytes": str(each.needs_bytes),
            "licence": each.licence,
            "note": each.note,
        }
        for each in chosen
    ]
    rows = [
        [each.source, each.purpose, each.parameters, f"{each.size_gb:g} GB", size_of(each.needs_bytes), each.licence, each.note]
        for each in chosen
    ]
    columns = ("SOURCE", "FOR", Column("PARAMETERS", right=True, spare=True), Column("DOWNLOAD", right=True), Column("MEMORY", right=True))
    table = Table((*columns, "LICENCE", Column("NOTE", spare=True)), rows, arguments.output == "wide")
    view: list[RenderableType] = [table, Text(f"{SAID}\n{size_of(free)} of memory are free here.{_first(chosen)}")] if chosen else []
    nothing = f"{size_of(free)} of memory are free here, too little for any of them; --all lists them nevertheless"
    show(arguments.output, {"models": listed}, [each.source for each in chosen], *view, nothing=nothing)
    return Exit.OK


def _first(chosen: Sequence[Suggestion]) -> str:
    """Return which chat model to begin with: the largest that answers at a reader's pace without a GPU."""
    found = [each for each in chosen if each.purpose == CHAT and each.size_gb <= WITHOUT_GPU_GB]
    return f" A good start without a GPU: echorator run {max(found, key=lambda each: each.size_gb).source}" if found else ""
