"""The arguments of `echorator up`, of the local cluster and of the commands on its resources; imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from echorator.cli.options.http import add_http_options, add_ports
from echorator.cli.options.memory import EMBEDDER_HELP
from echorator.cli.options.mesh import add_prefix_scope
from echorator.cli.options.numbers import seconds
from echorator.cli.options.output import add_output
from echorator.cli.options.store import add_store_options
from echorator.cli.options.telemetry import add_telemetry_options
from echorator.ports import CONTROLLER_PORT, DEFAULT_CONTROLLER

UP_EXAMPLES = """\
examples:
  echorator up                              the embedded model with a memory
  echorator up phi qwen3:0.6b               these models
  echorator up -f model.yaml                what a file says
  echorator up --data ./state --no-memory

It keeps what was applied and remembered in --data: started again, it goes on. Ctrl-C drains; a second one does not wait.
"""
APPLY_EXAMPLES = """\
examples:
  echorator apply -f model.yaml --wait 60
  echorator get models
  echorator scale model nano 3
  echorator describe model nano
  echorator delete -f model.yaml
"""
CLUSTER_EXAMPLES = """\
examples:
  echorator cluster run -f calculator.yaml --workers .   their modules are here
  echorator cluster send calculator '{"add": [2, 3]}'
  echorator cluster send --container calculator-0 '"stop"' --no-reply
