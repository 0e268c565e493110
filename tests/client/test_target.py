"""Which server a client without an address finds, and which addresses are refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from echorator.host import running_file
from echorator_client import AddressError, target


@pytest.mark.parametrize(
    "address", ["127.0.0.1:50052", "[::1]:50052", "gateway.example:1", "dns:///host:50052", "unix:/run/echo", "xds:///m"]
)
def test_addresses_of_grpc_are_taken(address: str) -> None:
    assert target.checked(address) == address


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://127.0.0.1:8080/v1", "speaks gRPC: give HOST:PORT, such as 127.0.0.1:50052"),
        ("https://", "speaks gRPC"),
        ("localhost", "HOST:PORT"),
        ("localhost:", "HOST:PORT"),
        (":50052", "HOST:PORT"),
        ("::1:50052", "HOST:PORT"),
        ("localhost:port", "HOST:PORT"),
        ("localhost:0", "between 1 and 65535, not 0"),
        ("localhost:70000", "between 1 and 65535, not 70000"),
        ("local host:50052", "HOST:PORT"),
        ("xds:///", "xds:///MODEL"),
        ("xds://m", "xds:///MODEL"),
    ],
)
def test_others_are_refused_in_words(address: str, said: str) -> None:
    with pytest.raises(AddressError) as caught:
        target.checked(address)
    assert said in str(caught.value)


def test_the_argument_comes_before_the_variable() -> None:
    environment = {"ECHORATOR_SERVER": "127.0.0.1:2"}
    assert target.find("127.0.0.1:1", environment) == "127.0.0.1:1"
    assert target.find("", environment) == "127.0.0.1:2"


def test_a_running_server_of_this_user_is_found_and_an_ended_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    environment = {"XDG_DATA_HOME": str(tmp_path)}
    with running_file.announced("", "127.0.0.1:3", "", True, tmp_path):
        assert target.find("", environment) == "127.0.0.1:3"
        with running_file.announced("127.0.0.1:5", "127.0.0.1:4", "", True, tmp_path):
            assert target.find("", environment) == "127.0.0.1:4", "an `up` comes before a `serve`"
            file = tmp_path / "echorator" / "up.json"
            file.write_text(file.read_text().replace('"born": "', '"born": "9'))
            assert target.find("", environment) == "127.0.0.1:3", "its process lives no more"
            file.write_text("no JSON")
            assert target.find("", environment) == "127.0.0.1:3"
    with pytest.raises(AddressError, match="start one with `echorator up`"):
        target.find("", environment)


def test_the_token_is_sent_as_a_bearer() -> None:
    assert target.metadata("", {}, {}) == ()
    assert target.metadata("", {"ECHORATOR_TOKEN": "a"}, {}) == (("authorization", "Bearer a"),)
    assert target.metadata("b", {"ECHORATOR_TOKEN": "a"}, {"X-Trace": "1"}) == (("authorization", "Bearer b"), ("x-trace", "1"))
