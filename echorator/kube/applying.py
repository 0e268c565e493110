"""Children into the cluster: what is not as it is to be is applied, what is no longer wanted is deleted, what is somebody else's is left.

One that cannot be made keeps none of the others from being made.

Fed by `children` with what is wanted, by `world` with what is there.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress

from echorator.errors import EchoratorError
from echorator.kube.children import Child, Wanted
from echorator.kube.client import MANAGER, AbsentError, Client, ConflictError, InvalidObjectError, UnreachableError
from echorator.kube.contained import contained, without_extras
from echorator.kube.events import Events
from echorator.kube.resources import APPLIED_ANNOTATION, Kind, Name, Object, name_of, owner_uid
from echorator.kube.world import World

_log = logging.getLogger(__name__)


class NotOursError(EchoratorError):
    """Something of that name is there already and belongs to somebody else."""


class Applying:
    """`apply` and `prune`; the same again writes nothing."""

    def __init__(self, client: Client, world: World, events: Events) -> None:
        self._client = client
        self._world = world
        self._events = events
        self._unmendable: dict[tuple[Kind, Name], tuple[str, object]] = {}  # what was written, and the spec that stayed otherwise

    async def apply(self, children: Sequence[Child], model: Object | None = None) -> EchoratorError | None:
        """What is not so yet. `model` controls them, None for what several share. Returns what stood in the way of the first of them.

        Raises:
            UnreachableError: there is no use in trying the others.
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
        """Raises EchoratorError."""
        informer = self._world.children[kind]
        namespace, name = name_of(wanted)
        there = informer.get(namespace, name)
        if there is not None and model is not None and owner_uid(there) not in ("", model["metadata"]["uid"]):
            raise NotOursError(f"{kind} {name} is there already and belongs to another object; delete it, or name the model otherwise")
        if there is not None and contained(wanted, there):
            return
        if there is not None and self._unmendable.get((kind, (namespace, name))) == (_applied(wanted), there.get("spec")):
            return
        try:
            made = await self._client.apply(kind, wanted, force=there is not None)
        except (ConflictError, InvalidObjectError) as error:
            if there is None and await self._is_there(kind, wanted):  # what it has and what was wanted do not go together
                raise NotOursError(_TAKEN.format(kind=kind, name=name)) from error
            raise
        if there is None and _foreign(made):
            nothing = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"namespace": namespace, "name": name}}
            await self._client.apply(kind, nothing)  # what was written here is taken back
            raise NotOursError(_TAKEN.format(kind=kind, name=name))
        if not contained(wanted, made):
            made = await self._without_extras(kind, wanted, made)
        informer.note(made)
        if there is not None and model is not None and _applied(there) == _applied(wanted):
            await self._events.tell(model, "Repaired", f"{kind} {name} was changed by somebody else and is as it was")

    async def _without_extras(self, kind: Kind, wanted: Object, made: Object) -> Object:
        """Without what others put into its lists: what they own, an apply leaves. Once: whoever puts it back at once may have it."""
        namespace, name = name_of(wanted)
        body = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "spec": without_extras(wanted, made)["spec"]}
        made = await self._client.merge(kind, namespace, name, body)
        if not contained(wanted, made):
            _log.warning("somebody else has it otherwise", extra={"kind": str(kind), "object": f"{namespace}/{name}"})
            self._unmendable[kind, (namespace, name)] = (_applied(wanted), made.get("spec"))
        return made

    async def _is_there(self, kind: Kind, thing: Object) -> bool:
        """Something of that name."""
        with suppress(AbsentError):
            await self._client.get(kind, *name_of(thing))
            return True
        return False

    async def prune(self, model: Object, wanted: Wanted) -> None:
        """What it controls and no longer wants: another Service, an autoscaler that was switched off."""
        names = {(kind, thing["metadata"]["name"]) for kind, thing in (*wanted.workload, *wanted.serving)}
        for kind, thing in self._world.owned(model):
            if (kind, thing["metadata"]["name"]) not in names and "deletionTimestamp" not in thing["metadata"]:
                await self._client.delete(kind, *name_of(thing), uid=thing["metadata"]["uid"])


def _applied(thing: Object) -> str:
    """The hash of what was applied last, and "" for what never was."""
    return str(thing["metadata"].get("annotations", {}).get(APPLIED_ANNOTATION, ""))


_TAKEN = "{kind} {name} is there already and is not of this Model; delete it, or name the model otherwise"


def _foreign(made: Object) -> bool:
    """It was there before, and somebody else wrote its spec."""
    others = [m for m in made["metadata"].get("managedFields", ()) if m.get("manager") != MANAGER and "subresource" not in m]
    return any("f:spec" in (m.get("fieldsV1") or {}) for m in others)
