"""What the operator keeps current of the cluster: an informer for each kind, and which Model an object belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from echorator.kube.client import Client
from echorator.kube.informer import Informer
from echorator.kube.install import Install
from echorator.kube.pods import AGENT
from echorator.kube.resources import (
    CHILDREN,
    CLAIM,
    DEPLOYMENT,
    GRPC_ROUTE,
    MANAGED_BY,
    MANAGED_LABEL,
    MODEL,
    MODEL_LABEL,
    PART_LABEL,
    POD,
    STATEFUL_SET,
    STORAGE_CLASS,
    STORE_LABEL,
    Kind,
    Name,
    Object,
    asked_name,
    name_of,
    owner_uid,
)
from echorator.kube.source import claim_named

OURS = f"{MANAGED_LABEL}={MANAGED_BY}"


class World:
    """`run` it; read what is there once `synced`."""

    def __init__(self, client: Client, install: Install, namespace: str, on_model: Callable[[Name], None]) -> None:
        """`namespace` "": all of them. `on_model` is told which Model to look at."""
        self._on_model = on_model
        self.models = Informer(client, MODEL, namespace, index=asked_name)
        self.storage_classes = Informer(client, STORAGE_CLASS)
        self.pods = Informer(client, POD, namespace, OURS, _part)
        self.claims = Informer(client, CLAIM, namespace)
        kinds = (*CHILDREN, *((GRPC_ROUTE,) if install.grpc_routes else ()))
        self.children: dict[Kind, Informer] = {kind: Informer(client, kind, namespace, OURS, owner_uid) for kind in kinds}
        self.models.on_change.append(self._model_changed)
        for informer in (self.pods, self.claims, *self.children.values()):
            informer.on_change.append(self._child_changed)

    @property
    def informers(self) -> Iterable[Informer]:
        """All of them."""
        return (self.models, self.storage_classes, self.pods, self.claims, *self.children.values())

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(*(informer.run() for informer in self.informers))

    async def synced(self) -> None:
        """Returns once everything is there."""
        for informer in self.informers:
            await informer.synced.wait()

    def trouble(self) -> str:
        """What is not known yet, and why."""
        missing = [informer for informer in self.informers if not informer.synced.is_set()]
        return "; ".join(informer.trouble or f"{informer.kind.plural} are being listed" for informer in missing)

    def _model_changed(self, before: Object | None, after: Object | None) -> None:
        model = after or before or {}
        if before is not None and after is not None and _asked_for(before) == _asked_for(after):
            return  # a status, which is written here
        self._on_model(name_of(model))
        if before is None or after is None:  # who else wants its name may have it now, or no longer
            for rival in self.models.indexed(asked_name(model)):
                self._on_model(name_of(rival))

    def _child_changed(self, before: Object | None, after: Object | None) -> None:
        thing = after or before or {}
        metadata = thing["metadata"]
        labels = metadata.get("labels", {})
        namespace = metadata.get("namespace", "")
        if MODEL_LABEL in labels:
            self._on_model((namespace, labels[MODEL_LABEL]))
        elif STORE_LABEL in labels:
            for owner in self.owners_of_store(namespace, labels[STORE_LABEL]):
                self._on_model((namespace, owner))
        elif thing.get("kind") == CLAIM.name:
            for model in self.models.all():
                if model["metadata"]["namespace"] == namespace and metadata["name"] == claim_named(model["spec"]):
                    self._on_model(name_of(model))

    def owners_of_store(self, namespace: str, store: str) -> list[str]:
        """Names of the Models that its StatefulSet belongs to."""
        there = self.children[STATEFUL_SET].get(namespace, store)
        return [owner["name"] for owner in (there or {}).get("metadata", {}).get("ownerReferences", ())]

    def stores_of(self, model: Object) -> list[Object]:
        """StatefulSets that name a Model as an owner."""
        uid, namespace = model["metadata"]["uid"], model["metadata"]["namespace"]
        return [
            there
            for there in self.children[STATEFUL_SET].all()
            if there["metadata"]["namespace"] == namespace and any(o["uid"] == uid for o in there["metadata"].get("ownerReferences", ()))
        ]

    def owned(self, model: Object) -> list[tuple[Kind, Object]]:
        """What a Model controls."""
        uid = model["metadata"]["uid"]
        return [(kind, thing) for kind, informer in self.children.items() for thing in informer.indexed(uid)]

    def agents_of(self, model: Object) -> Sequence[Object]:
        """Its pods that are not about to go."""
        namespace, name = name_of(model)
        return [pod for pod in self.pods.indexed(f"{namespace}/model/{name}") if "deletionTimestamp" not in pod["metadata"]]

    def store_pods(self, namespace: str, store: str) -> Sequence[Object]:
        """Those that pull."""
        return self.pods.indexed(f"{namespace}/store/{store}")

    def binds_later(self, claim: Object | None) -> bool:
        """Its class waits for the first pod that uses it."""
        name = ((claim or {}).get("spec") or {}).get("storageClassName") or ""
        storage_class = self.storage_classes.get("", name) if name else None
        return (storage_class or {}).get("volumeBindingMode") == "WaitForFirstConsumer"

    def workload_of(self, model: Object, name: str) -> Object | None:
        """Its Deployment."""
        return self.children[DEPLOYMENT].get(model["metadata"]["namespace"], name)


def _part(pod: Object) -> str:
    """What a pod is found by."""
    labels = pod["metadata"].get("labels", {})
    namespace = pod["metadata"]["namespace"]
    if labels.get(PART_LABEL) == AGENT and MODEL_LABEL in labels:
        return f"{namespace}/model/{labels[MODEL_LABEL]}"
    return f"{namespace}/store/{labels[STORE_LABEL]}" if STORE_LABEL in labels else ""


def _asked_for(model: Object) -> tuple[object, ...]:
    """What somebody may have changed."""
    metadata = model["metadata"]
    return tuple(metadata.get(key) for key in ("generation", "deletionTimestamp", "annotations", "labels", "finalizers"))
