"""How commands find the `echorator up` of this user: a file in the user's data folder, valid while the process that wrote it lives.

It lies there wherever that `up` keeps its data; of two, commands find the one that was started last.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from echorator.cli.memory_options import data_home
from echorator.errors import ResourceError
from echorator.serving.folder_lock import hold

FILE = "up.json"
DEFAULT_CONTROLLER = "127.0.0.1:50050"


@dataclass(frozen=True)
class Running:
    """Where it serves, HOST:PORT each; "" for what it does not serve. `born` tells its process from a later one with the same id."""

    pid: int
    born: str
    controller: str
    gateway: str
    http: str
    memory: bool


def hold_data(folder: Path, lock: str) -> int:
    """Make the folder and lock it; closing the descriptor frees it. Raises FolderBusyError, ResourceError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return hold(folder / lock)
    except OSError as error:
        raise ResourceError(f"{folder}: {error.strerror}; choose another --data") from error


def born(pid: int) -> str:
    """When a process began, in clock ticks since boot; "" where there is none. Source: proc(5), field 22 of stat."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


@contextmanager
def announced(controller: str, gateway: str = "", http: str = "", memory: bool = False) -> Iterator[Running]:
    """While the context lasts, commands find this process."""
    running = Running(os.getpid(), born(os.getpid()), controller, gateway, http, memory)
    data_home().mkdir(parents=True, exist_ok=True)
    fresh = data_home() / f"{FILE}.{os.getpid()}"
    fresh.write_text(json.dumps(asdict(running)))
    fresh.rename(data_home() / FILE)
    try:
        yield running
    finally:
        if find() == running:
            (data_home() / FILE).unlink(missing_ok=True)


def find() -> Running | None:
    """The one that serves now."""
    try:
        running = Running(**json.loads((data_home() / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return running if running.born and running.born == born(running.pid) else None


def gateway_of(server: str, *elsewhere: object) -> str:
    """Where a command's calls go: what it was told, else the `up` that runs. "" where that is nothing, or one of `elsewhere` is given."""
    found = find() if not server and not any(elsewhere) else None
    return server or (found.gateway if found is not None else "")


def controller_of(server: str) -> str:
    """What a command talks to: what it was told, else the `up` that runs, else where a controller usually is."""
    found = find() if not server else None
    return server or (found.controller if found is not None else DEFAULT_CONTROLLER)
