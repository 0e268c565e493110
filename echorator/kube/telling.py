"""How a Model stands, told: its status, and the events that a person wants to find later. Nothing is written that is told already."""

from __future__ import annotations

from datetime import UTC, datetime

from echorator.kube.children import name_of_workload
from echorator.kube.client import Client
from echorator.kube.events import Events
from echorator.kube.observation import Around
from echorator.kube.pods import AGENT
from echorator.kube.resources import MODEL, MODEL_LABEL, PART_LABEL, Object, asked_name, name_of
from echorator.kube.world import World
from echorator.model.conditions import Observed
from echorator.model.phase import Phase
from echorator.model.status import judged

STATUS_MANAGER = "echorator-status"


class Telling:
    """`tell`, and `write` for a status that is known already."""

    def __init__(self, client: Client, world: World, events: Events) -> None:
        self._client = client
        self._world = world
        self._events = events

    async def tell(self, model: Object, seen: Observed, around: Around | None) -> None:
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
            status["endpoint"] = f"{service}.{namespace}.svc:50051"
            if around.mesh is not None and around.mesh.status.digest:
                loaded = around.mesh.status
                status["model"] = {"digest": loaded.digest, **({"sizeBytes": loaded.size_bytes} if loaded.size_bytes else {})}
            if not seen.fetched and seen.image_bytes:
                percent = 100 * seen.fetched_bytes // seen.image_bytes
                status["download"] = {"doneBytes": seen.fetched_bytes, "totalBytes": seen.image_bytes, "percent": percent}
        if seen.failure is not None:
            status["lastError"] = {"class": seen.failure.kind.name.capitalize(), "message": seen.failure.message}
        if status == before:
            return
        await self.write(model, status)
        await self._announce(model, before, status, seen)

    async def write(self, model: Object, status: Object) -> Object:
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
        """The changes that a person wants to find later."""
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
