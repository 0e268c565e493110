"""The Kubernetes back end of `model_resource.lifecycle`: observes one Model, takes the step, performs its actions, writes the status.

Level-based: a pass reads the informers' caches and writes only what differs from them; the same pass again writes nothing. `surroundings`
observes, `applying` performs, `status_writer` writes the status, and `autoscaling` returns what the load asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from echorator.errors import EchoratorError
from echorator.kube.api.client import Client
from echorator.kube.api.events import Events
from echorator.kube.api.resources import Name, Object, name_of
from echorator.kube.installation import Install
from echorator.kube.models.applying import Applying
from echorator.kube.models.autoscaling import Autoscaling
from echorator.kube.models.seen import Seen
from echorator.kube.models.status_writer import Telling
from echorator.kube.models.surroundings import Downloading, Surroundings
from echorator.kube.models.world import World
from echorator.model_resource.lifecycle import Link, Memory, step
from echorator.model_resource.phase import Phase

PULLING_S = 1.0  # seconds between two looks at a download
AGAIN_S = 0.001  # seconds until the next pass over what this pass changed
LOOK_S = 3.0  # seconds between two looks at a download whose size is not known yet


class Reconciler:
    """Reconciles Models. Several tasks may call `reconcile`, but never two for one Model at once."""

    def __init__(
        self,
        client: Client,
        world: World,
        link: Link,
        install: Install,
        events: Events,
        memory_ready: Callable[[str], bool],
        downloading: Downloading,
    ) -> None:
        """Keep the parts; `memory_ready` tells whether an address serves a memory, `downloading` how far a store is, as its pods report."""
        self._world = world
        self._link = link
        self._events = events
        self._autoscaling = Autoscaling(install)
        self._applying = Applying(client, world, link, events)
        self._surroundings = Surroundings(world, link, install, self._autoscaling, memory_ready, downloading)
        self._telling = Telling(client, world, events)
        self._memories: dict[str, Memory] = {}  # by the uid of the Model

    async def reconcile(self, key: Name, failures: int = 0) -> float:
        """Take one step of a Model's life.

        Args:
            key: the Model.
            failures: how many passes in a row failed before this one.

        Returns:
            Seconds after which to reconcile again; 0: not before something changes.

        Raises:
            EchoratorError: the pass failed and must be tried again; the status already says so, except for a Model that is being deleted.
        """
        model = self._world.models.get(*key)
        if model is None:
            return 0.0
        seen = await self._surroundings.look(model, failures)
        error: EchoratorError | None = None
        decided = step(seen.asked, seen.observed, self._memories.get(model["metadata"]["uid"], Memory()))
        if decided.actions:
            if seen.asked.deleting:  # shown first, since an absent controller may delay the rest
                seen = replace(seen, model=await self._telling.tell_leaving(model))
            done = await self._applying.perform(seen, decided)
            error = done.error
            self._remember(model, done.memory)
            if error is None and decided.supersedes:
                return 0.0 if seen.asked.deleting else AGAIN_S
            seen = await self._surroundings.look(done.model, failures, error)
        else:
            self._remember(model, decided.memory)
        return await self._tell(seen, error or seen.hindrance)

    async def _tell(self, seen: Seen, error: EchoratorError | None) -> float:
        """Write the status. Return and raise what `reconcile` does."""
        if error is not None and seen.asked.deleting:
            raise error
        if seen.asked.deleting or (error is None and self._out_of_touch(seen.model)):
            return 0.0  # the last status stands until the Model is gone or the controller is back, either of which reconciles it again
        await self._telling.tell(seen.model, seen.observed, seen.around)
        if seen.spec is None:
            return 0.0  # nothing to do before the spec changes, which reconciles the Model again
        if error is not None:
            raise error
        if not seen.observed.fetched:
            return PULLING_S if seen.observed.image_bytes else LOOK_S
        return await self._scale(seen)

    def _out_of_touch(self, model: Object) -> bool:
        """Return whether the controller was not heard of yet, while the status is of an operator that had heard of it."""
        return not self._link.synced and (model.get("status") or {}).get("phase") not in (None, Phase.PENDING.value)

    def _remember(self, model: Object, memory: Memory) -> None:
        uid = model["metadata"]["uid"]
        if "deletionTimestamp" in model["metadata"]:
            self._memories.pop(uid, None)
        else:
            self._memories[uid] = memory

    async def _scale(self, seen: Seen) -> float:
        """Write the replicas that the load asks for into the spec. Return when to reconcile again, as `reconcile` does."""
        assert seen.spec is not None
        assert seen.around is not None
        model = seen.model
        asked = self._autoscaling.asked(model, seen.spec, seen.around.registration.known, seen.recommended)
        if asked.news:
            await self._events.tell(model, "SignalIgnored", asked.news, warning=True)
        if asked.replicas is None:
            return asked.again_s
        latest = self._world.models.get(*name_of(model))  # the status was written since `model` was read
        if latest is None or latest["metadata"]["generation"] != model["metadata"]["generation"]:
            return asked.again_s  # the spec was changed meanwhile, which reconciles the Model again
        await self._applying.scale(latest, asked.replicas)
        await self._events.tell(latest, asked.reason, asked.note)
        return AGAIN_S

    # Reports of the mesh

    def recommended(self, served: str) -> dict[Name, tuple[int, float]]:
        """Return, for the Models of a name, the replicas that the mesh's signals ask for, and in how many seconds there may be fewer."""
        return self._surroundings.recommended(served)

    def saw_busy(self, served: str) -> None:
        """Record that a request for the model of that name was made just now."""
        self._autoscaling.saw_busy(served)
