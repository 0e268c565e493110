"""Opens this user's model store and makes its puller: what `echorator.model_files` needs from the environment."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from echorator import machine
from echorator.host.exits import CommandError, Exit
from echorator.host.folders import data_home
from echorator.host.running_file import FILES
from echorator.model_files.hub import HubSettings
from echorator.model_files.puller import Puller, PullSettings
from echorator.model_files.store import Store
from echorator.private_files import private_folder

OFFLINE = ("ECHORATOR_OFFLINE", "HF_HUB_OFFLINE")


def stores_of(folder: Path | None) -> tuple[Store, list[Store]]:
    """Return the user's own store, and Ollama's store if there is one, which is only read."""
    own = Store(folder or Path(os.environ.get("ECHORATOR_MODELS") or data_home() / "models"))
    ollama = Path(os.environ.get("OLLAMA_MODELS") or Path.home() / ".ollama" / "models")
    return own, [Store(ollama)] if ollama != own.folder and (ollama / "manifests").is_dir() else []


def puller_of(folder: Path | None, any_size: bool = False, upstream: str = "", mounts: Sequence[str] = ()) -> Puller:
    """Return the puller that this user's environment variables ask for. Raises CommandError."""
    store, others = stores_of(folder)
    if store.folder.parent == data_home():
        with contextlib.suppress(OSError):  # a pull reports it; everything else works without the folder
            private_folder(data_home(), FILES)
    folders = os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker")
    docker_configs = [Path(folder) / "config.json" for folder in folders.split(os.pathsep)]  # a pod has one folder for each of its secrets
    memory_bytes = 0 if any_size else machine.memory_bytes(machine.ROOT)
    hub = HubSettings(os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/"), _hub_token())
    offline = any(os.environ.get(name, "0") not in ("", "0") for name in OFFLINE)
    mirrors = _mirrors(os.environ.get("ECHORATOR_MIRRORS", ""))
    return Puller(store, others, PullSettings(docker_configs, hub, offline, memory_bytes, mirrors, upstream, _mounts(mounts)))


def _mounts(pairs: Sequence[str]) -> dict[str, Path]:
    """Parse pairs such as "pvc://claim/m.gguf=/model/m.gguf", split at the last =, since a source may contain one. Raises CommandError."""
    found = {}
    for pair in pairs:
        source, equals, path = pair.rpartition("=")
        if not source or not equals or not path:
            raise CommandError(f"--mount {pair!r} is not SOURCE=PATH", Exit.USAGE)
        found[source] = Path(path)
    return found


def _mirrors(text: str) -> dict[str, list[str]]:
    """Parse "registry.ollama.ai=mirror.example.com:5000,docker.io=mirror.example.com/hub"; mirrors of one host keep their order.

    Raises CommandError.
    """
    mirrors: dict[str, list[str]] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        host, equals, mirror = pair.partition("=")
        if not host or not equals or not mirror or "://" in pair:
            raise CommandError(f"ECHORATOR_MIRRORS: {pair!r} is not HOST=MIRROR, as in registry.ollama.ai=mirror.example.com:5000")
        mirrors.setdefault(host.strip(), []).append(mirror.strip())
    return mirrors


def _hub_token() -> str:
    """Return the token that Hugging Face's own tools would use, from the environment or a file; "" for none."""
    token = os.environ.get("HF_TOKEN", "")
    if token:
        return token.strip()
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    try:
        return Path(os.environ.get("HF_TOKEN_PATH") or home / "token").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
