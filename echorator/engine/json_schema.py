"""From a JSON schema to the grammar that makes a model's text valid under it.

llama.cpp's own converter, as llama-cpp-python ships it, does the work. It passes over keywords that it does not know,
so that the text would not be valid; here such a schema is refused, with the keyword and its place. Two liberties keep
the text valid: `oneOf` is read as `anyOf` (alternatives that overlap are the caller's), and an object with
`properties` gets no others, even where the schema would allow them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

from echorator.errors import InvalidRequestError

LARGEST_SCHEMA = 64 * 1024  # characters as JSON
DEEPEST_SCHEMA = 64
_ANNOTATIONS = frozenset("title description default examples $schema $id $comment deprecated readOnly writeOnly $defs definitions".split())
_LOOSE_CHARACTER = r'[^"\\]'  # of the converter: lets control characters stand in a string, which JSON forbids
_STRICT_CHARACTER = r'[^"\\\x7F\x00-\x1F]'
_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")


@cache
def _converter() -> ModuleType:
    """llama_cpp/llama_grammar.py alone: the package would load its bindings and take over llama.cpp's log."""
    package = importlib.util.find_spec("llama_cpp")
    if package is None or not package.submodule_search_locations:
        raise ImportError("the package llama-cpp-python is missing; pip install echorator brings it")
    source = f"{package.submodule_search_locations[0]}/llama_grammar.py"
    spec = importlib.util.spec_from_file_location("echorator_llama_grammar", source)
    if spec is None or spec.loader is None:
        raise ImportError(f"{source} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _refuse(where: str, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"json_schema: {where or 'the schema'}: {what}")


def _branch(schema: Mapping[str, Any]) -> set[str]:
    """The keywords that the converter honours in this schema; the order is its own."""
    kind = schema.get("type")
    if "$ref" in schema:
        return {"$ref"}
    if "oneOf" in schema or "anyOf" in schema:
        return {"oneOf"} if "oneOf" in schema else {"anyOf"}
    if isinstance(kind, list):
        return {"type"}
    if "const" in schema or "enum" in schema:
        return {"type", "const"} if "const" in schema else {"type", "enum"}
    if kind in (None, "object") and ("properties" in schema or schema.get("additionalProperties", True) is not True):
        return {"type", "properties", "required", "additionalProperties"}
    if kind in (None, "array") and "items" in schema:
        return {"type", "items", "minItems", "maxItems"}
    if kind in (None, "array") and "prefixItems" in schema:
        return {"type", "prefixItems"}
    if kind in (None, "string") and "pattern" in schema:
        return {"type", "pattern"}
    if kind == "string" and "format" in schema:
        return {"type", "format"}
    if kind == "string":
        return {"type", "minLength", "maxLength"}
    if kind == "object":
        return {"type", "additionalProperties"}
    return {"type"}


def _checked(schema: Any, where: str, depth: int) -> dict[str, Any]:
    """A copy that the converter turns into a grammar of valid texts only."""
    if depth > DEEPEST_SCHEMA:
        raise _refuse(where, f"nested more than {DEEPEST_SCHEMA} deep")
    if not isinstance(schema, Mapping):
        raise _refuse(where, f"must be an object, not {json.dumps(schema, default=str)[:40]}")
    honoured = _branch(schema)
    ignored = sorted(set(schema) - honoured - _ANNOTATIONS)
    if ignored:
        raise _refuse(where, f"{', '.join(ignored)} cannot be honoured here; remove it or say it another way")
    kinds = schema.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind not in _TYPES:
            raise _refuse(where, f"type must be one of {', '.join(_TYPES)}, not {json.dumps(kind, default=str)[:40]}")

    def at(key: str) -> str:
        return f"{where}/{key}"

    out = {key: value for key, value in schema.items() if key in honoured}
    if "$ref" in out and depth == 0:
        out = {"anyOf": [{"$ref": out["$ref"]}]}  # the converter does not look beside a $ref, where the definitions are
    for key in ("$defs", "definitions"):
        if key in schema:
            out[key] = {name: _checked(sub, f"{at(key)}/{name}", depth + 1) for name, sub in _mapping(schema[key], at(key)).items()}
    if "properties" in out:
        out["properties"] = {
            name: _checked(sub, f"{at('properties')}/{name}", depth + 1)
            for name, sub in _mapping(out["properties"], at("properties")).items()
        }
        missing = set(_list(out.get("required", []), at("required"))) - set(out["properties"])
        if missing:
            raise _refuse(at("required"), f"{', '.join(sorted(map(str, missing)))} must be among the properties")
        out["additionalProperties"] = False
    elif isinstance(out.get("additionalProperties"), Mapping):
        if schema.get("required"):
            raise _refuse(at("required"), "needs properties")
        out["additionalProperties"] = _checked(out["additionalProperties"], at("additionalProperties"), depth + 1)
    for key in ("oneOf", "anyOf", "prefixItems"):
        if key in out and key in schema:
            out[key] = [_checked(sub, f"{at(key)}/{i}", depth + 1) for i, sub in enumerate(_list(out[key], at(key), least=1))]
    if "enum" in out:
        _list(out["enum"], at("enum"), least=1)
    if "pattern" in out:
        _check_pattern(out["pattern"], at("pattern"))
    if "items" in out:
        out["items"] = _checked(out["items"], at("items"), depth + 1)
    for low, high in (("minItems", "maxItems"), ("minLength", "maxLength")):
        bounds = [out[key] for key in (low, high) if key in out]
        if any(not isinstance(n, int) or isinstance(n, bool) or not 0 <= n <= 2000 for n in bounds) or bounds != sorted(bounds):
            raise _refuse(where, f"{low} and {high} must be whole numbers 0..2000, the first not above the second")
    return out


def _check_pattern(pattern: Any, where: str) -> None:
    """A pattern's characters stand between quotes as they are, so it must not match a quote, a backslash or a control character."""
    if not isinstance(pattern, str) or len(pattern) > 1000 or not (pattern.startswith("^") and pattern.endswith("$")):
        raise _refuse(where, "must be a text of at most 1000 characters that begins with ^ and ends with $")
    if any(c in pattern for c in '."\\'):
        raise _refuse(where, "must not use ., quotes or backslashes; write the characters out, as in [a-z0-9]")
    for characters in re.findall(r"\[[^]]*\]", pattern):
        try:
            unsafe = characters.startswith("[^") or re.search(characters, '"\\' + "".join(map(chr, range(32))))
        except re.error as e:
            raise _refuse(where, f"{characters}: {e}") from e
        if unsafe:
            raise _refuse(where, f"{characters} may match a quote, a backslash or a control character")


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _refuse(where, "must be an object")
    return value


def _list(value: Any, where: str, least: int = 0) -> list[Any]:
    if not isinstance(value, list) or len(value) < least:
        raise _refuse(where, "must be a list" + (" with at least one entry" if least else ""))
    return value


def _literal(text: str) -> str:
    """A GBNF literal; the converter's own leaves backslashes unescaped, and non-ASCII as JSON escapes."""
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), ensure_ascii=False)
    for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(character, escape)
    return f'"{text}"'


