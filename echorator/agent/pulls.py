"""Model files for this agent, by their source: pulled on a thread, told of on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from echorator.images.puller import Image, Progress, Puller, meant
from echorator.images.reference import File


class Pulls:
    """`have` what is there or can be pulled; `pull` what its source has now."""

    def __init__(self, puller: Puller) -> None:
        self._puller = puller

    def find(self, source: str) -> Image:
        """The model of a source, pulled where it is not there; for a thread. Raises what `Puller.have` raises."""
        return self._puller.have(source)

    async def have(self, source: str) -> AsyncIterator[Progress | Image]:
        """Progress, then the image. A file of this machine is not looked at: whoever loads it says what is wrong with it."""
        reference = meant(source)
        if isinstance(reference, File) and not reference.embedded:
            yield Image(source, Path(source))
            return
        async for step in self._told(source, fresh=False):
            yield step

    async def pull(self, source: str) -> AsyncIterator[Progress | Image]:
        """Progress, then the image; as its source has it now."""
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
