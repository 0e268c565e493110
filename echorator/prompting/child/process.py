"""One child process as its parent sees it: it is started, asked one question at a time, and killed.

The thread of the event loop starts the child, without a fork of this process's memory (vfork): the kernel sends the signal that ends a
child with its parent when the *thread* ends that started the child.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

from echorator.prompting.child.bounds import Bounds
from echorator.prompting.child.frames import LARGEST_HEADER, LENGTHS, Frame

# The environment variables that a child may read: paths of Python and its libraries, and the time zone. No keys, no tokens.
_KEPT = (
    "PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TZDIR",
    "TMPDIR",
    "HOME",
)
# A child computes nothing on a GPU, so its libraries must not create a context there. A crash is told by its signal, not by a debugger.
_SET = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "GGML_NO_BACKTRACE": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
PATIENCE = 3.0
_LOOK_S = 0.002
_LOW_PRIORITY = 19  # the kernel gives such a process about a seventieth of the CPU time of an ordinary one
_FIRST_BYTES, _PIECE_BYTES = 1 << 14, 1 << 18  # sizes of a read
_GONE_S = 10.0  # time for the kernel to reap a killed process


class EndedError(Exception):
    """The child ended while it was asked; the message says how."""


class OutputError(Exception):
    """The child's reply is larger than its bound."""


