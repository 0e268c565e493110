"""`echorator bootstrap`: the file that an xDS client or an Envoy starts from."""

from __future__ import annotations

import argparse
import json
import socket

from echorator.cli.exits import CommandError, Exit
from echorator.controller.xds.bootstrap import envoy_bootstrap, grpc_bootstrap
from echorator.errors import InvalidRequestError
from echorator.serving.address import host_port


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit code."""
    host_port_of(arguments.controller, "--controller")
    node = arguments.node or socket.gethostname()
    if arguments.envoy:
        made = envoy_bootstrap(arguments.controller, node, host_port_of(arguments.envoy, "--envoy"), arguments.admin_port)
    else:
        made = grpc_bootstrap(arguments.controller, node)
    print(json.dumps(made, indent=2))
    return Exit.OK


def host_port_of(address: str, option: str) -> tuple[str, int]:
    """Of HOST:PORT. Raises CommandError."""
    try:
        return host_port(address, option)
    except InvalidRequestError as error:
        raise CommandError(str(error), Exit.USAGE) from error
