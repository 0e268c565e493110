"""Child processes that do not outlive this process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

# PR_SET_PDEATHSIG of prctl(2) is 1. It is set by a program of its own: a preexec_fn would run gRPC's fork handlers beside its threads,
# between fork and exec in this process, and crashes now and then. If the parent ended before prctl, its id differs.
_LAUNCH = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, int(sys.argv[1]))
if os.getppid() == int(sys.argv[2]):
    os.execv(sys.argv[3], sys.argv[3:])"""


def dying_with_parent(program: str, *arguments: str, by: signal.Signals = signal.SIGTERM) -> tuple[str, ...]:
    """Return a command that runs `program`; the kernel sends it the signal `by` when the thread that started it ends."""
    return (sys.executable, "-I", "-S", "-c", _LAUNCH, str(int(by)), str(os.getpid()), program, *arguments)


def echorator_itself(*arguments: str) -> tuple[str, ...]:
    """Return a command that runs this package with these options alone, whatever this user has configured.

    Its -P keeps an `echorator` in the current folder, such as that of a clone, from being imported instead.
    """
    return (sys.executable, "-P", "-m", "echorator", "--no-config", *arguments)


async def end(process: asyncio.subprocess.Process, within_s: float) -> None:
    """Send SIGTERM, wait for the end, and send SIGKILL after `within_s`."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(within_s):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
