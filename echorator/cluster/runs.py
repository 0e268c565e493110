"""What a container is while it runs: a thread with its worker, or whatever else the cluster was given to run agents with.

A run is one start, until its end; the container controller starts the next one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from echorator.cluster.mailbox import Mailbox, _End
from echorator.cluster.resources import AgentSpec
from echorator.cluster.workers import Factory, Refusal, WorkerContext
from echorator.errors import EchoratorError

_log = logging.getLogger(__name__)


class WorkerError(EchoratorError):
    """The worker raised an exception; the message says which."""


class Run(Protocol):
    """One start of a container. The controller looks at it whenever `on_change` was called."""

    @property
    def ready(self) -> bool:
        """It does its work."""
        ...

    @property
    def ended(self) -> bool:
        """It does nothing any more."""
        ...

    @property
    def error(self) -> str:
        """Why it ended by itself; "" where it was told to, or is not yet."""
        ...

    def stop(self) -> None:
        """Finish what is there, then end."""
        ...

    def kill(self) -> None:
        """End now."""
        ...


class AgentRuns(Protocol):
    """Runs agents of the mesh."""

    def start(self, name: str, spec: AgentSpec, on_change: Callable[[], None]) -> Run:
        """At once; what goes wrong later is the run's."""
        ...


class ThreadRun:
    """A worker in a thread of its own."""

    def __init__(self, name: str, make: Factory, mailbox: Mailbox, context: WorkerContext, on_change: Callable[[], None]) -> None:
        """Raises RuntimeError where the system has no thread left."""
        self.ready = False
        self.ended = False
        self.error = ""
        self._make = make
        self._mailbox = mailbox
        self._context = context
        self._on_change = on_change
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            handle, close = self._make(self._context)
            self.ready = True
            self._on_change()
            try:
                self._work(handle)
            finally:
                close()
        except BaseException as error:  # noqa: BLE001  of any kind: a worker's end is its container's, not the cluster's
            self.error = f"{type(error).__name__}: {error}"[:1000]
            _log.warning("worker ended", extra={"container": self._context.container, "error": self.error}, exc_info=error)
        self.ready = False
        self.ended = True
        self._on_change()

    def _work(self, handle: Callable[[object], object]) -> None:
        """Until END, or the worker's first exception."""
        while True:
            message = self._mailbox.get()
            if isinstance(message, _End):
                return
            value, reply = message
            if reply is not None and not reply.set_running_or_notify_cancel():
                continue  # nobody waits for it any more
            try:
                answer = handle(value)
            except Refusal as refusal:
                if reply is not None:
                    reply.set_exception(refusal)
                else:
                    _log.warning("message refused", extra={"container": self._context.container, "error": str(refusal)})
            except BaseException as error:
                if reply is not None:
                    told = WorkerError(f"the worker of {self._context.container} failed: {type(error).__name__}: {error}")
                    told.__cause__ = error
                    reply.set_exception(told)
                raise
            else:
                if reply is not None:
                    reply.set_result(answer)
            finally:
                self._mailbox.handled += 1

    def stop(self) -> None:
        """Drain the queue, then end."""
        self._context.stopping.set()
        self._mailbox.close()

    def kill(self) -> None:
        """Drop the queue. A worker in the middle of a message cannot be interrupted: its thread ends after it."""
        self.stop()
        self._mailbox.abandon()
