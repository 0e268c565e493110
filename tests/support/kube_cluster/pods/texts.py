"""What a container sees through its own mounts and network: a process has neither, so its command line and environment say it instead."""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SERVICE = re.compile(
    rf"(?<![\w.-])(?:(?P<host>{_LABEL})\.)?(?P<service>{_LABEL})\.(?P<namespace>{_LABEL})\.svc(?:\.cluster\.local)?"
    r"(?![\w-]|\.\w)(?::(?P<port>\d+))?"
)
_ANYWHERE = re.compile(r"(?<![\d.])0\.0\.0\.0(?![\d.])|\[::\]")
_REFERENCE = re.compile(r"\$(?:\$|\(([^()]+)\))")
_NUMBER = re.compile(r"([0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)")
_UNITS = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15} | {
    unit + "i": 1024.0**power for power, unit in enumerate("KMGTP", 1)
}


def expanded(text: str, env: Mapping[str, str]) -> str:
    """$(NAME) of a known name becomes its value, of another it stays, and $$ is a dollar: as in `command`, `args` and `env` of a pod."""

    def value(found: re.Match[str]) -> str:
        return "$" if found[1] is None else env.get(found[1], found[0])

    return _REFERENCE.sub(value, text)


def quantity(text: str) -> float:
    """`500m`, `2Gi`, `64`."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f"not a quantity: {text}")
    return float(found[1]) * _UNITS[found[2]]


@dataclass(frozen=True)
class ServiceName:
    """`HOST.SERVICE.NAMESPACE.svc:PORT`, of which host and port may be absent."""

    host: str | None
    service: str
    namespace: str
    port: int | None


Resolve = Callable[[ServiceName], Awaitable[str]]


class Localization:
    """Of the texts of one container: `mounts` gives what is behind its mount paths, `address` is the pod's, `resolve` knows Services."""

    def __init__(self, mounts: Mapping[str, str], address: str, resolve: Resolve) -> None:
        self._mounts = {path.rstrip("/"): local for path, local in mounts.items() if path.strip("/")}
        self._address = address
        self._resolve = resolve
        # The interpreter's own path stays, also where a volume is mounted above it: on /tmp, say.
        self._kept = re.escape(sys.executable)
        paths = "|".join(re.escape(path) for path in sorted(self._mounts, key=len, reverse=True))
        self._paths = re.compile(rf"{self._kept}|(?:(?<=://)|(?<![\w./~-]))(?:{paths})(?=/|$|[^\w.-])") if paths else None

    def path(self, text: str) -> str:
        """With the mount paths replaced: whole components of them, the longest first."""
        if self._paths is None:
            return text
        return self._paths.sub(lambda found: self._mounts.get(found[0], found[0]), text)

    async def text(self, text: str) -> str:
        """With mount paths, the wildcard address and the names of Services replaced."""
        text = _ANYWHERE.sub(self._address, self.path(text))
        parts, end = [], 0
        for found in _SERVICE.finditer(text):
            port = found["port"]
            name = ServiceName(found["host"], found["service"], found["namespace"], None if port is None else int(port))
            parts += [text[end : found.start()], await self._resolve(name)]
            end = found.end()
        return "".join((*parts, text[end:]))
