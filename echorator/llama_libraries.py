"""Finds llama.cpp's libraries without loading them: those that a wheel carries, else those of the package llama-cpp-python."""

from __future__ import annotations

import importlib.util
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CARRIED = Path(__file__).parent / "_native" / "carried"  # in a wheel that compiles nothing where it is installed; see packaging/


def is_carried() -> bool:
    """Return whether the libraries came in Echorator's own wheel."""
    return (CARRIED / "VERSION").exists()


def folder() -> Path | None:
    """Return the folder of the libraries; None where there is none."""
    if is_carried():
        return CARRIED / "lib"
    spec = importlib.util.find_spec("llama_cpp")
    return Path(spec.origin).parent / "lib" if spec is not None and spec.origin is not None else None


def source_version() -> str:
    """Return the version of llama-cpp-python whose source they were built from; "" where there is none."""
    try:
        return (CARRIED / "VERSION").read_text("ascii").strip() if is_carried() else version("llama-cpp-python")
    except PackageNotFoundError:
        return ""
