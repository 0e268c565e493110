"""Caches the compiled grammars of one model: each text is compiled once, away from the event loop and from the decode thread.

Fed by `service` with GBNF text, feeds the engine. One thread compiles, so that slow grammars wait for each other and use one core
at most; the native compiler releases the GIL.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from echorator._native.engine import Grammar, Model

Key = tuple[str, tuple[int, ...]]  # GBNF text, and the control tokens that are spelled
KEPT_STATES = 500_000  # of all grammars that are kept for the next request; about 20 MB


class Grammars:
    """The grammars of one model. All methods run on one event loop."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="grammar")
        self._kept: OrderedDict[Key, asyncio.Future[Grammar]] = OrderedDict()

    async def compiled(self, text: str, spelled: tuple[int, ...] = ()) -> Grammar:
        """Return the compiled grammar of a GBNF text; the least recently used grammars are evicted beyond KEPT_STATES states.

        `spelled` are the control tokens whose text may stand where the grammar asks for characters.

        Raises:
            InvalidRequestError: the text is no grammar, or one that is too large.
            ResourceError: the grammars in use leave no room for another one.
        """
        key = (text, spelled)
        known = self._kept.get(key)
        if known is None:
            known = self._kept[key] = asyncio.get_running_loop().run_in_executor(self._thread, self._model.compile_grammar, *key)
            known.add_done_callback(lambda done: self._settle(key, done))
        else:
            self._kept.move_to_end(key)
        return await asyncio.shield(known)

    def close(self) -> None:
        """Stop the compiling thread; texts that still wait for it are not compiled."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _settle(self, key: Key, done: asyncio.Future[Grammar]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._kept.pop(key, None)
            return
        ready = [(t, f.result().states) for t, f in self._kept.items() if f.done() and not f.cancelled()]
        surplus = sum(states for _, states in ready) - KEPT_STATES
        for oldest, states in ready[:-1]:
            if surplus <= 0:
                break
            del self._kept[oldest]
            surplus -= states