class ChildProcess:
    """A running child, made by `start`, that answers one question at a time."""

    def __init__(self, process: subprocess.Popen[bytes], sock: socket.socket, bounds: Bounds) -> None:
        self._process = process
        self._socket = sock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._bounds = bounds
        self.worn = False  # the child runs at a low priority, which cannot be raised again
        self._unsent = b""  # rest of the question that `answer_at_once` began to send
        self._received = bytearray()  # of the reply, so far
        self._ready_s = 0.0  # CPU time of the start

    @classmethod
    async def start(cls, duty: str, bounds: Bounds) -> ChildProcess:
        """Start a child and return it once it is ready to be asked.

        Raises:
            EndedError: the child ended instead.
            TimeoutError: the child was not ready in time; it has been killed.
            OSError: no process or descriptor was available.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = _spawn(duty, bounds, theirs)
        except BaseException:
            ours.close()
            raise
        ours.setblocking(False)
        child = cls(process, ours, bounds)
        try:
            async with asyncio.timeout(bounds.start_s):
                await child._receive()
            child._ready_s = child._computed_s()
        except BaseException:
            await child.kill()
            raise
        return child

    @property
    def pid(self) -> int:
        """Return the process id of the child."""
        return self._process.pid

    @property
    def worked_s(self) -> float:
        """Return the CPU seconds of the child since it was ready; 0 once the process has ended."""
        return max(0.0, self._computed_s() - self._ready_s)

    @property
    def ended(self) -> bool:
        """Return whether the process has ended."""
        return self._process.poll() is not None

    def answer_at_once(self, question: Frame, wait_s: float) -> Frame | None:
        """Ask a short job and block the thread for the reply, `wait_s` at most, which saves the turns of the event loop that `ask` takes.

        Returns None where the reply is incomplete by then: wait for the rest with `ask(None, …)`.

        Raises:
            EndedError, OutputError: the child closed its connection; its reply is too large.
        """
        packed = question.packed()
        try:
            self._unsent = packed[self._socket.send(packed) :]
            if self._unsent or not self._poll.poll(wait_s * 1e3):
                return None
            self._received += self._socket.recv(_PIECE_BYTES)
        except BlockingIOError:
            self._unsent = packed
            return None
        except OSError as error:
            raise EndedError("closed its connection") from error
        return self._answer()

    async def ask(self, question: Frame | None, within_s: float, gentle_s: float) -> Frame:
        """Ask the child and return its reply. After an error the child must be killed.

        Args:
            question: the job; None: wait for the reply to the job of `answer_at_once`.
            within_s: CPU seconds that the child may use. A busy machine gives it less than it asks for: it has `PATIENCE` times as long.

            gentle_s: CPU seconds of these after which the child runs at the lowest priority.

        Raises:
            TimeoutError: there is no reply yet.
            EndedError, OutputError: the child ended; its reply is too large.
        """
        begun_s = self._computed_s()
        until_s = time.monotonic() + PATIENCE * within_s
        exchange = asyncio.ensure_future(self._exchange(question))
        try:
            while not exchange.done():
                computed_s = self._computed_s() - begun_s
                left_s = min(within_s - computed_s, until_s - time.monotonic())
                if left_s <= 0:
                    raise TimeoutError
                if computed_s >= gentle_s:
                    self._give_way()
                elif not self.worn:
                    left_s = min(left_s, gentle_s - computed_s)
                await asyncio.wait((exchange,), timeout=max(left_s, _LOOK_S))
            return exchange.result()
        finally:
            exchange.cancel()

    def _give_way(self) -> None:
        if not self.worn:
            self.worn = True
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PGRP, self._process.pid, _LOW_PRIORITY)

    def _computed_s(self) -> float:
        """Return the CPU time of all threads of the child so far."""
        try:
            return time.clock_gettime((~self._process.pid << 3) | 2)  # the clock id that clock_getcpuclockid(3) gives
        except OSError:  # the process has ended
            return 0.0

    async def _exchange(self, question: Frame | None) -> Frame:
        unsent = question.packed() if question is not None else self._unsent
        self._unsent = b""
        try:
            if unsent:
                await asyncio.get_running_loop().sock_sendall(self._socket, unsent)
        except OSError as error:
            raise EndedError(await self._how_it_ended()) from error
        return await self._receive()

    async def kill(self) -> None:
        """Kill the child and its process group, whatever they do."""
        self._socket.close()
        if self._process.poll() is None:  # otherwise another process may have its id by now
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._ended()

    async def _receive(self) -> Frame:
        """Return the next message in as few reads as its size allows: nothing follows a message before it is answered."""
        loop = asyncio.get_running_loop()
        while (answer := self._answer()) is None:
            try:
                piece = await loop.sock_recv(self._socket, _PIECE_BYTES if self._received else _FIRST_BYTES)
            except OSError:
                piece = b""
            if not piece:
                raise EndedError(await self._how_it_ended())
            self._received += piece
        return answer

    def _answer(self) -> Frame | None:
        """Return the received message once it is complete, else None."""
        data = self._received
        if len(data) < LENGTHS.size:
            return None
        header_bytes, body_bytes = LENGTHS.unpack_from(data)
        if header_bytes > LARGEST_HEADER or body_bytes > self._bounds.output_bytes:
            raise OutputError
        end = LENGTHS.size + header_bytes
        if len(data) < end + body_bytes:
            return None
        self._received = bytearray()
        try:
            return Frame(dict(json.loads(data[LENGTHS.size : end])), bytes(memoryview(data)[end:]))
        except (ValueError, TypeError) as error:
            raise EndedError("its answer is no message") from error

    async def _ended(self) -> int | None:
        """Wait for the exit code, or minus the number of a signal; None: the kernel has not reaped the process within _GONE_S."""
        until_s = time.monotonic() + _GONE_S
        while (code := self._process.poll()) is None and time.monotonic() < until_s:  # noqa: ASYNC110 waiting by a pidfd needs a descriptor
            await asyncio.sleep(_LOOK_S)
        return code

    async def _how_it_ended(self) -> str:
        code = await self._ended()
        if code is None:
            return "closed its connection"
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _spawn(duty: str, bounds: Bounds, theirs: socket.socket) -> subprocess.Popen[bytes]:
    # -P: no import from the current folder. A process group of its own: a ^C in the terminal is meant for the parent.
    command = (sys.executable, "-P", "-m", "echorator.prompting.child.main", duty, str(os.getpid()), str(bounds.memory_bytes))
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | _SET
    process = subprocess.Popen(
        command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, process_group=0
    )
    if bounds.nice:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, bounds.nice)
    return process
