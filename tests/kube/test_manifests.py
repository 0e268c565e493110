"""What is installed: as it is in the folder, taken by a real API server, with the rights that the operator needs and no others."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from echorator.kube.install import Install
from echorator.kube.manifests import files_of
from echorator.kube.pods import USER
from tests.kube.control_plane import ControlPlane
from tests.kube.installed import install_crd

ROOT = Path(__file__).parents[2]
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


@pytest.mark.parametrize(
    ("metadata", "spec", "words"),
    [
        ({"labels": {"app.kubernetes.io/managed-by": "echorator"}}, {}, "is for what the operator makes; remove it"),
        ({}, {"gpus": 1, "engine": {"gpuLayers": 0}}, "spec.gpus are of no use with spec.engine.gpuLayers 0"),
    ],
)
def test_the_admission_policy(control_plane: ControlPlane, namespace: str, metadata: Any, spec: Any, words: str) -> None:
    install_crd(control_plane)
    control_plane.kubectl("apply", "--server-side", "-f", str(FOLDER / "admission.yaml"))
    good = {"apiVersion": "echorator.dev/v1", "kind": "Model", "metadata": {"name": "m", "namespace": namespace}, "spec": {"image": "phi"}}
    bad = {**good, "metadata": {**good["metadata"], **metadata}, "spec": {"image": "phi", **spec}}  # type: ignore[dict-item]
    try:
        for _ in range(200):  # a policy counts a moment after it is made
            said = control_plane.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(bad), check=False).stderr
            if words in said:
                break
        assert words in said
        assert "created" in control_plane.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(good)).stdout
    finally:
        control_plane.kubectl("delete", "-f", str(FOLDER / "admission.yaml"))


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.cuda"])
def test_images_are_pinned_and_of_nobody(name: str) -> None:
    text = (FOLDER / "images" / name).read_text("utf-8")
    bases = re.findall(r"^ARG \w*BASE=(\S+)$", text, re.MULTILINE)
    assert bases
    assert all(re.search(r":\d+\.\d+\.\d+", base) for base in bases)
    assert re.search(rf"^USER {USER}:{USER}$", text, re.MULTILINE)
    assert 'ENTRYPOINT ["echorator"]' in text
