"""`kollama convert`: converts Models of ollama-operator from YAML to YAML, without a cluster."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from echorator.cli.options.kollama import program
from echorator.cli.output.rendering import yaml_of
from echorator.cli.text_input import text_of_file, text_of_stdin
from echorator.errors import InvalidRequestError
from echorator.host.exits import CommandError, Exit
from echorator.kube.install.ollama_models import converted, is_ollama_model


def run(arguments: argparse.Namespace) -> int:
    """Print the converted documents and return the exit code. Raises CommandError with a line for each mistake."""
    mistakes: list[str] = []
    documents = [_document(thing, mistakes) for thing in _documents(arguments.file) if thing is not None]
    if mistakes:
        raise CommandError("\n".join(mistakes), Exit.USAGE)
    sys.stdout.write(yaml_of(*documents))
    return Exit.OK


def _documents(file: str) -> list[Any]:
    text = text_of_stdin() if file == "-" else text_of_file(Path(file))
    try:
        return list(yaml.safe_load_all(text))
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        where = "stdin" if file == "-" else file
        raise CommandError(f"{where} is no YAML: {' '.join(str(error).split())[:300]}", Exit.USAGE) from error


def _document(thing: Any, mistakes: list[str]) -> Any:
    """Convert a Model of ollama-operator, or a list with some; return any other document unchanged."""
    if isinstance(thing, Mapping) and str(thing.get("kind", "")).endswith("List") and isinstance(thing.get("items"), list):
        items = [_document(item, mistakes) for item in thing["items"]]
        any_theirs = any(is_ollama_model(item) for item in thing["items"])
        return {"apiVersion": "v1", "kind": "List", "items": items} if any_theirs else thing
    if not is_ollama_model(thing):
        return thing
    name = (thing.get("metadata") or {}).get("name", "")
    try:
        made = converted(thing)
    except InvalidRequestError as error:
        mistakes.append(f"model/{name}: {error}")
        return thing
    for warning in made.warnings:
        print(f"{program()}: warning: model/{name}: {warning}", file=sys.stderr)
    return made.model
