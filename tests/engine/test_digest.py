"""The digest is that of the content, also after the content has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from echorator.engine.digest import file_digest
from echorator.errors import ModelFileError


def test_it_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"one", b"three"):
        path.write_bytes(content)
        assert file_digest(path) == file_digest(path) == "sha256:" + hashlib.sha256(content).hexdigest()


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="No such file"):
        file_digest(tmp_path / "none")
