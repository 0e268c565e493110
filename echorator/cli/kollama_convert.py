"""`kollama convert`: Models of ollama-operator, from YAML to YAML. No cluster is asked."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

import yaml

from echorator.cli.exits import CommandError, Exit
from echorator.cli.kollama_objects import yaml_of
from echorator.cli.kollama_options import program
from echorator.errors import InvalidRequestError
from echorator.kube.ollama_models import converted, is_ollama_model


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit code."""
    mistakes: list[str] = []
    documents = [_document(thing, mistakes) for thing in _documents(arguments.file) if thing is not None]
    if mistakes:
        raise CommandError("\n".join(mistakes), Exit.USAGE)
    sys.stdout.write(yaml_of(documents))
    return Exit.OK


def _documents(file: str) -> list[Any]:
    try:
        if file == "-":
            return list(yaml.safe_load_all(sys.stdin.read()))
        with open(file, encoding="utf-8") as text:
            return list(yaml.safe_load_all(text))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = "stdin" if file == "-" else file
        raise CommandError(f"{where} is no YAML: {' '.join(str(error).split())}", Exit.USAGE) from error
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error


def _document(thing: Any, mistakes: list[str]) -> Any:
    """Converted where it is one of theirs, or a list of some; the same where it is not."""
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
