"""Imports a worker's module in a child process first, since an import may end, block or crash its interpreter.

`sys.exit` can be caught where it is raised; `os._exit`, a crash in C and an import that never returns cannot. Fed by `loader`, once for
each module that this process has not imported yet.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from echorator.errors import InvalidRequestError

TRIAL_S = 10.0  # importing PyTorch takes about 3 s
MOST_TOLD_BYTES = 1000

# A program text and not a module of this package, whose imports would take longer than most workers'. Output of the module is dropped.
_IMPORT = """\
import importlib, os, sys
told, module = int(sys.argv[1]), sys.argv[2]
sys.path += sys.argv[3:]
said = ""
try:
    importlib.import_module(module)
except BaseException as error:
    try:
        said = f"{type(error).__name__}: {error}"
    except BaseException:
        said = type(error).__name__
os.write(told, ("refused " + said if said else "imported").encode("utf-8", "replace")[:1000])
os._exit(0)"""


def try_import(module: str, folders: Sequence[str], within_s: float = TRIAL_S) -> None:
    """Return if a child process can import `module` with `folders` on its path. Blocks for at most `within_s`.

    Raises:
        InvalidRequestError: the import raises, ends or crashes its process, or does not end in time; the message says which.
    """
    reading, writing = os.pipe()
    try:
        child = subprocess.Popen(
            (sys.executable, "-P", "-c", _IMPORT, str(writing), module, *folders),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(writing,),
            start_new_session=True,  # the child and its own children are one process group, which is killed together
        )
        os.close(writing)
        writing = -1
        code = _ended(child, within_s)
        os.set_blocking(reading, False)
        try:
            said = os.read(reading, MOST_TOLD_BYTES).decode("utf-8", "replace")
        except BlockingIOError:
            said = ""  # a process that the child left behind still holds the pipe
    finally:
        for fd in (reading, writing):
            if fd >= 0:
                os.close(fd)
    if said == "imported":
        return
    if said:
        raise InvalidRequestError(f"importing {module} failed: {said.removeprefix('refused ')}")
    if code is None:
        raise InvalidRequestError(f"importing {module} did not end within {within_s:g} s; a worker's module must only define things")
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    raise InvalidRequestError(f"importing {module} ends its whole process {how}; a worker's module must only define things")


def _ended(child: subprocess.Popen[bytes], within_s: float) -> int | None:
    """Return the child's exit code, None if it had to be killed. Its whole process group is killed in either case."""
    deadline_s = time.monotonic() + within_s
    try:
        code: int | None = child.wait(max(0.0, deadline_s - time.monotonic()))
    except subprocess.TimeoutExpired:
        code = None
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    return code
