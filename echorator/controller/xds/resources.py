"""Builds the xDS v3 messages of a `MeshView`. Pure; feeds `snapshot`.

There are two flavours, for gRPC's clients and Envoy differ: gRPC refuses LEAST_REQUEST and reads weights from ORCA reports or from
localities; Envoy needs a listener of its own and explicit HTTP/2, and can hold requests back. The gateways are the last priority, used
where no agent is ready: they hold the call and ask for an agent.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import groupby
from typing import Any

from envoy.config.cluster.v3 import circuit_breaker_pb2, cluster_pb2, outlier_detection_pb2
from envoy.config.core.v3 import address_pb2, base_pb2, config_source_pb2, health_check_pb2, protocol_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from envoy.config.listener.v3 import api_listener_pb2, listener_components_pb2, listener_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.filters.http.cors.v3 import cors_pb2
from envoy.extensions.filters.http.grpc_web.v3 import grpc_web_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_pb2
from envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3 import client_side_weighted_round_robin_pb2 as wrr_pb2
from envoy.extensions.load_balancing_policies.round_robin.v3 import round_robin_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from google.protobuf import any_pb2
from google.protobuf.message import Message

from echorator.controller.xds.mesh_view import Endpoint, MeshView, Route
from echorator.serving import headers

LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
ROUTE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ENDPOINT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
PUSH_ORDER = (CLUSTER, ENDPOINT, LISTENER, ROUTE)  # a resource must be sent before the resource that names it

GATEWAY = "echorator-gateway"  # Envoy's own route configuration, and the cluster of the Python gateways
RETRY_ON = "unavailable,resource-exhausted"
EJECTION_S = 5
HOLD = 1 << 20  # number of requests that Envoy may hold for busy agents
STREAM_IDLE_S = 600  # Envoy ends a stream without a message for this long

Resources = dict[str, dict[str, Message]]  # by type URL, by name


def packed(message: Message) -> any_pb2.Any:
    """Return the message packed in a google.protobuf.Any."""
    box = any_pb2.Any()
    box.Pack(message)
    return box


def _ads() -> config_source_pb2.ConfigSource:
    return config_source_pb2.ConfigSource(ads=config_source_pb2.AggregatedConfigSource(), resource_api_version=config_source_pb2.V3)


def http_filter(name: str, config: Message) -> hcm_pb2.HttpFilter:
    """Return one filter of a listener's HTTP filter chain."""
    return hcm_pb2.HttpFilter(name=name, typed_config=packed(config))


def socket_address(host: str, port: int) -> address_pb2.Address:
    """Return the socket address of a cluster's endpoint or of a listener."""
    return address_pb2.Address(socket_address=address_pb2.SocketAddress(address=host, port_value=port))


# For gRPC's own clients


def grpc_resources(view: MeshView) -> Resources:
    """Return the listener, route configuration, cluster and endpoints of each model, all named after the model."""
    made: Resources = {CLUSTER: {}, ENDPOINT: {}, LISTENER: {}, ROUTE: {}}
    for route in view.routes:
        made[LISTENER][route.name] = _grpc_listener(route.name)
        made[ROUTE][route.name] = grpc_route(route)
        made[CLUSTER][route.name] = grpc_cluster(route)
        made[ENDPOINT][route.name] = endpoints_of(route, view.gateways)
    return made


def _grpc_listener(name: str) -> Any:
    manager = hcm_pb2.HttpConnectionManager(
        rds=hcm_pb2.Rds(config_source=_ads(), route_config_name=name), http_filters=[http_filter("router", router_pb2.Router())]
    )
    return listener_pb2.Listener(name=name, api_listener=api_listener_pb2.ApiListener(api_listener=packed(manager)))


def _retry_policy(route: Route) -> route_components_pb2.RetryPolicy:
    policy = route_components_pb2.RetryPolicy(retry_on=RETRY_ON)
    policy.num_retries.value = route.retries
    policy.retry_back_off.base_interval.FromTimedelta(timedelta(milliseconds=25))
    policy.retry_back_off.max_interval.FromTimedelta(timedelta(milliseconds=500))
    return policy


def _session_hash() -> route_components_pb2.RouteAction.HashPolicy:
    policy = route_components_pb2.RouteAction.HashPolicy()
    policy.header.header_name = headers.SESSION
    return policy


def grpc_route(route: Route) -> Any:
    """Return the route configuration of a model: every call goes to its cluster."""
    action = route_components_pb2.RouteAction(cluster=route.name)
    if route.retries:
        action.retry_policy.CopyFrom(_retry_policy(route))
    if route.by_session:
        action.hash_policy.append(_session_hash())
    one = route_components_pb2.Route(match=route_components_pb2.RouteMatch(prefix=""), route=action)
    host = route_components_pb2.VirtualHost(name=route.name, domains=["*"], routes=[one])
    return route_pb2.RouteConfiguration(name=route.name, virtual_hosts=[host])


