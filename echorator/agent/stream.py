"""The events of one request, between the pump that receives them from the engine and the call that sends them on.

The pump runs once per engine step for all streams, so this is the hot path: no queue and no object per token. All pending
events are taken at once, so a client that reads slowly gets fewer and longer messages.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future

from echorator._native.engine import Event


def merged(events: list[Event]) -> Event:
    """Merge several events of one request: texts, tokens and logprobs are joined, the rest is the last event's."""
    last = events[-1]
    return last._replace(
        text="".join([e.text for e in events]),
        tokens=[t for e in events for t in e.tokens],
        logprobs=[position for e in events for position in e.logprobs],
        prompt_logprobs=[position for e in events for position in e.prompt_logprobs],
    )


class Stream:
    """The events of one request, for one reader. `finished` is true once the last event has arrived."""

    __slots__ = ("_events", "_loop", "_waiter", "finished", "reports", "request")

    def __init__(self, request: int, loop: AbstractEventLoop, reports: bool = False) -> None:
        """Begin without events; `reports`: the client wants to know how much of its prompt is computed."""
        self.request = request
        self.reports = reports
        self.finished = False
        self._events: list[Event] = []
        self._loop = loop
        self._waiter: Future[None] | None = None

    def push(self, event: Event) -> None:
        """Append an event and wake the reader; called by the pump, on the event loop."""
        self._events.append(event)
        if event.finish:
            self.finished = True
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    async def next(self) -> Event:
        """Wait until events are pending and return all of them as one; after an event with a `finish` there is no further one."""
        if not self._events:
            self._waiter = waiter = self._loop.create_future()
            await waiter
        events = self._events
        if len(events) == 1:
            return events.pop()
        self._events = []
        return merged(events)
