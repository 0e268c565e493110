"""Who may reach what, as NetworkPolicies say it: what a cluster's network would do, for policies of labels and ports.

Source: kubernetes.io/docs/concepts/services-networking/network-policies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Policy = Mapping[str, Any]
NAMESPACE_NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Pod:
    """One end of a connection."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)


OUTSIDE = None  # the other kind of end: a node, a load balancer, a machine elsewhere


def admitted(policies: Sequence[Policy], to: Pod, port: int, by: Pod | None) -> bool:
    """Whether a pod gets what is sent to its TCP port."""
    of_it = [p for p in policies if _is_of(p, to, "Ingress")]
    return not of_it or any(_passes(rule, "from", p, port, by) for p in of_it for rule in p["spec"].get("ingress", ()))


def let_out(policies: Sequence[Policy], by: Pod, port: int, to: Pod | None) -> bool:
    """Whether a pod may send to a TCP port."""
    of_it = [p for p in policies if _is_of(p, by, "Egress")]
    return not of_it or any(_passes(rule, "to", p, port, to) for p in of_it for rule in p["spec"].get("egress", ()))


def _is_of(policy: Policy, pod: Pod, way: str) -> bool:
    spec, namespace = policy["spec"], policy["metadata"]["namespace"]
    return namespace == pod.namespace and way in spec["policyTypes"] and _selects(spec["podSelector"], pod.labels)


def _passes(rule: Mapping[str, Any], side: str, policy: Policy, port: int, end: Pod | None) -> bool:
    ports = rule.get("ports")
    if ports and not any(p["port"] == port and p.get("protocol", "TCP") == "TCP" for p in ports):
        return False
    return not rule.get(side) or (end is not None and any(_is_peer(peer, policy["metadata"]["namespace"], end) for peer in rule[side]))


def _is_peer(peer: Mapping[str, Any], namespace: str, end: Pod) -> bool:
    assert peer.keys() <= {"podSelector", "namespaceSelector"}, "nothing else is understood here"
    if "namespaceSelector" not in peer:
        return end.namespace == namespace and _selects(peer["podSelector"], end.labels)
    return _selects(peer["namespaceSelector"], {NAMESPACE_NAME: end.namespace}) and _selects(peer.get("podSelector", {}), end.labels)


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}, "nothing else is understood here"
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())
