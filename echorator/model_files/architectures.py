"""Tells which model architectures the installed llama.cpp knows, before a pull and without loading the library, which costs memory."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path


@cache
def _library() -> bytes:
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        return b""
    try:
        return (Path(spec.origin).parent / "lib" / "libllama.so").read_bytes()
    except OSError:
        return b""


def may_be_known(name: str) -> bool:
    """Return False only for a name that llama.cpp certainly lacks: known names are constants in its library, some as the ends of others."""
    library = _library()
    return not library or name.encode() + b"\0" in library
