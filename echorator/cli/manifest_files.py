"""The files of -f, read and checked before anything is done with them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from echorator.cli.exits import CommandError, Exit
from echorator.cluster.documents import Wish
from echorator.cluster.manifests import ManifestError, parse_manifests, read_manifests


def wishes_of(files: Sequence[Path]) -> list[Wish]:
    """What the files ask for; "-" is stdin. Raises CommandError, a line for each mistake."""
    try:
        return list(_wishes(files))
    except ManifestError as error:
        raise CommandError(str(error), Exit.USAGE) from error


def _wishes(files: Sequence[Path]) -> Iterator[Wish]:
    for path in files:
        yield from parse_manifests(sys.stdin.read(), "stdin") if str(path) == "-" else read_manifests(path)
