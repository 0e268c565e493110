"""The arguments of `echorator up`, of the local cluster and of the commands on its resources; imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from echorator.cli.store_options import add_store_options
from echorator.cli.telemetry_options import add_telemetry_options

UP_EXAMPLES = """\
examples:
  echorator up                              the embedded model, a memory, gRPC and OpenAI's API
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
  echorator cluster run -f calculator.yaml        containers without a mesh; their modules lie in this folder
  echorator cluster send calculator '{"add": [2, 3]}'
  echorator cluster send --container calculator-0 '"stop"' --no-reply
"""

Command = Callable[[str, str, str], argparse.ArgumentParser]


def add_cluster_commands(command: Command) -> None:
    """All of them; `command` makes the parser of one from its name, its help and its examples."""
    _add_up(command("up", "run the whole mesh on this machine", UP_EXAMPLES))
    status = command("status", "show models, agents and queues", "")
    _add_server(status)
    status.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="for `up` and all its models to be ready [do not wait]")
    top = command("top", "show models, agents and queues, until Ctrl-C", "")
    _add_server(top)
    top.set_defaults(module="status")
    top.add_argument("--interval", type=float, default=1.0, metavar="SECONDS", help="[1]")
    _add_resource_commands(command)
    _add_cluster(command("cluster", "run containers on this machine, and send them messages", CLUSTER_EXAMPLES))


def _add_up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", "--file", action="append", default=[], type=Path, metavar="YAML", help="apply it; may be repeated")
    parser.add_argument("--data", type=Path, metavar="DIR", help="state and memory; one `up` at a time [~/.local/share/echorator]")
    add_store_options(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    parser.add_argument("--port", type=int, default=50052, metavar="N", help="of gRPC; 0: any free one, printed [50052]")
    parser.add_argument("--http-port", type=int, default=8080, metavar="N", help="of the OpenAI API and /metrics; -1: none [8080]")
    parser.add_argument("--controller-port", type=int, default=50050, metavar="N", help="of xDS and of these commands [50050]")
    parser.add_argument("--workers", action="append", default=[], type=Path, metavar="DIR", help="where containers' modules lie [.]")
    parser.add_argument("--view", choices=("auto", "live", "lines"), default="auto", help="auto: live on a terminal, else lines [auto]")
    parser.add_argument("--grace", type=float, default=30.0, metavar="SECONDS", help="for running calls after a signal [30]")
    memory = parser.add_argument_group("memory")
    memory.add_argument("--no-memory", action="store_true", help="serve models only")
    memory.add_argument("--memory", default="", metavar="DIR|URL", help="a folder, or redis://HOST:PORT/0 [DATA/memory]")
    memory.add_argument(
        "--embedder", default="hashed", metavar="NAME", help="hashed (nothing to download), minilm, or an embedding .gguf file [hashed]"
    )
    add_telemetry_options(parser, "warning")


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", default="", metavar="HOST:PORT", help="its controller port [the `up` that runs, else 127.0.0.1:50050]")


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", choices=("table", "json", "yaml", "name"), default="table", help="[table]")


def _add_resource_commands(command: Command) -> None:
    def resource(name: str, text: str) -> argparse.ArgumentParser:
        made = command(name, text, APPLY_EXAMPLES)
        _add_server(made)
        made.set_defaults(module="resources")
        return made

    def target(parser: argparse.ArgumentParser, names: str | None) -> None:
        parser.add_argument("kind", metavar="KIND[/NAME]", help="model, replicaset (rs), container (co), service (svc), or all", nargs="?")
        if names is not None:
            parser.add_argument("name", metavar="NAME", nargs=names)

    apply = resource("apply", "create or change what files say")
    apply.add_argument(
        "-f", "--file", action="append", default=[], type=Path, required=True, metavar="YAML", help="-: stdin; may be repeated"
    )
    apply.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="until all of it is ready [do not wait]")
    get = resource("get", "list resources, or show one")
    target(get, "?")
    get.add_argument("-l", "--selector", default="", metavar="KEY=VALUE,...", help="only those with these labels")
    _add_output(get)
    describe = resource("describe", "what a resource is, how it stands, and what happened to it")
    target(describe, "?")
    delete = resource("delete", "end resources")
    target(delete, "*")
    delete.add_argument("-f", "--file", action="append", default=[], type=Path, metavar="YAML", help="what this file names")
    delete.add_argument("--wait", type=float, default=60.0, metavar="SECONDS", help="until they are gone; 0: do not wait [60]")
    scale = resource("scale", "change how many replicas there are")
    target(scale, None)
    scale.add_argument("rest", metavar="[NAME] N", nargs="+")
    scale.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="until they are ready [do not wait]")
    watch = resource("watch", "print every change until Ctrl-C")
    target(watch, "?")
    _add_output(watch)


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="cluster_command", metavar="COMMAND", required=True)
    run = commands.add_parser("run", help="a cluster without a mesh", description="A cluster without a mesh: containers that are threads.")
    run.add_argument("-f", "--file", action="append", default=[], type=Path, metavar="YAML", help="apply it; may be repeated")
    run.add_argument("--data", type=Path, metavar="DIR", help="keep what was applied there [it ends with the process]")
    run.add_argument("--workers", action="append", default=[], type=Path, metavar="DIR", help="where containers' modules lie [.]")
    run.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    run.add_argument("--port", type=int, default=50050, metavar="N", help="0: any free one, printed [50050]")
    run.add_argument("--grace", type=float, default=30.0, metavar="SECONDS", help="for running calls after a signal [30]")
    add_telemetry_options(run, "warning")
    send = commands.add_parser("send", help="a message to a service or a container", description="A message, and its reply.")
    _add_server(send)
    send.add_argument("to", metavar="NAME", help="of a service, or with --container of a container")
    send.add_argument("value", metavar="JSON", help="such as 5, '\"text\"' or '{\"add\": [2, 3]}'")
    send.add_argument("--container", action="store_true", help="NAME is a container")
    send.add_argument("--no-reply", action="store_true", help="do not wait for a reply")
    send.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="for the reply [60]")
