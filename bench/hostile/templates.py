"""Generates hostile chat templates, texts and schemas, in any number, for tests and for benches against a running mesh.

Each is of a kind that once froze an agent or took its memory; the numbers, names and places in it are random. The same seed gives the
same inputs. A template has to be put into a model file (`random_gguf.Shape.template`); a text and a schema are sent in requests.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

# {n} is a number too large to compute with, {m} one whose square is, {v} a name. Templates with a constant expression are computed by
# the compilation, the others by each render.
JINJA = (
    "{{{{ 1.5|round({n}, 'ceil') }}}}",
    "{{{{ []|slice({n})|list|length }}}}",
    "{{{{ [1]|batch({n}, 1)|list|length }}}}",
    "{{{{ (1).to_bytes({n}, 'big')|length }}}}",
    "{{{{ {{'a': [1, 2]}}|tojson(separators=(',' * {n}, ':')) }}}}",
    "{{% set {v} = (2 ** {m}) %}}{{{{ {v} ** {m} // 3 }}}}",
    "{{{{ 'x' * {n} }}}}",
    "{{{{ 'x'.ljust({n}) ~ messages|length }}}}",
    "{{{{ '%{n}d' % messages|length }}}}",
    "{{{{ '{{:{n}}}'.format(1) }}}}",
    "{{% for a in range(99999) %}}{{% for b in range(99999) %}}{{% set {v} = b %}}{{% endfor %}}{{% endfor %}}",
    "{{% set ns = namespace({v}='aaaaaaaa') %}}{{% for i in range(90) %}}{{% set ns.{v} = ns.{v} ~ ns.{v} %}}{{% endfor %}}"
    "{{{{ ns.{v} }}}}",
    "{{% set ns = namespace({v}=[1]) %}}{{% for i in range(90) %}}{{% set ns.{v} = [ns.{v}, ns.{v}] %}}{{% endfor %}}"
    "{{{{ ns.{v} == ns.{v} }}}}{{{{ ns.{v} }}}}",
    "{{% macro {v}() %}}{{{{ {v}() }}}}{{{{ {v}() }}}}{{% endmacro %}}{{{{ {v}() }}}}",
    "{{% for x in [1] recursive %}}{{{{ loop([1, 2]) }}}}{{% endfor %}}",
    "{{{{ range(99999)|join('a' * {m}) }}}}",
    "{{{{ ('a' * {m}).replace('a', 'b' * {m}) }}}}",
    "{{{{ ('\\n' * {m})|indent({n}) }}}}",
    "{{{{ messages[0].content|wordwrap(1, wrapstring='x' * {n}) }}}}",
    "{{{{ '((((((((((' * {m} }}}}" + "{{{{ " + "(" * 90 + "messages" + ")" * 90 + " * {n} }}}}",
)
GO = (
    "{{{{ range {n} }}}}{{{{ range {n} }}}}{{{{ end }}}}{{{{ end }}}}",
    '{{{{ ${v} := "aaaaaaaaaaaaaaaa" }}}}' + "{{{{ ${v} = print ${v} ${v} }}}}" * 60,
    '{{{{ ${v} := "aaaaaaaaaaaaaaaa" }}}}' + '{{{{ ${v} = printf "%s%s" ${v} ${v} }}}}' * 60,
    '{{{{ ${v} := "aaaaaaaaaaaaaaaa" }}}}' + "{{{{ ${v} = json (print ${v} ${v}) }}}}" * 60,
    "{{{{" * 100_000,
    "{{{{ if 1 }}}}" * 20_000,
    "{{{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}}}",
    "{{{{ range $i, ${v} := .Messages }}}}{{{{ range {n} }}}}{{{{ len (print ${v} $i) }}}}{{{{ end }}}}{{{{ end }}}}",
)
_UNITS = (
    "a",
    "A",
    " ",
    "-",
    "1",
    "漢",
    "é",
    "Ж",
    "\n",
    "/",
    "🙂",
    "ب",
    "नि",
    "\t",
    "aA",
    "a1",
    "*",
    "<|im_end|>",
    "<|im_start|>user\n",
    "\u0301",
)
_TAILS = ("", "x", "🙂", "\n", " ", "ب")


def _drawn(patterns: tuple[str, ...], number: int, rng: random.Random) -> Iterator[str]:
    for i in range(number):
        values = {"n": rng.randrange(10**8, 10**10), "m": rng.randrange(10**5, 10**6), "v": f"v{rng.randrange(1000)}"}
        yield patterns[i % len(patterns)].format(**values)


def jinja_templates(number: int, seed: int = 1) -> Iterator[str]:
    """Yield Jinja sources that loop or allocate endlessly."""
    return _drawn(JINJA, number, random.Random(seed))


def go_templates(number: int, seed: int = 1) -> Iterator[str]:
    """Yield Go templates that loop or allocate endlessly."""
    return _drawn(GO, number, random.Random(seed))


def texts(number: int, most_characters: int = 400_000, seed: int = 1) -> Iterator[str]:
    """Yield long runs of one class of characters, or of special tokens, with something else before, between or after them."""
    rng = random.Random(seed)
    for i in range(number):
        unit, tail = _UNITS[i % len(_UNITS)], rng.choice(_TAILS)
        length = int(most_characters ** rng.uniform(0.7, 1.0))
        parts = rng.choice((1, 1, 1, 2, 5))
        yield tail.join([(unit * (length // parts))[: length // parts]] * parts) + tail


def schemas(number: int, seed: int = 1) -> Iterator[str]:
    """Yield JSON schemas, as text, that are deep, wide, repeated, recursive, or have a costly or malformed pattern."""
    rng = random.Random(seed)
    for i in range(number):
        yield json.dumps(_schema(i % 8, rng))


def _schema(kind: int, rng: random.Random) -> dict[str, Any]:
    number = rng.randrange(100, 10_000)
    if kind == 0:
        return {
            "type": "string",
            "pattern": rng.choice(("^a}$", "^]$", "^}$", "^a{5,0}$", "^(a*)*$", f"^a{{{number}}}$", "^[z-a]$", "^(" * 50)),
        }
    if kind == 1:
        schema: dict[str, Any] = {"type": "integer"}
        for _ in range(rng.randrange(60, 200)):
            schema = {"type": "array", "items": schema}
        return schema
    if kind == 2:
        return {"type": "object", "properties": {f"p{i}": {"type": "string", "maxLength": number} for i in range(rng.randrange(50, 500))}}
    if kind == 3:
        return {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}
    if kind == 4:
        return {"enum": [f"{i:0{rng.randrange(5, 50)}d}" for i in range(number)]}
    if kind == 5:
        return {
            "allOf": [{"anyOf": [{"type": "string", "maxLength": i}, {"type": "integer", "minimum": i}]} for i in range(number // 100 + 2)]
        }
    if kind == 6:
        defs = {f"d{i}": {"type": "array", "items": {"$ref": f"#/$defs/d{i + 1}"}, "minItems": 9, "maxItems": number} for i in range(40)}
        return {"$defs": {**defs, "d40": {"type": "null"}}, "$ref": "#/$defs/d0"}
    return {"type": "array", "uniqueItems": True, "minItems": number, "prefixItems": [{"const": "x" * number}] * rng.randrange(2, 60)}
