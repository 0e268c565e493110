"""The arguments of the commands of a mesh; imports nothing heavy, so that --help is quick."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from echorator.cli.telemetry_options import add_metrics_port, add_telemetry_options
from echorator.controller.settings import ControllerSettings
from echorator.gateway.settings import GatewaySettings

DEFAULT_CONTROLLER = "127.0.0.1:50050"

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


def add_join_options(parser: argparse.ArgumentParser) -> None:
    """Of `echorator serve`, for an agent of a mesh."""
    mesh = parser.add_argument_group("mesh")
    mesh.add_argument("--controller", metavar="HOST:PORT", help="join its mesh, and load what it says too [none: serve alone]")
    mesh.add_argument("--agent-id", default="", metavar="NAME", help="in the mesh; the same after a restart [HOSTNAME:PORT]")
    mesh.add_argument("--advertise", default="", metavar="HOST:PORT", help="where clients reach this agent [where it listens]")
    mesh.add_argument("--zone", default="", metavar="NAME", help="where it stands, for locality in xDS [none]")
    mesh.add_argument("--failover", type=int, default=0, metavar="N", help="1 and higher: where no agent of a lower number is ready [0]")
    mesh.add_argument("--for-model", default="", metavar="NAME", help="serve this model whenever it is applied, and no other [any]")
    mesh.add_argument("--join-timeout", type=float, default=60.0, metavar="SECONDS", help="for the controller to answer [60]")


def add_controller_options(parser: argparse.ArgumentParser) -> None:
    """Of `echorator controller`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    parser.add_argument("--port", type=int, default=50050, metavar="N", help="0: any free one, printed [50050]")
    parser.add_argument("--data", type=Path, metavar="DIR", help="what was applied and who was known [~/.local/share/echorator/controller]")
    parser.add_argument("--grace", type=float, default=5.0, metavar="SECONDS", help="for running calls after a signal [5]")
    add_metrics_port(parser)
    add_telemetry_options(parser, "info")
    times = parser.add_argument_group("times in seconds")
    for field in fields(ControllerSettings):
        flag = f"--{field.name.removesuffix('_s').replace('_', '-')}"
        times.add_argument(flag, dest=field.name, type=float, default=field.default, metavar="S", help=f"[{field.default:g}]")


def add_gateway_options(parser: argparse.ArgumentParser) -> None:
    """Of `echorator gateway`."""
    parser.add_argument("--controller", default=DEFAULT_CONTROLLER, metavar="HOST:PORT", help=f"[{DEFAULT_CONTROLLER}]")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    parser.add_argument("--port", type=int, default=50052, metavar="N", help="of gRPC; 0: any free one, printed [50052]")
    parser.add_argument("--http-port", type=int, default=8080, metavar="N", help="of the OpenAI API and /metrics; -1: none [8080]")
    parser.add_argument("--advertise", default="", metavar="HOST:PORT", help="where xDS clients reach it for models at zero [not at all]")
    parser.add_argument("--envoy", default="", metavar="HOST:PORT", help="let an Envoy serve gRPC there; needs echorator[envoy] [no]")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="that share its ports, each with buffers of its own [1]")
    parser.add_argument("--shared-port", action="store_true", help=argparse.SUPPRESS)  # one of those processes
    parser.add_argument("--memory-server", default="", metavar="HOST:PORT", help="its CognitionService [the one that the agents use]")
    parser.add_argument("--grace", type=float, default=30.0, metavar="SECONDS", help="for running calls after a signal [30]")
    parser.add_argument("--receive-limit-bytes", type=int, default=4 << 20, metavar="N", help="of one request [4194304]")
    parser.add_argument("--join-timeout", type=float, default=60.0, metavar="SECONDS", help="for the controller to answer [60]")
    add_telemetry_options(parser, "info")
    limits = parser.add_argument_group("limits; times in seconds")
    for field in fields(GatewaySettings):
        flag = f"--{field.name.removesuffix('_s').replace('_', '-')}"
        kind = type(field.default)
        limits.add_argument(flag, dest=field.name, type=kind, default=field.default, metavar="N", help=f"[{field.default}]")


def add_bootstrap_options(parser: argparse.ArgumentParser) -> None:
    """Of `echorator bootstrap`."""
    parser.add_argument("--controller", default=DEFAULT_CONTROLLER, metavar="HOST:PORT", help=f"[{DEFAULT_CONTROLLER}]")
    parser.add_argument("--node", default="", metavar="ID", help="how the client is called in the controller's logs [HOSTNAME]")
    parser.add_argument("--envoy", metavar="HOST:PORT", help="a file for Envoy, which is to listen there, instead of one for gRPC")
    parser.add_argument("--admin-port", type=int, default=9901, metavar="N", help="with --envoy: of its admin page [9901]")


def add_mesh_options(parser: argparse.ArgumentParser) -> None:
    """The commands of `echorator mesh`."""
    commands = parser.add_subparsers(dest="mesh_command", metavar="COMMAND", required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.add_argument("--controller", default="", metavar="HOST:PORT", help=f"[the `up` that runs, else {DEFAULT_CONTROLLER}]")
        command.add_argument("--output", choices=("table", "json"), default="table", help="[table]")
        return command

    add("models", "list what was applied, and how it stands")
    add("agents", "list the agents")
    apply = add("apply", "have a model served, or change it")
    apply.add_argument("name", metavar="NAME", help="by which clients ask for it")
    apply.add_argument("--source", default="", metavar="GGUF", help='a file on the agents\' machines, or "echo-nano" [as it is]')
    apply.add_argument("--replicas", type=int, metavar="N", help="agents that serve it [1]")
    apply.add_argument("--slots", type=int, metavar="N", help="requests computed at the same time on each [8]")
    apply.add_argument("--context-tokens", type=int, metavar="N", help="KV cells of all slots together [from the model]")
    apply.add_argument("--by-session", action=argparse.BooleanOptionalAction, help="xDS clients stay with one agent for a session [no]")
    apply.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="until it is ready [do not wait]")
    scale = add("scale", "change how many agents serve a model")
    scale.add_argument("name", metavar="NAME", help="of the model")
    scale.add_argument("replicas", type=int, metavar="N", help="agents; 0: none until a gateway asks for one")
    scale.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="until it is ready [do not wait]")
    add("delete", "have a model served no more").add_argument("name", metavar="NAME", help="of the model")
    drain = add("drain", "take an agent out of rotation and move its models elsewhere")
    drain.add_argument("id", metavar="ID", help="of the agent")
    drain.add_argument("--undo", action="store_true", help="let it serve again")
