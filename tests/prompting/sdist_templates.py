"""The chat templates in the source distribution of llama-cpp-python, of the version that is installed.

They are real models' templates, about seventy. The archive is kept outside of the clone, by version; `.ci/run` gets it, and a
user may. What is in it is unpacked beside it once, since reading through the archive takes seconds.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

FEWEST = 60


def _folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "echorator" / f"llama-cpp-python-{version('llama-cpp-python')}"


def sdist_templates() -> dict[str, str]:
    """Sources by name; none where the archive is not there."""
    unpacked = _folder() / "templates"
    archive = next(_folder().glob("*.tar.gz"), None)
    if not unpacked.is_dir() and archive is not None:
        _unpack(archive, unpacked)
    found = {path.stem: path.read_text() for path in unpacked.glob("*.jinja")}
    assert not found or len(found) >= FEWEST
    return found


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as files, tempfile.TemporaryDirectory(dir=folder.parent) as made:
        for member in files:
            path = Path(member.name)
            if path.parts[-3:-1] == ("models", "templates") and path.suffix == ".jinja" and (file := files.extractfile(member)) is not None:
                (Path(made) / path.name).write_bytes(file.read())
        Path(made).rename(folder)
        Path(made).mkdir()  # for the context, which removes it


def names() -> list[Any]:
    """For `parametrize`: every template, or one test that is skipped for want of them."""
    return [pytest.param(name, marks=pytest.mark.needs("templates of the sdist")) for name in sorted(sdist_templates()) or [""]]
