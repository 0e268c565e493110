"""The downward API: what a pod may read of itself."""

from __future__ import annotations

import math
import re

from tests.support.kube_cluster.api_client import Json
from tests.support.kube_cluster.pods.texts import quantity

NODE = "process"
HOST_IP = "127.0.0.1"
ALLOCATABLE = {"cpu": "64", "memory": "64Gi", "pods": "1000", "ephemeral-storage": "1Ti"}
_KEYED = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


def field_of(pod: Json, path: str, address: str) -> str:
    """The value of a fieldRef; `address` is the pod's, which its status may not have yet."""
    keyed = _KEYED.fullmatch(path)
    if keyed:
        return str(pod["metadata"].get(keyed[1], {}).get(keyed[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        items = pod["metadata"].get(path.rpartition(".")[2], {})
        return "\n".join(f'{key}="{value}"' for key, value in sorted(items.items()))
    known = {"status.podIP": address, "status.podIPs": address, "status.hostIP": HOST_IP, "status.hostIPs": HOST_IP, "spec.nodeName": NODE}
    if path in known:
        return known[path]
    section, _, key = path.partition(".")
    return str(pod[section].get(key, ""))


def resource_of(container: Json, reference: Json) -> str:
    """The value of a resourceFieldRef: a limit that is not set is what the node has."""
    section, _, name = reference["resource"].partition(".")
    resources = container.get("resources", {})
    value = resources.get(section, {}).get(name)
    if value is None:
        value = ALLOCATABLE[name] if section == "limits" else resources.get("limits", {}).get(name, "0")
    divisor = quantity(str(reference.get("divisor", "1"))) or 1.0
    return str(math.ceil(quantity(str(value)) / divisor - 1e-9))