def _cluster(route: Route) -> Any:
    cluster = cluster_pb2.Cluster(name=route.name, type=cluster_pb2.Cluster.EDS)
    cluster.eds_cluster_config.eds_config.CopyFrom(_ads())
    cluster.eds_cluster_config.service_name = route.name
    cluster.connect_timeout.FromTimedelta(timedelta(seconds=5))
    if route.ejection_failures:
        cluster.outlier_detection.CopyFrom(_outlier_detection(route))
    return cluster


def _outlier_detection(route: Route) -> Any:
    detection = outlier_detection_pb2.OutlierDetection()
    detection.interval.FromTimedelta(timedelta(seconds=1))
    detection.base_ejection_time.FromTimedelta(timedelta(seconds=EJECTION_S))
    detection.max_ejection_time.FromTimedelta(timedelta(seconds=EJECTION_S * 12))
    detection.max_ejection_percent.value = 50  # at most half of the agents are ejected
    detection.failure_percentage_threshold.value = 85
    detection.enforcing_failure_percentage.value = 100
    detection.failure_percentage_minimum_hosts.value = 2
    detection.failure_percentage_request_volume.value = route.ejection_failures
    detection.enforcing_success_rate.value = 0
    detection.consecutive_5xx.value = route.ejection_failures
    detection.consecutive_gateway_failure.value = route.ejection_failures
    return detection


def grpc_cluster(route: Route) -> Any:
    """Return the cluster of a model: how clients choose among its agents, and how many calls each client may have there."""
    cluster = _cluster(route)
    if route.by_session:
        # Set by the old field: Node's client does not know the ring hash in `load_balancing_policy`, and would skip it.
        cluster.lb_policy = cluster_pb2.Cluster.RING_HASH
        cluster.ring_hash_lb_config.minimum_ring_size.value = 1024
    else:
        weighted = wrr_pb2.ClientSideWeightedRoundRobin()
        weighted.blackout_period.FromTimedelta(timedelta(seconds=1))
        weighted.weight_update_period.FromTimedelta(timedelta(milliseconds=500))
        weighted.weight_expiration_period.FromTimedelta(timedelta(seconds=30))
        # A client takes the first policy that it knows: C++, Go, Java and Python weigh agents by their load, Node uses round robin.
        for name, policy in (("client_side_weighted_round_robin", weighted), ("round_robin", round_robin_pb2.RoundRobin())):
            extension = cluster.load_balancing_policy.policies.add().typed_extension_config
            extension.name = f"envoy.load_balancing_policies.{name}"
            extension.typed_config.CopyFrom(packed(policy))
    if route.endpoints:
        threshold = cluster.circuit_breakers.thresholds.add()
        threshold.max_requests.value = sum(e.slots + route.queue_per_agent for e in route.endpoints)
    return cluster


def endpoints_of(route: Route, gateways: Iterable[tuple[str, int]]) -> Any:
    """Return localities by priority and zone, weighted by their slots; priorities have no gaps, and the gateways come last."""
    assignment = endpoint_pb2.ClusterLoadAssignment(cluster_name=route.name)
    priorities = sorted({e.priority for e in route.endpoints})
    for (priority, zone), group in groupby(route.endpoints, key=lambda e: (e.priority, e.zone)):
        _add_locality(assignment, priorities.index(priority), zone, list(group))
    last = [Endpoint(0, "", host, port, 1) for host, port in gateways]
    if last:
        _add_locality(assignment, len(priorities), GATEWAY, last)
    return assignment


def _add_locality(assignment: Any, priority: int, zone: str, endpoints: list[Endpoint]) -> None:
    locality = assignment.endpoints.add(priority=priority)
    locality.locality.CopyFrom(base_pb2.Locality(region="echorator", zone=zone, sub_zone=""))
    locality.load_balancing_weight.value = sum(e.slots for e in endpoints)  # gRPC leaves out localities without a weight
    for endpoint in endpoints:
        added = endpoint_components_pb2.LbEndpoint(health_status=health_check_pb2.HEALTHY)
        added.endpoint.address.CopyFrom(socket_address(endpoint.host, endpoint.port))
        added.load_balancing_weight.value = endpoint.slots
        locality.lb_endpoints.append(added)


# For Envoy


