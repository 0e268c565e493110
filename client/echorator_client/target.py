"""Where the server is: what was given, else ECHORATOR_SERVER, else the running `echorator up` or `serve` of this user."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from echorator_client.errors import START_ONE, AddressError

_HOST_PORT = re.compile(r"(?:dns:///)?(?:\[[0-9A-Fa-f:.%\w]+\]|[^\s:/\[\]]+):(\d{1,5})")
_XDS = "xds:///"


def checked(address: str) -> str:
    """Return the address if gRPC can use it: HOST:PORT, dns:///HOST:PORT, unix:PATH or xds:///MODEL. Raises AddressError."""
    if address.startswith(("http://", "https://")):
        host = address.partition("//")[2].partition("/")[0].partition(":")[0] or "HOST"
        raise AddressError(f"{address!r} is an address of HTTP; this client speaks gRPC: give HOST:PORT, such as {host}:50052")
    if address.startswith("unix:") and len(address) > len("unix:"):
        return address
    if address.startswith("xds:"):
        if not address.startswith(_XDS) or not address.removeprefix(_XDS):
            raise AddressError(f"{address!r} names no model: give xds:///MODEL")
        return address
    found = _HOST_PORT.fullmatch(address)
    if found is None:
        raise AddressError(f"{address!r} is no address of a server: give HOST:PORT, such as 127.0.0.1:50052, or xds:///MODEL")
    if not 1 <= int(found[1]) <= 65535:
        raise AddressError(f"{address!r}: the port must be between 1 and 65535, not {found[1]}")
    return address


def model_of(target: str) -> str:
    """Return the model that an xDS target names; "" for any other target."""
    return target.removeprefix(_XDS) if target.startswith(_XDS) else ""


def find(address: str, environment: Mapping[str, str]) -> str:
    """Return the target of the server for the given address, which may be "". Raises AddressError."""
    given = address or environment.get("ECHORATOR_SERVER", "")
    if given:
        return checked(given)
    data = Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "echorator"
    for file in ("up.json", "serve.json"):
        if found := _running(data / file):
            return checked(found)
    raise AddressError(f"no server is named and none of this user is running: {START_ONE}")


def _running(file: Path) -> str:
    """Return the gRPC address in the file of a running server; "" where the process that wrote the file lives no more."""
    try:
        said: dict[str, Any] = json.loads(file.read_text("utf-8"))
        pid, born, gateway = int(said["pid"]), str(said["born"]), str(said["gateway"])
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except (OSError, ValueError, TypeError, KeyError):
        return ""
    return gateway if stat.rpartition(")")[2].split()[19] == born else ""  # field 22 of proc(5): another process may have the id now


def metadata(token: str, environment: Mapping[str, str], given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the metadata of every call: the bearer token, of the argument or ECHORATOR_TOKEN, and what else was given."""
    bearer = token or environment.get("ECHORATOR_TOKEN", "")
    found = {"authorization": f"Bearer {bearer}"} if bearer else {}
    return tuple((found | {key.lower(): value for key, value in given.items()}).items())


def settings(address: str, token: str, given: Mapping[str, str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return target and metadata for a client's arguments and this process's environment. Raises AddressError."""
    return find(address, os.environ), metadata(token, os.environ, given)
