"""Builds xDS messages for an unknown model, so that a client's calls end with NOT_FOUND at once instead of waiting for 15 s. Pure.

Where a client's bootstrap has the address by which it reaches the controller, its ModelService calls are answered there, by `refusals`,
with a message that names the model. Its other calls, and all calls of a client without that address, are ended inside the client by a fault
filter, whose message is gRPC's own ("Fault injected"). With an endpoint behind it a channel becomes READY, which clients that connect
before they call wait for (grpcurl).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3 import api_listener_pb2, listener_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.filters.http.fault.v3 import fault_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_pb2

from echorator.controller.xds.mesh_view import Route
from echorator.controller.xds.resources import (
    CLUSTER,
    LISTENER,
    ROUTE,
    endpoints_of,
    grpc_cluster,
    grpc_route,
    http_filter,
    packed,
    socket_address,
)

ANSWERED = "/echorator.v1.ModelService/"  # prefix of the calls that the controller answers
NOT_FOUND = 5  # gRPC's number of the status code
FAULT = "fault"  # name of the filter, by which a route overrides its configuration


def unknown(type_url: str, name: str, controller: tuple[str, int] | None) -> Any:
    """Return the resource of a type for an unknown model, as a message.

    The cluster exists even where it has no endpoint, for gRPC resolves it before the filter ends the call.

    Args:
        type_url: the type of the resource.
        name: the name that the client asked for.
        controller: host and port by which the client reaches the controller; None where its bootstrap does not say.
    """
    nowhere = Route(name, ())
    if type_url == LISTENER:
        return _listener(name, controller is not None)
    if type_url == ROUTE:
        return grpc_route(nowhere)
    if type_url == CLUSTER:
        return grpc_cluster(nowhere) if controller is None else _controller_cluster(name, *controller)
    return endpoints_of(nowhere, ())


def _listener(name: str, answered: bool) -> Any:
    abort = fault_pb2.FaultAbort(grpc_status=NOT_FOUND)
    abort.percentage.numerator = 100
    routes = [_route(name, "")]
    if answered:
        routes.insert(0, _route(name, ANSWERED))
        routes[0].typed_per_filter_config[FAULT].CopyFrom(packed(fault_pb2.HTTPFault()))  # an empty fault, which lets these calls pass
    host = route_components_pb2.VirtualHost(name=name, domains=["*"], routes=routes)
    manager = hcm_pb2.HttpConnectionManager(
        route_config=route_pb2.RouteConfiguration(name=name, virtual_hosts=[host]),
        http_filters=[http_filter(FAULT, fault_pb2.HTTPFault(abort=abort)), http_filter("router", router_pb2.Router())],
    )
    return listener_pb2.Listener(name=name, api_listener=api_listener_pb2.ApiListener(api_listener=packed(manager)))


def _route(cluster: str, prefix: str) -> route_components_pb2.Route:
    match = route_components_pb2.RouteMatch(prefix=prefix)
    return route_components_pb2.Route(match=match, route=route_components_pb2.RouteAction(cluster=cluster))


def _controller_cluster(name: str, host: str, port: int) -> Any:
    """Return a cluster that is resolved by DNS, for the controller may be known by a name, which EDS endpoints may not have."""
    cluster = cluster_pb2.Cluster(name=name, type=cluster_pb2.Cluster.LOGICAL_DNS)
    cluster.connect_timeout.FromTimedelta(timedelta(seconds=5))
    cluster.load_assignment.cluster_name = name
    endpoint = cluster.load_assignment.endpoints.add().lb_endpoints.add().endpoint
    endpoint.address.CopyFrom(socket_address(host, port))
    return cluster
