"""The arguments of the commands of a mesh; imports nothing heavy, so that --help is quick."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from echorator.cli.options.http import add_http_options, add_ports
from echorator.cli.options.numbers import replicas, seconds, whole
from echorator.cli.options.output import add_output
from echorator.cli.options.telemetry import add_metrics_port, add_telemetry_options
from echorator.controller.settings import ControllerSettings
from echorator.gateway.settings import GatewaySettings
from echorator.ports import CONTROLLER_PORT, DEFAULT_CONTROLLER
from echorator.serving.prefix_scope import SCOPES, SHARED

_TIMES = {
    "reconcile_interval_s": "longest time between two passes of the placement",
    "report_interval_s": "longest time between two reports of an agent",
    "lost_after_s": "silence after which an agent gets no more calls",
    "forget_after_s": "time after which the models of a lost agent are placed elsewhere",
    "rebuild_s": "time after a start for known agents to register again",
    "load_push_s": "shortest time between two load changes that watchers hear of",
}
_LIMITS = {
    "buffer_requests": "requests that may wait; more are refused",
    "buffer_bytes": "size of all waiting requests together",
    "wait_s": "longest time that a request waits for an agent",
    "retries": "attempts on other agents before the first message of an answer",
    "load_factor": "multiple of the mean load above which an agent is passed over for its prefix",
    "breaker_failures": "failures in a row after which an agent gets no calls for a while",
    "breaker_open_s": "first time without calls; it doubles each further time",
    "breaker_open_most_s": "longest time without calls",
    "stall_s": "time for which a stream on a lost agent may go on",
    "priority_wait_s": "wait after which the oldest request of a priority gets every second turn",
    "suspicion_s": "time for which a request is suspected after its agent ended",
    "refusal_s": "time for which a request is refused after two of its agents ended",
    "last_agent_wait_s": "time for which a suspected request waits for a second agent",
}

CONTROLLER_EXAMPLES = """\
examples:
  echorator controller
  echorator controller --host 0.0.0.0 --data /var/lib/echorator
  echorator serve --controller 127.0.0.1:50050     an agent joins
"""
GATEWAY_EXAMPLES = """\
examples:
  echorator gateway
  echorator gateway --controller 10.0.0.1:50050 --host 0.0.0.0 --http-port 80
  echorator gateway --buffer-requests 100000 --wait 600
"""
MESH_EXAMPLES = """\
examples:
  echorator mesh apply phi --source /models/phi.gguf --replicas 2 --wait 60
  echorator mesh scale phi 4
  echorator mesh models
  echorator mesh agents --output json
  echorator mesh drain gpu-1:50051
"""
BOOTSTRAP_EXAMPLES = """\
examples:
  echorator bootstrap > xds.json && GRPC_XDS_BOOTSTRAP=xds.json python client.py
  echorator bootstrap --envoy 0.0.0.0:50052 > envoy.json && envoy -c envoy.json
"""


def add_prefix_scope(parser: argparse.ArgumentParser) -> None:
    """Add --prefix-scope, for every command that takes clients' calls."""
    text = f"who shares computed prefixes: {', '.join(SCOPES)}; see docs/guides/mesh.md [{SHARED}]"
    parser.add_argument("--prefix-scope", choices=SCOPES, default=SHARED, metavar="WHO", help=text)


def add_join_options(parser: argparse.ArgumentParser) -> None:
    """Add the options with which `echorator serve` joins a mesh as an agent."""
    mesh = parser.add_argument_group("mesh")
    mesh.add_argument(
        "--controller", metavar="HOST:PORT", help="join the mesh of this controller, and load the models that it asks for [serve alone]"
    )
    mesh.add_argument(
        "--agent-id", default="", metavar="NAME", help="name of this agent in the mesh, the same after a restart [HOSTNAME:PORT]"
    )
    mesh.add_argument("--advertise", default="", metavar="HOST:PORT", help="address of this agent for clients [where it listens]")
    mesh.add_argument("--zone", default="", metavar="NAME", help="zone of this agent, for locality in xDS [none]")
    mesh.add_argument(
        "--failover",
        type=int,
        default=0,
        metavar="N",
        help="priority; agents above 0 get calls while no agent of a lower number is ready [0]",
    )
    mesh.add_argument("--for-model", default="", metavar="NAME", help="serve this model whenever it is applied, and no other [any]")
    mesh.add_argument("--join-timeout", type=seconds, default=60.0, metavar="SECONDS", help="time for the controller to answer [60]")


def add_controller_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `echorator controller`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    parser.add_argument(
        "--port",
        type=int,
        default=CONTROLLER_PORT,
        metavar="N",
        help=f"port to listen on; 0: any free one, which is printed [{CONTROLLER_PORT}]",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of applied models and known agents [~/.local/share/echorator/controller]"
    )
    parser.add_argument("--grace", type=float, default=5.0, metavar="SECONDS", help="time for running calls after a signal [5]")
    add_metrics_port(parser)
    add_telemetry_options(parser, "info")
    times = parser.add_argument_group("times in seconds")
    for field in fields(ControllerSettings):
        flag = f"--{field.name.removesuffix('_s').replace('_', '-')}"
        text = f"{_TIMES.get(field.name, '')} [{field.default:g}]".strip()
        times.add_argument(flag, dest=field.name, type=float, default=field.default, metavar="S", help=text)


