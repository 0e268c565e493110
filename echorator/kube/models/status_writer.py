"""Writes the status of a Model, and events for the changes that a person wants to find later. Nothing is written twice."""

from __future__ import annotations

from datetime import UTC, datetime

from echorator.kube.api.client import Client
from echorator.kube.api.events import Events
from echorator.kube.api.resources import MODEL, MODEL_LABEL, PART_LABEL, Object, asked_name, name_of, name_of_workload
from echorator.kube.models.observation import Around
from echorator.kube.models.pods import AGENT
from echorator.kube.models.world import World
from echorator.model_resource.conditions import Observed
from echorator.model_resource.phase import Phase
from echorator.model_resource.status import judged
from echorator.ports import AGENT_PORT

STATUS_MANAGER = "echorator-status"


class Telling:
    """The writer of statuses and events: `tell` for a Model that stays, `tell_leaving` for one that is being deleted."""

    def __init__(self, client: Client, world: World, events: Events) -> None:
        self._client = client
        self._world = world
        self._events = events

    async def tell_leaving(self, model: Object) -> Object:
        """Write the phase Terminating and leave the rest of the status; return the Model as it is then. Raises ApiError."""
        before = model.get("status") or {}
        if before.get("phase") == Phase.TERMINATING.value:
            return model
        return await self._write(model, {**before, "phase": Phase.TERMINATING.value})

    async def tell(self, model: Object, seen: Observed, around: Around | None) -> None:
        """Write the status if it differs, and an event for a change that a person wants to find later.

        Args:
            model: the Model as it was read.
            seen: what was observed of it.
            around: its objects in the cluster; None: not known.

        Raises:
            ApiError: the API server refused the write.
        """
        before = model.get("status") or {}
        generation = model["metadata"]["generation"]
        conditions, way = judged(before, seen, generation, False, _now())
        namespace, name = name_of(model)
        status: Object = {
            "observedGeneration": generation,
            "phase": way[-1].value,
            "conditions": conditions,
            "replicas": len(around.pods) if around is not None else 0,
            "readyReplicas": seen.serving,
            "selector": f"{MODEL_LABEL}={name},{PART_LABEL}={AGENT}",
            "servedName": asked_name(model),
        }
        if around is not None:
            service = (model["spec"].get("expose") or {}).get("serviceName") or name_of_workload(name)
            status["endpoint"] = f"{service}.{namespace}.svc:{AGENT_PORT}"
            known = around.registration.known
            if known is not None and known.status.digest:
                loaded = known.status
                status["model"] = {"digest": loaded.digest, **({"sizeBytes": loaded.size_bytes} if loaded.size_bytes else {})}
            if not seen.fetched and seen.image_bytes:
                percent = 100 * seen.fetched_bytes // seen.image_bytes
                status["download"] = {"doneBytes": seen.fetched_bytes, "totalBytes": seen.image_bytes, "percent": percent}
        if seen.failure is not None:
            status["lastError"] = {"class": seen.failure.kind.name.capitalize(), "message": seen.failure.message}
        if status == before:
            return
        await self._write(model, status)
        await self._announce(model, before, status, seen)

    async def _write(self, model: Object, status: Object) -> Object:
        namespace, name = name_of(model)
        body: Object = {
            "apiVersion": MODEL.api_version,
            "kind": MODEL.name,
            "metadata": {"namespace": namespace, "name": name},
            "status": status,
        }
        written = await self._client.apply(MODEL, body, STATUS_MANAGER, "status")
        self._world.models.note(written)
        return written

    async def _announce(self, model: Object, before: Object, status: Object, seen: Observed) -> None:
        """Write events for a new error, and for the phases Ready, Scaling and ImagePulling."""
        if seen.failure is not None and before.get("lastError") != status["lastError"]:
            await self._events.tell(model, f"{status['lastError']['class']}Error", seen.failure.message, warning=True)
        phase = status["phase"]
        if phase == before.get("phase"):
            return
        if phase == Phase.READY.value:
            await self._events.tell(model, "Ready", f"{seen.serving} of {seen.replicas} replicas serve it")
        elif phase == Phase.SCALING.value:
            note = f"{seen.serving} of {seen.replicas} replicas serve it, {seen.outdated} of them as it was before"
            await self._events.tell(model, "Scaling", note)
        elif phase == Phase.IMAGE_PULLING.value:
            await self._events.tell(model, "Pulling", f"pulling {model['spec']['image']}")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
