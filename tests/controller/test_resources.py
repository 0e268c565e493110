"""xDS messages of a mesh: what must be in them, and that the same mesh gives the same bytes."""

from __future__ import annotations

from typing import Any

import pytest
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from hypothesis import given
from hypothesis import strategies as st

from echorator.controller.xds.mesh_view import Endpoint, MeshView, Route
from echorator.controller.xds.resources import CLUSTER, ENDPOINT, GATEWAY, LISTENER, ROUTE, envoy_resources, grpc_resources
from echorator.controller.xds.snapshot import Snapshot
from echorator.controller.xds.unknown_model import unknown

A, B = Endpoint(0, "east", "10.0.0.1", 50051, 8), Endpoint(0, "west", "10.0.0.2", 50051, 4)
SECONDARY = Endpoint(7, "east", "10.0.0.3", 50051, 2)


def view(*endpoints: Endpoint, gateways: tuple[tuple[str, int], ...] = (), **route: Any) -> MeshView:
    return MeshView((Route("m", endpoints, **route),), gateways)


def addresses(assignment: Any) -> list[tuple[int, str, int, list[str]]]:
    return [
        (
            locality.priority,
            locality.locality.zone,
            locality.load_balancing_weight.value,
            [e.endpoint.address.socket_address.address for e in locality.lb_endpoints],
        )
        for locality in assignment.endpoints
    ]


def test_every_resource_is_named_as_the_model() -> None:
    made = grpc_resources(view(A))
    assert {url: list(named) for url, named in made.items()} == {url: ["m"] for url in (CLUSTER, ENDPOINT, LISTENER, ROUTE)}
    manager = http_connection_manager_pb2.HttpConnectionManager()
    listener: Any = made[LISTENER]["m"]
    assert listener.api_listener.api_listener.Unpack(manager)
    assert manager.rds.route_config_name == "m"


def test_localities_have_priorities_without_gaps_and_weights_of_their_slots() -> None:
    assignment = grpc_resources(view(A, B, SECONDARY, gateways=(("10.0.0.9", 50052),)))[ENDPOINT]["m"]
    assert addresses(assignment) == [
        (0, "east", 8, ["10.0.0.1"]),
        (0, "west", 4, ["10.0.0.2"]),
        (1, "east", 2, ["10.0.0.3"]),
        (2, GATEWAY, 1, ["10.0.0.9"]),
    ]


def test_a_model_at_zero_is_served_by_the_gateways() -> None:
    assert addresses(grpc_resources(view(gateways=(("10.0.0.9", 1),)))[ENDPOINT]["m"]) == [(0, GATEWAY, 1, ["10.0.0.9"])]
    assert addresses(grpc_resources(view())[ENDPOINT]["m"]) == []


def test_the_circuit_breaker_is_slots_and_queue() -> None:
    cluster: Any = grpc_resources(view(A, B, queue_per_agent=10))[CLUSTER]["m"]
    assert cluster.circuit_breakers.thresholds[0].max_requests.value == 8 + 4 + 2 * 10


def test_sessions_hash_their_header_and_others_are_weighted_by_load() -> None:
    by_load: Any = grpc_resources(view(A))
    policies = [policy.typed_extension_config for policy in by_load[CLUSTER]["m"].load_balancing_policy.policies]
    assert [policy.typed_config.type_url.rpartition(".")[2] for policy in policies] == ["ClientSideWeightedRoundRobin", "RoundRobin"]
    sticky: Any = grpc_resources(view(A, by_session=True))
    assert sticky[CLUSTER]["m"].lb_policy == sticky[CLUSTER]["m"].RING_HASH
    assert not sticky[CLUSTER]["m"].HasField("load_balancing_policy"), "it would win over the ring, and Node would find none in it"
    action = sticky[ROUTE]["m"].virtual_hosts[0].routes[0].route
    assert action.hash_policy[0].header.header_name == "x-echorator-session"


@pytest.mark.parametrize("retries", [0, 1])
def test_retries(retries: int) -> None:
    routes: Any = grpc_resources(view(A, retries=retries))[ROUTE]["m"]
    action = routes.virtual_hosts[0].routes[0].route
    assert action.HasField("retry_policy") == bool(retries)
    if retries:
        assert action.retry_policy.retry_on == "unavailable,resource-exhausted"
        assert action.retry_policy.num_retries.value == retries


def test_ejection_can_be_switched_off() -> None:
    made: Any = (grpc_resources(view(A))[CLUSTER]["m"], grpc_resources(view(A, ejection_failures=0))[CLUSTER]["m"])
    assert [cluster.HasField("outlier_detection") for cluster in made] == [True, False]


