"""The child: `python -m echorator.prompting.child.main DUTY PARENT MEMORY`, with a socket to its parent as standard input.

The child says that it is ready, then takes one message after another and answers each. It ends with its parent: when the socket is
closed, or, during a computation, by the signal that the kernel then sends.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import signal
import socket
import sys
from typing import Any, Protocol

from echorator.errors import EchoratorError
from echorator.prompting.child.frames import Frame, receive

_DUTIES = {name: f"echorator.prompting.child.{name}_duty" for name in ("template", "schema", "tokenizer")}
_PR_SET_PDEATHSIG = 1  # prctl(2)
_SPARE_BYTES = 1 << 20  # freed before a lack of memory is reported


class Duty(Protocol):
    """The work of one kind of child."""

    def open(self, header: dict[str, Any], body: bytes) -> Frame:
        """Prepare for the jobs of one model and return the reply."""

    def do(self, header: dict[str, Any], body: bytes) -> bytes:
        """Do one job and return the body of the reply."""


def _end_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before prctl
        sys.exit(0)


def _limit(memory_bytes: int) -> None:
    """Limit the address space to what is mapped now plus `memory_bytes`."""
    with open("/proc/self/statm", encoding="ascii") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + memory_bytes, mapped + memory_bytes))


def _answer(duty: Duty, asked: Frame, spare: bytearray) -> bytes:
    """Return the packed reply to a message. `spare` is freed where memory is lacking."""
    try:
        if asked.header["do"] == "open":
            return duty.open(asked.header, asked.body).packed()
        return Frame({}, duty.do(asked.header, asked.body)).packed()
    except EchoratorError as error:
        refused = {"error": type(error).__name__, "says": str(error)[:4000]}
    except MemoryError:
        spare.clear()
        refused = {"error": "MemoryError"}
    except Exception as error:  # noqa: BLE001 a fault of this program: told to the parent, which logs it
        refused = {"error": "fault", "says": f"{type(error).__name__}: {str(error)[:500]}"}
    return Frame(refused).packed()


def main() -> None:
    """Serve one duty until the parent closes the socket."""
    name, parent, memory_bytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to a whole group or container; this process ends with its parent
        signal.signal(number, signal.SIG_IGN)
    _end_with(parent)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=os.dup(0)) as parent_socket, open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        duty: Duty = importlib.import_module(_DUTIES[name]).duty()
        _limit(memory_bytes)
        parent_socket.sendall(Frame({"ready": os.getpid()}).packed())
        spare = bytearray(_SPARE_BYTES)
        while (asked := receive(parent_socket)) is not None:
            parent_socket.sendall(_answer(duty, asked, spare))


if __name__ == "__main__":
    main()
