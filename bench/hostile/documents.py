"""Hostile archives, YAML and JSON, generated from a seed; the tests of the parsers draw thousands of them."""

from __future__ import annotations

import io
import random
import tarfile
from typing import Any

from bench.hostile.files import mutated

_TAR_NAMES = ("m.gguf", ".wh.", ".wh..wh..opq", "../../x.gguf", "/etc/x.gguf", "a/" * 20 + "n.gguf", "ä\udcff.gguf")
_PAX_KEYS = ("GNU.sparse.major", "GNU.sparse.map", "GNU.sparse.size", "GNU.sparse.numblocks", "size", "mtime", "hdrcharset")
_PAX_VALUES = ("1", "0", "x", "-1", "1,2,3", "9" * 5000, "nan", "BINARY", "")
_YAML_LINES = """\
apiVersion: echorator.dev/v1
kind: Model
kind: Container
metadata: {name: a}
metadata: {name: a, labels: {a: 2001-01-01}}
metadata: {name: a, resourceVersion: '²'}
spec: {image: a.gguf}
spec: {worker: 'a:b'}
spec: {replicas: 1e400}
spec: {engine: {slots: .nan}}
---
x: !!timestamp x
x: !!binary '*'
x: !!int x
x: !!int ''
x: !!float x
x: !!bool maybe
x: !!null x
x: !!set {a, b}
x: !!omap [a]
x: !!pairs [a]
x: !!python/object/apply:os.system [id]
x: !<tag:yaml.org,2002:bool> maybe
? [a, b]
? {a: b}
: c
a: &a [*a]
b: *missing
<<: [1]
<<: {a: 1}
x: 1:99:99
x: 2001-99-99
x: .inf
x: 0b2
x: 0x
x: '\\ud800'
x: "\\ud800"
%YAML 9.9
%TAG ! !
\t- x
x: |""".split("\n")
_YAML_PARTS = (
    *(f"{line}\n" for line in _YAML_LINES),
    "x: " + "9" * 5000 + "\n",
    "metadata: {name: a, resourceVersion: '" + "9" * 5000 + "'}\n",
    "\ufeff",
    "\0",
    "\x85",
)
_JSON_VALUES = (
    *'null true 1 -1 1e400 Infinity NaN "x" [] {} 1.5 "\\ud800" [[]] {"a":{}} "application/vnd.ollama.image.model"'.split(),
    "9" * 5000,
    f'"sha256:{"a" * 64}"',
)
_JSON_KEYS = (
    "layers manifests annotations mediaType digest size siblings sha rfilename lfs oid sha256 token access_token auths credHelpers "
    "credsStore auth username password Username Secret stop temperature num_predict org.opencontainers.image.title registry.example.com"
).split()


def tar_archive(seed: int) -> bytes:
    """Return a layer of an image: plain, compressed or damaged, with members of odd kinds, names and pax headers."""
    rng = random.Random(seed)
    out = io.BytesIO()
    mode: Any = rng.choice(("w", "w:gz", "w:bz2", "w:xz"))
    with tarfile.open(fileobj=out, mode=mode, format=rng.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT))) as tar:
        for i in range(rng.randrange(1, 5)):
            member = tarfile.TarInfo(rng.choice((*_TAR_NAMES, f"x{i}")))
            member.type = rng.choice((tarfile.REGTYPE, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE))
            member.size = rng.choice((0, 10, 1000)) if member.type == tarfile.REGTYPE else 0
            member.linkname = "/etc/passwd" if member.type == tarfile.SYMTYPE else ""
            member.mtime = rng.choice((0, 1e9, 2**33))
            if rng.random() < 0.6:
                member.pax_headers = {rng.choice(_PAX_KEYS): rng.choice(_PAX_VALUES)}
            try:
                tar.addfile(member, io.BytesIO(bytes(member.size)))
            except (ValueError, UnicodeError):
                continue  # this format cannot say it
    data = out.getvalue()
    return data if rng.random() < 0.3 else mutated(data, rng)


def yaml_text(seed: int) -> str:
    """Return a file of resources with mistakes, unfit tags, bombs of aliases, deep nesting or a repeated key."""
    rng = random.Random(seed)
    match rng.randrange(40):
        case 0:
            return rng.choice("[{") * rng.choice((10, 1_000, 20_000))
        case 1:
            levels = "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9) if i else 'x'}]\n" for i in range(rng.randrange(2, 12)))
            return f"apiVersion: echorator.dev/v1\n{levels}"
        case 2:
            return "- " * rng.choice((10, 1_000, 5_000)) + "x"
    return "".join(rng.choice(_YAML_PARTS) for _ in range(rng.randrange(1, 9)))


def json_text(seed: int) -> bytes:
    """Return JSON of a registry, a hub or a configuration file: the right field names with wrong values, deep or damaged."""
    rng = random.Random(seed)
    if rng.random() < 0.1:
        depth = rng.choice((60, 1_000, 100_000))
        return b"[" * depth + rng.choice((b"", b"]" * depth))
    text = _json_value(rng, 0).encode("utf-8", "surrogatepass")
    return text if rng.random() < 0.7 else mutated(text, rng)


def _json_value(rng: random.Random, depth: int) -> str:
    if depth > 4 or (depth and rng.random() < 0.25):
        return rng.choice(_JSON_VALUES)
    if depth and rng.random() < 0.3:
        return f"[{', '.join(_json_value(rng, depth + 1) for _ in range(rng.randrange(4)))}]"
    return "{" + ", ".join(f'"{rng.choice(_JSON_KEYS)}": {_json_value(rng, depth + 1)}' for _ in range(rng.randrange(1, 6))) + "}"
