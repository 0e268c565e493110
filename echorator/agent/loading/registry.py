"""The models of one process by name, through their states: loading, ready, draining, gone.

A model file is checked first (a bad one must not take the process down), then loaded on a thread while other models serve.
A load belongs to the registry, not to the call that asked: a client that goes away does not stop it. It may use the free memory less what
other loads under way will take. Fed by `service` and by the command line, feeds `service` with models and `server` with state changes for
the health service.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

from echorator import machine
from echorator.agent.loading.large_loads import is_large, one_at_a_time
from echorator.agent.loading.load_thread import on_own_thread
from echorator.agent.loading.model_defaults import NO_DEFAULTS, ModelDefaults
from echorator.agent.loading.served_model import CANCEL_S, ServedModel
from echorator.engine.llama_log import forward_log
from echorator.engine.memory_needs import Needs, check_room, mapped_by, measured
from echorator.errors import DrainingError, EchoratorError, ModelNotFoundError, ResourceError
from echorator.model_files.vetting import Room, vet
from echorator.model_names import no_adapter, parts_of
from echorator.serving.loops import kept_up
from echorator.settings import EngineSettings

_log = logging.getLogger(__name__)

CONCURRENT_LOADS = 2
LOOK_S = 1.0  # the longest time between two looks at the engines
LATE_S = 30.0  # beyond the time limit of a check: by then its file does not even answer to stat
END_S = 5.0  # time for loads under way to give up when the server closes
FREE_S = CANCEL_S + 5.0  # time for all models to be freed at close; each waits up to CANCEL_S for its running requests


class ModelExistsError(EchoratorError):
    """A model of that name is loaded or is being loaded."""


class ModelNotReadyError(EchoratorError):
    """The model is still being loaded."""

    retryable = True


class State(enum.Enum):
    """The state of one name: LOADING, READY, DRAINING, then the name is gone; READY may turn to STALLED and back."""

    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    STALLED = "stalled"  # a step of its engine takes longer than its limit


OnProgress = Callable[[str, float], None]  # stage, 0..1 of the stage; called on the event loop
OnState = Callable[[str, State | None], Awaitable[None]]  # None: the name is gone


class Entry:
    """One name in the registry. `served` is None until the entry is READY."""

    def __init__(self, name: str, settings: EngineSettings, defaults: ModelDefaults) -> None:
        self.name = name
        self.settings = settings
        self.defaults = defaults
        self.state = State.LOADING
        self.served: ServedModel | None = None
        self.unloading: asyncio.Task[int] | None = None
        self.needs: Needs | None = None  # None until the check has measured them
        self.stopping = threading.Event()  # set to make the load give up

    def become_ready(self, served: ServedModel) -> None:
        """Change LOADING to READY and set the model."""
        self.served = served
        self.state = State.READY

    def become_stalled(self, is_stalled: bool) -> bool:
        """Change READY to STALLED, or back. Return False where the state is neither of the two, or already the wanted one."""
        before, after = (State.READY, State.STALLED) if is_stalled else (State.STALLED, State.READY)
        if self.state is not before:
            return False
        self.state = after
        return True

    def become_draining(self) -> ServedModel:
        """Change READY or STALLED to DRAINING: new requests are refused. Return the model to wait for."""
        if self.served is None:
            raise ModelNotReadyError(f"{self.name} is still being loaded; unload it once it is ready")
        self.state = State.DRAINING
        self.served.stop_admission()
        return self.served


async def _ignore_state(_name: str, _state: State | None) -> None:
    return


class Registry:
    """The models of one process by name. Runs on one event loop; no method may be called from another thread."""

    def __init__(self, vet_timeout_s: float = 120.0, on_state: OnState = _ignore_state) -> None:
        self._vet_timeout_s = vet_timeout_s
        self._on_state = on_state
        self._entries: dict[str, Entry] = {}
        self._loads: set[asyncio.Task[ServedModel]] = set()
        self._may_load = asyncio.Semaphore(CONCURRENT_LOADS)
        self._draining = False
        self._watch: asyncio.Task[None] | None = None
        self.abandoned = 0  # loads and engines whose threads were still running when the registry closed
        forward_log()

    def entries(self) -> list[Entry]:
        """Return all entries in the order in which their loads began."""
        return list(self._entries.values())

    def entry(self, name: str) -> Entry:
        """Return the entry of a name in any state; "" names the only model. Raises ModelNotFoundError."""
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

    def asked(self, name: str) -> tuple[Entry, str]:
        """Return the entry that a request means, and the name of its adapter, "" for none; `name` is MODEL or MODEL:ADAPTER.

        Raises:
            ModelNotFoundError: no such model, or it has no such adapter; the message lists those that there are.
        """
        model, adapter = parts_of(name, self._entries)
        entry = self.entry(model)
        if adapter and adapter not in entry.settings.adapter_names:
            raise ModelNotFoundError(no_adapter(model, adapter, entry.settings.adapter_names))
        return entry, adapter

    def get(self, name: str) -> ServedModel:
        """Return a model that serves, by a name that `asked` takes. Raises ModelNotFoundError, ModelNotReadyError, DrainingError."""
        return self.adapted(name)[0]

    def adapted(self, name: str) -> tuple[ServedModel, str]:
        """Return what `get` does, and the name of the adapter, "" for none. Raises as `get` does."""
        entry, adapter = self.asked(name)
        if entry.served is None:
            raise ModelNotReadyError(f"{entry.name} is still being loaded; try again once it is ready")
        if entry.state is State.DRAINING:
            raise DrainingError(f"{entry.name} is being unloaded; try another server")
        if entry.state is State.STALLED:
            raise ModelNotReadyError(f"{entry.name} does not get on: its engine has not ended a step in time; try another server")
        return entry.served, adapter

    async def load(
        self, name: str, settings: EngineSettings, on_progress: OnProgress, defaults: ModelDefaults = NO_DEFAULTS, *, checked: bool = True
    ) -> ServedModel:
        """Check, load and start a model; the stages are "checking" and "loading".

        Args:
            name: a name that is not in use yet.
            settings: the settings of its engine.
            on_progress: no longer called once the caller is cancelled; the load goes on.
            defaults: what the model brings along beside its weights.
            checked: False skips the check of the file, for a file that ships with the program; its memory is checked nevertheless.

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
            task.exception()  # marks the exception as retrieved where the caller has gone; `_load` has logged it

    async def _load(self, entry: Entry, report: OnProgress, checked: bool) -> ServedModel:
        started_s = time.monotonic()
        try:
            await self._on_state(entry.name, State.LOADING)
            async with self._may_load:
                needs = await self._checked(entry, report, checked)
                async with self._with_room(entry, needs):
                    report("loading", 0.0)
                    on_loading = partial(report, "loading")
                    served = await ServedModel.load(entry.name, entry.settings, entry.defaults, on_loading, entry.stopping)
        except BaseException as error:
            del self._entries[entry.name]
            _log.info("model not loaded", extra={"model": entry.name, "error": type(error).__name__})
            await self._on_state(entry.name, None)
            raise
        entry.become_ready(served)
        if self._watch is None:
            self._watch = asyncio.create_task(kept_up("watch of steps", self._watch_steps))
        await self._on_state(entry.name, State.READY)
        _log.info("model loaded", extra={"model": entry.name, "seconds": round(time.monotonic() - started_s, 3)})
        return served

    async def _watch_steps(self) -> None:
        """Tell when an engine stalls and when it recovers. A step of llama.cpp cannot be ended from outside."""
        while True:
            entries = [(e, e.served.engine, e.settings.step_limit_s) for e in self._entries.values() if e.served is not None]
            for entry, engine, limit_s in entries:
                step_s = engine.step_s() if engine is not None else 0.0
                if entry.become_stalled(step_s > limit_s):
                    _log.error(
                        "the engine %s", "stalls" if step_s else "gets on again", extra={"model": entry.name, "step_s": round(step_s, 1)}
                    )
                    await self._on_state(entry.name, entry.state)
            await asyncio.sleep(min([LOOK_S, *(limit_s / 4 for _, _, limit_s in entries)]))

    async def _checked(self, entry: Entry, report: OnProgress, foreign: bool) -> Needs:
        """Check the file and return the memory it needs. Raises ModelFileError, and ResourceError where it is known not to fit."""
        settings = entry.settings
        if foreign:
            report("checking", 0.0)
            room = Room(*await self._room(entry)) if settings.memory_check else None
            checking = on_own_thread(f"check of {entry.name}", partial(vet, settings, self._vet_timeout_s, room, entry.stopping))
            try:
                async with asyncio.timeout(self._vet_timeout_s + LATE_S):
                    needs = await checking
            except TimeoutError:
                raise ResourceError(f"{settings.path}: its disk does not answer; nothing was loaded") from None
            report("checking", 1.0)
            return needs
        return await on_own_thread(f"check of {entry.name}", partial(measured, settings))

    @asynccontextmanager
    async def _with_room(self, entry: Entry, needs: Needs) -> AsyncIterator[None]:
        """Check that the model fits into memory and reserve what it needs from here on. Raises ResourceError, DrainingError."""
        async with AsyncExitStack() as stack:
            if entry.settings.memory_check:
                free_bytes, held_bytes = await self._room(entry)
                if is_large(needs, free_bytes):
                    await stack.enter_async_context(one_at_a_time(entry.stopping))
                    free_bytes, held_bytes = await self._room(entry)
                check_room(entry.name, needs, free_bytes, held_bytes)
            entry.needs = needs
            yield

    async def _room(self, entry: Entry) -> tuple[int, int]:
        """Return the free bytes, and how many of them this load must leave.

        These are what loads under way will take, the mapped files of other models, and the reserve for the rest of the machine.
        """
        free_bytes, reserve_bytes = await on_own_thread("free memory", partial(machine.memory_room, machine.ROOT))
        others = [other for other in self._entries.values() if other is not entry and other.needs is not None]
        loading = sum(other.needs.host_bytes for other in others if other.needs is not None and other.state is State.LOADING)
        mapped = {o.settings.path: o.needs for o in others if o.needs is not None and o.state is not State.LOADING}
        mapped.pop(entry.settings.path, None)
        return free_bytes, reserve_bytes + loading + mapped_by(list(mapped.values()))

    async def unload(self, name: str, grace_s: float) -> int:
        """Drain and free a model; a second call for the same model waits for the first. Return how many requests were cancelled.

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

    async def _freed(self, name: str) -> None:
        with suppress(ModelNotFoundError):  # an earlier unload of the same model has just ended
            await self.unload(name, 0.0)

    def stop_admission(self) -> None:
        """Drain every model and accept no loads; running requests go on."""
        self._draining = True
        for entry in self._entries.values():
            if entry.served is not None:
                entry.served.stop_admission()

    def forget_scope(self, scope: int) -> None:
        """Drop all cached prefixes of a cache scope, in every model."""
        for entry in self._entries.values():
            if entry.served is not None:
                entry.served.forget_scope(scope)

    def cancel_all(self) -> int:
        """Cancel every running generation and return how many there were."""
        return sum(e.served.cancel_all() for e in self._entries.values() if e.served is not None)

    async def close(self) -> None:
        """Stop the loads under way within END_S, then free every model within FREE_S; count what takes longer in `abandoned`."""
        self.stop_admission()
        if self._watch is not None:
            self._watch.cancel()
        for entry in self._entries.values():
            entry.stopping.set()
        if self._loads:
            _, late = await asyncio.wait(self._loads, timeout=END_S)
            self.abandoned += len(late)
            for load in late:
                load.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        unloading = [asyncio.create_task(self._freed(name)) for name in self._entries]
        if unloading:
            ended, endless = await asyncio.wait(unloading, timeout=FREE_S)
            for task in ended:
                task.result()
            if endless:
                self.abandoned += len(endless)
                _log.error("an engine is in a step that does not end; it is left to itself", extra={"engines": len(endless)})
