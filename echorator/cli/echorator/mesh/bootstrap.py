"""`echorator bootstrap`: prints the bootstrap file from which an xDS client or an Envoy starts."""

from __future__ import annotations

import argparse
import json
import socket

from echorator.controller.xds.bootstrap import envoy_bootstrap, grpc_bootstrap
from echorator.host.addresses import host_port_of
from echorator.host.exits import Exit


def run(arguments: argparse.Namespace) -> int:
    """Print the bootstrap file as JSON and return the exit code. Raises CommandError for an invalid address."""
    host_port_of(arguments.controller, "--controller")
    node = arguments.node or socket.gethostname()
    if arguments.envoy:
        made = envoy_bootstrap(arguments.controller, node, host_port_of(arguments.envoy, "--envoy"), arguments.admin_port)
    else:
        made = grpc_bootstrap(arguments.controller, node)
    print(json.dumps(made, indent=2))
    return Exit.OK
