"""The models of one process by name: loading, serving, draining, gone.

A load is checked first (a bad file must not take the process down), then loaded on a thread while the others serve.
It belongs to the registry, not to the call that asked: a client that goes away does not stop it. Fed by `service` and
by the command line, feeds `service` with models and `server` with state changes for the health service.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

from echorator.agent.model_defaults import NO_DEFAULTS, ModelDefaults
from echorator.agent.served_model import ServedModel
from echorator.engine.vetting import vet
from echorator.errors import DrainingError, EchoratorError, ModelNotFoundError
from echorator.settings import EngineSettings

_log = logging.getLogger(__name__)

CONCURRENT_LOADS = 2


class ModelExistsError(EchoratorError):
    """A model of that name is loaded or being loaded."""


class ModelNotReadyError(EchoratorError):
    """The model is still being loaded."""

    retryable = True


class State(enum.Enum):
    """Of one name in the registry; a name goes LOADING, READY, DRAINING and then is gone."""

    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"


OnProgress = Callable[[str, float], None]  # stage, 0..1 of the stage; called on the event loop
OnState = Callable[[str, State | None], Awaitable[None]]  # None: the name is gone


class Entry:
    """One name. `served` is None until it is READY."""

    def __init__(self, name: str, settings: EngineSettings, defaults: ModelDefaults) -> None:
        self.name = name
        self.settings = settings
        self.defaults = defaults
        self.state = State.LOADING
        self.served: ServedModel | None = None
        self.unloading: asyncio.Task[int] | None = None

    def become_ready(self, served: ServedModel) -> None:
        """LOADING to READY; from here on the entry has a model."""
        self.served = served
        self.state = State.READY

    def become_draining(self) -> ServedModel:
        """READY to DRAINING; nothing new is admitted. Returns the model to wait for."""
        if self.served is None:
            raise ModelNotReadyError(f"{self.name} is still being loaded; unload it once it is ready")
        self.state = State.DRAINING
        self.served.stop_admission()
        return self.served


async def _ignore_state(_name: str, _state: State | None) -> None:
    return


class Registry:
    """Names to models. Runs on one event loop; no method may be called from another thread."""

    def __init__(self, vet_timeout_s: float = 120.0, on_state: OnState = _ignore_state) -> None:
        self._vet_timeout_s = vet_timeout_s
        self._on_state = on_state
        self._entries: dict[str, Entry] = {}
        self._loads: set[asyncio.Task[ServedModel]] = set()
        self._may_load = asyncio.Semaphore(CONCURRENT_LOADS)
        self._draining = False

    def entries(self) -> list[Entry]:
        """In the order of loading."""
        return list(self._entries.values())

    def entry(self, name: str) -> Entry:
        """By name, in any state. An empty name means the only model. Raises ModelNotFoundError."""
        if not name and len(self._entries) == 1:
            return next(iter(self._entries.values()))
        if name in self._entries:
            return self._entries[name]
        known = ", ".join(sorted(self._entries)) or "none"
        if name:
            raise ModelNotFoundError(f"no model {name[:128]!r} is loaded; loaded: {known}")
        if self._entries:
            raise ModelNotFoundError(f"several models are loaded, name one of them: {known}")
        raise ModelNotFoundError("no model is loaded; load one with LoadModel")

    def get(self, name: str) -> ServedModel:
        """A model that serves. Raises ModelNotFoundError, ModelNotReadyError, DrainingError."""
        entry = self.entry(name)
        if entry.served is None:
            raise ModelNotReadyError(f"{entry.name} is still being loaded; try again once it is ready")
        if entry.state is State.DRAINING:
            raise DrainingError(f"{entry.name} is being unloaded; try another server")
        return entry.served

    async def load(
        self, name: str, settings: EngineSettings, on_progress: OnProgress, defaults: ModelDefaults = NO_DEFAULTS, *, checked: bool = True
    ) -> ServedModel:
        """Check, load and start a model; the stages are "checking" and "loading".

        Args:
            name: not yet in use.
            settings: of its engine.
            on_progress: stops being called when the caller is cancelled; the load goes on.
            defaults: what the model brings along beside its file.
            checked: False skips the check, for a file that ships with the program.

        Raises:
            ModelExistsError: the name is taken; of two loads at once the first one wins.
            ModelFileError: the file cannot be served.
            ResourceError: memory or a device could not be had.
            DrainingError: the server shuts down.
        """
        if self._draining:
            raise DrainingError("the server is shutting down and loads nothing more")
        if name in self._entries:
            raise ModelExistsError(f"a model {name!r} is {self._entries[name].state.value} already; unload it or choose another name")
        entry = self._entries[name] = Entry(name, settings, defaults)
        listeners = [on_progress]

        def report(stage: str, fraction: float) -> None:
            for listener in listeners:
                listener(stage, fraction)

        task = asyncio.create_task(self._load(entry, report, checked))
        self._loads.add(task)
        task.add_done_callback(self._loaded)
        try:
            return await asyncio.shield(task)
        finally:
            listeners.clear()

    def _loaded(self, task: asyncio.Task[ServedModel]) -> None:
        self._loads.discard(task)
        if not task.cancelled():
            task.exception()  # a caller that has gone does not collect it; `_load` has logged it

    async def _load(self, entry: Entry, report: OnProgress, checked: bool) -> ServedModel:
        started_s = time.monotonic()
        try:
            await self._on_state(entry.name, State.LOADING)
            async with self._may_load:
                if checked:
                    report("checking", 0.0)
                    await asyncio.to_thread(vet, entry.settings, self._vet_timeout_s)
                    report("checking", 1.0)
                report("loading", 0.0)
                served = await ServedModel.load(entry.name, entry.settings, entry.defaults, partial(report, "loading"))
        except BaseException as error:
            del self._entries[entry.name]
            _log.info("model not loaded", extra={"model": entry.name, "error": type(error).__name__})
            await self._on_state(entry.name, None)
            raise
        entry.become_ready(served)
        await self._on_state(entry.name, State.READY)
        _log.info("model loaded", extra={"model": entry.name, "seconds": round(time.monotonic() - started_s, 3)})
        return served

    async def unload(self, name: str, grace_s: float) -> int:
        """Drain and free a model; a second call for it waits for the first. Returns how many requests were cancelled.

        Raises:
            ModelNotFoundError, ModelNotReadyError: there is nothing to unload.
        """
        entry = self.entry(name)
        if entry.unloading is None:
            served = entry.become_draining()
            entry.unloading = asyncio.create_task(self._unload(entry, served, grace_s))
        return await asyncio.shield(entry.unloading)

    async def _unload(self, entry: Entry, served: ServedModel, grace_s: float) -> int:
        await self._on_state(entry.name, State.DRAINING)
        cancelled = 0 if await served.drained(grace_s) else served.cancel_all()
        await served.close()
        del self._entries[entry.name]
        await self._on_state(entry.name, None)
        _log.info("model unloaded", extra={"model": entry.name, "cancelled": cancelled})
        return cancelled

    def stop_admission(self) -> None:
        """Drain every model and load none; running requests go on."""
        self._draining = True
        for entry in self._entries.values():
            if entry.served is not None:
                entry.served.stop_admission()

    def forget_scope(self, scope: int) -> None:
        """Drop what the prefix caches of all models have of it."""
        for entry in self._entries.values():
            if entry.served is not None:
                entry.served.forget_scope(scope)

    def cancel_all(self) -> int:
        """Cancel every running generation. Returns how many."""
        return sum(e.served.cancel_all() for e in self._entries.values() if e.served is not None)

    async def close(self) -> None:
        """Wait for loads under way, then free every model."""
        self.stop_admission()
        await asyncio.gather(*self._loads, return_exceptions=True)
        for name in list(self._entries):
            if name in self._entries:
                await self.unload(name, 0.0)