def test_envoy_holds_what_an_agent_has_no_slot_for() -> None:
    made: Any = envoy_resources(view(A, B), "0.0.0.0", 8443)
    cluster = made[CLUSTER]["m"]
    options = http_protocol_options_pb2.HttpProtocolOptions()
    assert cluster.typed_extension_protocol_options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"].Unpack(options)
    assert options.explicit_http_config.http2_protocol_options.max_concurrent_streams.value == 4
    assert cluster.circuit_breakers.thresholds[0].max_connections.value == 1
    assert cluster.circuit_breakers.thresholds[0].max_pending_requests.value >= 100_000
    assert made[LISTENER][GATEWAY].address.socket_address.port_value == 8443
    routes = made[ROUTE][GATEWAY].virtual_hosts[0].routes
    assert [route.route.cluster for route in routes] == ["m", GATEWAY]
    assert routes[0].match.headers[0].name == "x-echorator-model"


ENDPOINTS = st.builds(
    Endpoint, st.integers(0, 3), st.sampled_from(("", "a", "b")), st.sampled_from(("h1", "h2", "h3")), st.integers(1, 9), st.integers(1, 8)
)
ROUTES = st.builds(Route, st.sampled_from("mnop"), st.lists(ENDPOINTS).map(lambda endpoints: tuple(sorted(endpoints))))
VIEWS = st.builds(MeshView, st.lists(ROUTES, unique_by=lambda route: route.name).map(tuple), st.just(()))


@given(VIEWS)
def test_any_mesh(mesh: MeshView) -> None:
    first, second = grpc_resources(mesh), grpc_resources(mesh)
    for url in first:
        assert {n: m.SerializeToString(deterministic=True) for n, m in first[url].items()} == {
            n: m.SerializeToString(deterministic=True) for n, m in second[url].items()
        }
    for route in mesh.routes:
        localities = addresses(first[ENDPOINT][route.name])
        assert sorted({priority for priority, *_ in localities}) == list(range(len({e.priority for e in route.endpoints})))
        assert all(weight > 0 for _, _, weight, _ in localities)
        assert sum(len(hosts) for *_, hosts in localities) == len(route.endpoints)


def test_a_name_that_nobody_knows_is_answered_once_the_state_is_rebuilt() -> None:
    snapshot = Snapshot(lambda: view(A))
    assert snapshot.select(LISTENER, frozenset({"x"})) == {}
    snapshot.settle()
    chosen = snapshot.select(LISTENER, frozenset({"x", "m"}))
    assert chosen.keys() == {"x", "m"}
    assert b"fault" in chosen["x"].body.value
    assert snapshot.names() == ["m"]


def routes_of_unknown(controller: tuple[str, int] | None) -> list[tuple[str, str, bool]]:
    """Prefix, cluster, and whether the fault filter is switched off, of each route."""
    manager = http_connection_manager_pb2.HttpConnectionManager()
    assert unknown(LISTENER, "x", controller).api_listener.api_listener.Unpack(manager)
    assert [f.name for f in manager.http_filters] == ["fault", "router"]
    (host,) = manager.route_config.virtual_hosts
    return [(route.match.prefix, route.route.cluster, "fault" in route.typed_per_filter_config) for route in host.routes]


def test_calls_to_a_model_that_nobody_knows_go_to_the_controller() -> None:
    controller = ("controller.example", 50050)
    assert routes_of_unknown(controller) == [("/echorator.v1.ModelService/", "x", True), ("", "x", False)]
    cluster = unknown(CLUSTER, "x", controller)
    assert (cluster.name, cluster.type) == ("x", cluster.LOGICAL_DNS)
    (endpoint,) = cluster.load_assignment.endpoints[0].lb_endpoints
    address = endpoint.endpoint.address.socket_address
    assert (address.address, address.port_value) == controller


def test_calls_to_a_model_that_nobody_knows_end_in_a_client_that_did_not_say_where_the_controller_is() -> None:
    assert routes_of_unknown(None) == [("", "x", False)]
    cluster = unknown(CLUSTER, "x", None)
    assert (cluster.name, cluster.type) == ("x", cluster.EDS)
    assert addresses(unknown(ENDPOINT, "x", None)) == []


def test_versions_are_of_the_content() -> None:
    meshes = [view(A), view(A, B), view(A)]
    snapshots = [Snapshot(lambda mesh=mesh: mesh).select(ENDPOINT, frozenset({"m"}))["m"].version for mesh in meshes]  # type: ignore[misc]
    assert snapshots[0] == snapshots[2] != snapshots[1]
