"""Performs the actions of `model_resource.lifecycle` in the cluster: applies objects that differ and deletes objects that are left over.

Objects of other owners are left as they are, and an object that cannot be made does not keep the others from being made. Fed by
`reconciler` with actions and by `surroundings` with what was observed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import assert_never

from echorator.errors import EchoratorError
from echorator.kube.api.client import MANAGER, AbsentError, Client, ConflictError, InvalidObjectError, UnreachableError
from echorator.kube.api.differences import contained, without_extras
from echorator.kube.api.events import Events
from echorator.kube.api.resources import (
    FINALIZER,
    MODEL,
    NETWORK_POLICY,
    SERVICE,
    STATEFUL_SET,
    Kind,
    Object,
    applied_hash,
    asked_name,
    name_of,
    owner_uid,
)
from echorator.kube.models.children import Child, Wanted
from echorator.kube.models.observation import Around
from echorator.kube.models.seen import NotOursError, Seen
from echorator.kube.models.source import Source, Way
from echorator.kube.models.world import World
from echorator.model_resource.lifecycle import (
    Deploy,
    Deregister,
    DropFiles,
    Fetch,
    Hold,
    Link,
    Memory,
    Register,
    Release,
    RemoveWorkload,
    Scale,
    Step,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Performed:
    """The result of a step's actions. `model` and `memory` are as the last action that succeeded left them."""

    model: Object
    memory: Memory
    error: EchoratorError | None = None  # of the first action that failed; None: all were performed


