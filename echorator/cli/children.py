"""Child processes that must not outlive this one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

# PR_SET_PDEATHSIG of prctl(2) is 1. A program of its own, for what would run between fork and exec in this process (a preexec_fn) runs
# gRPC's fork handlers beside its threads, and crashes now and then. A parent that ended before prctl is seen by its id.
_LAUNCH = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, int(sys.argv[1]))
if os.getppid() == int(sys.argv[2]):
    os.execv(sys.argv[3], sys.argv[3:])"""


def dying_with_parent(program: str, *arguments: str, by: signal.Signals = signal.SIGTERM) -> tuple[str, ...]:
    """A command that runs `program`, which gets the signal `by` when the thread that starts it ends, however that is."""
    return (sys.executable, "-I", "-S", "-c", _LAUNCH, str(int(by)), str(os.getpid()), program, *arguments)


def echorator_itself(*arguments: str) -> tuple[str, ...]:
    """This package's command with these arguments; -P, for the folder it is started in may have an `echorator` of its own: a clone."""
    return (sys.executable, "-P", "-m", "echorator", *arguments)


async def end(process: asyncio.subprocess.Process, within_s: float) -> None:
    """SIGTERM, and SIGKILL where that was not enough."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(within_s):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
