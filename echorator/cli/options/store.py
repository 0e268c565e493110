"""The options about where model files are kept; imports nothing heavy."""

from __future__ import annotations

import argparse
from pathlib import Path

from echorator.cli.options.output import add_output


def add_store_options(parser: argparse.ArgumentParser) -> None:
    """Add --models, for every command that names models."""
    parser.add_argument(
        "--models", dest="models_folder", type=Path, metavar="DIR", help="folder of the model files [~/.local/share/echorator/models]"
    )


def add_stored_models_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `echorator models`; without one of them it asks a server."""
    commands = parser.add_subparsers(dest="models_command", metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.set_defaults(module="stored_models")
        add_store_options(command)
        return command

    add_output(add("list", "list the pulled models, Ollama's too"), inherited=True)
    show = add("show", "show a model's files and metadata")
    show.add_argument("source", metavar="SOURCE")
    add_output(show, inherited=True)
    add("remove", "remove models from the store; `prune` frees their space").add_argument("sources", nargs="+", metavar="SOURCE")
    add("prune", "delete the files that no model needs")
    add("verify", "compare files with their digests").add_argument("sources", nargs="*", metavar="SOURCE", help="models to verify [all]")
    suggest = add("suggest", "name models that fit into this machine's memory")
    suggest.set_defaults(module="suggested_models")
    suggest.add_argument("--for", dest="purpose", choices=("chat", "code", "embeddings"), default="", help="only those for this [all]")
    suggest.add_argument("--all", action="store_true", help="larger ones too")
    add_output(suggest, inherited=True)
