"""Builds the bootstrap file of an xDS client. Pure; printed by `echorator bootstrap`, used by the gateway to start Envoy."""

from __future__ import annotations

from typing import Any

from echorator.controller.xds.resources import GATEWAY
from echorator.serving.address import host_port

CONTROLLER = "controller"  # key in a node's metadata: the address by which this client reaches the controller


def grpc_bootstrap(controller: str, node_id: str) -> dict[str, Any]:
    """Return the contents for GRPC_XDS_BOOTSTRAP, the same for gRPC in every language.

    `ignore_resource_deletion` keeps a client's routes while the controller restarts. Node's client demands a `locality`, even an empty one.
    The metadata tells the controller by which address this client reaches it, because the controller answers calls to unknown models.
    """
    return {
        "xds_servers": [
            {
                "server_uri": controller,
                "channel_creds": [{"type": "insecure"}],
                "server_features": ["xds_v3", "ignore_resource_deletion"],
            }
        ],
        "node": {"id": node_id, "locality": {}, "metadata": {CONTROLLER: controller}},
    }


def envoy_bootstrap(controller: str, node_id: str, listen: tuple[str, int], admin_port: int) -> dict[str, Any]:
    """Return the configuration for `envoy -c`, which gets the rest from the controller; `listen` is where Envoy serves clients."""
    host, port = host_port(controller, "controller")
    endpoint = {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}}
    ads = {"resource_api_version": "V3", "ads": {}}
    http2 = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {"connection_keepalive": {"interval": "10s", "timeout": "5s"}}},
        }
    }
    return {
        "node": {"id": node_id, "cluster": GATEWAY, "metadata": {"listen_host": listen[0], "listen_port": listen[1]}},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin_port}}},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "controller"}}],
            },
            "lds_config": ads,
            "cds_config": ads,
        },
        "static_resources": {
            "clusters": [
                {
                    "name": "controller",
                    "type": "STRICT_DNS",
                    "typed_extension_protocol_options": http2,
                    "load_assignment": {
                        "cluster_name": "controller",
                        "endpoints": [{"lb_endpoints": [endpoint]}],
                    },
                }
            ]
        },
    }
