"""Asks the controller for an agent where requests wait for a model that is scaled to zero. Fed by `fleet` and `dispatcher`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from grpc import aio

from echorator.gateway.balancing.pool import Pool

_log = logging.getLogger(__name__)

WAKE_AGAIN_S = 2.0  # least time between two requests to the controller to scale the same model from zero


class Waking:
    """The requests to the controller to scale models from zero; `scale_from_zero` sends one, None sends none."""

    def __init__(self) -> None:
        self.scale_from_zero: Callable[[str], Awaitable[None]] | None = None
        self._asking: set[asyncio.Task[None]] = set()

    def model_changed(self, pool: Pool) -> None:
        """Ask where requests wait for a model that is still scaled to zero; once it was scaled up, the next zero is asked for at once."""
        if pool.wanted is not None and pool.wanted.spec.replicas:
            pool.woken_s = float("-inf")
        elif pool.awaited:
            self.wake(pool)

    def wake(self, pool: Pool) -> None:
        """Ask the controller for one agent where the model is scaled to zero, at most once in `WAKE_AGAIN_S`."""
        wanted, now_s = pool.wanted, time.monotonic()
        if wanted is None or wanted.spec.replicas > 0 or self.scale_from_zero is None or now_s - pool.woken_s < WAKE_AGAIN_S:
            return
        pool.woken_s = now_s
        task = asyncio.get_running_loop().create_task(self._ask(self.scale_from_zero, pool))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, scale_from_zero: Callable[[str], Awaitable[None]], pool: Pool) -> None:
        try:
            await scale_from_zero(pool.name)
            _log.info("asked for an agent", extra={"model": pool.name})
        except aio.AioRpcError as error:
            _log.warning("could not ask for an agent", extra={"model": pool.name, "error": error.details()})
        await asyncio.sleep(WAKE_AGAIN_S)
        if pool.awaited:
            self.wake(pool)

    def stop(self) -> None:
        """Cancel what is being asked."""
        for task in self._asking:
            task.cancel()
