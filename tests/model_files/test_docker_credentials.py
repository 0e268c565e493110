"""Whose credentials a registry gets: as Docker and Kubernetes read their files."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from echorator.model_files.docker_credentials import DockerCredentials
from echorator.model_files.http import AnswerError


def written(folder: Path, auths: dict[str, Any], name: str = "config.json") -> Path:
    file = folder / name
    file.write_text(json.dumps({"auths": {key: {"auth": value} if isinstance(value, str) else value for key, value in auths.items()}}))
    return file


@pytest.mark.parametrize(
    ("key", "host", "path", "fits"),
    [
        ("r.example.com", "r.example.com", "a/b", True),
        ("https://r.example.com", "r.example.com", "a/b", True),
        ("https://r.example.com/v1/", "r.example.com", "a/b", True),
        ("http://r.example.com:5000/v2", "r.example.com:5000", "a", True),
        ("r.example.com", "r.example.com:5000", "a", False),
        ("r.example.com", "s.example.com", "a", False),
        ("*.example.com", "r.example.com", "a", True),
        ("*.example.com", "r.s.example.com", "a", False),
        ("*.com", "example.com", "a", True),
        ("r.example.com/team", "r.example.com", "team/phi", True),
        ("r.example.com/team", "r.example.com", "team", True),
        ("r.example.com/team", "r.example.com", "teams/phi", False),
        ("https://index.docker.io/v1/", "docker.io", "library/phi", True),
        ("docker.io", "docker.io", "library/phi", True),
    ],
)
def test_keys(tmp_path: Path, key: str, host: str, path: str, fits: bool) -> None:
    assert DockerCredentials([written(tmp_path, {key: "x"})]).of(host, path) == ("x" if fits else "")


def test_the_key_that_says_most_counts(tmp_path: Path) -> None:
    file = written(tmp_path, {"*.example.com": "any", "r.example.com": "host", "r.example.com/team": "team"})
    credentials = DockerCredentials([file])
    assert [credentials.of("r.example.com", path) for path in ("team/phi", "other/phi")] == ["team", "host"]
    assert credentials.of("s.example.com", "team/phi") == "any"


def test_the_first_file_that_has_some_counts(tmp_path: Path) -> None:
    one = written(tmp_path, {"a.example.com": "one"}, "1.json")
    two = written(tmp_path, {"a.example.com": "two", "b.example.com": {"username": "ann", "password": "pw"}}, "2.json")
    credentials = DockerCredentials([tmp_path / "absent.json", one, two])
    assert credentials.of("a.example.com", "x") == "one"
    assert base64.b64decode(credentials.of("b.example.com", "x")) == b"ann:pw"
    assert credentials.of("c.example.com", "x") == ""


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(AnswerError, match=r"config\.json: .*it holds the credentials of registries"):
        DockerCredentials([tmp_path / "config.json"]).of("r.example.com", "a")


def test_nothing_of_a_file_is_shown_and_no_function_of_python_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"secret": ' + "9" * 5000 + "}")
    with pytest.raises(AnswerError, match=r"config\.json: a whole number has more digits than are read; it holds"):
        DockerCredentials([tmp_path / "config.json"]).of("r.example.com", "a")
