"""The runs of containers: a thread with a worker, or an agent that the cluster's `AgentRuns` started.

A run lasts from one start of a container to its end; the container controller starts the next one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from echorator.cluster.mailbox import Mailbox, _End
from echorator.cluster.resources import AgentSpec
from echorator.cluster.workers.loader import Factory, Refusal, WorkerContext, what_was_raised
from echorator.errors import EchoratorError, InvalidRequestError

_log = logging.getLogger(__name__)


class WorkerError(EchoratorError):
    """A worker raised an exception while it handled a message; the error's text says which."""


class Run(Protocol):
    """One start of a container. The controller reads its state whenever `on_change` was called."""

    @property
    def ready(self) -> bool:
        """Whether the run does its work."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the run has ended."""
        ...

    @property
    def error(self) -> str:
        """Why the run ended by itself; "" while it runs, and after an end that was asked for."""
        ...

    def stop(self) -> None:
        """Finish the work that waits, then end."""
        ...

    def kill(self) -> None:
        """End without finishing the work that waits."""
        ...


class AgentRuns(Protocol):
    """A factory of runs of agents of the mesh."""

    def start(self, name: str, spec: AgentSpec, on_change: Callable[[], None]) -> Run:
        """Start an agent and return at once; later errors appear in the run."""
        ...


class ThreadRun:
    """A run of a worker in a thread of its own, which also imports the worker, since an import may take seconds."""

    def __init__(
        self, name: str, find: Callable[[], Factory], mailbox: Mailbox, context: WorkerContext, on_change: Callable[[], None]
    ) -> None:
        """Start the thread. Raises RuntimeError where the system has no thread left."""
        self.ready = False
        self.ended = False
        self.error = ""
        self._find = find
        self._mailbox = mailbox
        self._context = context
        self._on_change = on_change
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            handle, close = self._find()(self._context)
            self.ready = True
            self._on_change()
            try:
                self._work(handle)
            finally:
                close()
        except BaseException as error:  # noqa: BLE001  of any kind: a worker's end is its container's, not the cluster's
            self.error = str(error) if isinstance(error, InvalidRequestError) else what_was_raised(error)
            _log.warning("worker ended", extra={"container": self._context.container, "error": self.error}, exc_info=error)
        self.ready = False
        self.ended = True
        self._on_change()

    def _work(self, handle: Callable[[object], object]) -> None:
        """Handle messages until END or until the worker's first exception."""
        while True:
            message = self._mailbox.get()
            if isinstance(message, _End):
                return
            value, reply = message
            if reply is not None and not reply.set_running_or_notify_cancel():
                continue  # the caller has cancelled the reply
            try:
                answer = handle(value)
            except Refusal as refusal:
                if reply is not None:
                    reply.set_exception(refusal)
                else:
                    _log.warning("message refused", extra={"container": self._context.container, "error": str(refusal)})
            except BaseException as error:
                if reply is not None:
                    told = WorkerError(f"the worker of {self._context.container} failed: {what_was_raised(error)}")
                    told.__cause__ = error
                    reply.set_exception(told)
                raise
            else:
                if reply is not None:
                    reply.set_result(answer)
            finally:
                self._mailbox.handled += 1

    def stop(self) -> None:
        """Close the mailbox, so that the run ends after the messages that wait."""
        self._context.stopping.set()
        self._mailbox.close()

    def kill(self) -> None:
        """Drop the messages that wait. A worker in the middle of a message cannot be interrupted: its thread ends after that message."""
        self.stop()
        self._mailbox.abandon()
