"""Tells which model architectures the installed llama.cpp knows, before a pull and without loading the library, which costs memory."""

from __future__ import annotations

from functools import cache

from echorator import llama_libraries


@cache
def _library() -> bytes:
    folder = llama_libraries.folder()
    try:
        return (folder / "libllama.so").read_bytes() if folder is not None else b""
    except OSError:
        return b""


def may_be_known(name: str) -> bool:
    """Return False only for a name that llama.cpp certainly lacks: known names are constants in its library, some as the ends of others."""
    library = _library()
    return not library or name.encode() + b"\0" in library
