"""Children into the cluster: what is not as it is to be is applied, what is no longer wanted is deleted, what is somebody else's is left.

Fed by `children` with what is wanted, by `world` with what is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from echorator.errors import EchoratorError
from echorator.kube.children import Child, Wanted
from echorator.kube.client import MANAGER, AbsentError, Client, ConflictError, InvalidObjectError
from echorator.kube.contained import contained
from echorator.kube.resources import Kind, Object, name_of, owner_uid
from echorator.kube.world import World


class NotOursError(EchoratorError):
    """Something of that name is there already and belongs to somebody else."""


class Applying:
    """`apply` and `prune`; the same again writes nothing."""

    def __init__(self, client: Client, world: World) -> None:
        self._client = client
        self._world = world

    async def apply(self, children: Sequence[Child], owner: str) -> None:
        """What is not so yet. `owner` is the uid that controls them, "" for what several Models share."""
        for kind, wanted in children:
            informer = self._world.children[kind]
            namespace, name = name_of(wanted)
            there = informer.get(namespace, name)
            if there is not None and owner and owner_uid(there) not in ("", owner):
                raise NotOursError(f"{kind} {name} is there already and belongs to another object; delete it, or name the model otherwise")
            if there is not None and contained(wanted, there):
                continue
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
            informer.note(made)

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


_TAKEN = "{kind} {name} is there already and is not of this Model; delete it, or name the model otherwise"


def _foreign(made: Object) -> bool:
    """It was there before, and somebody else wrote its spec."""
    others = [m for m in made["metadata"].get("managedFields", ()) if m.get("manager") != MANAGER and "subresource" not in m]
    return any("f:spec" in (m.get("fieldsV1") or {}) for m in others)
