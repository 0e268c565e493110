"""The file by which commands find this user's `echorator up`: it is valid while the process that wrote it lives.

It is in the user's data folder, wherever that `up` keeps its data; of two, commands find the one started last.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from echorator.errors import ResourceError
from echorator.host.folders import data_home
from echorator.ports import DEFAULT_CONTROLLER
from echorator.private_files import open_private, private_folder
from echorator.serving.folder_lock import hold

FILE = "up.json"
# The files of a data folder.
FILES = (f"{FILE}*", "up.lock", "cluster.lock", "resources.db*", "memory", "controller", "cluster", "logs", "models", "chats")


@dataclass(frozen=True)
class Running:
    """The addresses of a running `up`, HOST:PORT each, "" for what it does not serve.

    `born` distinguishes its process from a later one with the same id.
    """

    pid: int
    born: str
    controller: str
    gateway: str
    http: str
    memory: bool


def hold_data(folder: Path, lock: str) -> int:
    """Make the folder and lock it; closing the returned descriptor unlocks it. Raises FolderBusyError, ResourceError."""
    try:
        private_folder(folder, FILES)
        return hold(folder / lock)
    except OSError as error:
        raise ResourceError(f"{folder}: {error.strerror}; choose another --data") from error


def born(pid: int) -> str:
    """Return when a process began, in clock ticks since boot; "" if there is none. Source: proc(5), field 22 of stat."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


@contextmanager
def announced(controller: str, gateway: str = "", http: str = "", memory: bool = False) -> Iterator[Running]:
    """Let commands find this process while the context lasts."""
    running = Running(os.getpid(), born(os.getpid()), controller, gateway, http, memory)
    private_folder(data_home(), FILES)
    fresh = data_home() / f"{FILE}.{os.getpid()}"
    with open_private(fresh, "w") as out:
        out.write(json.dumps(asdict(running)))
    fresh.rename(data_home() / FILE)
    try:
        yield running
    finally:
        if find() == running:
            (data_home() / FILE).unlink(missing_ok=True)


def find() -> Running | None:
    """Return the running `up` of this user; None if there is none."""
    try:
        running = Running(**json.loads((data_home() / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return running if running.born and running.born == born(running.pid) else None


def gateway_of(server: str, *elsewhere: object) -> str:
    """Return the server for a command's calls: the one named, else that of the running `up`.

    It is "" if neither exists, or if one of `elsewhere`, which name other places, is given.
    """
    found = find() if not server and not any(elsewhere) else None
    return server or (found.gateway if found is not None else "")


def controller_of(server: str) -> str:
    """Return the controller for a command: the one named, else that of the running `up`, else DEFAULT_CONTROLLER."""
    found = find() if not server else None
    return server or (found.controller if found is not None else DEFAULT_CONTROLLER)
