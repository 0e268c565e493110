"""A queue of jobs in front of a child process, which is replaced by a new child after it was killed.

A small job overtakes larger ones that arrived shortly before it, so that callers with little work do not wait for those with
much; no job is overtaken for ever. A job that exceeds a bound fails alone: the jobs behind it are done by the next child.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
from typing import Any, NamedTuple

from echorator.backoff import Backoff
from echorator.errors import DrainingError, EchoratorError, EngineError, InvalidRequestError, QueueFullError, ResourceError, TemplateError
from echorator.prompting.child.bounds import LONGEST_WAITING, Bounds, Words
from echorator.prompting.child.frames import Frame
from echorator.prompting.child.process import ChildProcess, EndedError, OutputError

_log = logging.getLogger(__name__)

OVERTAKING_BYTES_PER_S = 256 * 1024  # a job is overtaken by smaller ones that arrive within its size divided by this
AT_ONCE_S = 0.0005  # how long the event loop waits for a reply on the fast path; a short render takes 0.07 ms
AT_ONCE_BYTES = 32 * 1024  # largest job for the fast path, which needs an idle child
OPENING = 5.0  # the opening may take this many times as long as a job: a large template compiles in half a second
PAUSE = Backoff(first_s=0.05, longest_s=1.0)  # before a failed child is replaced; doubled until a job succeeds
SHUT = Backoff(first_s=0.5, longest_s=30.0)  # after a failed opening all jobs get its error for this long; doubled each time
_CLOSING = "the model is being unloaded; try another server"
_REFUSALS: dict[str, type[EchoratorError]] = {kind.__name__: kind for kind in (InvalidRequestError, TemplateError)}


class _Job(NamedTuple):
    question: Frame
    answer: asyncio.Future[bytes]


class Lane:
    """A queue with one child process at a time. All methods run on one event loop."""

    def __init__(self, duty: str, opening: Frame, bounds: Bounds, words: Words) -> None:
        """Keep the settings; each new child is first sent `opening`, and an error in reply to that is the answer to every job."""
        self.opened: dict[str, Any] = {}  # reply of the last child to `opening`
        self._duty = duty
        self._opening = opening
        self._bounds = bounds
        self._words = words
        self._waiting: list[tuple[float, int, _Job]] = []  # a heap, ordered by due time
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._child: ChildProcess | None = None
        self._resting = False  # the child is idle, and the task waits for a job
        self._spent = False  # the child has to be replaced before the next job
        self._begun: _Job | None = None  # sent to the child on the fast path; the task waits for the reply
        self._kills: set[asyncio.Task[None]] = set()
        self._failures = 0  # jobs that ended the child, since the last success
        self._failed_openings = 0  # failed openings since the last successful one
        self._shut: tuple[float, EchoratorError] | None = None  # (end of the shut time, its error)
        self._refused: EchoratorError | None = None  # error of an opening that was refused for good
        self._closed = False
        self._worked_s = 0.0  # of the children before the present one

    @property
    def worked_s(self) -> float:
        """Return the CPU seconds that the children have spent on jobs and openings so far."""
        return self._worked_s + (self._child.worked_s if self._child is not None else 0.0)

    @property
    def pid(self) -> int:
        """Return the child's process id; 0 while there is no child."""
        return self._child.pid if self._child is not None else 0

    def start(self) -> None:
        """Start the child before the first job arrives."""
        if (self._work is None or self._work.done()) and not self._closed:
            self._work = asyncio.get_running_loop().create_task(self._run())

    async def do(self, question: Frame) -> bytes:
        """Have the child do a job and return its answer.

        Raises:
            InvalidRequestError, or `words.refusal`: the job, or the opening, is refused, or exceeds a bound.
            QueueFullError: too many jobs wait, or this one has waited too long.
            ResourceError: no process could be started.
            EngineError: the child's program has a fault.
            DrainingError: the lane is closed.
        """
        if self._closed:
            raise DrainingError(_CLOSING)
        if self._refused is not None:
            raise _again(self._refused)
        if len(self._waiting) >= LONGEST_WAITING:
            raise QueueFullError(f"{LONGEST_WAITING} requests wait for {self._words.subject} already; try again later")
        loop = asyncio.get_running_loop()
        if self._shut is not None and loop.time() < self._shut[0]:
            raise _again(self._shut[1])
        answer: asyncio.Future[bytes] = loop.create_future()
        job = _Job(question, answer)
        if self._resting and len(question.body) <= AT_ONCE_BYTES and self._child is not None and not self._child.ended:
            if self._do_at_once(self._child, job):
                return answer.result()
        else:
            due_s = loop.time() + len(question.body) / OVERTAKING_BYTES_PER_S
            heapq.heappush(self._waiting, (due_s, next(self._order), job))
        self._wake.set()
        self.start()
        try:
            async with asyncio.timeout(self._bounds.wait_s + self._within_s(question)):
                return await answer
        except TimeoutError as error:
            raise QueueFullError(f"{self._words.subject} had no turn within {self._bounds.wait_s:g} s; try again later") from error

    def _within_s(self, question: Frame) -> float:
        return self._bounds.job_s + self._bounds.byte_s * len(question.body)

    async def close(self) -> None:
        """Kill the child and fail the waiting jobs with DrainingError."""
        self._closed = True
        if self._work is not None:
            self._work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._work
        await self._drop_child()
        await asyncio.gather(*self._kills)
        self._fail_waiting(DrainingError(_CLOSING))

    async def _run(self) -> None:
        try:
            await self._serve()
        except Exception:  # noqa: BLE001 a fault of this program, which must not leave anyone waiting
            _log.exception("the queue of a child process failed", extra={"duty": self._duty})
            await self._drop_child()
            self._fail_waiting(EngineError(f"{self._words.subject} met a fault of this program, which is in its log"))

    async def _serve(self) -> None:
        while self._refused is None:
            if self._begun is not None and self._child is not None:
                begun, self._begun = self._begun, None
                await self._settled(self._child, begun, None)
                continue
            if self._child is not None and (self._spent or self._child.ended):  # a child that ended between two jobs is no job's fault
                self._spent = False
                await self._drop_child()
            if self._child is None and not await self._open():
                await self._wake.wait()  # only a later job makes another attempt
                continue
            if not self._waiting:
                self._wake.clear()
                self._resting = self._child is not None
                try:
                    await self._wake.wait()
                finally:
                    self._resting = False
                continue
            _, _, job = heapq.heappop(self._waiting)
            if self._child is not None and not job.answer.done():
                await self._settled(self._child, job, job.question)

    def _do_at_once(self, child: ChildProcess, job: _Job) -> bool:
        """Give a short job to an idle child and block the event loop for its reply, AT_ONCE_S at most.

        Returns False where the reply has not arrived by then: the task of this lane waits for it.
        """
        self._resting = False  # so that no second job is sent to the child meanwhile
        try:
            reply = child.answer_at_once(job.question, AT_ONCE_S)
        except (EndedError, OutputError):  # the task finds out how the child ended
            reply = None
        if reply is None:
            self._begun = job
            return False
        self._spent = self._settle_with(reply, child, job)
        self._resting = not self._spent
        if self._spent:
            self._wake.set()
        return True

    async def _settled(self, child: ChildProcess, job: _Job, question: Frame | None) -> None:
        """Have the child do a job; `question` is None for a job that the fast path has sent already."""
        try:
            within_s = self._within_s(job.question)
            try:
                reply = await child.ask(question, within_s, self._bounds.gentle_s)
            except (TimeoutError, EndedError, OutputError) as error:
                await self._replace()
                _settle(job, self._told(error, within_s))
                return
            if self._settle_with(reply, child, job):
                await self._drop_child()
        finally:
            _settle(job, DrainingError(_CLOSING))  # has an effect only where this task was cancelled

    def _settle_with(self, reply: Frame, child: ChildProcess, job: _Job) -> bool:
        """Give the caller the child's reply. Return whether the child has to be replaced."""
        refused = self._refusal_of(reply)
        if refused is None:
            self._failures = 0
            if not job.answer.done():
                job.answer.set_result(reply.body)
        else:
            _settle(job, refused)
        return child.worn or reply.header.get("error") == "MemoryError"  # the memory of such a child may be fragmented

    async def _open(self) -> bool:
        """Start a child and send it the opening. Return False after a failure, whose error all waiting jobs get."""
        if self._failures:
            await asyncio.sleep(PAUSE.wait_s(self._failures))
        error: EchoratorError | None
        within_s = OPENING * self._within_s(self._opening)
        try:
            self._child = await ChildProcess.start(self._duty, self._bounds)
            reply = await self._child.ask(self._opening, within_s, 0.0 if self._failed_openings else within_s / 2)
        except (TimeoutError, EndedError, OutputError) as caught:
            error = self._told(caught, within_s) if self._child else ResourceError(f"the process for {self._words.subject} does not start")
        except OSError as caught:
            error = ResourceError(f"no process can be started for {self._words.subject}: {caught.strerror or caught}")
        else:
            error = self._refusal_of(reply)
            if error is not None and reply.header.get("error") in _REFUSALS:
                self._refused = error
            self.opened = reply.header
        if error is None:
            self._failed_openings, self._shut = 0, None
            return True
        self._failed_openings += 1
        self._shut = (asyncio.get_running_loop().time() + SHUT.wait_s(self._failed_openings), error)
        self._wake.clear()
        await self._drop_child()
        self._fail_waiting(error)
        return False

    async def _replace(self) -> None:
        self._failures += 1
        await self._drop_child()

    async def _drop_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            self._worked_s += child.worked_s
            kill = asyncio.get_running_loop().create_task(child.kill())
            self._kills.add(kill)
            kill.add_done_callback(self._kills.discard)
            await asyncio.shield(kill)  # completes even if this task is cancelled

    def _fail_waiting(self, error: EchoratorError) -> None:
        waiting, self._waiting = self._waiting, []
        for _, _, job in waiting:
            _settle(job, _again(error))

    def _refusal_of(self, reply: Frame) -> EchoratorError | None:
        kind = reply.header.get("error")
        if kind is None:
            return None
        if kind in _REFUSALS:
            return _REFUSALS[kind](reply.header.get("says", ""))
        if kind == "MemoryError":
            return self._words.refuse(f"needs more than {self._bounds.memory_bytes >> 20} MiB of memory")
        _log.error("a child process has a fault", extra={"duty": self._duty, "error": reply.header.get("says")})
        return EngineError(f"{self._words.subject} met a fault of this program, which is in its log")

    def _told(self, error: Exception, within_s: float) -> EchoratorError:
        if isinstance(error, TimeoutError):
            what = f"did not finish within {within_s:.3g} s"
        elif isinstance(error, OutputError):
            what = f"makes more than {self._bounds.output_bytes >> 20} MiB"
        else:
            what = f"crashed ({error})"
        _log.warning("a child process was ended", extra={"duty": self._duty, "why": what})
        return self._words.refuse(what)


def _again(error: EchoratorError) -> EchoratorError:
    """Copy an error for another caller: an exception that is raised twice collects the tracebacks of both."""
    return type(error)(str(error))


def _settle(job: _Job, error: EchoratorError) -> None:
    if not job.answer.done():
        job.answer.set_exception(error)