def add_gateway_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `echorator gateway`."""
    parser.add_argument(
        "--controller", default=DEFAULT_CONTROLLER, metavar="HOST:PORT", help=f"address of the controller [{DEFAULT_CONTROLLER}]"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    add_ports(parser)
    parser.add_argument(
        "--advertise", default="", metavar="HOST:PORT", help="address for xDS clients of models without replicas [not at all]"
    )
    parser.add_argument(
        "--envoy", default="", metavar="HOST:PORT", help="address on which an Envoy serves gRPC; needs echorator[envoy] [no]"
    )
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="number of processes that share the ports, each with its own buffers [1]"
    )
    parser.add_argument("--shared-port", action="store_true", help=argparse.SUPPRESS)  # marks one of these processes
    parser.add_argument(
        "--memory-server", default="", metavar="HOST:PORT", help="address of the CognitionService [the one that the agents use]"
    )
    parser.add_argument("--grace", type=float, default=30.0, metavar="SECONDS", help="time for running calls after a signal [30]")
    parser.add_argument("--receive-limit-bytes", type=int, default=4 << 20, metavar="N", help="largest size of one request [4194304]")
    parser.add_argument("--join-timeout", type=seconds, default=60.0, metavar="SECONDS", help="time for the controller to answer [60]")
    add_telemetry_options(parser, "info")
    add_http_options(parser)
    add_prefix_scope(parser)
    limits = parser.add_argument_group("limits; times in seconds")
    for field in fields(GatewaySettings):
        flag = f"--{field.name.removesuffix('_s').replace('_', '-')}"
        if field.name == "prefix_scope":
            continue
        kind = type(field.default)
        text = f"{_LIMITS.get(field.name, '')} [{field.default}]".strip()
        limits.add_argument(flag, dest=field.name, type=kind, default=field.default, metavar="N", help=text)


def add_bootstrap_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `echorator bootstrap`."""
    parser.add_argument(
        "--controller", default=DEFAULT_CONTROLLER, metavar="HOST:PORT", help=f"address of the controller [{DEFAULT_CONTROLLER}]"
    )
    parser.add_argument("--node", default="", metavar="ID", help="name of the client in the controller's logs [HOSTNAME]")
    parser.add_argument(
        "--envoy", metavar="HOST:PORT", help="make a file for an Envoy that listens on this address, instead of one for gRPC"
    )
    parser.add_argument(
        "--admin-port", type=whole(1, 65_535, "port"), default=9901, metavar="N", help="with --envoy: port of its admin page [9901]"
    )


def add_mesh_options(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `echorator mesh`."""
    commands = parser.add_subparsers(dest="mesh_command", metavar="COMMAND", required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.add_argument(
            "--server",
            "--controller",
            dest="server",
            default="",
            metavar="HOST:PORT",
            help=f"address of the controller [the `up` that runs, else {DEFAULT_CONTROLLER}]",
        )
        add_output(command)
        return command

    add("models", "list the applied models and their state")
    add("agents", "list the agents")
    apply = add("apply", "have a model served, or change it")
    apply.add_argument("name", metavar="NAME", help="name by which clients ask for the model")
    apply.add_argument("--source", default="", metavar="GGUF", help='file on the agents\' machines, or "echo-nano" [as it is]')
    apply.add_argument("--replicas", type=replicas, metavar="N", help="number of agents that serve it [1]")
    apply.add_argument("--slots", type=whole(1, 128, "slots"), metavar="N", help="requests computed at the same time on each [8]")
    apply.add_argument(
        "--context-tokens", type=whole(0, 1 << 24, "context_tokens"), metavar="N", help="KV cells of all slots together [from the model]"
    )
    apply.add_argument("--by-session", action=argparse.BooleanOptionalAction, help="xDS clients stay with one agent for a session [no]")
    apply.add_argument("--wait", type=seconds, default=0.0, metavar="SECONDS", help="time for the model to get ready [do not wait]")
    scale = add("scale", "change how many agents serve a model")
    scale.add_argument("name", metavar="NAME", help="name of the model")
    scale.add_argument("replicas", type=replicas, metavar="N", help="number of agents; 0: none until a gateway asks for one")
    scale.add_argument("--wait", type=seconds, default=0.0, metavar="SECONDS", help="time for the model to get ready [do not wait]")
    add("delete", "have a model served no more").add_argument("name", metavar="NAME", help="name of the model")
    drain = add("drain", "take an agent out of rotation and move its models elsewhere")
    drain.add_argument("id", metavar="ID", help="id of the agent")
    drain.add_argument("--undo", action="store_true", help="let the agent serve again")
