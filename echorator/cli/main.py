"""The `echorator` command line: parses, runs one command, and turns every failure into one line and an exit code.

Commands are imported when they run, so that `--help` and mistakes answer at once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NoReturn

from echorator.cli.engine_options import add_engine_options
from echorator.cli.exits import CommandError, Exit
from echorator.cli.memory_options import add_memory_commands, add_memory_options
from echorator.controller.settings import ControllerSettings
from echorator.errors import DrainingError, EchoratorError

DEFAULT_SERVER = "127.0.0.1:50051"
DEFAULT_CONTROLLER = "127.0.0.1:50050"
LOG_LEVELS = ("debug", "info", "warning", "error")

TOP_EXAMPLES = """\
examples:
  echorator serve                           serve the embedded model on 127.0.0.1:50051
  echorator serve model.gguf --slots 16     serve a file
  echorator chat "My dog is called Pixel."  one answer from the embedded model
  echorator chat --server 127.0.0.1:50051   a dialogue with a running server
  echorator chat --user ann                 a dialogue that is remembered
  echorator memory search "dog" --user ann  what is remembered
  echorator models --output json            what a server has loaded
"""
SERVE_EXAMPLES = """\
examples:
  echorator serve
  echorator serve model.gguf --name tiny --slots 16 --context-tokens 65536
  echorator serve chat.gguf embed.gguf --port 0
  echorator serve big.gguf --kv-type-k q8_0 --kv-type-v q8_0 --gpu-layers 40

SIGTERM or Ctrl-C drains: new calls are refused, running ones have --grace seconds. A second one stops at once.
"""
CHAT_EXAMPLES = """\
examples:
  echorator chat "Hello!"
  echorator chat --temperature 0 --system "You are Echo." "Tell me a story."
  echorator chat --server 127.0.0.1:50051 --model tiny
  echo "What is my dog called?" | echorator chat --file model.gguf
"""
EMBED_EXAMPLES = """\
examples:
  echorator embed "a text" "another one" --output json
  echorator embed --server 127.0.0.1:50051 --model embed --pooling cls < lines.txt
"""


MEMORY_EXAMPLES = """\
examples:
  echorator memory add "My dog is called Pixel." --user ann
  echorator memory search "What is my dog called?" --user ann
  echorator memory list --user ann --server 127.0.0.1:50051
  echorator memory export ann.jsonl --user ann
  echorator memory map --user ann -o map.html
"""


CONTROLLER_EXAMPLES = """\
examples:
  echorator controller
  echorator controller --host 0.0.0.0 --data /var/lib/echorator
  echorator serve --controller 127.0.0.1:50050     an agent joins
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


