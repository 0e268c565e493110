"""Models behind a Gateway: an API server with the Gateway API's own definitions takes their routes, and the operator makes them there.

The definitions are in a control plane of this file's own, so that no other test sees them; the one that all share has none.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from echorator.kube.api.differences import contained
from echorator.kube.api.resources import GRPC_ROUTE, Object
from echorator.kube.install.manifests import files_of
from echorator.kube.installation import OPERATOR, Install
from tests.kube.models.wanted import wanted
from tests.kube.operating import apply_models, get, make, operating, status
from tests.support.kube_cluster.control_plane import ControlPlane, gateway_api
from tests.support.kube_cluster.installed import install_crd
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.programs import needing
from tests.support.waiting import eventually, in_thread

pytestmark = pytest.mark.asyncio(loop_scope="session")
GROUP = "gateway.networking.k8s.io"
ROUTES, ROUTES_FILE = f"crd/grpcroutes.{GROUP}", f"{GROUP}_grpcroutes.yaml"
PUBLIC = {"type": "GRPCRoute", "gateway": {"name": "public", "namespace": "infra"}, "host": "phi.example.com"}
EXPOSED: dict[str, Any] = {
    "of its namespace": {"type": "GRPCRoute", "gateway": {"name": "own"}},
    "of another, with a host": PUBLIC,
    "to a named Service": {**PUBLIC, "serviceName": "chat", "annotations": {"a": "b"}, "host": "*.example.com"},
}


@pytest.fixture(scope="module")
@needing("kube-apiserver", "gateway-api")
def gateway_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One that has the Gateway API and Models."""
    definitions = (gateway_api() / f"{GROUP}_{kinds}.yaml" for kinds in ("gatewayclasses", "gateways", "grpcroutes"))
    with ControlPlane(tmp_path_factory.mktemp("gateway-plane")) as plane:
        install_crd(plane)
        define(plane, *definitions)
        yield plane


@pytest.fixture
def namespace_there(gateway_plane: ControlPlane) -> str:
    """One of the test's own, in `gateway_plane`."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    gateway_plane.kubectl("create", "namespace", name)
    return name


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the mesh; its address."""
    folder = tmp_path_factory.mktemp("controller")
    port = free_port()
    process = Process(folder / "log", "controller", "--port", str(port), "--data", str(folder / "data")).start()
    yield f"127.0.0.1:{port}"
    process.end()


def define(plane: ControlPlane, *definitions: Path) -> None:
    """As those who install the Gateway API do, whose other kinds need a newer Kubernetes; returns once routes can be made."""
    plane.kubectl("apply", "--server-side", "--validate=strict", *(f"--filename={file}" for file in definitions))
    plane.kubectl("wait", "--for=condition=Established", ROUTES, "--timeout=60s")


def made_of(expose: Object, namespace: str) -> Object:
    """The route of a Model."""
    made = wanted({"image": "phi", "expose": expose}, Install(grpc_routes=True), namespace)
    (route,) = (thing for kind, thing in made.serving if kind is GRPC_ROUTE)
    return route


def operators_kubeconfig(plane: ControlPlane, namespace: str) -> Path:
    """With the rights of manifests/rbac.yaml and no others."""
    documents = files_of(Install(namespace=namespace))["rbac.yaml"]
    plane.kubectl("apply", "--server-side", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))
    return plane.kubeconfig_for(namespace, OPERATOR)


@pytest.mark.parametrize("how", EXPOSED)
async def test_a_real_api_server_takes_routes_and_keeps_them(gateway_plane: ControlPlane, namespace_there: str, how: str) -> None:
    """`contained` in what the server makes of them with its defaults: a resync writes nothing."""
    route = made_of(EXPOSED[how], namespace_there)
    strictly = ("apply", "--server-side", "--validate=strict", "-f", "-")
    done = gateway_plane.kubectl(*strictly, "--dry-run=server", input=json.dumps(route))
    assert "model-m serverside-applied (server dry run)" in done.stdout
    gateway_plane.kubectl(*strictly, input=json.dumps(route))
    there = get(gateway_plane, namespace_there, "grpcroute", "model-m")
    assert contained(route, there)
    assert there["spec"]["parentRefs"][0]["kind"] == "Gateway", "it has been defaulted"
    wrong = {**route, "spec": {**route["spec"], "hostname": "a.example.com"}}
    refused = gateway_plane.kubectl(*strictly, "--dry-run=server", input=json.dumps(wrong), check=False)
    assert ".spec.hostname: field not declared in schema" in refused.stderr, "the test itself would notice"


