"""What is installed: as it is in the folder, taken by a real API server, with the rights that the operator needs and no others."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from echorator.kube.install.manifests import files_of
from echorator.kube.installation import Install
from echorator.kube.models.pods import USER
from echorator.kube.webhooks.admission import reviewed
from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.installed import install_crd
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "manifests"
KINDS = {"Deployment", "StatefulSet"}


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-P", "-m", "echorator", "manifests", *arguments), capture_output=True, text=True, timeout=60, check=False
    )


def test_the_folder_is_what_is_generated(tmp_path: Path) -> None:
    assert command(str(FOLDER), "--check").returncode == 0
    assert command().stdout == (FOLDER / "install.yaml").read_text("utf-8")
    done = command(str(tmp_path), "--check")
    assert done.returncode == 1
    assert "differ; run `echorator manifests" in done.stderr
    assert command(str(tmp_path)).returncode == 0
    (tmp_path / "rbac.yaml").write_text("mine")
    assert "rbac.yaml" in command(str(tmp_path), "--check").stderr


def test_a_cluster_that_gives_the_ids_itself() -> None:
    done = command("--without-ids")
    assert done.returncode == 0
    pods = [document["spec"]["template"]["spec"] for document in yaml.safe_load_all(done.stdout) if document["kind"] in KINDS]
    assert [pod["securityContext"] for pod in pods] == [{"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}] * 4
    (operator,) = (pod for pod in pods if "operator" in pod["containers"][0]["args"])
    assert "--without-ids" in operator["containers"][0]["args"], "the operator makes Models' pods without ids, too"


def test_another_namespace_and_image_reach_everywhere() -> None:
    text = command("--namespace", "elsewhere", "--image", "mine:2").stdout
    assert "echorator-system" not in text
    assert "ghcr.io/echorator/echorator:0.1.0\n" not in text
    assert "echorator-controller.elsewhere.svc:50050" in text


@pytest.mark.parametrize("how", [("-f", "install.yaml"), ("-k", ".")])
def test_a_real_api_server_takes_all_of_it(control_plane: ControlPlane, how: tuple[str, str]) -> None:
    install_crd(control_plane)
    if not control_plane.kubectl("get", "namespace", "echorator-system", "--ignore-not-found").stdout:
        control_plane.kubectl("create", "namespace", "echorator-system")
    target = (how[0], str(FOLDER / how[1]))
    done = control_plane.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts", *target)
    documents = [d for d in yaml.safe_load_all((FOLDER / "install.yaml").read_text("utf-8")) if d]
    assert done.stdout.count("serverside-applied") == len(documents)
    assert "Warning" not in done.stderr


def test_the_samples(control_plane: ControlPlane, namespace: str) -> None:
    install_crd(control_plane)
    done = control_plane.kubectl("apply", "-n", namespace, "--dry-run=server", "--validate=strict", "-f", str(FOLDER / "samples"))
    assert done.stdout.count("created") == len(list((FOLDER / "samples").glob("*.yaml")))


def test_all_pods_are_restricted(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    for document in yaml.safe_load_all((FOLDER / "install.yaml").read_text("utf-8")):
        if document["kind"] not in KINDS:
            continue
        template: Any = document["spec"]["template"]
        claims = document["spec"].get("volumeClaimTemplates", ())
        template["spec"]["volumes"] += [{"name": c["metadata"]["name"], "persistentVolumeClaim": {"claimName": "c"}} for c in claims]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": namespace}, "spec": template["spec"]}
        pod["spec"].pop("serviceAccountName", None)
        assert "created" in control_plane.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(pod)).stdout


def test_rights_are_few() -> None:
    for document in files_of(Install())["rbac.yaml"]:
        for rule in document.get("rules", ()):
            assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
            if "secrets" in rule["resources"]:
                assert document["kind"] == "Role", "of its own namespace only"
                assert rule["verbs"] == ["create"] or rule.get("resourceNames")
    every = [d for d in files_of(Install())["install.yaml"] if d["kind"] in KINDS]
    with_account = [d["metadata"]["name"] for d in every if d["spec"]["template"]["spec"]["automountServiceAccountToken"]]
    assert with_account == ["echorator-operator"]


MANAGED = {"app.kubernetes.io/managed-by": "echorator"}
USELESS = {"image": "phi", "gpus": 1, "engine": {"gpuLayers": 0}}
OPERATOR_ACCOUNT = "system:serviceaccount:echorator-system:echorator-operator"
KEPT_FOR_IT, GPUS_FOR_NOTHING = "is for what the operator makes; remove it", "spec.gpus are of no use with spec.engine.gpuLayers 0"


def model(namespace: str, spec: Any, **metadata: Any) -> Any:
    return {"apiVersion": "echorator.dev/v1", "kind": "Model", "metadata": {"name": "m", "namespace": namespace, **metadata}, "spec": spec}


@contextmanager
def policy_held(plane: ControlPlane, namespace: str) -> Iterator[None]:
    """While the admission policy counts; it does from a moment after it is made until a moment after it is deleted."""

    def counts() -> bool:
        probe = json.dumps(model(namespace, USELESS, name="probe"))
        return GPUS_FOR_NOTHING in plane.kubectl("create", "--dry-run=server", "-f", "-", input=probe, check=False).stderr

    plane.kubectl("apply", "--server-side", "-f", str(FOLDER / "admission.yaml"))
    try:
        until(counts)
        yield
    finally:
        plane.kubectl("delete", "-f", str(FOLDER / "admission.yaml"))
        until(lambda: not counts())


@pytest.mark.parametrize(
    ("metadata", "spec", "words"),
    [({"labels": MANAGED}, {"image": "phi"}, KEPT_FOR_IT), ({}, USELESS, GPUS_FOR_NOTHING)],
)
def test_the_admission_policy(control_plane: ControlPlane, namespace: str, metadata: Any, spec: Any, words: str) -> None:
    install_crd(control_plane)
    with policy_held(control_plane, namespace):
        bad, good = json.dumps(model(namespace, spec, **metadata)), json.dumps(model(namespace, {"image": "phi"}))
        assert words in control_plane.kubectl("create", "--dry-run=server", "-f", "-", input=bad, check=False).stderr
        assert "created" in control_plane.kubectl("create", "--dry-run=server", "-f", "-", input=good).stdout


def test_what_the_admission_policy_says_of_models_from_before(control_plane: ControlPlane, namespace: str) -> None:
    """What they had already holds up neither their end nor other changes; nobody gets away with it anew."""
    install_crd(control_plane)

    def patched(patch: Any, *options: str) -> str:
        how = ("patch", "model", "m", "-n", namespace, "--type=merge", f"--patch={json.dumps(patch)}")
        done = control_plane.kubectl(*how, *options, check=False)
        return done.stdout + done.stderr

    control_plane.kubectl("create", "-f", "-", input=json.dumps(model(namespace, USELESS, labels=MANAGED)))
    with policy_held(control_plane, namespace):
        assert "patched" in patched({"metadata": {"finalizers": ["echorator.dev/mesh"], "labels": {"team": "a"}}})
        assert GPUS_FOR_NOTHING in patched({"spec": {"replicas": 2}})
        assert "patched" in patched(
            {"spec": {"replicas": 2}}, "--as=system:serviceaccount:echorator-system:echorator-operator", "--as-group=system:masters"
        )
        assert "patched" in patched({"spec": {"gpus": 0}}), "whoever mends it may leave the label as it was"
        assert GPUS_FOR_NOTHING in patched({"spec": {"gpus": 1}})
        assert "patched" in patched({"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}})
        assert KEPT_FOR_IT in patched({"metadata": {"labels": MANAGED}})
    assert "patched" in patched({"metadata": {"labels": MANAGED}, "spec": {"gpus": 1}}), "as from before again"
    with policy_held(control_plane, namespace):
        control_plane.kubectl("delete", "model", "m", "-n", namespace, "--wait=false")
        assert "patched" in patched({"spec": {"replicas": 3}}), "it goes, whatever it says"
        assert "patched" in patched({"metadata": {"finalizers": None}})
        assert "m" not in control_plane.kubectl("get", "model", "-n", namespace, "-o", "name").stdout.splitlines()


def test_the_samples_get_no_warning() -> None:
    samples = {name: documents for name, documents in files_of(Install()).items() if name.startswith("samples/")}
    assert len(samples) > 3
    for name, (sample,) in samples.items():
        request = {
            "uid": name,
            "kind": {"group": "echorator.dev", "version": "v1", "kind": "Model"},
            "operation": "CREATE",
            "namespace": "default",
            "object": sample,
        }
        answer = reviewed({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}, ())
        assert answer["response"] == {"uid": name, "allowed": True}


def test_who_may_look_sees_the_scale_and_who_may_edit_changes_it(control_plane: ControlPlane, namespace: str) -> None:
    install_crd(control_plane)
    roles = [d for d in files_of(Install())["rbac.yaml"] if d["metadata"]["name"].startswith("echorator-models-")]
    control_plane.kubectl("apply", "--server-side", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": roles}))
    for role in ("view", "edit"):
        bound = ("rolebinding", role, f"--clusterrole=echorator-models-{role}", f"--user={role}", "-n", namespace)
        control_plane.kubectl("create", *bound)

    def may(user: str, verb: str, sub: str) -> bool:
        asked = ("auth", "can-i", verb, "models.echorator.dev", f"--subresource={sub}", "-n", namespace, f"--as={user}")
        return control_plane.kubectl(*asked, check=False).stdout == "yes\n"

    until(lambda: may("view", "get", "scale"))
    until(lambda: may("edit", "patch", "scale"))
    assert may("view", "get", "status")
    assert not may("view", "patch", "scale")
    assert [role["metadata"]["labels"].get("rbac.authorization.k8s.io/aggregate-to-view") for role in roles] == [None, "true"]


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.cuda"])
def test_images_are_pinned_and_of_nobody(name: str) -> None:
    text = (FOLDER / "images" / name).read_text("utf-8")
    bases = re.findall(r"^ARG \w*BASE=(\S+)$", text, re.MULTILINE)
    assert bases
    assert all(re.search(r":\d+\.\d+\.\d+[^@]*@sha256:[0-9a-f]{64}$", base) for base in bases)
    assert re.search(rf"^USER {USER}:{USER}$", text, re.MULTILINE)
    assert 'ENTRYPOINT ["echorator"]' in text
