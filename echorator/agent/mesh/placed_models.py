"""Reconciles the models of this agent with those that its controller desires.

`plan` is pure: it compares desired with present models and returns what is to be found, unloaded and loaded now. A model is served until
the files of its successor are here. `PlacedModels` carries out the plan with the registry and keeps the failures: a failed step is
retried with exponential backoff and jitter; a failure that only a change can cure waits for the change. Fed by
`mesh_session` with `Desired`, feeds it with what to report.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from echorator.agent.loading.embedded import embedded_model, is_foreign, with_embedded_threads
from echorator.agent.loading.model_defaults import ModelDefaults, defaults_of
from echorator.agent.loading.registry import Registry
from echorator.agent.requests import engine_settings_of, sources_of, with_files
from echorator.backoff import Backoff
from echorator.errors import ErrorClass, class_of
from echorator.model_files.puller import Image
from echorator.rpc.mesh.v1 import mesh_pb2
from echorator.settings import EMBEDDED_NAME, EngineSettings

_log = logging.getLogger(__name__)

RETRY = Backoff(first_s=0.5, longest_s=60.0, jitter=(0.75, 1.25))
UNLOAD_GRACE_S = 30.0
LAME_DUCK_S = 0.2  # calls are taken for this long after the controller was told, until its clients know


@dataclass(frozen=True)
class Failure:
    """The last failure to load a model. `retry_s` is on CLOCK_MONOTONIC; infinite where only a change helps."""

    kind: ErrorClass
    message: str
    attempts: int
    retry_s: float


@dataclass(frozen=True)
class Placed:
    """A model that this agent loads or has loaded for its controller. `busy`: a task works on it now.

    `leaving`: its unload has begun; calls are still taken until their senders know. `next`: the generation that is to take its place.
    """

    generation: int
    busy: bool = False
    failure: Failure | None = None
    leaving: bool = False
    next: Next | None = None


@dataclass(frozen=True)
class Next:
    """A desired generation whose files have been looked for; without a `failure` they are here."""

    generation: int
    failure: Failure | None = None


@dataclass(frozen=True)
class Steps:
    """Names of models whose next files are to be found, which are to be unloaded, and which are to be loaded now."""

    find: list[str]
    unload: list[str]
    load: list[str]


FindModel = Callable[[str], Image]  # returns the image of a source, pulled if it is missing; called on a thread


def plan(desired: Mapping[str, int], placed: Mapping[str, Placed], own: frozenset[str], now_s: float) -> Steps:
    """Return what to do now. A model of another generation is first found and unloaded, and loaded by a later call.

    Args:
        desired: generation by name of model.
        placed: the controller's models that are here, by name.
        own: names of the command line's models, which are not touched.
        now_s: on CLOCK_MONOTONIC.
    """
    steps = Steps([], [], [name for name in desired if name not in placed and name not in own])
    for name, there in placed.items():
        wanted = desired.get(name)
        found = there.next if there.next is not None and there.next.generation == wanted else None
        if there.busy:
            continue
        if wanted == there.generation:
            if there.failure is not None and there.failure.retry_s <= now_s:
                steps.load.append(name)
        elif wanted is None or there.failure is not None or (found is not None and found.failure is None):
            steps.unload.append(name)
        elif found is None or (found.failure is not None and found.failure.retry_s <= now_s):
            steps.find.append(name)
    return steps


def retry_after_s(kind: ErrorClass, attempts: int) -> float:
    """Return the seconds until the next attempt: exponential backoff with jitter, infinite for what only a change can cure."""
    if kind is ErrorClass.CONFIGURATION:
        return float("inf")
    return RETRY.jittered_s(attempts, random.random())


def _failed(name: str, error: Exception, before: Failure | None) -> Failure:
    kind, attempts = class_of(error), before.attempts + 1 if before is not None else 1
    _log.warning("placed model not loaded", extra={"model": name, "class": kind.name, "attempts": attempts, "error": str(error)[:300]})
    return Failure(kind, str(error)[:1000], attempts, time.monotonic() + retry_after_s(kind, attempts))


class PlacedModels:
    """The reconciler of one agent: `want` sets the desired models, and failed steps are retried when due. Runs on one event loop."""

    def __init__(self, registry: Registry, defaults: EngineSettings, find: FindModel, on_change: Callable[[], None]) -> None:
        self._find = find
        self._registry = registry
        self._defaults = defaults
        self._on_change = on_change
        self._desired: dict[str, mesh_pb2.DesiredModel] = {}
        self._placed: dict[str, Placed] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def placed(self) -> dict[str, Placed]:
        """Return the state of each placed model, by name."""
        return dict(self._placed)

    def want(self, desired: mesh_pb2.Desired) -> None:
        """Replace the desired models and start the steps that lead there."""
        self._desired = {model.name: model for model in desired.models}
        self._step()

    def _step(self) -> None:
        own = frozenset(entry.name for entry in self._registry.entries()) - self._placed.keys()
        wanted = {name: model.generation for name, model in self._desired.items()}
        for name, there in self._placed.items():
            if there.next is not None and there.next.generation != wanted.get(name):
                self._placed[name] = replace(there, next=None)  # the desired generation has changed since
        steps = plan(wanted, self._placed, own, time.monotonic())
        for name in steps.find:
            self._placed[name] = replace(self._placed[name], busy=True)
            self._begin(self._look_for(self._desired[name]))
        for name in steps.unload:
            self._placed[name] = replace(self._placed[name], busy=True, leaving=True)
            self._begin(self._unload(name))
        for name in steps.load:
            before = self._placed.get(name)
            model = self._desired[name]
            self._placed[name] = Placed(model.generation, True, before.failure if before is not None else None)
            self._begin(self._load(model))
        self._set_timer()
        self._on_change()

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        idle = [placed for placed in self._placed.values() if not placed.busy]
        failures = [*(placed.failure for placed in idle), *(placed.next.failure for placed in idle if placed.next is not None)]
        first_s = min((failure.retry_s for failure in failures if failure is not None), default=float("inf"))
        if first_s != float("inf"):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, first_s - time.monotonic()) + 0.001, self._step)

    async def _look_for(self, model: mesh_pb2.DesiredModel) -> None:
        """Find the files of the generation that is to replace a model that serves, and keep the result in `next`."""
        there = self._placed[model.name]
        before = there.next.failure if there.next is not None and there.next.generation == model.generation else None
        failure: Failure | None = None
        try:
            await self._found(model)
        except Exception as error:  # noqa: BLE001  the controller must learn of any error, and the model must not stay busy for ever
            failure = _failed(model.name, error, before)
        self._placed[model.name] = replace(there, busy=False, next=Next(model.generation, failure))
        self._step()

    async def _found(self, model: mesh_pb2.DesiredModel) -> tuple[EngineSettings, ModelDefaults]:
        """Return settings and defaults for a desired model, its files pulled. Raises EchoratorError for unfit options or absent files."""
        settings = engine_settings_of(model.options, self._defaults)
        image, *adapters = await asyncio.to_thread(lambda: [self._find(source) for source in sources_of(model.source, model.options)])
        if model.source == EMBEDDED_NAME:
            image = replace(image, path=embedded_model())
        return with_embedded_threads(with_files(settings, image, *adapters)), defaults_of(image)

    async def _load(self, model: mesh_pb2.DesiredModel) -> None:
        name = model.name
        before = self._placed[name].failure
        failure: Failure | None = None
        try:
            settings, defaults = await self._found(model)
            await self._registry.load(name, settings, lambda _stage, _fraction: None, defaults, checked=is_foreign(settings))
        except Exception as error:  # noqa: BLE001  as above
            failure = _failed(name, error, before)
        self._placed[name] = Placed(model.generation, False, failure)
        self._step()

    async def _unload(self, name: str) -> None:
        if any(entry.name == name for entry in self._registry.entries()):
            await asyncio.sleep(LAME_DUCK_S)
            try:
                await self._registry.unload(name, UNLOAD_GRACE_S)
            except Exception as error:  # noqa: BLE001  whatever it is, the model must not stay busy for ever
                _log.warning("placed model not unloaded", extra={"model": name, "error": str(error)}, exc_info=error)
        del self._placed[name]
        self._step()

    async def close(self) -> None:
        """Cancel all steps; loads and unloads that have begun are finished by the registry."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
