"""One `echorator` command as a process of its own: started, signalled, killed, and waited for by what its log says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support.waiting import looks

START_S = 60.0
_LISTENING = re.compile(r"listening on (\S+?),?(?:\s|$)")


class Process:
    """One `echorator` command. `start` returns once it listens; it may be started again after its end."""

    module = "echorator"

    def __init__(self, log: Path, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.log = log
        self.arguments = arguments
        self.env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self.popen: subprocess.Popen[bytes] | None = None

    def start(self) -> Process:
        self.begin()
        self.wait_for(_LISTENING)
        return self

    def begin(self) -> None:
        """Start without waiting."""
        with self.log.open("wb") as out:
            command = (sys.executable, "-m", self.module, *self.arguments)
            self.popen = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=self.env)

    def wait_for(self, pattern: re.Pattern[str]) -> re.Match[str]:
        assert self.popen is not None
        for _ in looks(START_S):
            ended = self.popen.poll()
            found = pattern.search(self.log.read_text("utf-8", "replace"))
            if found:
                return found
            assert ended is None, f"ended with {ended}: {self.log.read_text('utf-8', 'replace')}"
            time.sleep(0.02)
        raise AssertionError(f"no {pattern.pattern!r} in {self.log.read_text('utf-8', 'replace')}")

    def signal(self, number: signal.Signals) -> None:
        assert self.popen is not None
        self.popen.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    def terminate(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        assert self.popen is not None
        return self.popen.wait(START_S)

    def end(self) -> None:
        if self.popen is not None and self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.kill()
            self.popen.wait(START_S)
