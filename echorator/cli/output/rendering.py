"""Prints what a command shows in the form that --output names: the one renderer of all commands.

`table` and `wide` are for people. `json` and `yaml` print one document, in the protobuf JSON mapping of the public API where it is a
message of that API, and `name` prints a name on each line, for scripts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

import yaml
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Group, RenderableType

from echorator.cli.output.consoles import Console
from echorator.cli.output.yaml_text import WithoutAnchors

PIPE_WIDTH = 1 << 20  # columns where there is no terminal: more than any line has


def document_of(message: Message) -> dict[str, Any]:
    """Return a message of the API in the protobuf JSON mapping: names in lowerCamelCase, enums by name, zero values present."""
    return MessageToDict(message, always_print_fields_with_no_presence=True)


def show(form: str, document: Any, names: Iterable[object] = (), *view: RenderableType, nothing: str = "") -> None:
    """Print to stdout what a command shows, in one of the forms of `options.output`.

    `view` is printed for people; where it is empty, `nothing` is said on stderr in its place.
    """
    match form:
        case "json":
            print(json.dumps(document, ensure_ascii=False, indent=2))
        case "yaml":
            sys.stdout.write(yaml_of(document))
        case "name":
            for name in names:
                print(name)
        case _ if view:
            console(form == "wide").print(Group(*view))
        case _ if nothing:
            print(nothing, file=sys.stderr)


def show_one_of_many(form: str, document: Any, name: object, line: str) -> None:
    """Print one of the changes that a command follows, at once: a line, of JSON too, or a YAML document of its own."""
    match form:
        case "json":
            print(json.dumps(document, ensure_ascii=False), flush=True)
        case "yaml":
            print(f"---\n{yaml_of(document)}", end="", flush=True)
        case "name":
            print(name, flush=True)
        case _:
            print(line, flush=True)


def console(wide: bool = False) -> Console:
    """Return the console for stdout, which has no width where it is no terminal, or `wide`."""
    whole = wide or not sys.stdout.isatty()
    return Console(soft_wrap=True, markup=False, highlight=False, width=PIPE_WIDTH if whole else None)


def yaml_of(*documents: Any) -> str:
    """Return the documents as one YAML text."""
    return "---\n".join(yaml.dump(thing, Dumper=WithoutAnchors, sort_keys=False, width=140, allow_unicode=True) for thing in documents)
