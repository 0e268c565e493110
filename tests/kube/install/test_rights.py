"""An operator with the rights of its manifest and no others, of which one is taken away while it runs, and given back."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from echorator.kube.install.manifests import files_of
from echorator.kube.installation import OPERATOR, Install
from tests.kube.operating import apply_models, children, get, operating, status
from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.installed import install_crd
from tests.support.waiting import eventually, in_thread

pytestmark = pytest.mark.asyncio(loop_scope="session")
Rules = list[dict[str, Any]]


def installed_rights(plane: ControlPlane, namespace: str) -> Rules:
    """What it may do everywhere, as it is generated; its account is there when this returns."""
    documents = files_of(Install(namespace))["rbac.yaml"]
    plane.kubectl("apply", "--server-side", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))
    (role,) = (one for one in documents if (one["kind"], one["metadata"]["name"]) == ("ClusterRole", OPERATOR))
    rules: Rules = role["rules"]
    return rules


def without(rules: Rules, verb: str, resource: str) -> Rules:
    """All but this one right."""
    left = []
    for rule in rules:
        if resource in rule["resources"]:
            left.append({**rule, "resources": [resource], "verbs": [held for held in rule["verbs"] if held != verb]})
        if others := [other for other in rule["resources"] if other != resource]:
            left.append({**rule, "resources": others})
    return left


async def give(plane: ControlPlane, namespace: str, rules: Rules, asked: tuple[str, str], answer: str) -> None:
    """Returns once the API server answers so to who asks whether the operator may."""
    plane.kubectl("patch", "clusterrole", OPERATOR, "--type=json", "-p", json.dumps([{"op": "replace", "path": "/rules", "value": rules}]))
    account = f"--as=system:serviceaccount:{namespace}:{OPERATOR}"
    await eventually(
        in_thread(lambda: plane.kubectl("auth", "can-i", *asked, account, "-n", namespace, check=False).stdout.strip()),
        wanted=lambda s: s == answer,
    )


def failing(plane: ControlPlane, namespace: str, name: str) -> dict[str, str]:
    return dict(status(plane, namespace, name).get("lastError") or {})


@pytest.mark.parametrize("verb", ["create", "patch"])
async def test_a_right_that_is_lost_is_named_until_it_is_back(
    control_plane: ControlPlane, namespace: str, controller: str, verb: str
) -> None:
    """Without `patch` nothing can be applied, so neither Model becomes as it should; without `create` the one that is there does."""
    plane = control_plane
    install_crd(plane)
    rules = installed_rights(plane, namespace)
    asked = (verb, "deployments")

    def replicas(name: str) -> int | None:
        made = get(plane, namespace, "deployment", f"model-{name}")
        return int(made["spec"]["replicas"]) if made else None

    async with operating(plane.kubeconfig_for(namespace, OPERATOR), namespace, controller) as operator:
        apply_models(plane, namespace, "there")
        await eventually(in_thread(lambda: status(plane, namespace, "there").get("phase") == "ModelDeploying"))
        await give(plane, namespace, without(rules, *asked), asked, "no")
        apply_models(plane, namespace, "new")
        plane.kubectl("scale", "mdl/there", "--replicas=3", "-n", namespace)
        suffering = ["new", "there"] if verb == "patch" else ["new"]
        for name in suffering:
            error = await eventually(in_thread(partial(failing, plane, namespace, name)))
            assert error["class"] == "Configuration"
            names_it = f'cannot {verb} resource "deployments" in API group "apps" in the namespace "{namespace}"' in error["message"]
            assert names_it or error["message"].endswith(f'"model-{name}" is forbidden: the account that asks cannot {verb} it'), error
        assert "Service/model-new" in children(plane, namespace), "the rest of it is made"
        if verb == "create":
            await eventually(in_thread(lambda: replicas("there") == 3))
            assert failing(plane, namespace, "there") == {}
        assert (replicas("new"), operator.synced, operator.trouble()) == (None, True, "")

        await give(plane, namespace, rules, asked, "yes")
        await eventually(in_thread(lambda: (replicas("new"), replicas("there")) == (1, 3)))
        for name in ("new", "there"):
            found = await eventually(
                in_thread(partial(status, plane, namespace, name)), wanted=lambda s: s.get("phase") == "ModelDeploying"
            )
            assert "lastError" not in found
