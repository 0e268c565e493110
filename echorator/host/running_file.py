"""The files by which commands find this user's running servers: a file is valid while the process that wrote it lives.

They are in the user's data folder, wherever a server keeps its data: one of `echorator up`, which commands prefer, and one of `echorator
serve`. Of two servers of one kind, commands find the one started last.
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

UP, SERVE = "up", "serve"  # the commands that announce themselves, in the order in which they are looked for
# The files of a data folder.
FILES = (
    *(f"{UP}.json*", f"{SERVE}.json*", "up.lock", "cluster.lock", "resources.db*"),
    *("memory", "controller", "cluster", "logs", "models", "chats"),
)


@dataclass(frozen=True)
class Running:
    """The addresses of a running server, HOST:PORT each, "" for what it does not serve; a `serve` has no controller.

    `born` distinguishes its process from a later one with the same id.
    """

    pid: int
    born: str
    controller: str
    gateway: str
    http: str
    memory: bool
    models: str  # the folder of its model files
    data: str = ""  # the folder of state and logs of an `up`


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
def announced(controller: str, gateway: str, http: str, memory: bool, models: Path, data: Path | None = None) -> Iterator[Running]:
    """Let commands find this process while the context lasts; a `serve` names no controller.

    `models` is the folder of its model files, `data` that of its state and logs, which only an `up` has.
    """
    running = Running(os.getpid(), born(os.getpid()), controller, gateway, http, memory, str(models.absolute()), str(data or ""))
    private_folder(data_home(), FILES)
    file = f"{UP if controller else SERVE}.json"
    fresh = data_home() / f"{file}.{os.getpid()}"
    with open_private(fresh, "w") as out:
        out.write(json.dumps(asdict(running)))
    fresh.rename(data_home() / file)
    try:
        yield running
    finally:
        if _found(file) == running:
            (data_home() / file).unlink(missing_ok=True)


def find() -> Running | None:
    """Return the running `up` of this user; None if there is none."""
    return _found(f"{UP}.json")


def find_any() -> Running | None:
    """Return the running `up` of this user, else its `serve`; None if there is neither."""
    return find() or _found(f"{SERVE}.json")


def _found(file: str) -> Running | None:
    try:
        running = Running(**json.loads((data_home() / file).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return running if running.born and running.born == born(running.pid) else None


def gateway_of(server: str, *elsewhere: object) -> str:
    """Return the server for a command's calls: the one named, else that of the running `up` or `serve`.

    It is "" if neither exists, or if one of `elsewhere`, which name other places, is given.
    """
    found = find_any() if not server and not any(elsewhere) else None
    return server or (found.gateway if found is not None else "")


def memory_server_of(server: str, *elsewhere: object) -> str:
    """Return what `gateway_of` returns, but not the running server of this user if that has no memory: the folder is free then."""
    found = find_any()
    address = gateway_of(server, *elsewhere)
    passed_over = not server and found is not None and address == found.gateway and not found.memory
    return "" if passed_over else address


def controller_of(server: str) -> str:
    """Return the controller for a command: the one named, else that of the running `up`, else DEFAULT_CONTROLLER."""
    found = find() if not server else None
    return server or (found.controller if found is not None else DEFAULT_CONTROLLER)
