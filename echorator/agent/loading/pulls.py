"""Pulls model files for this agent on a thread and reports their progress on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from echorator.agent.loading.embedded import embedded_model
from echorator.model_files.puller import Image, Progress, Puller, meant
from echorator.model_files.reference import File


class Pulls:
    """The model files that this agent can get: `have` prefers what is in the store, `pull` asks the source again."""

    def __init__(self, puller: Puller) -> None:
        self._puller = puller

    def find(self, source: str) -> Image:
        """Return the image of a source, pulled if it is missing; blocking, for a thread. Raises what `Puller.have` raises."""
        return self._puller.have(source)

    async def have(self, source: str) -> AsyncIterator[Progress | Image]:
        """Yield progress, then the image, pulled if it is missing. A local file is not looked at: its load says what is wrong with it."""
        reference = meant(source)
        if isinstance(reference, File):
            yield Image(source, embedded_model() if reference.embedded else Path(source))
            return
        async for step in self._told(source, fresh=False):
            yield step

    async def pull(self, source: str) -> AsyncIterator[Progress | Image]:
        """Yield progress, then the image as its source has it now."""
        async for step in self._told(source, fresh=True):
            yield step

    async def _told(self, source: str, fresh: bool) -> AsyncIterator[Progress | Image]:
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        latest: list[Progress] = []

        def told(progress: Progress) -> None:
            latest[:] = [progress]
            loop.call_soon_threadsafe(changed.set)

        work = asyncio.create_task(asyncio.to_thread(self._puller.pull if fresh else self._puller.have, source, told))
        work.add_done_callback(lambda _: changed.set())
        while not work.done():
            await changed.wait()
            changed.clear()
            if latest:
                yield latest.pop()
        yield await work
