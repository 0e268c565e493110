"""Where the packages are that the examples of LangChain and LlamaIndex need: in an environment of their own, as `.ci/run` makes it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("adapters.txt")


def adapters() -> Path:
    """Return the folder of the environment, which need not be there; it is whole once it has the file `whole`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "echorator"
    return cache / f"adapters-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]}"
