"""Keeps the chat templates that requests bring along, each compiled in a child process of its own.

A template of a request is as untrusted as one of a model's file, and any client may send one. So its children run at a low priority, few
templates are tried at the same time, and all that one request has rendered has one bound. Its process outlives the request, since clients
send the same template again; few are kept. Fed by `served_model`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import blake2b

from echorator.agent.answering import ChatForm
from echorator.errors import EchoratorError, QueueFullError, TemplateError
from echorator.prompting.child.process import PATIENCE
from echorator.prompting.model_template import ModelTemplate

KEPT = 4  # templates that no request uses now
MOST = 16  # templates in all, each with up to two processes
TRIED = 4  # templates that are compiled and probed at the same time
WAITING = 64  # requests that wait until their template can be tried
WAIT_S = 10.0  # how long each of them waits
SLOW = 32  # slow templates that are remembered
SLOW_S = 60.0  # how long each of them is refused at once
RETRY_AFTER_S = 1.0
_ADVICE = "send a simpler one, or leave chat_template out"


@dataclass
class _Kept:
    """A template. Invariant: `tried` holds one of the `TRIED` places, and then requests use the template."""

    template: ModelTemplate
    form: ChatForm
    users: int = 0  # requests that render it now
    proven: bool = False  # a request has been prepared with it
    tried: bool = False
    slow: bool = False  # it was found to be slow, and its processes have been ended


class RequestTemplates:
    """The templates of requests for one model. All methods run on one event loop."""

    def __init__(self, open_template: Callable[[str], tuple[ModelTemplate, ChatForm]], job_s: float) -> None:
        """Create an empty collection.

        Args:
            open_template: makes the parts of a source.
            job_s: CPU seconds that one render may take. Preparing a request may take `PATIENCE` times as many seconds of elapsed time.
        """
        self._open = open_template
        self._job_s = job_s
        self._whole_s = PATIENCE * job_s
        self._kept: OrderedDict[str, _Kept] = OrderedDict()  # by source, the least recently used first
        self._places = asyncio.Semaphore(TRIED)
        self._waiting = 0
        self._slow: OrderedDict[bytes, float] = OrderedDict()  # hash of a slow template to when it was found, the oldest first
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lent(self, source: str) -> AsyncIterator[ChatForm]:
        """Lend the form of a template.

        Raises:
            TemplateError: the template takes too long, or was found to do so a short time ago.
            QueueFullError: requests use `MOST` other ones, too many wait until theirs can be tried, or the machine is too busy.
        """
        kept = await self._used(source)
        scope = asyncio.timeout(self._whole_s)
        try:
            async with scope:
                yield kept.form
            kept.proven = True
        except TimeoutError as error:
            if not scope.expired():
                raise
            took = f"preparing the chat with the request's own chat template took longer than {self._whole_s:g} s in all"
            if self._judge(source, kept) or kept.slow:
                raise TemplateError(f"{took}; {_ADVICE}") from error
            raise QueueFullError(f"{took}, as the machine is busy; try again later", RETRY_AFTER_S) from error
        except asyncio.CancelledError:  # the client has gone: what is found out for nobody else is not found out to its end
            if kept.users == 1 and not kept.proven and self._kept.get(source) is kept:
                self._drop(source)
            raise
        except EchoratorError as error:
            if isinstance(error, TemplateError):
                self._judge(source, kept)
            if kept.slow and not isinstance(error, TemplateError):  # another request has found it out, which ended the processes
                self._refuse_slow(source)
            raise
        finally:
            self._leave(kept)

    async def _used(self, source: str) -> _Kept:
        """Return the template of a source with one more user. A template that is not proven waits for its place."""
        self._refuse_slow(source)
        kept = self._kept.get(source)
        if kept is None or not (kept.proven or kept.users):
            await self._wait()
            try:
                self._refuse_slow(source)
                kept = self._kept.get(source) or self._opened(source)  # another request may have opened it meanwhile
            except BaseException:
                self._places.release()
                raise
            if kept.proven or kept.users:
                self._places.release()
            else:
                kept.tried = True
        kept.users += 1
        self._kept.move_to_end(source)
        return kept

    async def _wait(self) -> None:
        """Take one of the places for templates that are tried. Raises QueueFullError where none is free in time."""
        busy = f"{TRIED} chat templates of requests are being tried; try again later"
        if self._waiting >= WAITING:
            raise QueueFullError(busy, self._whole_s)
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await self._places.acquire()
        except TimeoutError as error:
            raise QueueFullError(busy, self._whole_s) from error
        finally:
            self._waiting -= 1

    def _opened(self, source: str) -> _Kept:
        """Open a template, in place of an unused one where there are `MOST`. Raises QueueFullError where all are used."""
        if len(self._kept) >= MOST:
            self._drop_idle(MOST - 1 - sum(bool(kept.users) for kept in self._kept.values()))
        if len(self._kept) >= MOST:
            raise QueueFullError(f"requests use {MOST} chat templates of their own already; try again later", RETRY_AFTER_S)
        made = self._kept[source] = _Kept(*self._open(source))
        return made

    def _leave(self, kept: _Kept) -> None:
        kept.users -= 1
        if kept.tried and (kept.proven or not kept.users):
            kept.tried = False
            self._places.release()
        self._drop_idle(KEPT)

    def _judge(self, source: str, kept: _Kept) -> bool:
        """Return whether a template has computed for too long before any request was prepared with it: then its processes are ended."""
        if kept.slow or kept.proven or kept.template.worked_s < self._job_s:
            return False
        kept.slow = True
        self._slow[_key(source)] = asyncio.get_running_loop().time()
        while len(self._slow) > SLOW:
            self._slow.popitem(last=False)
        if self._kept.get(source) is kept:
            self._drop(source)
        return True

    def _refuse_slow(self, source: str) -> None:
        """Raise TemplateError for a template that was found to be slow within the last `SLOW_S`."""
        found_s = self._slow.get(_key(source)) if self._slow else None
        if found_s is None:
            return
        ago_s = asyncio.get_running_loop().time() - found_s
        if ago_s < SLOW_S:
            raise TemplateError(f"the chat template of the request took too long when it was tried {ago_s:.0f} s ago; {_ADVICE}")
        del self._slow[_key(source)]

    def _drop_idle(self, most: int) -> None:
        """Close unused templates, the least recently used first, until at most `most` are left."""
        idle = [source for source, kept in self._kept.items() if not kept.users]
        for source in idle[: max(0, len(idle) - most)]:
            self._drop(source)

    def _drop(self, source: str) -> None:
        task = asyncio.get_running_loop().create_task(self._kept.pop(source).template.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all templates, also those in use."""
        for source in list(self._kept):
            self._drop(source)
        await asyncio.gather(*self._closing)


def _key(source: str) -> bytes:
    return blake2b(source.encode("utf-8", "surrogatepass"), digest_size=16).digest()
