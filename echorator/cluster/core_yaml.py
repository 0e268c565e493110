"""Reads YAML by the core schema of YAML 1.2, where PyYAML has the types of YAML 1.1. Pure; feeds `manifests`.

To YAML 1.1 `1_000` is 1000, `1:30` is 90, `yes` is true and a date is no text. In YAML 1.2 all of these are texts, so a field that wants a
number refuses them in words. `010` is 8 to the one and 10 to the other: it is refused. Source: https://yaml.org/spec/1.2.2, section 10.3.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Hashable
from typing import Any

import yaml

MOST_DEPTH = 100

_TAG = "tag:yaml.org,2002:"
_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_OCTAL_OR_NOT = re.compile(r"[-+]?0[0-9]+\Z")

CORE = (  # tag, the texts that have it, and their first characters; the first that fits counts
    (f"{_TAG}null", _NULL, ["~", "n", "N", ""]),
    (f"{_TAG}bool", _BOOL, list("tTfF")),
    (f"{_TAG}int", _INT, list("-+0123456789")),
    (f"{_TAG}float", _FLOAT, list("-+0123456789.")),
    (f"{_TAG}merge", re.compile(r"<<\Z"), ["<"]),
)


class CoreLoader(yaml.SafeLoader):
    """A YAML loader that refuses duplicate keys, which YAML accepts silently, and deep nesting, which takes PyYAML quadratic time."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  PyYAML's own name; filled below

    def fetch_flow_collection_start(self, token: Any) -> None:
        """Begin a list or a mapping in brackets. Raises ScannerError where it nests too deeply."""
        self._refuse_deep(self.flow_level)
        super().fetch_flow_collection_start(token)

    def add_indent(self, column: int) -> bool:
        """Begin a list or a mapping by indentation. Raises ScannerError where it nests too deeply."""
        self._refuse_deep(len(self.indents))
        return bool(super().add_indent(column))

    def _refuse_deep(self, depth: int) -> None:
        if depth >= MOST_DEPTH:
            raise yaml.scanner.ScannerError(None, None, "nested too deeply", self.get_mark())

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping. Raises ConstructorError for a key that is there twice."""
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable) or key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _text_of(loader: CoreLoader, node: Any, fits: re.Pattern[str], what: str) -> str:
    text = str(loader.construct_scalar(node))
    if not fits.match(text):
        raise yaml.constructor.ConstructorError(None, None, f"{text[:40]!r} is no {what}", node.start_mark)
    return text


def _bool(loader: CoreLoader, node: Any) -> bool:
    return _text_of(loader, node, _BOOL, "true or false").lower() == "true"


def _int(loader: CoreLoader, node: Any) -> int:
    text = _text_of(loader, node, _INT, "whole number")
    fault = ""
    if _OCTAL_OR_NOT.match(text):
        fault = (
            f"{text[:40]} is octal to some readers of YAML and decimal to others; write it without the zero, or in quotes if it is a text"
        )
    elif len(text) > sys.get_int_max_str_digits():
        fault = f"a whole number of {len(text)} digits; no number may have more than {sys.get_int_max_str_digits()}"
    if fault:
        raise yaml.constructor.ConstructorError(None, None, fault, node.start_mark)
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(loader: CoreLoader, node: Any) -> float:
    return float(re.sub(r"\.(?=[a-zA-Z])", "", _text_of(loader, node, _FLOAT, "number")))  # .inf and .nan have no point in Python


for _tag, _fits, _first in CORE:
    CoreLoader.add_implicit_resolver(_tag, _fits, _first)
for _name, _construct in (("bool", _bool), ("int", _int), ("float", _float)):
    CoreLoader.add_constructor(_TAG + _name, _construct)
