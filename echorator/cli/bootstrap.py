"""`echorator bootstrap`: the file that an xDS client or an Envoy starts from."""

from __future__ import annotations

import argparse
import json
import re
import socket

from echorator.cli.exits import CommandError, Exit
from echorator.controller.xds.bootstrap import envoy_bootstrap, grpc_bootstrap

_HOST_PORT = re.compile(r"(.+):(\d{1,5})")


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
    found = _HOST_PORT.fullmatch(address)
    if not found or not 1 <= int(found[2]) <= 65535:
        raise CommandError(f"{option} {address!r} is not HOST:PORT", Exit.USAGE)
    return found[1].strip("[]"), int(found[2])