class Applying:
    """The writer of one operator: it performs the actions of steps in the cluster."""

    def __init__(self, client: Client, world: World, link: Link, events: Events) -> None:
        self._client = client
        self._world = world
        self._link = link
        self._events = events

    async def perform(self, seen: Seen, decided: Step) -> Performed:
        """Perform the actions in their order until one fails; agents that cannot be made keep the Model from nothing else."""
        model, memory, hindrance = seen.model, decided.memory, None
        around = seen.around or Around(Source(Way.EMBEDDED, ""))  # without surroundings the step returns no action that needs them
        try:
            for action in decided.actions:
                match action:
                    case Hold():
                        model = await self._hold(model)
                    case Scale():
                        model = await self.scale(model, action.replicas)
                    case Fetch():
                        await self._fetch(seen.wanted)
                    case DropFiles():
                        await self._drop_stores(model, around.stores_left_over)
                    case Deploy():
                        hindrance = await self._deploy(model, seen.wanted, around.left_over)
                    case Register():
                        memory = memory.become_agreed(await asyncio.to_thread(self._link.apply, around.registration.wanted))
                    case Deregister():
                        await self._deregister(model, action.required)
                    case RemoveWorkload():
                        pass  # never returned here: the cluster collects what a Model owns
                    case Release():
                        await self._release(model)
                    case _:
                        assert_never(action)
        except EchoratorError as error:
            return Performed(model, memory, error)
        return Performed(model, memory, hindrance)

    # The Model itself

    async def _hold(self, model: Object) -> Object:
        return await self._merge(model, {"finalizers": [*model["metadata"].get("finalizers", ()), FINALIZER]})

    async def _release(self, model: Object) -> None:
        rest = [name for name in model["metadata"]["finalizers"] if name != FINALIZER]
        version = model["metadata"]["resourceVersion"]
        await self._client.merge(MODEL, *name_of(model), {"metadata": {"resourceVersion": version, "finalizers": rest}})

    async def scale(self, model: Object, replicas: int) -> Object:
        """Write the replicas into the spec; return the Model as it is then. Raises ConflictError: it was changed since it was read."""
        return await self._merge(model, {}, {"spec": {"replicas": replicas}})

    async def _merge(self, model: Object, metadata: Object, body: Object | None = None) -> Object:
        patch = {"metadata": {"resourceVersion": model["metadata"]["resourceVersion"], **metadata}, **(body or {})}
        changed = await self._client.merge(MODEL, *name_of(model), patch)
        self._world.models.note(changed)
        return changed

    async def _deregister(self, model: Object, required: bool) -> None:
        """Take the Model out of the mesh. Raises ControllerLostError where `required`; else the failure becomes an event."""
        try:
            await asyncio.to_thread(self._link.delete, asked_name(model))
        except EchoratorError as error:
            if required:
                raise
            await self._events.tell(model, "NotDeregistered", str(error), warning=True)

    # Its children

    async def _fetch(self, wanted: Wanted) -> None:
        """Make the store that pulls the files. Raises EchoratorError."""
        hindrance = await self._apply_all(wanted.store)
        if hindrance is not None:
            raise hindrance

    async def _drop_stores(self, model: Object, stores: Sequence[str]) -> None:
        for store in stores:
            for kind in (STATEFUL_SET, SERVICE, NETWORK_POLICY):
                await self._client.delete(kind, model["metadata"]["namespace"], store)

    async def _deploy(self, model: Object, wanted: Wanted, left_over: Sequence[Child]) -> EchoratorError | None:
        """Make the agents and what belongs to them; return the error of the first object that could not be made.

        Left-over objects are deleted only after all could be made, since they serve in place of what is missing.

        Raises:
            UnreachableError: the API server does not answer.
        """
        hindrance = await self._apply_all((*wanted.serving, *wanted.workload), model)
        if hindrance is None:
            for kind, thing in left_over:
                await self._client.delete(kind, *name_of(thing), uid=thing["metadata"]["uid"])
        return hindrance

    async def _apply_all(self, children: Sequence[Child], model: Object | None = None) -> EchoratorError | None:
        """Apply the children that differ; return the error of the first one that could not be applied, None if there is none.

        Args:
            children: the wanted objects.
            model: the Model that controls them; None for objects that several Models share.

        Raises:
            UnreachableError: the API server does not answer, so that the other children would fail too.
        """
        hindrance: EchoratorError | None = None
        for kind, wanted in children:
            try:
                await self._apply(kind, wanted, model)
            except UnreachableError:
                raise
            except EchoratorError as error:
                hindrance = hindrance or error
        return hindrance

    async def _apply(self, kind: Kind, wanted: Object, model: Object | None) -> None:
        """Apply one child if it differs. Raises EchoratorError."""
        if self._world.is_as_wanted(kind, wanted, model):
            return  # another Model that shares the object has made it by now
        informer = self._world.children[kind]
        namespace, name = name_of(wanted)
        there = informer.get(namespace, name)
        if there is not None and model is not None and owner_uid(there) not in ("", model["metadata"]["uid"]):
            raise NotOursError(f"{kind} {name} is there already and belongs to another object; delete it, or name the model otherwise")
        try:
            made = await self._client.apply(kind, wanted, force=there is not None)
        except (ConflictError, InvalidObjectError) as error:
            if there is None and await self._is_there(kind, wanted):  # the existing object and the wanted fields do not fit together
                raise NotOursError(_TAKEN.format(kind=kind, name=name)) from error
            raise
        if there is None and _foreign(made):
            nothing = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"namespace": namespace, "name": name}}
            await self._client.apply(kind, nothing)  # take back the fields that the apply has just written
            raise NotOursError(_TAKEN.format(kind=kind, name=name))
        if not contained(wanted, made):
            made = await self._without_extras(kind, wanted, made)
        informer.note(made)
        if there is not None and model is not None and applied_hash(there) == applied_hash(wanted):
            await self._events.tell(model, "Repaired", f"{kind} {name} was changed by somebody else and is as it was")

    async def _without_extras(self, kind: Kind, wanted: Object, made: Object) -> Object:
        """Remove items that other managers put into the child's lists, since an apply leaves what others own.

        Done once for each state: a manager that restores its items at once may keep them.
        """
        namespace, name = name_of(wanted)
        body = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "spec": without_extras(wanted, made)["spec"]}
        made = await self._client.merge(kind, namespace, name, body)
        if not contained(wanted, made):
            _log.warning("somebody else has it otherwise", extra={"kind": str(kind), "object": f"{namespace}/{name}"})
            self._world.unmendable[kind, (namespace, name)] = (applied_hash(wanted), made.get("spec"))
        return made

    async def _is_there(self, kind: Kind, thing: Object) -> bool:
        """Return whether the API server has an object of that kind and name."""
        with suppress(AbsentError):
            await self._client.get(kind, *name_of(thing))
            return True
        return False


_TAKEN = "{kind} {name} is there already and is not of this Model; delete it, or name the model otherwise"


def _foreign(made: Object) -> bool:
    """Return whether an object existed before its first apply, so that another manager wrote its spec."""
    others = [m for m in made["metadata"].get("managedFields", ()) if m.get("manager") != MANAGER and "subresource" not in m]
    return any("f:spec" in (m.get("fieldsV1") or {}) for m in others)