async def test_the_operator_makes_a_route_and_owns_it(gateway_plane: ControlPlane, namespace_there: str, controller: str) -> None:
    plane, namespace = gateway_plane, namespace_there

    def hosts() -> Any:
        return (get(plane, namespace, "grpcroute", "model-m") or {}).get("spec", {}).get("hostnames")

    async with operating(operators_kubeconfig(plane, namespace), namespace, controller):
        apply_models(plane, namespace, "m", expose=PUBLIC)
        await eventually(in_thread(hosts), wanted=lambda found: found == ["phi.example.com"])
        found = await eventually(in_thread(lambda: status(plane, namespace, "m")), wanted=lambda s: s.get("phase") == "ModelDeploying")
        assert "lastError" not in found
        route = get(plane, namespace, "grpcroute", "model-m")
        (owner,) = route["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("Model", get(plane, namespace, "model", "m")["metadata"]["uid"], True)
        (parent,) = route["spec"]["parentRefs"]
        assert (parent["name"], parent["namespace"]) == ("public", "infra")
        (backend,) = route["spec"]["rules"][0]["backendRefs"]
        service = get(plane, namespace, "service", backend["name"])
        assert backend["port"] in [port["port"] for port in service["spec"]["ports"]]

        plane.kubectl("delete", "grpcroute", "model-m", "-n", namespace)
        await eventually(in_thread(hosts))
        theirs = json.dumps({"spec": {"hostnames": ["theirs.example.com"]}})
        plane.kubectl("patch", "grpcroute", "model-m", "-n", namespace, "--type=merge", "-p", theirs)
        await eventually(in_thread(hosts), wanted=lambda found: found == ["phi.example.com"])
        plane.kubectl("patch", "model", "m", "-n", namespace, "--type=merge", "-p", json.dumps({"spec": {"expose": {"host": None}}}))
        await eventually(
            in_thread(lambda: get(plane, namespace, "grpcroute", "model-m")["spec"]), wanted=lambda spec: "hostnames" not in spec
        )
        plane.kubectl("patch", "model", "m", "-n", namespace, "--type=merge", "-p", json.dumps({"spec": {"expose": None}}))
        await eventually(in_thread(lambda: get(plane, namespace, "grpcroutes")), wanted=lambda routes: routes == [])


async def test_without_the_gateway_api_a_model_says_so(control_plane: ControlPlane, namespace: str, controller: str) -> None:
    install_crd(control_plane)
    async with operating(control_plane.kubeconfig, namespace, controller):
        await make(control_plane, namespace, "m", expose=PUBLIC)
        found = await eventually(
            in_thread(lambda: status(control_plane, namespace, "m")), wanted=lambda s: s.get("phase") in ("Failed", "ModelDeploying")
        )
        assert found["lastError"]["class"] == "Configuration"
        for part in ("spec.expose.type GRPCRoute", "Gateway API", "gateway.networking.k8s.io/v1"):
            assert part in found["lastError"]["message"]
        change = {"spec": {"expose": {"type": "ClusterIP", "gateway": None, "host": None}}}
        control_plane.kubectl("patch", "model", "m", "-n", namespace, "--type=merge", "-p", json.dumps(change))
        await eventually(in_thread(lambda: status(control_plane, namespace, "m")), wanted=lambda s: s.get("phase") == "ModelDeploying")


async def test_a_gateway_api_without_grpc_routes_and_one_that_comes_later(
    gateway_plane: ControlPlane, namespace_there: str, controller: str
) -> None:
    """Older ones have the group, and GRPCRoutes in no version that is stable."""
    plane, namespace = gateway_plane, namespace_there
    plane.kubectl("delete", ROUTES, "--timeout=60s")
    try:
        async with operating(plane.kubeconfig, namespace, controller, resync_s=1.0) as operator:
            await eventually(in_thread(lambda: operator.synced))
            await make(plane, namespace, "m", expose=PUBLIC)
            await eventually(
                in_thread(lambda: status(plane, namespace, "m").get("lastError", {}).get("class")),
                wanted=lambda found: found == "Configuration",
            )
            await asyncio.to_thread(define, plane, gateway_api() / ROUTES_FILE)
            await eventually(in_thread(lambda: get(plane, namespace, "grpcroutes")))
            await eventually(
                in_thread(lambda: status(plane, namespace, "m")),
                wanted=lambda s: s.get("phase") == "ModelDeploying" and "lastError" not in s,
            )
    finally:
        define(plane, gateway_api() / ROUTES_FILE)