def _gbnf(schema: dict[str, Any]) -> str:
    converter = _converter().SchemaConverter(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
    converter._format_literal = _literal
    converter.visit(converter.resolve_refs(schema, "schema"), "")
    grammar: str = converter.format_grammar()
    return grammar


def grammar_of(schema: Mapping[str, Any]) -> str:
    """GBNF text whose root rule admits only texts valid under `schema`.

    Raises:
        InvalidRequestError: the schema is malformed, too large, or has a keyword that no grammar here expresses.
    """
    checked = _checked(schema, "", 0)
    text = json.dumps(checked)
    if len(text) > LARGEST_SCHEMA:
        raise InvalidRequestError(f"json_schema: {len(text)} characters, at most {LARGEST_SCHEMA} are taken")
    try:
        grammar = _gbnf(json.loads(text))
    except (AssertionError, ValueError, KeyError, IndexError, TypeError, AttributeError) as e:
        raise InvalidRequestError(f"json_schema: llama.cpp's converter refuses it: {e or type(e).__name__}") from e
    except RecursionError as e:
        raise InvalidRequestError("json_schema: it refers to itself without an end") from e
    return grammar.replace(_LOOSE_CHARACTER, _STRICT_CHARACTER)


JSON_GRAMMAR = grammar_of({"type": list(_TYPES)})