"""

Command = Callable[[str, str, str], argparse.ArgumentParser]


def add_cluster_commands(command: Command) -> None:
    """Add all commands; `command` makes the parser of one from its name, its help and its examples."""
    _add_up(command("up", "run the whole mesh on this machine", UP_EXAMPLES))
    status = command("status", "show models, agents and queues", "")
    _add_server(status)
    status.add_argument(
        "--wait", type=seconds, default=0.0, metavar="SECONDS", help="time for `up` and all its models to get ready [do not wait]"
    )
    add_output(status)
    top = command("top", "show models, agents and queues, until Ctrl-C", "")
    _add_server(top)
    top.set_defaults(module="status")
    top.add_argument("--interval", type=seconds, default=1.0, metavar="SECONDS", help="time between two views [1]")
    _add_resource_commands(command)
    _add_cluster(command("cluster", "run containers on this machine, and send them messages", CLUSTER_EXAMPLES))


def _add_up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models", nargs="*", metavar="SOURCE", help="models to serve: files, or what `echorator pull` understands [what it served last]"
    )
    parser.add_argument(
        "-f", "--file", action="append", default=[], type=Path, metavar="YAML", help="file of resources to apply; may be repeated"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of state and memory, for one `up` at a time [~/.local/share/echorator]"
    )
    add_store_options(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    add_ports(parser)
    parser.add_argument(
        "--controller-port",
        type=int,
        default=CONTROLLER_PORT,
        metavar="N",
        help=f"port of the controller, for xDS and these commands [{CONTROLLER_PORT}]",
    )
    _add_workers(parser)
    parser.add_argument(
        "--view",
        choices=("auto", "live", "lines"),
        default="auto",
        help="how to show the mesh; auto: live on a terminal, else lines [auto]",
    )
    parser.add_argument("--grace", type=float, default=30.0, metavar="SECONDS", help="time for running calls after a signal [30]")
    add_http_options(parser)
    add_prefix_scope(parser)
    memory = parser.add_argument_group("memory")
    memory.add_argument("--no-memory", action="store_true", help="serve models only")
    memory.add_argument(
        "--memory",
        default="",
        metavar="DIR|URL",
        help="folder of the memory, redis://HOST:PORT/0 or postgresql://HOST/DATABASE [DATA/memory]",
    )
    memory.add_argument("--embedder", default="hashed", metavar="NAME", help=EMBEDDER_HELP)
    add_telemetry_options(parser, "warning")


def _add_workers(parser: argparse.ArgumentParser) -> None:
    told = "run the workers of this folder's modules for whoever may apply resources; may be repeated [no workers]"
    parser.add_argument("--workers", action="append", default=[], type=Path, metavar="DIR", help=told)


def _add_server(parser: argparse.ArgumentParser) -> None:
    server: Any = parser.add_argument(
        "--server", default="", metavar="HOST:PORT", help=f"address of the controller [the `up` that runs, else {DEFAULT_CONTROLLER}]"
    )
    server.setting = "controller"  # ECHORATOR_SERVER names a server of models


def _add_resource_commands(command: Command) -> None:
    def resource(name: str, text: str) -> argparse.ArgumentParser:
        made = command(name, text, APPLY_EXAMPLES)
        _add_server(made)
        made.set_defaults(module="resources")
        return made

    def target(parser: argparse.ArgumentParser, names: str | None) -> None:
        parser.add_argument(
            "kind", metavar="KIND[/NAME]", help="kind: model, replicaset (rs), container (co), service (svc), or all", nargs="?"
        )
        if names is not None:
            parser.add_argument("name", metavar="NAME", nargs=names)

    apply = resource("apply", "create or change what files say")
    apply.add_argument(
        "-f",
        "--file",
        action="append",
        default=[],
        type=Path,
        required=True,
        metavar="YAML",
        help="file to apply, - for stdin; may be repeated",
    )
    apply.add_argument("--wait", type=seconds, default=0.0, metavar="SECONDS", help="time for all resources to get ready [do not wait]")
    get = resource("get", "list resources, or show one")
    target(get, "?")
    get.add_argument("-l", "--selector", default="", metavar="KEY=VALUE,...", help="list only resources with these labels")
    add_output(get)
    describe = resource("describe", "show the spec, the status and the history of a resource")
    target(describe, "?")
    add_output(describe)
    delete = resource("delete", "delete resources")
    target(delete, "*")
    delete.add_argument(
        "-f", "--file", action="append", default=[], type=Path, metavar="YAML", help="delete the resources in this file; may be repeated"
    )
    delete.add_argument(
        "--wait", type=seconds, default=60.0, metavar="SECONDS", help="time for the resources to be gone; 0: do not wait [60]"
    )
    scale = resource("scale", "change how many replicas there are")
    target(scale, None)
    scale.add_argument("rest", metavar="[NAME] N", nargs="+")
    scale.add_argument("--wait", type=seconds, default=0.0, metavar="SECONDS", help="time for the replicas to get ready [do not wait]")
    watch = resource("watch", "print every change until Ctrl-C")
    target(watch, "?")
    add_output(watch)


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="cluster_command", metavar="COMMAND", required=True)
    run = commands.add_parser(
        "run", help="run a cluster without a mesh", description="Run a cluster without a mesh: its containers are threads."
    )
    run.add_argument(
        "-f", "--file", action="append", default=[], type=Path, metavar="YAML", help="file of resources to apply; may be repeated"
    )
    run.add_argument("--data", type=Path, metavar="DIR", help="folder in which applied resources are kept [they end with the process]")
    _add_workers(run)
    run.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    run.add_argument(
        "--port",
        type=int,
        default=CONTROLLER_PORT,
        metavar="N",
        help=f"port to listen on; 0: any free one, which is printed [{CONTROLLER_PORT}]",
    )
    run.add_argument("--grace", type=float, default=30.0, metavar="SECONDS", help="time for running calls after a signal [30]")
    add_telemetry_options(run, "warning")
    send = commands.add_parser(
        "send", help="send a message to a service or a container", description="Send a message, and print its reply."
    )
    _add_server(send)
    send.add_argument("to", metavar="NAME", help="name of a service, or with --container of a container")
    send.add_argument("value", metavar="JSON", help="value to send, such as 5, '\"text\"' or '{\"add\": [2, 3]}'")
    send.add_argument("--container", action="store_true", help="NAME is a container")
    send.add_argument("--no-reply", action="store_true", help="do not wait for a reply")
    add_output(send, ("json", "yaml"))
    send.add_argument("--timeout", type=seconds, default=60.0, metavar="SECONDS", help="time for the reply [60]")
