"""The compiled core: the engine, and the harness that shows its pure parts to the tests.

Importing it loads the libraries of the llama-cpp-python package (without that package's Python modules, which take
longer to import than to load) and refuses a version other than the one compiled against: llama.h has no stable ABI.
"""

from __future__ import annotations

import ctypes
import importlib.util
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

REPAIR = "reinstall echorator in this environment: pip install --force-reinstall --no-deps ."


def _load_llama() -> str:
    """Load libllama and the libraries it needs, and return the version of the package.

    Raises:
        ImportError: the package is missing or its libraries cannot be loaded.
    """
    spec = importlib.util.find_spec("llama_cpp")
    try:
        found = version("llama-cpp-python")
    except PackageNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise ImportError("the package llama-cpp-python is missing; pip install echorator brings it")
    folder = Path(spec.origin).parent / "lib"
    try:
        ctypes.CDLL(str(folder / "libllama.so"), mode=ctypes.RTLD_GLOBAL)
    except OSError as e:
        raise ImportError(f"llama.cpp's library does not load: {e}; {REPAIR}") from e
    return found


def check_version(built_for: str, found: str) -> None:
    """Raise ImportError if the engine was compiled against another llama-cpp-python than the installed one."""
    if built_for != found:
        raise ImportError(f"the engine was compiled for llama-cpp-python {built_for}, but {found} is installed; {REPAIR}")


LLAMA_CPP_PYTHON = _load_llama()
