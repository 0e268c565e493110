"""The replica-set controller: creates and deletes containers until their number and template are as applied. Carries out `replica_plan`."""

from __future__ import annotations

from collections import defaultdict

from echorator.cluster.replica_plan import Replica, index_of, plan_replicas
from echorator.cluster.resources import Key, Kind, ReplicaSetSpec, Resource
from echorator.cluster.store import Store


class ReplicaSets:
    """The controller of replica sets. One thread calls `reconcile`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reconcile(self) -> None:
        """Create and delete containers of all replica sets by `plan_replicas`, and delete those whose replica set is gone."""
        containers = self._store.all(Kind.CONTAINER)
        owned: dict[Key, list[Resource]] = defaultdict(list)
        for container in containers:
            if container.owner is not None:
                owned[container.owner].append(container)
        taken = {container.name for container in containers}
        for replica_set in self._store.all(Kind.REPLICA_SET):
            self._reconcile(replica_set, owned.pop(replica_set.key, []), taken)
        for key, left in owned.items():
            if key.kind is Kind.REPLICA_SET:
                self._delete(left)

    def _reconcile(self, replica_set: Resource, there: list[Resource], taken: set[str]) -> None:
        spec = replica_set.spec
        assert isinstance(spec, ReplicaSetSpec)
        if replica_set.deleting_s:
            self._delete(there)
            if not there:
                self._store.remove(replica_set.key)
            return
        replicas = [
            Replica(c.name, index_of(c.name), bool(c.status.get("ready")), c.spec == spec.template.spec, bool(c.deleting_s)) for c in there
        ]
        create, delete = plan_replicas(replica_set.name, spec.replicas, replicas, taken)
        for name in create:
            self._store.create(Key(Kind.CONTAINER, name), spec.template.spec, spec.template.metadata.labels, replica_set.key)
            taken.add(name)
        self._delete([c for c in there if c.name in delete])
        live = [r for r in replicas if not r.deleting]
        status = {
            "observedGeneration": replica_set.generation,
            "replicas": len(live) + len(create),
            "readyReplicas": sum(r.ready for r in live),
        }
        self._store.set_status(replica_set.key, status)

    def _delete(self, containers: list[Resource]) -> None:
        for container in containers:
            if not container.deleting_s:
                self._store.begin_delete(container.key)
