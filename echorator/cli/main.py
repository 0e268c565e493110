"""The `echorator` command line: its commands and their arguments, and what it does before it runs one of them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from echorator.cli.command_words import GROUPS, module_of
from echorator.cli.options.cluster import add_cluster_commands
from echorator.cli.options.config import COMPLETION_EXAMPLES, CONFIG_EXAMPLES, add_completion_options, add_config_options
from echorator.cli.options.doctor import DOCTOR_EXAMPLES, add_doctor_options
from echorator.cli.options.engine import add_engine_options
from echorator.cli.options.kube import (
    COGNITION_EXAMPLES,
    MANIFESTS_EXAMPLES,
    OPERATOR_EXAMPLES,
    add_cognition_options,
    add_manifests_options,
    add_operator_options,
)
from echorator.cli.options.mcp import MCP_EXAMPLES, add_mcp_options
from echorator.cli.options.memory import add_memory_commands, add_memory_options
from echorator.cli.options.mesh import (
    BOOTSTRAP_EXAMPLES,
    CONTROLLER_EXAMPLES,
    GATEWAY_EXAMPLES,
    MESH_EXAMPLES,
    add_bootstrap_options,
    add_controller_options,
    add_gateway_options,
    add_join_options,
    add_mesh_options,
    add_prefix_scope,
)
from echorator.cli.options.numbers import MOST_INT32, MOST_UINT32, whole
from echorator.cli.options.output import add_output
from echorator.cli.options.service import SERVICE_EXAMPLES, add_service_options
from echorator.cli.options.store import add_store_options, add_stored_models_commands
from echorator.cli.options.telemetry import LOGS_EXAMPLES, add_logs_options, add_metrics_port, add_telemetry_options
from echorator.cli.parsing import Parser
from echorator.cli.program import UNCONFIGURED, Program
from echorator.errors import EchoratorError
from echorator.host.exits import CommandError, exit_of
from echorator.ports import AGENT_PORT, DEFAULT_AGENT

WITH_BOTH_POLLERS = ("1.85.",)

TOP_EXAMPLES = """\
examples:
  echorator run phi                         get a model and talk to it
  echorator up                              models, memory, gRPC, OpenAI's API
  echorator serve                           serve the embedded model
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
RUN_EXAMPLES = """\
examples:
  echorator run phi                         get it if it is not here, and talk
  echorator run qwen3:0.6b "Why is the sky blue?"
  echorator run ./model.gguf --user ann     a dialogue that is remembered
  echorator run https://huggingface.co/Qwen/Qwen3-0.6B-GGUF
  echo "Sum this up: ..." | echorator run phi
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
  echorator memory map map.html --user ann
"""


PULL_EXAMPLES = """\
examples:
  echorator pull phi
  echorator pull registry.example.com/team/phi:latest --into models
  echorator pull oci://registry.example.com/models/phi:q4
  echorator pull https://example.com/phi.gguf#sha256=HEX

Broken off, it goes on where it was. ECHORATOR_OFFLINE=1 uses only what is there.
"""


MODELS_EXAMPLES = """\
examples:
  echorator models                      what a server has loaded
  echorator models list                 what was pulled
  echorator models show phi
  echorator models remove phi && echorator models prune
  echorator models verify               every file against its digest
"""


def _command(commands: argparse._SubParsersAction[Parser], name: str, text: str, examples: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=examples)


def _add_target(parser: argparse.ArgumentParser) -> None:
    _add_own_server(parser)
    parser.add_argument("--file", type=Path, metavar="GGUF", help="without --server: the model to use [the embedded one]")
    parser.add_argument(
        "--model", default="", metavar="NAME", help="model of the server, or what `echorator pull` understands [the only one]"
    )


