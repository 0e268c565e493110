"""The queue of one container, in which messages wait, also while its worker is restarted.

An accepted message is handled, or its sender gets an error; the lock is held for one append only.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

from echorator.errors import EchoratorError, QueueFullError


class ContainerGoneError(EchoratorError):
    """The container takes no messages any more, or ended before it handled this one."""

    retryable = True


class _End:
    """The type of END, the mark after the last message of a closed mailbox."""


END = _End()
Message = tuple[Any, "Future[Any] | None"]  # the value, and the future of the reply; None where no reply is wanted


class Mailbox:
    """The queue of one container: many threads put messages, its worker gets them."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._queue: SimpleQueue[Message | _End] = SimpleQueue()
        self._lock = threading.Lock()
        self._open = True
        self.handled = 0

    def __len__(self) -> int:
        """Return the number of messages that wait."""
        return max(0, self._queue.qsize() - (not self._open))

    def put(self, value: Any, reply: Future[Any] | None) -> None:
        """Append a message. Raises ContainerGoneError if the mailbox is closed, QueueFullError if `limit` messages wait."""
        with self._lock:
            if not self._open:
                raise ContainerGoneError(f"container {self._name} is ending and takes no more messages")
            if self._queue.qsize() >= self._limit:
                raise QueueFullError(f"container {self._name}: {self._limit} messages wait already; try again, or raise spec.queueLimit")
            self._queue.put((value, reply))

    def get(self) -> Message | _End:
        """Wait for the next message and remove it; return END after the last one of a closed mailbox."""
        return self._queue.get()

    def close(self) -> None:
        """Refuse further messages; those that wait are still handled, and END follows them."""
        with self._lock:
            if self._open:
                self._open = False
                self._queue.put(END)

    def abandon(self) -> int:
        """Refuse further messages and fail those that wait with ContainerGoneError; return how many messages were lost."""
        self.close()
        lost = 0
        while True:
            try:
                message = self._queue.get_nowait()
            except Empty:
                break
            if isinstance(message, _End):
                continue
            lost += 1
            reply = message[1]
            if reply is not None and reply.set_running_or_notify_cancel():
                reply.set_exception(ContainerGoneError(f"container {self._name} ended before it came to this message"))
        self._queue.put(END)
        return lost
