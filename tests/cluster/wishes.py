"""What someone applies to a store of resources."""

from __future__ import annotations

from echorator.cluster.documents import Wish
from echorator.cluster.resources import ContainerSpec, Key, Kind


def wish(name: str, worker: str = "m:f", **labels: str) -> Wish:
    return Wish(Key(Kind.CONTAINER, name), ContainerSpec(worker=worker), labels)