def _add_own_server(parser: argparse.ArgumentParser) -> None:
    server: Any = parser.add_argument(
        "--server", metavar="HOST:PORT", help="address of the server [your `up` or `serve` that runs, else one of this process]"
    )
    server.yields_to = ("file", "memory")


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="*", metavar="SOURCE", help="files, or what `echorator pull` understands [the embedded model]")
    parser.add_argument(
        "--name", action="append", default=[], help="name of the model; repeated in the order of the sources [as the source has it]"
    )
    add_store_options(parser)
    parser.add_argument(
        "--mount", action="append", default=[], metavar="SOURCE=PATH", help="a model's file, or its folder, is there already"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    parser.add_argument(
        "--port", type=int, default=AGENT_PORT, metavar="N", help=f"port to listen on; 0: any free one, which is printed [{AGENT_PORT}]"
    )
    parser.add_argument("--grace", type=float, default=30.0, metavar="SECONDS", help="time for running calls after a signal [30]")
    parser.add_argument("--receive-limit-bytes", type=int, default=4 << 20, metavar="N", help="largest size of one request [4194304]")
    add_metrics_port(parser)
    add_telemetry_options(parser, "warning")
    memory = parser.add_argument_group("memory")
    memory.add_argument("--with-memory", action="store_true", help="serve CognitionService too, and let chats name a memory [no]")
    add_memory_options(memory)
    memory.add_argument("--summarise-with", default="", metavar="MODEL", help="the served model that makes gists of old talk [extracts]")
    memory.add_argument(
        "--extract-with", default="", metavar="MODEL", help="the served model that notes in the background what turns say [none]"
    )
    memory.add_argument(
        "--extract-instructions", default="", metavar="TEXT", help="what that model is told besides, such as what matters to your users"
    )
    memory.add_argument("--memory-server", metavar="HOST:PORT", help="let chats name a memory of this server's CognitionService")
    add_prefix_scope(parser)
    add_join_options(parser)
    add_engine_options(parser)


def _not_empty(text: str) -> str:
    """Return the text. Raises ArgumentTypeError for "", as an unset variable of a shell script is."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; name a model")
    return text


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        type=_not_empty,
        metavar="MODEL",
        help="model of the server, or what `echorator pull` understands: it is got and served then",
    )
    parser.set_defaults(module="chat", file=None)
    _add_prompt(parser)
    _add_own_server(parser)
    _add_dialogue(parser)


def _add_chat(parser: argparse.ArgumentParser) -> None:
    _add_prompt(parser)
    _add_target(parser)
    _add_dialogue(parser)


def _add_prompt(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "prompt", nargs="*", default=[], metavar="PROMPT", help="text of the user's turn [a dialogue on a terminal, else stdin]"
    )


def _add_dialogue(parser: argparse.ArgumentParser) -> None:
    add_store_options(parser)
    parser.add_argument("--system", default="", metavar="TEXT", help="the system message")
    parser.add_argument("--temperature", type=float, metavar="T", help="divisor of the logits, 0..100; 0 is greedy [0.8]")
    parser.add_argument(
        "--top-k", type=whole(0, 1 << 20, "top_k"), metavar="N", help="only the N most likely tokens are candidates; 0 is off [40]"
    )
    parser.add_argument("--top-p", type=float, metavar="P", help="probability that the candidates reach together, 0..1 [0.95]")
    parser.add_argument("--min-p", type=float, metavar="P", help="least probability of a candidate, relative to the best, 0..1 [0.05]")
    parser.add_argument(
        "--seed", type=whole(0, MOST_UINT32, "seed"), metavar="N", help="the same seed and prompt give the same text [random]"
    )
    parser.add_argument(
        "--max-tokens",
        type=whole(0, MOST_INT32, "max_tokens"),
        metavar="N",
        help="largest number of tokens of the answer [to the end of the context]",
    )
    parser.add_argument("--stop", action="append", default=[], metavar="TEXT", help="end the answer before this text; may be repeated")
    parser.add_argument("--usage", action="store_true", help="print token counts and times to stderr")
    parser.add_argument("--plain", action="store_true", help="neither colours nor drawn Markdown nor editing, as for a screen reader")
    memory = parser.add_argument_group("memory")
    memory.add_argument("--user", default="", metavar="NAME", help="remember what this user tells [nobody: nothing is remembered]")
    memory.add_argument("--no-memory", action="store_true", help="with --user: neither recall nor remember")
    memory.add_argument("--session", default="", metavar="NAME", help="name of the dialogue [a new one]")
    add_memory_options(memory)


def _add_embed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="text to embed [one a line from stdin]")
    _add_target(parser)
    parser.add_argument("--pooling", choices=("mean", "cls", "last"), help="how token vectors become one vector [the model's own, or mean]")
    parser.add_argument(
        "--dimensions", type=whole(1, MOST_INT32, "dimensions"), metavar="N", help="only the first so many values of each vector [all]"
    )
    parser.add_argument("--normalize", action=argparse.BooleanOptionalAction, default=True, help="scale to length 1 [yes]")
    add_output(parser, ("text", "json", "yaml"))


def _add_pull(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="source of a model: phi, registry.example.com/ns/phi:tag, oci://..., https://...#sha256=...",
    )
    parser.add_argument("--into", type=Path, metavar="DIR", help="put the file there too, under a name that says what it is")
    parser.add_argument("--any-size", action="store_true", help="also a model that is larger than this machine's memory")
    parser.add_argument("--serve", default="", metavar="HOST:PORT", help="then serve the pulled files to others, until a signal")
    parser.add_argument("--from", dest="upstream", default="", metavar="URL", help="ask the --serve of another machine before the source")
    add_store_options(parser)
    add_output(parser, default="name", text="format of the output; name: the path of each file")


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--server", default="", metavar="HOST:PORT", help=f"address of the server [the `up` that runs, else {DEFAULT_AGENT}]"
    )
    add_output(parser)
    add_stored_models_commands(parser)


def parser() -> Parser:
    """Build the parser of the whole command line."""
    top = Parser(prog="echorator", description="Serve llama.cpp models over gRPC, and talk to them.", epilog=TOP_EXAMPLES)
    top.add_argument("--version", action="store_true", help="print the version and exit; with -v those of llama.cpp too")
    top.add_argument(UNCONFIGURED, action="store_true", help="read neither ECHORATOR_ variables nor the configuration file")
    top.add_argument("-v", "--verbose", action="store_true", help=argparse.SUPPRESS)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    commands.groups = GROUPS
    add_cluster_commands(lambda name, text, examples: _command(commands, name, text, examples))
    add_logs_options(_command(commands, "logs", "print what the agents of `up` log", LOGS_EXAMPLES))
    _add_serve(_command(commands, "serve", "serve models over gRPC", SERVE_EXAMPLES))
    _add_run(_command(commands, "run", "talk to a model, which is got and served if it is not yet", RUN_EXAMPLES))
    _add_chat(_command(commands, "chat", "talk to a model", CHAT_EXAMPLES))
    _add_embed(_command(commands, "embed", "turn texts into vectors", EMBED_EXAMPLES))
    _add_models(_command(commands, "models", "list the models of a server, or look after pulled ones", MODELS_EXAMPLES))
    _add_pull(_command(commands, "pull", "get a model's files", PULL_EXAMPLES))
    add_controller_options(_command(commands, "controller", "keep a mesh of agents, and say where clients find what", CONTROLLER_EXAMPLES))
    add_gateway_options(_command(commands, "gateway", "serve the mesh to clients without xDS, over gRPC and HTTP", GATEWAY_EXAMPLES))
    add_mesh_options(_command(commands, "mesh", "ask a controller, or have it change something", MESH_EXAMPLES))
    add_bootstrap_options(_command(commands, "bootstrap", "print the bootstrap file of an xDS client", BOOTSTRAP_EXAMPLES))
    add_cognition_options(_command(commands, "cognition", "serve a memory for agents and gateways", COGNITION_EXAMPLES))
    add_operator_options(_command(commands, "operator", "serve the Models of a Kubernetes cluster", OPERATOR_EXAMPLES))
    add_manifests_options(_command(commands, "manifests", "print what is to be installed in a Kubernetes cluster", MANIFESTS_EXAMPLES))
    add_memory_commands(_command(commands, "memory", "look into a memory and change it", MEMORY_EXAMPLES))
    add_config_options(_command(commands, "config", "show the options that are configured, and how to configure them", CONFIG_EXAMPLES))
    add_completion_options(_command(commands, "completion", "print the script by which a shell completes commands", COMPLETION_EXAMPLES))
    add_doctor_options(_command(commands, "doctor", "say what is wrong on this machine, and what to do", DOCTOR_EXAMPLES))
    add_service_options(_command(commands, "service", "have systemd run `up` for you", SERVICE_EXAMPLES))
    add_mcp_options(_command(commands, "mcp", "offer the memory and the models to an MCP client", MCP_EXAMPLES))
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    program = Program(parser(), module_of, _prepare, _failure_of, _print_more_versions, configurable=True)
    return program.main(argv)


def _prepare(arguments: argparse.Namespace) -> None:
    from echorator.telemetry.log_lines import log_to_stderr

    if arguments.command in ("gateway", "up"):
        _choose_poller()
    log_to_stderr(getattr(arguments, "log_level", "warning"), getattr(arguments, "log_format", "text"))
    if getattr(arguments, "access_log", False):
        from echorator.serving.call_log import log_every_call

        log_every_call()


def _choose_poller() -> None:
    """Make gRPC use its older poller, which hands calls between threads less often: 8 % more calls per second through a gateway.

    Measured by `bench.mesh.throughput`. Done only for versions of grpcio that are known to have both pollers; GRPC_EXPERIMENTS of the
    environment takes precedence.
    """
    if version("grpcio").startswith(WITH_BOTH_POLLERS):
        os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")


def _failure_of(error: EchoratorError) -> CommandError:
    return CommandError(str(error), exit_of(error))


def _print_more_versions(arguments: argparse.Namespace) -> None:
    if arguments.verbose:
        from echorator._native import engine

        print(f"llama-cpp-python {engine.BUILT_FOR}\nllama.cpp {engine.LLAMA_CPP}")
