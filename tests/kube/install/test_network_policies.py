"""Who reaches which port of what runs: of a Model's pods, and of the installation's."""

from __future__ import annotations

from typing import Any

import pytest

from echorator.kube.api.resources import NETWORK_POLICY, store_labels
from echorator.kube.api.resources import labels_of as model_labels
from echorator.kube.install import parts
from echorator.kube.installation import OPERATOR, Install, labels_of
from echorator.kube.models.children import selector_of, wanted_of
from echorator.kube.models.source import source_of
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.schema import check
from tests.kube.install.network_peers import OUTSIDE, Pod, Policy, admitted, let_out

AGENT, MEMORY, STORE, METRICS, CONTROLLER, DNS = 50051, 50053, 8082, 9090, 50050, 53
INSTALL = Install(grpc_routes=True)
SYSTEM = INSTALL.namespace
APP, NEIGHBOUR = Pod("apps"), Pod("default", {"app": "shop"})  # of whoever else is in the cluster
THIS, OTHER, ELSEWHERE = (
    Pod(namespace, model_labels(name, "agent")) for namespace, name in (("default", "m"), ("default", "o"), ("b", "m"))
)
OWN_MEMORY = Pod("default", model_labels("m", "memory"))
GATEWAY, COGNITION, CONTROL, OPERATING = (
    Pod(SYSTEM, labels_of(name)) for name in (parts.GATEWAY, parts.COGNITION, parts.CONTROLLER, OPERATOR)
)
INGRESS_CONTROLLER = Pod("ingress-nginx", {"app": "ingress-nginx"})

EXPOSED: list[dict[str, Any]] = [
    {"type": "NodePort"},
    {"type": "LoadBalancer"},
    {"type": "Ingress", "host": "a.example.com"},
    {"type": "GRPCRoute", "gateway": {"name": "g"}},
]


def policies_of(**more: Any) -> list[Policy]:
    """Of a Model that has all that a Model can have."""
    spec = {"image": "phi", "cognition": {"store": "redis://r"}, **more}
    parsed, model = check(KubeModelSpec, spec), {"metadata": {"namespace": "default", "name": "m", "uid": "0b1c"}, "spec": spec}
    made = wanted_of(model, parsed, source_of(parsed, INSTALL), INSTALL, [model])
    return [thing for kind, thing in (*made.store, *made.workload, *made.serving) if kind is NETWORK_POLICY]


def the_store() -> Pod:
    return Pod("default", store_labels(source_of(check(KubeModelSpec, {"image": "phi"}), INSTALL).store))


def test_every_pod_of_a_model_has_a_policy() -> None:
    selected = [policy["spec"]["podSelector"]["matchLabels"] for policy in policies_of()]
    assert selected == [the_store().labels, {**selector_of("m"), "app.kubernetes.io/component": "memory"}, selector_of("m")]


@pytest.mark.parametrize(
    ("to", "port", "by", "wanted"),
    [
        (THIS, AGENT, APP, True),
        (THIS, AGENT, NEIGHBOUR, True),
        (THIS, AGENT, GATEWAY, True),
        (THIS, AGENT, OUTSIDE, False),
        (THIS, METRICS, APP, True),
        (THIS, METRICS, OUTSIDE, False),
        (THIS, 22, APP, False),
        (OWN_MEMORY, MEMORY, THIS, True),
        (OWN_MEMORY, MEMORY, GATEWAY, True),
        (OWN_MEMORY, MEMORY, OPERATING, True),
        (OWN_MEMORY, MEMORY, OTHER, False),
        (OWN_MEMORY, MEMORY, ELSEWHERE, False),
        (OWN_MEMORY, MEMORY, NEIGHBOUR, False),
        (OWN_MEMORY, MEMORY, APP, False),
        (OWN_MEMORY, MEMORY, OUTSIDE, False),
        (OWN_MEMORY, 22, THIS, False),
        ("store", STORE, THIS, True),
        ("store", STORE, OTHER, True),
        ("store", STORE, OPERATING, True),
        ("store", STORE, ELSEWHERE, False),
        ("store", STORE, NEIGHBOUR, False),
        ("store", STORE, OUTSIDE, False),
    ],
)
def test_who_reaches_a_model(to: Pod | str, port: int, by: Pod | None, wanted: bool) -> None:
    pod = the_store() if isinstance(to, str) else to
    assert admitted(policies_of(), pod, port, by) is wanted


@pytest.mark.parametrize("expose", EXPOSED, ids=lambda expose: str(expose["type"]))
def test_a_model_that_is_exposed_is_reached_from_outside_by_grpc_alone(expose: dict[str, Any]) -> None:
    policies = policies_of(expose=expose)
    for by in (OUTSIDE, INGRESS_CONTROLLER, APP):
        assert admitted(policies, THIS, AGENT, by)
    assert admitted(policies, THIS, METRICS, APP)
    assert not admitted(policies, THIS, METRICS, OUTSIDE)
    assert not admitted(policies, OWN_MEMORY, MEMORY, OUTSIDE)


@pytest.mark.parametrize(
    ("port", "to", "wanted"),
    [
        (DNS, OUTSIDE, True),
        (CONTROLLER, CONTROL, True),
        (MEMORY, COGNITION, True),
        (MEMORY, OWN_MEMORY, True),
        (443, OUTSIDE, False),
        (80, APP, False),
        (MEMORY, Pod("b", OWN_MEMORY.labels), False),
    ],
)
def test_what_agents_reach(port: int, to: Pod | None, wanted: bool) -> None:
    assert let_out(policies_of(), THIS, port, to) is wanted
    assert let_out(policies_of(), THIS, STORE, the_store())
    assert let_out(policies_of(), the_store(), 443, OUTSIDE), "whatever registry the source is in"
    assert let_out(policies_of(), OWN_MEMORY, 6379, OUTSIDE), "wherever its Redis is"


@pytest.mark.parametrize(
    ("to", "port", "by", "wanted"),
    [
        (COGNITION, MEMORY, THIS, True),
        (COGNITION, MEMORY, ELSEWHERE, True),
        (COGNITION, MEMORY, GATEWAY, True),
        (COGNITION, MEMORY, CONTROL, True),
        (COGNITION, MEMORY, OPERATING, True),
        (COGNITION, MEMORY, APP, False),
        (COGNITION, MEMORY, NEIGHBOUR, False),
        (COGNITION, MEMORY, OWN_MEMORY, False),
        (COGNITION, MEMORY, "store", False),
        (COGNITION, MEMORY, OUTSIDE, False),
        (COGNITION, METRICS, APP, True),
        (COGNITION, METRICS, OUTSIDE, False),
        (CONTROL, CONTROLLER, APP, True),
        (CONTROL, CONTROLLER, THIS, True),
        (CONTROL, METRICS, APP, True),
        (CONTROL, 22, APP, False),
        (GATEWAY, 50052, APP, True),
        (GATEWAY, 50052, OUTSIDE, True),
        (GATEWAY, 8080, OUTSIDE, True),
        (GATEWAY, METRICS, APP, False),
        (OPERATING, 9443, OUTSIDE, True),
        (OPERATING, 8081, OUTSIDE, True),
        (OPERATING, 22, APP, False),
        (Pod(SYSTEM, {"app": "another"}), 80, APP, False),
    ],
)
def test_who_reaches_the_installation(to: Pod, port: int, by: Pod | str | None, wanted: bool) -> None:
    assert admitted(parts.network(INSTALL), to, port, the_store() if isinstance(by, str) else by) is wanted
