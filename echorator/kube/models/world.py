"""The operator's view of the cluster: one informer for each kind, and the mapping from an object to the Model it belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from echorator.kube.api.client import Client
from echorator.kube.api.differences import contained
from echorator.kube.api.informer import Informer
from echorator.kube.api.resources import (
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
    applied_hash,
    asked_name,
    name_of,
    name_of_workload,
    own_memory_name,
    owner_uid,
)
from echorator.kube.installation import Install
from echorator.kube.models.children import Child, Wanted
from echorator.kube.models.observation import Around
from echorator.kube.models.pods import AGENT
from echorator.kube.models.source import Source, Way, claim_named

OURS = f"{MANAGED_LABEL}={MANAGED_BY}"


class World:
    """The informers of an operator. `run` keeps them current; their caches are complete after `synced`."""

    def __init__(self, client: Client, install: Install, namespace: str, on_model: Callable[[Name], None]) -> None:
        """Make the informers; `namespace` "" watches all namespaces. `on_model` is called with each Model to reconcile."""
        self._on_model = on_model
        self.models = Informer(client, MODEL, namespace, index=asked_name)
        self.storage_classes = Informer(client, STORAGE_CLASS)
        self.pods = Informer(client, POD, namespace, OURS, _part)
        self.claims = Informer(client, CLAIM, namespace)
        kinds = (*CHILDREN, *((GRPC_ROUTE,) if install.grpc_routes else ()))
        self.children: dict[Kind, Informer] = {kind: Informer(client, kind, namespace, OURS, owner_uid) for kind in kinds}
        # Objects that another manager keeps different from what was applied: the hash of what was applied, and the spec that stayed.
        self.unmendable: dict[tuple[Kind, Name], tuple[str, object]] = {}
        self.models.on_change.append(self._model_changed)
        for informer in (self.pods, self.claims, *self.children.values()):
            informer.on_change.append(self._child_changed)

    @property
    def informers(self) -> Iterable[Informer]:
        """Return the informers of all watched kinds."""
        return (self.models, self.storage_classes, self.pods, self.claims, *self.children.values())

    async def run(self) -> None:
        """Run all informers until cancelled."""
        await asyncio.gather(*(informer.run() for informer in self.informers))

    async def synced(self) -> None:
        """Wait until every informer has listed its objects once."""
        for informer in self.informers:
            await informer.synced.wait()

    def trouble(self) -> str:
        """Return which kinds are not listed yet, and why; "" once all are."""
        missing = [informer for informer in self.informers if not informer.synced.is_set()]
        return "; ".join(informer.trouble or f"{informer.kind.plural} are being listed" for informer in missing)

    def _model_changed(self, before: Object | None, after: Object | None) -> None:
        model = after or before or {}
        if before is not None and after is not None and _asked_for(before) == _asked_for(after):
            return  # only the status changed, which this operator writes itself
        self._on_model(name_of(model))
        if before is None or after is None:  # another Model that asks for the same name may now get it or lose it
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
        """Return the names of the Models that own the store's StatefulSet."""
        there = self.children[STATEFUL_SET].get(namespace, store)
        return [owner["name"] for owner in (there or {}).get("metadata", {}).get("ownerReferences", ())]

    def around(self, model: Object, source: Source, storage_class: str, wanted: Wanted) -> Around:
        """Return the objects that belong to a Model; the caller fills in what is no object of the cluster.

        Args:
            model: the Model.
            source: where its files come from.
            storage_class: the class that the spec names, "" for the cluster's default.
            wanted: the objects that it is to have.
        """
        namespace, name = name_of(model)
        claim = self.claims.get(namespace, source.claim) if source.claim else None
        absent = source.way is Way.STORE and bool(storage_class) and self.storage_classes.get("", storage_class) is None
        return Around(
            source=source,
            workload=self.children[DEPLOYMENT].get(namespace, name_of_workload(name)),
            own_memory=self.children[DEPLOYMENT].get(namespace, own_memory_name(model)),
            store_as_wanted=all(self.is_as_wanted(kind, thing) for kind, thing in wanted.store),
            as_wanted=all(self.is_as_wanted(kind, thing, model) for kind, thing in (*wanted.serving, *wanted.workload)),
            left_over=self._left_over(model, wanted),
            pods=[pod for pod in self.pods.indexed(f"{namespace}/model/{name}") if "deletionTimestamp" not in pod["metadata"]],
            store=self.children[STATEFUL_SET].get(namespace, source.store) if source.store else None,
            store_pods=self.pods.indexed(f"{namespace}/store/{source.store}") if source.store else (),
            stores_left_over=self._other_stores(model, source.store),
            claim=claim,
            storage_class_absent=storage_class if absent else "",
            binds_later=self._binds_later(claim),
        )

    def is_as_wanted(self, kind: Kind, wanted: Object, model: Object | None = None) -> bool:
        """Return whether an object is as wanted, or an apply would not change it; `model` controls it, None for shared objects."""
        namespace, name = name_of(wanted)
        there = self.children[kind].get(namespace, name)
        if there is None or (model is not None and owner_uid(there) not in ("", model["metadata"]["uid"])):
            return False
        return contained(wanted, there) or self.unmendable.get((kind, (namespace, name))) == (applied_hash(wanted), there.get("spec"))

    def _left_over(self, model: Object, wanted: Wanted) -> list[Child]:
        """Return objects that a Model controls and no longer wants, such as a renamed Service or a disabled autoscaler."""
        names = {(kind, thing["metadata"]["name"]) for kind, thing in (*wanted.workload, *wanted.serving)}
        owned = [(kind, thing) for kind, informer in self.children.items() for thing in informer.indexed(model["metadata"]["uid"])]
        return [(k, thing) for k, thing in owned if (k, name_of(thing)[1]) not in names and "deletionTimestamp" not in thing["metadata"]]

    def _other_stores(self, model: Object, store: str) -> list[str]:
        """Return the stores other than `store` that name a Model as an owner."""
        uid, namespace = model["metadata"]["uid"], model["metadata"]["namespace"]
        there = [thing["metadata"] for thing in self.children[STATEFUL_SET].all() if thing["metadata"]["namespace"] == namespace]
        owned = [metadata for metadata in there if any(owner["uid"] == uid for owner in metadata.get("ownerReferences", ()))]
        return [metadata["name"] for metadata in owned if metadata["name"] != store and "deletionTimestamp" not in metadata]

    def _binds_later(self, claim: Object | None) -> bool:
        """Return whether the claim's class binds it only to the first pod that uses it."""
        name = ((claim or {}).get("spec") or {}).get("storageClassName") or ""
        storage_class = self.storage_classes.get("", name) if name else None
        return (storage_class or {}).get("volumeBindingMode") == "WaitForFirstConsumer"


def _part(pod: Object) -> str:
    """Return the index key of a pod: the Model or the store that it belongs to; "" for any other pod."""
    labels = pod["metadata"].get("labels", {})
    namespace = pod["metadata"]["namespace"]
    if labels.get(PART_LABEL) == AGENT and MODEL_LABEL in labels:
        return f"{namespace}/model/{labels[MODEL_LABEL]}"
    return f"{namespace}/store/{labels[STORE_LABEL]}" if STORE_LABEL in labels else ""


def _asked_for(model: Object) -> tuple[object, ...]:
    """Return the parts of a Model that others may change, unlike its status."""
    metadata = model["metadata"]
    return tuple(metadata.get(key) for key in ("generation", "deletionTimestamp", "annotations", "labels", "finalizers"))
