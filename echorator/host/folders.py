"""The folders of this user's data, caches and configuration, as the XDG Base Directory Specification places them."""

from __future__ import annotations

import os
from pathlib import Path


def data_home() -> Path:
    """Return the folder of this user's data: $XDG_DATA_HOME/echorator."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "echorator"


def data_folder() -> Path:
    """Return the folder of this user's memory: $XDG_DATA_HOME/echorator/memory."""
    return data_home() / "memory"


def cache_folder() -> Path:
    """Return the folder of what can be made again: $XDG_CACHE_HOME/echorator."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "echorator"


def config_file() -> Path:
    """Return the file of this user's configuration: $XDG_CONFIG_HOME/echorator/config.toml."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "echorator" / "config.toml"