def envoy_resources(view: MeshView, host: str, port: int) -> Resources:
    """Return the resources of an Envoy that listens on `host`:`port`.

    A header names the model of a call; calls without the header go to the Python gateway, which reads the name from the message.
    """
    made: Resources = {CLUSTER: {}, ENDPOINT: {}, LISTENER: {}, ROUTE: {}}
    made[LISTENER][GATEWAY] = _envoy_listener(host, port)
    made[ROUTE][GATEWAY] = _envoy_routes(view)
    for route in view.routes:
        made[CLUSTER][route.name] = _envoy_cluster(route)
        made[ENDPOINT][route.name] = endpoints_of(route, view.gateways)
    fallback = Route(GATEWAY, ())
    made[CLUSTER][GATEWAY] = _envoy_cluster(fallback)
    made[ENDPOINT][GATEWAY] = endpoints_of(fallback, view.gateways)
    return made


def _envoy_listener(host: str, port: int) -> Any:
    manager = hcm_pb2.HttpConnectionManager(
        stat_prefix=GATEWAY,
        codec_type=hcm_pb2.HttpConnectionManager.AUTO,
        rds=hcm_pb2.Rds(config_source=_ads(), route_config_name=GATEWAY),
        http_filters=[
            http_filter("envoy.filters.http.grpc_web", grpc_web_pb2.GrpcWeb()),
            http_filter("envoy.filters.http.cors", cors_pb2.Cors()),
            http_filter("envoy.filters.http.router", router_pb2.Router()),
        ],
    )
    manager.stream_idle_timeout.FromTimedelta(timedelta(seconds=STREAM_IDLE_S))
    manager.http2_protocol_options.max_concurrent_streams.value = 1 << 16
    chain = listener_components_pb2.FilterChain(
        filters=[listener_components_pb2.Filter(name="envoy.filters.network.http_connection_manager", typed_config=packed(manager))]
    )
    return listener_pb2.Listener(name=GATEWAY, address=socket_address(host, port), filter_chains=[chain])


def _envoy_routes(view: MeshView) -> Any:
    routes = [_envoy_route(route, named=True) for route in view.routes]
    routes.append(_envoy_route(Route(GATEWAY, (), retries=0), named=False))
    host = route_components_pb2.VirtualHost(name=GATEWAY, domains=["*"], routes=routes)
    cors = cors_pb2.CorsPolicy(allow_methods="GET, POST, OPTIONS", expose_headers="grpc-status,grpc-message,grpc-status-details-bin")
    cors.allow_headers = f"content-type,x-grpc-web,x-user-agent,grpc-timeout,traceparent,{headers.SESSION},{headers.MODEL}"
    cors.allow_origin_string_match.add().safe_regex.regex = ".*"
    host.typed_per_filter_config["envoy.filters.http.cors"].CopyFrom(packed(cors))
    return route_pb2.RouteConfiguration(name=GATEWAY, virtual_hosts=[host])


def _envoy_route(route: Route, named: bool) -> route_components_pb2.Route:
    action = route_components_pb2.RouteAction(cluster=route.name)
    action.timeout.FromTimedelta(timedelta(0))  # the call's own deadline counts
    action.max_stream_duration.grpc_timeout_header_max.FromTimedelta(timedelta(0))
    if route.retries:
        action.retry_policy.CopyFrom(_retry_policy(route))
        action.retry_policy.host_selection_retry_max_attempts = 3
    if route.by_session:
        action.hash_policy.append(_session_hash())
    match = route_components_pb2.RouteMatch(prefix="/")
    if named:
        header = match.headers.add(name=headers.MODEL)
        header.string_match.exact = route.name
    return route_components_pb2.Route(match=match, route=action)


def _envoy_cluster(route: Route) -> Any:
    cluster = _cluster(route)
    cluster.lb_policy = cluster_pb2.Cluster.RING_HASH if route.by_session else cluster_pb2.Cluster.LEAST_REQUEST
    options = http_protocol_options_pb2.HttpProtocolOptions()
    http2 = protocol_pb2.Http2ProtocolOptions()
    threshold = circuit_breaker_pb2.CircuitBreakers.Thresholds()
    for field in ("max_pending_requests", "max_requests", "max_retries"):
        getattr(threshold, field).value = HOLD
    if route.endpoints:
        # A pool has one connection even beyond this limit, never two: an agent gets as many calls as it has slots, further calls wait here.
        threshold.max_connections.value = 1
        http2.max_concurrent_streams.value = min(e.slots for e in route.endpoints)
        cluster.per_connection_buffer_limit_bytes.value = 1 << 20
    else:
        threshold.max_connections.value = HOLD
    options.explicit_http_config.http2_protocol_options.CopyFrom(http2)
    options.common_http_protocol_options.max_requests_per_connection.value = 0
    cluster.typed_extension_protocol_options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"].CopyFrom(packed(options))
    cluster.circuit_breakers.thresholds.append(threshold)
    return cluster