class _Parser(argparse.ArgumentParser):
    """Says a mistake in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(Exit.USAGE, f"echorator: error: {message}; see `{self.prog} --help`\n")


def _command(commands: argparse._SubParsersAction[_Parser], name: str, text: str, examples: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", metavar="HOST:PORT", help="a running server [one of this process, for this call]")
    parser.add_argument("--file", type=Path, metavar="GGUF", help="without --server: the model to use [the embedded one]")
    parser.add_argument("--model", default="", metavar="NAME", help="which of the server's models [the only one]")


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="*", metavar="MODEL.gguf", help="files to load [the embedded model]")
    parser.add_argument("--name", action="append", default=[], help="of the model, in the order of the files [the file's stem]")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    parser.add_argument("--port", type=int, default=50051, metavar="N", help="0: any free one, printed [50051]")
    parser.add_argument("--grace", type=float, default=30.0, metavar="SECONDS", help="for running calls after a signal [30]")
    parser.add_argument("--receive-limit-bytes", type=int, default=4 << 20, metavar="N", help="of one request [4194304]")
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="warning", metavar="LEVEL", help=f"{', '.join(LOG_LEVELS)} [warning]")
    memory = parser.add_argument_group("memory")
    memory.add_argument("--with-memory", action="store_true", help="serve CognitionService too, and let chats name a memory [no]")
    add_memory_options(memory)
    memory.add_argument("--summarise-with", default="", metavar="MODEL", help="the served model that makes gists of old talk [extracts]")
    memory.add_argument("--memory-server", metavar="HOST:PORT", help="let chats name a memory of this server's CognitionService")
    mesh = parser.add_argument_group("mesh")
    mesh.add_argument("--controller", metavar="HOST:PORT", help="join its mesh, and load what it says too [none: serve alone]")
    mesh.add_argument("--agent-id", default="", metavar="NAME", help="in the mesh; the same after a restart [HOSTNAME:PORT]")
    mesh.add_argument("--advertise", default="", metavar="HOST:PORT", help="where clients reach this agent [where it listens]")
    mesh.add_argument("--zone", default="", metavar="NAME", help="where it stands, for locality in xDS [none]")
    mesh.add_argument("--failover", type=int, default=0, metavar="N", help="1 and higher: where no agent of a lower number is ready [0]")
    mesh.add_argument("--join-timeout", type=float, default=60.0, metavar="SECONDS", help="for the controller to answer at the start [60]")
    add_engine_options(parser)


def _add_controller(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    parser.add_argument("--port", type=int, default=50050, metavar="N", help="0: any free one, printed [50050]")
    parser.add_argument("--data", type=Path, metavar="DIR", help="what was applied and who was known [~/.local/share/echorator/controller]")
    parser.add_argument("--grace", type=float, default=5.0, metavar="SECONDS", help="for running calls after a signal [5]")
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="info", metavar="LEVEL", help=f"{', '.join(LOG_LEVELS)} [info]")
    times = parser.add_argument_group("times in seconds")
    for field in fields(ControllerSettings):
        flag = f"--{field.name.removesuffix('_s').replace('_', '-')}"
        times.add_argument(flag, dest=field.name, type=float, default=field.default, metavar="S", help=f"[{field.default:g}]")


def _add_bootstrap(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--controller", default=DEFAULT_CONTROLLER, metavar="HOST:PORT", help=f"[{DEFAULT_CONTROLLER}]")
    parser.add_argument("--node", default="", metavar="ID", help="how the client is called in the controller's logs [HOSTNAME]")
    parser.add_argument("--envoy", metavar="HOST:PORT", help="a file for Envoy, which is to listen there, instead of one for gRPC")
    parser.add_argument("--admin-port", type=int, default=9901, metavar="N", help="with --envoy: of its admin page [9901]")


def _add_mesh(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="mesh_command", metavar="COMMAND", required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.add_argument("--controller", default=DEFAULT_CONTROLLER, metavar="HOST:PORT", help=f"[{DEFAULT_CONTROLLER}]")
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


def _add_chat(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", nargs="*", metavar="PROMPT", help="without it: a dialogue on a terminal, else stdin")
    _add_target(parser)
    parser.add_argument("--system", default="", metavar="TEXT", help="the system message")
    parser.add_argument("--temperature", type=float, metavar="T", help="0..2, 0 is greedy [0.8]")
    parser.add_argument("--top-k", type=int, metavar="N", help="0 is off [40]")
    parser.add_argument("--top-p", type=float, metavar="P", help="0..1 [0.95]")
    parser.add_argument("--min-p", type=float, metavar="P", help="0..1 [0.05]")
    parser.add_argument("--seed", type=int, metavar="N", help="the same seed and prompt give the same text [random]")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="[to the end of the context]")
    parser.add_argument("--stop", action="append", default=[], metavar="TEXT", help="end the answer before this text; may be repeated")
    parser.add_argument("--usage", action="store_true", help="print token counts and times to stderr")
    memory = parser.add_argument_group("memory")
    memory.add_argument("--user", default="", metavar="NAME", help="remember what this user tells [nobody: nothing is remembered]")
    memory.add_argument("--no-memory", action="store_true", help="with --user: neither recall nor remember")
    memory.add_argument("--session", default="", metavar="NAME", help="of the dialogue [a new one]")
    add_memory_options(memory)


def _add_embed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="without it: one a line from stdin")
    _add_target(parser)
    parser.add_argument("--pooling", choices=("mean", "cls", "last"), help="[the model's own]")
    parser.add_argument("--normalize", action=argparse.BooleanOptionalAction, default=True, help="scale to length 1 [yes]")
    parser.add_argument("--output", choices=("text", "json"), default="text", help="[text]")


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", default=DEFAULT_SERVER, metavar="HOST:PORT", help=f"[{DEFAULT_SERVER}]")
    parser.add_argument("--output", choices=("table", "json"), default="table", help="[table]")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(
        prog="echorator",
        description="Serve llama.cpp models over gRPC, and talk to them.",
        epilog=TOP_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="store_true", help="print the version and exit; with -v those of llama.cpp too")
    top.add_argument("-v", "--verbose", action="store_true", help=argparse.SUPPRESS)
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    _add_serve(_command(commands, "serve", "serve models over gRPC", SERVE_EXAMPLES))
    _add_chat(_command(commands, "chat", "talk to a model", CHAT_EXAMPLES))
    _add_embed(_command(commands, "embed", "turn texts into vectors", EMBED_EXAMPLES))
    _add_models(_command(commands, "models", "list the models of a server", ""))
    _add_controller(_command(commands, "controller", "keep a mesh: what agents serve, and where clients find it", CONTROLLER_EXAMPLES))
    _add_mesh(_command(commands, "mesh", "ask a controller, or have it change something", MESH_EXAMPLES))
    _add_bootstrap(_command(commands, "bootstrap", "print the bootstrap file of an xDS client", BOOTSTRAP_EXAMPLES))
    add_memory_commands(_command(commands, "memory", "look into a memory and change it", MEMORY_EXAMPLES))
    return top


def _print_version(verbose: bool) -> None:
    try:
        print(f"echorator {version('echorator')}")
    except PackageNotFoundError:
        print("echorator (not installed)")
    if verbose:
        from echorator._native import engine

        print(f"llama-cpp-python {engine.BUILT_FOR}\nllama.cpp {engine.LLAMA_CPP}")


def _run(arguments: argparse.Namespace) -> int:
    from echorator.cli.log_lines import log_to_stderr

    log_to_stderr(getattr(arguments, "log_level", "warning"))
    try:
        command = importlib.import_module(f"echorator.cli.{arguments.command}")
        return int(command.run(arguments))
    except EchoratorError as error:
        return _fail(str(error), Exit.UNAVAILABLE if isinstance(error, DrainingError) else Exit.FAILURE)
    except CommandError as error:
        return _fail(str(error), error.code)
    except ImportError as error:
        return _fail(str(error), Exit.FAILURE)


def _fail(message: str, code: int) -> int:
    print(f"echorator: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, return the exit code."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    top = parser()
    arguments = top.parse_args(argv)
    if arguments.version:
        _print_version(arguments.verbose)
        return Exit.OK
    if arguments.command is None:
        top.print_help(sys.stderr)
        return Exit.USAGE
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads what the interpreter would still flush
        return Exit.PIPE_CLOSED
