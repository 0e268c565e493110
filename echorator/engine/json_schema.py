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
MOST_REPETITIONS = 20_000  # of a schema: what its bounds and quantifiers add up to, for the grammar writes every one out
_FORMATS = ("date", "time", "date-time", "uuid")
_DEFINITIONS = ("$defs", "definitions")
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


def _named(schema: Mapping[str, Any]) -> dict[str, str]:
    """References to the root's definitions -> names that no rule of the grammar can have by chance."""
    prefix = "ref"
    while prefix in json.dumps(schema, default=str):
        prefix += "x"
    refs = [f"#/{key}/{name}" for key in _DEFINITIONS for name in _mapping(schema.get(key, {}), f"/{key}")]
    return {ref: f"{prefix}-{i}" for i, ref in enumerate(refs)}


def _checked(schema: Any, where: str, depth: int, names: Mapping[str, str]) -> dict[str, Any]:
    """A copy that the converter turns into a grammar of valid texts only. `names`: see `_named`."""
    if depth > DEEPEST_SCHEMA:
        raise _refuse(where, f"nested more than {DEEPEST_SCHEMA} deep")
    if not isinstance(schema, Mapping):
        raise _refuse(where, f"must be an object, not {json.dumps(schema, default=str)[:40]}")
    honoured = _branch(schema)
    ignored = sorted(set(schema) - honoured - _ANNOTATIONS)
    if ignored:
        raise _refuse(where, f"{', '.join(ignored)} cannot be honoured here; remove it or say it another way")
    kinds = schema.get("type", [])
    if "type" in schema and kinds == []:
        raise _refuse(where, "type must name at least one type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if not isinstance(kind, str) or kind not in _TYPES:
            raise _refuse(where, f"type must be one of {', '.join(_TYPES)}, not {json.dumps(kind, default=str)[:40]}")

    def at(key: str) -> str:
        return f"{where}/{key}"

    out = {key: value for key, value in schema.items() if key in honoured}
    if "$ref" in out:
        if not isinstance(out["$ref"], str) or out["$ref"] not in names:
            known = ", ".join(names) or "the definitions, of which there are none"
            raise _refuse(at("$ref"), f"must be one of {known}; nothing else is followed")
        out["$ref"] = f"#/$defs/{names[out['$ref']]}"
        if depth == 0:
            out = {"anyOf": [out]}  # the converter does not look beside a $ref, where the definitions are
    for key in _DEFINITIONS:
        if key in schema and depth > 0:
            raise _refuse(at(key), "must stand at the top of the schema")
        for name, sub in _mapping(schema.get(key, {}), at(key)).items():
            out.setdefault("$defs", {})[names[f"#/{key}/{name}"]] = _checked(sub, f"{at(key)}/{name}", depth + 1, names)
    if "properties" in out:
        out["properties"] = {
            name: _checked(sub, f"{at('properties')}/{name}", depth + 1, names)
            for name, sub in _mapping(out["properties"], at("properties")).items()
        }
        required = _list(out.get("required", []), at("required"))
        if not all(isinstance(name, str) for name in required):
            raise _refuse(at("required"), "must be a list of names")
        missing = set(required) - set(out["properties"])
        if missing:
            raise _refuse(at("required"), f"{', '.join(sorted(map(str, missing)))} must be among the properties")
        out["additionalProperties"] = False
    elif isinstance(out.get("additionalProperties"), Mapping):
        if schema.get("required"):
            raise _refuse(at("required"), "needs properties")
        out["additionalProperties"] = _checked(out["additionalProperties"], at("additionalProperties"), depth + 1, names)
    for key in ("oneOf", "anyOf", "prefixItems"):
        if key in out and key in schema:
            out[key] = [_checked(sub, f"{at(key)}/{i}", depth + 1, names) for i, sub in enumerate(_list(out[key], at(key), least=1))]
    if "enum" in out:
        _list(out["enum"], at("enum"), least=1)
    for key in ("const", "enum"):
        if key in out and _has_reference(out[key]):
            raise _refuse(at(key), "must not hold an object with a $ref, which the converter would follow")
    if "format" in out and out["format"] not in _FORMATS:
        raise _refuse(at("format"), f"must be one of {', '.join(_FORMATS)}")
    if "pattern" in out:
        _check_pattern(out["pattern"], at("pattern"))
    if "items" in out:
        out["items"] = _checked(out["items"], at("items"), depth + 1, names)
    for low, high in (("minItems", "maxItems"), ("minLength", "maxLength")):
        bounds = [out[key] for key in (low, high) if key in out]
        if any(not isinstance(n, int) or isinstance(n, bool) or not 0 <= n <= 2000 for n in bounds) or bounds != sorted(bounds):
            raise _refuse(where, f"{low} and {high} must be whole numbers 0..2000, the first not above the second")
    return out


def _check_pattern(pattern: Any, where: str) -> None:
    """A pattern's characters stand between quotes as they are, so it must not match a quote, a backslash or a control character."""
    if not isinstance(pattern, str) or len(pattern) > 1000 or not (pattern.startswith("^") and pattern.endswith("$")):
        raise _refuse(where, "must be a text of at most 1000 characters that begins with ^ and ends with $")
    if any(c in pattern for c in '."\\') or any(ord(c) < 32 for c in pattern):
        raise _refuse(where, "must not use ., quotes, backslashes or control characters; write the characters out, as in [a-z0-9]")
    if re.search(r"[\^$]", re.sub(r"\[[^]]*\]", "", pattern[1:-1])):
        raise _refuse(where, "must have ^ and $ at its two ends only")
    for characters in re.findall(r"\[[^]]*\]", pattern):
        try:
            unsafe = characters.startswith("[^") or re.search(characters, '"\\' + "".join(map(chr, range(32))))
        except re.error as e:
            raise _refuse(where, f"{characters}: {e}") from e
        if unsafe:
            raise _refuse(where, f"{characters} may match a quote, a backslash or a control character")


def _has_reference(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "$ref" in value or any(map(_has_reference, value.values()))
    return isinstance(value, list) and any(map(_has_reference, value))


def _repetitions(schema: Any) -> int:
    """What the bounds and quantifiers of a checked schema add up to."""
    if isinstance(schema, list):
        return sum(map(_repetitions, schema))
    if not isinstance(schema, dict):
        return 0
    total: int = sum(schema[key] for key in ("minItems", "maxItems", "minLength", "maxLength") if isinstance(schema.get(key), int))
    if isinstance(schema.get("pattern"), str):
        # Digits are cut to the length of the bound: int() of a long text takes long itself.
        total += sum(int(n[:8]) for braces in re.findall(r"{([^}]*)}?", schema["pattern"]) for n in re.findall(r"[0-9]+", braces))
    return total + sum(map(_repetitions, schema.values()))


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
    try:
        checked = _checked(_mapping(schema, ""), "", 0, _named(schema))
        text = json.dumps(checked, allow_nan=False)
        repetitions = _repetitions(checked)
    except RecursionError as e:
        raise InvalidRequestError(f"json_schema: nested more than {DEEPEST_SCHEMA} deep") from e
    except (ValueError, TypeError) as e:
        raise InvalidRequestError(f"json_schema: const and enum must hold JSON values only ({e})") from e
    if len(text) > LARGEST_SCHEMA:
        raise InvalidRequestError(f"json_schema: {len(text)} characters, at most {LARGEST_SCHEMA} are taken")
    if repetitions > MOST_REPETITIONS:
        raise InvalidRequestError(f"json_schema: its repetitions add up to more than {MOST_REPETITIONS}; lower the bounds or quantifiers")
    try:
        grammar = _gbnf(json.loads(text))
    except (AssertionError, ValueError, KeyError, IndexError, TypeError, AttributeError) as e:
        raise InvalidRequestError(f"json_schema: llama.cpp's converter refuses it: {e or type(e).__name__}") from e
    except RecursionError as e:
        raise InvalidRequestError("json_schema: it refers to itself without an end") from e
    return grammar.replace(_LOOSE_CHARACTER, _STRICT_CHARACTER)


JSON_GRAMMAR = grammar_of({"type": list(_TYPES)})
