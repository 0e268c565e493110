"""The bootstrap file has what the clients of all languages demand."""

from __future__ import annotations

from typing import Any

import pytest
from envoy.config.core.v3 import base_pb2
from google.protobuf import json_format

from echorator.controller.xds.ads import controller_of, listen_of
from echorator.controller.xds.bootstrap import envoy_bootstrap, grpc_bootstrap


def node_of(bootstrap: dict[str, Any]) -> base_pb2.Node:
    return json_format.ParseDict(bootstrap["node"], base_pb2.Node())


def test_the_bootstrap_of_gRPC() -> None:
    made = grpc_bootstrap("[::1]:50050", "me")
    (server,) = made["xds_servers"]
    assert server["server_uri"] == "[::1]:50050"
    assert server["channel_creds"] == [{"type": "insecure"}]
    assert "xds_v3" in server["server_features"]
    assert made["node"]["locality"] == {}, "grpc-js refuses a node without one"
    assert controller_of(node_of(made)) == ("::1", 50050)


@pytest.mark.parametrize("said", ["", "no address", "host:0", "host:99999", "http://host:1", "a b:1"])
def test_a_client_that_names_no_address_of_the_controller(said: str) -> None:
    assert controller_of(node_of({"node": {"id": "me", "metadata": {"controller": said}}})) is None
    assert controller_of(node_of({"node": {"id": "me", "metadata": {"controller": 7}}})) is None
    node = node_of({"node": {"id": "me"}})
    assert controller_of(node) is None
    assert node == base_pb2.Node(id="me"), "to look at it changes nothing"


def test_the_bootstrap_of_an_envoy() -> None:
    node = node_of(envoy_bootstrap("127.0.0.1:50050", "me", ("0.0.0.0", 8443), 0))
    assert listen_of(node) is None, "gRPC's clients are told from Envoys by what they are"
    node.user_agent_name = "envoy"
    assert listen_of(node) == ("0.0.0.0", 8443)
