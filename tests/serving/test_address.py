"""Which text is HOST:PORT, and its parts."""

from __future__ import annotations

import re

import pytest

from echorator.errors import InvalidRequestError
from echorator.serving.address import host_port


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("10.0.0.1:50051", ("10.0.0.1", 50051)),
        ("model-phi.default.svc:1", ("model-phi.default.svc", 1)),
        ("[::1]:65535", ("::1", 65535)),
        ("[fe80::1%2]:80", ("fe80::1%2", 80)),
    ],
)
def test_addresses(address: str, parts: tuple[str, int]) -> None:
    assert host_port(address, "--controller") == parts


@pytest.mark.parametrize(
    "address", ["", "nowhere", "name:", ":1", "name:0", "name:65536", "name:x", "::1:80", "[name]:80", "a b:1", "a:1\n"]
)
def test_what_is_none(address: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"^--controller {re.escape(repr(address))} is not HOST:PORT$"):
        host_port(address, "--controller")


def test_a_long_one_is_cut() -> None:
    with pytest.raises(InvalidRequestError) as raised:
        host_port("a" * 10_000, "--controller")
    assert len(str(raised.value)) < 200
