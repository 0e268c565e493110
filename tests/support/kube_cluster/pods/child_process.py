"""A process in the place of a container: awaited by its file descriptor, killed with all it started, dead when the tests are."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from echorator.host.children import dying_with_parent
from tests.support.kube_cluster.pods.environment import Launch


class ChildProcess:
    """Started in a session of its own, by a thread that has to stay: its end is the child's too."""

    def __init__(self, launch: Launch, log: Path) -> None:
        program, *arguments = launch.command
        command = dying_with_parent(program, *arguments, by=signal.SIGKILL)
        with log.open("ab") as out:
            self._popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=launch.env, cwd=launch.cwd, start_new_session=True
            )
        self.pid = self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.returncode is None

    def signal(self, number: int) -> None:
        if self.running:
            self._popen.send_signal(number)

    async def ended(self) -> int:
        """The exit code, as a container runtime says it: 128 and the signal's number for one."""
        if self.running:
            loop = asyncio.get_running_loop()
            over = asyncio.Event()
            descriptor = os.pidfd_open(self.pid)
            loop.add_reader(descriptor, over.set)
            try:
                await over.wait()
            finally:
                loop.remove_reader(descriptor)
                os.close(descriptor)
            self.kill()
        code = self._popen.returncode
        return 128 - code if code < 0 else code

    def kill(self) -> None:
        """With what it started, as the end of a container's first process ends them all."""
        if self.running:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait()
