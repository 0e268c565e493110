"""Where `build.sh` installs the clients of other projects."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

HERE = Path(__file__).parent
MADE_OF = {
    "python": ("python/requirements.txt",),
    "llama_index": ("llama_index/requirements.txt",),
    "node": ("node/package.json", "node/package-lock.json"),
}


def place(environment: str) -> Path:
    """Return the folder of an environment, which need not be there; it is whole once it has the file `whole`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "echorator"
    made_of = b"".join((HERE / name).read_bytes() for name in MADE_OF[environment])
    return cache / f"clients-{environment}-{hashlib.sha256(made_of).hexdigest()[:12]}"
