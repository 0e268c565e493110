"""The texts of resources, and how a running cluster takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from echorator.cluster import Cluster
from echorator.cluster.manifests import parse_manifests
from echorator.cluster.resources import Kind
from tests.cluster import workers_for_tests
from tests.support.waiting import until

HERE = Path(__file__).parent
MODULE = "workers_for_tests"


def container(name: str, worker: str, labels: str = "{}", **spec: Any) -> str:
    more = "".join(f", {key}: {value}" for key, value in spec.items())
    return f"""
---
apiVersion: echorator.dev/v1
kind: Container
metadata: {{name: {name}, labels: {labels}}}
spec: {{worker: "{MODULE}:{worker}"{more}}}
"""


def replica_set(name: str, worker: str, replicas: int = 1, **spec: Any) -> str:
    more = "".join(f", {key}: {value}" for key, value in spec.items())
    return f"""
---
apiVersion: echorator.dev/v1
kind: ReplicaSet
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{worker: "{MODULE}:{worker}"{more}}}
"""


def service(name: str, app: str) -> str:
    return f"""
---
apiVersion: echorator.dev/v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {app}}}}}
"""


def apply(cluster: Cluster, *texts: str) -> list[str]:
    """Apply texts; returns the warnings."""
    return [warning for _, _, warning in cluster.apply(parse_manifests("".join(texts), "test.yaml")) if warning]


def ready(cluster: Cluster, count: int, kind: Kind = Kind.CONTAINER) -> None:
    until(lambda: sum(bool(r.status.get("ready")) for r in cluster.list(kind)) == count, f"{count} ready")


def containers(cluster: Cluster) -> list[str]:
    return [r.name for r in cluster.list(Kind.CONTAINER)]


def workers_for_tests_of_clusters() -> Any:
    """The module as the clusters import it, which is another one than the tests' own."""
    import importlib
    import sys

    if str(HERE) not in sys.path:
        sys.path.append(str(HERE))
    assert workers_for_tests.__name__ != MODULE
    return importlib.import_module(MODULE)
