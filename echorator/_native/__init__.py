"""The compiled core: the engine, and the harness that shows its pure parts to the tests.

Importing it loads llama.cpp's libraries, without the Python modules of llama-cpp-python, which take longer to import than to load, and
refuses a version other than the one compiled against: llama.h has no stable ABI.
"""

from __future__ import annotations

import ctypes
import sys

from echorator import llama_libraries

REPAIR = "reinstall echorator in this environment: pip install --force-reinstall --no-deps ."

_SILENT = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda _level, _text, _data: None)


def _load_llama() -> str:
    """Load libllama and the libraries it needs, and return the version of llama-cpp-python whose source they were built from.

    Raises:
        ImportError: the libraries are missing or cannot be loaded.
    """
    folder, found = llama_libraries.folder(), llama_libraries.source_version()
    if folder is None or not found:
        raise ImportError("the package llama-cpp-python is missing; pip install echorator brings it")
    try:
        ctypes.CDLL(str(folder / "libllama.so"), mode=ctypes.RTLD_GLOBAL)
        if llama_libraries.is_carried():
            # The kernels for each kind of CPU are a library of their own; this loads the fastest that this machine can run. It would say
            # which one on stderr, until the engine takes over llama.cpp's log.
            ctypes.CDLL(str(folder / "libggml-base.so")).ggml_log_set(_SILENT, None)
            ctypes.CDLL(str(folder / "libggml.so")).ggml_backend_load_all_from_path(str(folder).encode())
            sys.path.append(str(llama_libraries.CARRIED / "python"))  # hnswlib, which is published as source alone too
    except OSError as e:
        raise ImportError(f"llama.cpp's library does not load: {e}; {REPAIR}") from e
    return found


def check_version(built_for: str, found: str) -> None:
    """Raise ImportError if the engine was compiled against another llama-cpp-python than the installed one."""
    if built_for != found:
        raise ImportError(f"the engine was compiled for llama-cpp-python {built_for}, but {found} is installed; {REPAIR}")


LLAMA_CPP_PYTHON = _load_llama()
