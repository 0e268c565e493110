"""The arguments about where model files are kept; imports nothing heavy."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_store_options(parser: argparse.ArgumentParser) -> None:
    """Of commands that name models."""
    parser.add_argument(
        "--models", dest="models_folder", type=Path, metavar="DIR", help="where they are kept [~/.local/share/echorator/models]"
    )


def add_stored_models_commands(parser: argparse.ArgumentParser) -> None:
    """Of `echorator models`; without one it asks a server."""
    commands = parser.add_subparsers(dest="models_command", metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.set_defaults(module="stored_models")
        add_store_options(command)
        return command

    listing = add("list", "what was pulled, Ollama's models too")
    listing.add_argument("--output", choices=("table", "json"), default="table", help="[table]")
    add("show", "one model: its files and its metadata").add_argument("source", metavar="SOURCE")
    add("remove", "forget models").add_argument("sources", nargs="+", metavar="SOURCE")
    add("prune", "free the space of what no model needs")
    add("verify", "compare files with their digests").add_argument("sources", nargs="*", metavar="SOURCE", help="[all]")
