"""Forwards the log lines of llama.cpp and ggml to the logger `echorator.llama`.

Those lines are written for somebody who watches one load, so each level is lowered by one; a failure is raised as an error with the last
lines in it anyway. Lines come from any thread and wait in `log_ring.hpp`, so that no thread of llama.cpp ever waits for a log; one thread
here takes them. Of a flood, `MOST_PER_S` lines per second are written and the rest is counted.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time

from echorator._native import engine
from echorator.allowance import Allowance

_log = logging.getLogger("echorator.llama")

LEVELS = {1: logging.DEBUG, 2: logging.DEBUG, 3: logging.INFO, 4: logging.WARNING}  # keys: ggml_log_level
MOST_PER_S = 20.0
BURST = 1000.0  # a load at debug level writes some hundred lines at once
END_S = 1.0


class _Forwarding:
    """The thread that forwards lines; there is one per process, since llama.cpp has one log."""

    def __init__(self) -> None:
        self._fd = listen()
        self._allowance = Allowance(MOST_PER_S, BURST)
        self._left_out = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="llama-log", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.is_set():
            os.read(self._fd, 8)
            self.write()

    def write(self) -> None:
        """Write the lines that wait now, within the allowance."""
        lines, lost = engine.drain_log()
        self._left_out += lost
        for level, text in lines:
            if not self._allowance.take(time.monotonic()):
                self._left_out += 1
                continue
            if self._left_out:
                _log.warning("lines of llama.cpp were left out", extra={"lines": self._left_out})
                self._left_out = 0
            _log.log(LEVELS.get(level, logging.WARNING), "%s", printable(text))

    def end(self) -> None:
        """Write the lines that still wait and end the thread."""
        self._ending.set()
        engine.wake_log()
        self._thread.join(END_S)


def printable(text: str) -> str:
    """Return a text on one line, without control characters: a model file's names are part of some lines."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def listen() -> int:
    """Keep the lines that the logger's level lets through, and return the descriptor that becomes readable with them."""
    wanted = [level for level, ours in LEVELS.items() if _log.isEnabledFor(ours)]
    return engine.listen_to_log(min(wanted, default=5))


_forwarding: _Forwarding | None = None
_lock = threading.Lock()


def forward_log() -> None:
    """Forward llama.cpp's lines to `echorator.llama` from here on; a further call applies a changed level of the logger."""
    global _forwarding
    with _lock:
        if _forwarding is None:
            _forwarding = _Forwarding()
            atexit.register(_forwarding.end)
        else:
            listen()
