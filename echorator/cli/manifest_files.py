"""Reads and checks the files of -f before a command does anything with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from echorator.cli.text_input import text_of_stdin
from echorator.cluster.documents import Wish
from echorator.cluster.manifests import ManifestError, ManifestUnreadableError, parse_manifests, read_manifests
from echorator.host.exits import CommandError, Exit


def wishes_of(files: Sequence[Path]) -> list[Wish]:
    """Return the resources in the files; "-" is stdin. Raises CommandError with a line for each mistake."""
    try:
        return list(_wishes(files))
    except ManifestUnreadableError as error:
        raise CommandError(str(error)) from error
    except ManifestError as error:
        raise CommandError(str(error), Exit.USAGE) from error


def _wishes(files: Sequence[Path]) -> Iterator[Wish]:
    for path in files:
        yield from parse_manifests(text_of_stdin(), "stdin") if str(path) == "-" else read_manifests(path)
