"""`kollama` as its users run it, against a real API server: processes, their output and their exit codes.

One file, for all of it stands on one API server. Where a test needs an operator, it writes the status that the operator's own function
makes of what it is told to have seen.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from echorator.errors import ErrorClass
from echorator.kube.crd import definition
from echorator.kube.resources import MODEL_LABEL, PART_LABEL, STORE_LABEL
from echorator.kube.source import store_name
from echorator.model.conditions import Failure, Observed
from echorator.model.kube_spec import KubeModelSpec
from echorator.model.schema import check
from echorator.model.status import judged
from tests.cli.test_commands import server
from tests.kube.control_plane import ControlPlane
from tests.kube.process_cluster import ProcessCluster
from tests.kube.workloads import Workspace, pod, python
from tests.waiting import until

Json = dict[str, Any]
COMMAND = (sys.executable, "-m", "echorator.cli.kollama")
CRD = "crd/models.echorator.dev"
TIMEOUT_S = 60


@dataclass(frozen=True)
class Kollama:
    """The command, as a user of one namespace."""

    plane: ControlPlane
    namespace: str
    kubeconfig: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        options = ("--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace)
        return subprocess.Popen((*COMMAND, *arguments, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __call__(self, *arguments: str, code: int = 0, err: str | None = None) -> str:
        """Its stdout; stderr is one line with `err` where the code is not 0, and nothing, or what `err` says, where it is."""
        options = ("--kubeconfig", str(self.kubeconfig), *(() if "-A" in arguments else ("-n", self.namespace)))
        done = kollama(*arguments[:1], *options, *arguments[1:])
        assert done.returncode == code, done.stderr
        if code:
            failed(done, code, err or "")
        elif err is None:
            assert done.stderr == ""
        else:
            assert err in done.stderr
        return done.stdout

    def get(self, name: str) -> Json:
        answer = self.plane.kubectl("get", "models.echorator.dev", name, "-n", self.namespace, "-o", "json")
        return dict(json.loads(answer.stdout))

    def tell(self, name: str, seen: Observed, **more: Any) -> None:
        """What an operator writes that saw this."""
        model = self.get(name)
        before, generation = model.get("status") or {}, model["metadata"]["generation"]
        conditions, way = judged(before, seen, generation, False, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        for phase in way:
            status = {
                "phase": phase.value,
                "conditions": conditions,
                "observedGeneration": generation,
                "readyReplicas": seen.serving,
                "replicas": seen.running,
                "servedName": name,
                "endpoint": f"model-{name}.{self.namespace}.svc:50051",
                "download": None,
                **more,
            }
            patch = json.dumps({"status": status})
            options = ("-n", self.namespace, "--subresource=status", "--type=merge", "-p", patch)
            self.plane.kubectl("patch", "models.echorator.dev", name, *options)


PULLING = Observed(fetched_bytes=30 << 20, image_bytes=100 << 20)
READY = Observed(fetched=True, running=1, workload_made=True, registered=True, serving=1, cognition_ready=True)


def kollama(*arguments: str, text_in: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, **environment}
    return subprocess.run(
        (*COMMAND, *arguments), input=text_in, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=settings
    )


def failed(done: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """One line on stderr, no traceback."""
    lines = done.stderr.splitlines()
    assert done.returncode == code, done.stderr
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("kollama: error: ")
    for part in parts:
        assert part in lines[0]


def install(plane: ControlPlane) -> None:
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(definition()))
    plane.kubectl("wait", "--for=condition=Established", CRD, "--timeout=60s")


@pytest.fixture(scope="module")
def installed(control_plane: ControlPlane) -> ControlPlane:
    install(control_plane)
    return control_plane


@pytest.fixture
def k(installed: ControlPlane, namespace: str) -> Kollama:
    return Kollama(installed, namespace, installed.kubeconfig)


# Without a cluster


def test_help_needs_no_cluster_and_nothing_that_speaks_to_one() -> None:
    commands = ("deploy", "pull", "undeploy", "expose", "scale", "list", "status", "logs", "chat", "convert", "completion")
    whole = kollama("--help", KUBECONFIG="/nonexistent")
    assert (whole.returncode, whole.stderr) == (0, "")
    for command in commands:
        assert f"\n    {command} " in whole.stdout
        done = kollama(command, "--help", KUBECONFIG="/nonexistent")
        assert (done.returncode, done.stderr) == (0, "")
        assert "--kubeconfig FILE" in done.stdout
    code = "import sys; from echorator.cli.kollama import main\ntry: main(['--help'])\nfinally: print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True).stderr.split()
    assert {"kubernetes_asyncio", "aiohttp", "grpc", "pydantic", "rich", "yaml"}.isdisjoint(loaded)
    assert kollama("--version").stdout.startswith("kollama ")


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("deploy",), 2, "required: NAME; see `kollama deploy --help`"),
        (("deploy", "llama3.1"), 2, "kollama deploy llama3-1 --image llama3.1"),
        (("deploy", "phi", "--image", "a b"), 2, "is no part of a model's name"),
        (("deploy", "phi", "--image", "./phi.gguf"), 2, "is a file of one machine; put it on a claim"),
        (("deploy", "phi", "--image", "s3://b/x"), 2, "s3:// is not known"),
        (("deploy", "phi", "--limit", "cpu"), 2, "is not KEY=VALUE such as cpu=4"),
        (("deploy", "phi", "--limit", "cpu=many"), 2, "is not KEY=VALUE"),
        (("deploy", "phi", "--limit", "nvidia.com/gpu=0.5"), 2, "GPUs are whole ones"),
        (("deploy", "phi", "--limit", "nvidia.com/gpu=1", "--gpu", "2"), 2, "differ; say one of them"),
        (("deploy", "phi", "--limit", "cpu=1", "--resource-class", "Small"), 2, "either --limit or --resource-class"),
        (("deploy", "phi", "--gpu", "65"), 2, "spec.gpus: must be at most 64, not 65"),
        (("deploy", "phi", "--replicas", "1001"), 2, "say 0 to 1000"),
        (("deploy", "phi", "--pv-access-mode", "ROX"), 2, "known: ReadWriteOnce (RWO), ReadWriteMany (RWX)"),
        (("deploy", "phi", "--storage-size", "large"), 2, "is no size such as 40Gi"),
        (("deploy", "phi", "--node-port", "31000", "--service-type", "ClusterIP"), 2, "--node-port is of a NodePort"),
        (("deploy", "phi", "--dry-run", "server", "--wait"), 2, "leave one out"),
        (("pull", "echo-nano"), 2, "part of the program"),
        (("nonsense",), 2, "invalid choice: 'nonsense'"),
        (("convert", "/nonexistent.yaml"), 1, "No such file"),
        (("deploy", "phi"), 69, "no cluster is known here: there is no /nonexistent"),
    ],
)
def test_mistakes_are_found_without_a_cluster(arguments: tuple[str, ...], code: int, part: str) -> None:
    failed(kollama(*arguments, KUBECONFIG="/nonexistent"), code, part)


def test_an_api_server_that_does_not_answer(control_plane: ControlPlane, tmp_path: Path) -> None:
    config = json.loads(control_plane.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    file = tmp_path / "config"
    file.write_text(json.dumps(config))
    failed(kollama("list", "--kubeconfig", str(file)), 69, "the API server https://127.0.0.1:9 does not answer", "is the cluster up")
    config["clusters"][0]["cluster"]["server"] = control_plane.url
    config["users"][0]["user"] = {"token": "nonsense"}
    file.write_text(json.dumps(config))
    failed(kollama("list", "--kubeconfig", str(file)), 1, "does not know who you are")
    failed(kollama("list", "--kubeconfig", str(file), "--context", "other"), 1, "has no context 'other'")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, tmp_path: Path) -> None:
    done = kollama("completion", shell, KUBECONFIG="/nonexistent")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("deploy", "pv-access-mode", "LoadBalancer", "kollama list -o name"):
        assert word in done.stdout
    if shell != "fish":
        script = tmp_path / "script"
        script.write_text(done.stdout)
        subprocess.run(("bash", "-n", script), check=True)


def test_bash_completes_commands_options_values_and_models(k: Kollama, tmp_path: Path) -> None:
    (tmp_path / "kollama").write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    (tmp_path / "kollama").chmod(0o755)
    k("deploy", "phi")
    k("deploy", "qwen")

    def completed(*words: str) -> list[str]:
        script = 'source <(kollama completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kollama; echo "${COMPREPLY[*]}"'
        settings = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "KUBECONFIG": str(k.kubeconfig)}
        command = ("bash", "-c", script, "bash", "kollama", *words)
        return subprocess.run(command, capture_output=True, text=True, check=True, env=settings).stdout.split()

    assert completed("un") == ["undeploy"]
    assert completed("deploy", "phi", "--stor") == ["--storage-class", "--storage-size"]
    assert completed("deploy", "phi", "--service-type", "L") == ["LoadBalancer"]
    assert completed("-n", k.namespace, "status", "") == ["phi", "qwen"]
    assert completed("scale", "-n", k.namespace, "p") == ["phi"]


CONVERTED = """\
apiVersion: ollama.ayaka.io/v1
kind: Model
metadata: {name: phi, namespace: ml, labels: {team: a}, annotations: {note: kept}}
spec:
  image: phi
  replicas: 2
  imagePullPolicy: Always
  imagePullSecrets: [{name: registry}]
  resources: {limits: {cpu: 4, nvidia.com/gpu: 1}}
  persistentVolumeClaim: {claimName: files}
  persistentVolume: {accessMode: ReadWriteMany}
  runtimeClassName: nvidia
  extraEnv: [{name: TZ, value: UTC}]
  extraEnvFrom: [{configMapRef: {name: proxy}}]
  podTemplate: {spec: {containers: [{name: server, image: ollama/ollama:rocm}], nodeSelector: {disk: fast}}}
---
apiVersion: v1
kind: Service
metadata: {name: other}
---
apiVersion: v1
kind: List
items:
- {apiVersion: ollama.ayaka.io/v1, kind: Model, metadata: {name: qwen}, spec: {image: qwen, storageClassName: fast, podTemplate: null}}
"""


def test_convert(installed: ControlPlane, namespace: str, tmp_path: Path) -> None:
    done = kollama("convert", text_in=CONVERTED, KUBECONFIG="/nonexistent")
    phi, service, rest = yaml.safe_load_all(done.stdout)
    assert done.returncode == 0
    assert phi == {
        "apiVersion": "echorator.dev/v1",
        "kind": "Model",
        "metadata": {"name": "phi", "namespace": "ml", "labels": {"team": "a"}, "annotations": {"note": "kept"}},
        "spec": {
            "image": "phi",
            "replicas": 2,
            "imagePullSecrets": [{"name": "registry"}],
            "resources": {"limits": {"cpu": 4, "nvidia.com/gpu": 1}},
            "gpus": 1,
            "storage": {"existingClaim": "files", "accessMode": "ReadWriteMany"},
            "runtimeClassName": "nvidia",
            "extraEnv": [{"name": "TZ", "value": "UTC"}],
            "extraEnvFrom": [{"configMapRef": {"name": "proxy"}}],
            "podTemplate": {"spec": {"containers": [{"name": "agent"}], "nodeSelector": {"disk": "fast"}}},
        },
    }
    assert service == {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "other"}}
    assert [(item["kind"], item["metadata"]["name"], item["spec"]["storage"]) for item in rest["items"]] == [
        ("Model", "qwen", {"className": "fast"})
    ]
    warnings = done.stderr.splitlines()
    assert len(warnings) == 2
    assert warnings[0].startswith("kollama: warning: model/phi: spec.imagePullPolicy 'Always' is left out")
    assert "image of Ollama's server are left out" in warnings[1]
    file = tmp_path / "models.yaml"
    file.write_text(CONVERTED.replace("namespace: ml, ", ""))
    only_models = [document for document in yaml.safe_load_all(kollama("convert", str(file)).stdout) if document["kind"] != "Service"]
    taken = installed.kubectl("apply", "-n", namespace, "--validate=strict", "-f", "-", input=yaml.safe_dump_all(only_models))
    assert taken.stdout.splitlines() == ["model.echorator.dev/phi created", "model.echorator.dev/qwen created"]
    failed(kollama("convert", text_in="a: [b"), 2, "stdin is no YAML")
    failed(kollama("convert", text_in=CONVERTED.replace("image: phi", "image: 7")), 2, "model/phi: spec.image: must be text, not 7")


# Deploy, list, scale, expose, undeploy


def test_a_client_dry_run_is_what_an_api_server_takes(installed: ControlPlane, namespace: str) -> None:
    options = "--replicas 2 --limit cpu=4 --limit memory=8Gi --limit nvidia.com/gpu=1 --storage-class fast --storage-size 40Gi"
    more = "--pv-access-mode RWX --expose --service-name chat --node-port 31000 --no-memory --dry-run client -o yaml"
    done = kollama("deploy", "phi", "--image", "phi:q4", *options.split(), *more.split(), KUBECONFIG="/nonexistent")
    assert (done.returncode, done.stderr) == (0, "")
    assert yaml.safe_load(done.stdout)["spec"] == {
        "image": "phi:q4",
        "replicas": 2,
        "resources": {"limits": {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"}},
        "gpus": 1,
        "cognition": {"enabled": False},
        "storage": {"className": "fast", "size": "40Gi", "accessMode": "ReadWriteMany"},
        "expose": {"type": "NodePort", "serviceName": "chat", "nodePort": 31000},
    }
    taken = ("create", "-n", namespace, "--dry-run=server", "--validate=strict", "-f", "-")
    assert installed.kubectl(*taken, input=done.stdout).stdout == "model.echorator.dev/phi created (server dry run)\n"
    large = kollama("deploy", "big", "--resource-class", "Large", "--service-type", "LoadBalancer", "--dry-run=client", "-o", "json")
    assert json.loads(large.stdout)["spec"] == {"image": "big", "resourceClass": "Large", "expose": {"type": "LoadBalancer"}}
    assert installed.kubectl(*taken, input=large.stdout).returncode == 0
    assert kollama("deploy", "phi", "--dry-run", "client").stdout == "model/phi created (client dry run)\n"
    assert kollama("deploy", "phi", "--dry-run", "client", "-o", "name").stdout == "model/phi\n"


def test_from_deploy_to_undeploy(k: Kollama) -> None:
    assert k("list", err="no models in namespace") == ""
    assert k("deploy", "phi", "--dry-run", "server") == "model/phi created (server dry run)\n"
    assert k("list", "-o", "name", err=None) == ""
    assert k("deploy", "phi", "--limit", "cpu=2") == "model/phi created\n"
    assert k("deploy", "phi", "--limit", "cpu=2") == "model/phi unchanged\n"
    changed = "model/phi changed: spec.replicas 1 -> 2, spec.resources.limits.cpu 2 -> 4\n"
    assert k("deploy", "phi", "--limit", "cpu=4", "--replicas", "2") == changed
    assert k("scale", "phi", "3") == "model/phi scaled from 2 to 3\n"
    assert k("expose", "phi", err="shows its port") == "model/phi exposed: spec.expose.type ClusterIP -> NodePort\n"
    assert k("expose", "phi", "--service-type", "NodePort", "--node-port", "31001", err="") == (
        "model/phi exposed: spec.expose.nodePort nothing -> 31001\n"
    )
    assert k("deploy", "phi", "--limit", "cpu=4") == "model/phi unchanged\n", "what scale and expose have set stays"
    assert (
        k("deploy", "phi", "--replicas", "1", "--service-type", "LoadBalancer", code=2, err="nodePort needs spec.expose.type NodePort")
        == ""
    )
    assert k("expose", "phi", "--service-type", "LoadBalancer", err="") == (
        "model/phi exposed: spec.expose.nodePort 31001 -> nothing, spec.expose.type NodePort -> LoadBalancer\n"
    )
    spec = k.get("phi")["spec"]
    assert (spec["replicas"], spec["expose"]) == (3, {"type": "LoadBalancer"})
    k("deploy", "qwen", "--image", "hf://Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M")
    assert k("list", "-o", "name") == "model/phi\nmodel/qwen\n"
    k.tell("phi", Observed(fetched=True, replicas=3, running=3, workload_made=True, registered=True, serving=3, cognition_ready=True))
    rows = [re.split(r" {2,}", line.strip()) for line in k("list").splitlines()]
    assert rows[0] == ["NAME", "PHASE", "READY", "IMAGE", "ENDPOINT", "AGE"]
    assert rows[1][:5] == ["phi", "Ready", "3/3", "phi", f"model-phi.{k.namespace}.svc:50051"]
    assert rows[2][:4] == ["qwen", "Pending", "0/1", "hf://Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M"]
    everywhere = [line.split() for line in k("list", "-A").splitlines()]
    assert everywhere[0][:2] == ["NAMESPACE", "NAME"]
    assert [k.namespace, "qwen"] in [row[:2] for row in everywhere]
    assert [item["metadata"]["name"] for item in json.loads(k("list", "-o", "json"))["items"]] == ["phi", "qwen"]
    assert yaml.safe_load(k("list", "-o", "yaml")) == json.loads(k("list", "-o", "json"))
    assert k("undeploy", "phi", "quen", code=1, err="there is no model 'quen' in namespace") == ""
    assert k("undeploy", "phi", "-n", k.namespace, "qwen") == "model/phi deleted\nmodel/qwen deleted\n"
    assert k("list", "-o", "name") == ""


def test_what_others_have_set_is_theirs(k: Kollama) -> None:
    theirs = {"apiVersion": "echorator.dev/v1", "kind": "Model", "metadata": {"name": "phi"}, "spec": {"image": "phi", "replicas": 2}}
    k.plane.kubectl("apply", "-n", k.namespace, "-f", "-", input=json.dumps(theirs))
    said = "spec.image is 'phi', not 'qwen', spec.replicas is 2, not 3; kubectl-client-side-apply set that, --force takes it over"
    k("deploy", "phi", "--image", "qwen", "--replicas", "3", code=1, err=said)
    assert k("deploy", "phi", "--image", "qwen", "--replicas", "3", "--force") == (
        "model/phi changed: spec.image phi -> qwen, spec.replicas 2 -> 3\n"
    )


def test_errors_of_a_cluster(k: Kollama) -> None:
    k("deploy", "phi")
    for command in (("status", "phj"), ("scale", "phj", "1"), ("expose", "phj"), ("logs", "phj"), ("chat", "phj", "Hi")):
        k(*command, code=1, err=f"there is no model 'phj' in namespace {k.namespace}; did you mean 'phi'?")
    k("status", "other", code=1, err="; there are phi")
    k("logs", "phi", code=1, err="has no agents now; kollama status phi says why")
    k("deploy", "files", "--image", "pvc://files/phi.gguf", "--storage-size", "1Gi", code=2, err="spec.storage is of no use with a pvc://")
    k("pull", "qwen", "--name", "phi", code=1, err="is there already with image phi; choose another --name")
    absent = Kollama(k.plane, "nosuch", k.kubeconfig)
    absent("deploy", "phi", code=1, err="there is no namespace 'nosuch'; kubectl create namespace nosuch")


def test_a_service_account_may_not_do_everything(k: Kollama) -> None:
    k("deploy", "phi")
    k.plane.kubectl("create", "serviceaccount", "viewer", "-n", k.namespace)
    nobody = Kollama(k.plane, k.namespace, k.plane.kubeconfig_for(k.namespace, "viewer"))
    said = f"viewer may not list models.echorator.dev in namespace {k.namespace}; ask whoever gives rights here (the role 'view' has"
    nobody("list", code=1, err=said)
    nobody("list", "-A", code=1, err="may not list models.echorator.dev of all namespaces")
    k.plane.kubectl("create", "role", "viewer", "--verb=get,list,watch", "--resource=models.echorator.dev", "-n", k.namespace)
    k.plane.kubectl("create", "rolebinding", "viewer", "--role=viewer", f"--serviceaccount={k.namespace}:viewer", "-n", k.namespace)
    until(lambda: kollama("list", "--kubeconfig", str(nobody.kubeconfig)).returncode == 0, "the right is known")
    assert nobody("list", "-o", "name") == "model/phi\n"
    nobody("deploy", "phi", "--replicas", "2", code=1, err="may not patch models.echorator.dev in namespace")
    nobody("scale", "phi", "2", code=1, err="may not patch models/scale.echorator.dev")
    nobody("undeploy", "phi", code=1, err="may not delete models.echorator.dev in namespace")
    shown = nobody("status", "phi")
    assert "model/phi  Pending  0/1 ready" in shown
    assert "viewer may not list pods in namespace" in shown


def test_the_definition_is_not_installed(installed: ControlPlane, namespace: str) -> None:
    installed.kubectl("delete", CRD)
    try:
        for command in (("list",), ("deploy", "phi"), ("status", "phi"), ("undeploy", "phi"), ("pull", "phi")):
            done = kollama(*command, "-n", namespace, "--kubeconfig", str(installed.kubeconfig))
            failed(done, 69, "the Model resource is not installed; kubectl apply --server-side -f install.yaml")
    finally:
        install(installed)


# Waiting, and how a model stands


def test_wait_tells_the_phases_until_it_serves(k: Kollama) -> None:
    waiting = k.start("deploy", "phi", "--wait")
    until(lambda: k.plane.kubectl("get", "models.echorator.dev", "phi", "-n", k.namespace, check=False).returncode == 0, "it is made")
    k.tell("phi", PULLING, download={"doneBytes": 30 << 20, "totalBytes": 100 << 20, "percent": 30})
    k.tell("phi", READY)
    out, err = waiting.communicate(timeout=TIMEOUT_S)
    assert waiting.returncode == 0, err
    phases = [line.removeprefix("model/phi ") for line in out.splitlines()]
    assert phases[0] == "created"
    assert "ImagePulling" in phases
    assert phases[-1] == "Ready"
    assert err == "pulling phi 30 of 100 MiB, 30 %\n"
    assert k("deploy", "phi", "--wait") == "model/phi unchanged\nmodel/phi Ready\n"
    k("scale", "phi", "2", "--wait", "--timeout", "1", code=69, err="not scaled within 1 s: no operator has looked at it")


def test_wait_ends_with_what_went_wrong(k: Kollama) -> None:
    k("deploy", "phi")
    k.tell("phi", Observed(failure=Failure(ErrorClass.CONFIGURATION, "registry.ollama.ai has no model 'phi'")))
    k("deploy", "phi", "--wait", code=1, err="model/phi failed: registry.ollama.ai has no model 'phi'")
    k.tell("phi", PULLING)
    pulling = "not ready within 1 s: ImagePulling, ModelFetched is False (Pulling: 30 %, 30 of 100 MiB)"
    k("deploy", "phi", "--wait", "--timeout", "1", code=69, err=pulling)
    waiting = k.start("deploy", "phi", "--wait")
    assert waiting.stdout is not None
    assert [waiting.stdout.readline(), waiting.stdout.readline()] == ["model/phi unchanged\n", "model/phi ImagePulling\n"]
    k("undeploy", "phi")
    assert waiting.communicate(timeout=TIMEOUT_S)[1] == "kollama: error: model/phi was deleted meanwhile\n"
    assert waiting.returncode == 1


def test_pull_makes_a_model_of_no_replicas_and_waits_for_its_file(k: Kollama) -> None:
    pulling = k.start("pull", "phi:q4")
    until(lambda: k.plane.kubectl("get", "models.echorator.dev", "phi-q4", "-n", k.namespace, check=False).returncode == 0, "it is made")
    k.tell("phi-q4", Observed(fetched=True, replicas=0, workload_made=True, storage_needed=True))
    out, err = pulling.communicate(timeout=TIMEOUT_S)
    assert (pulling.returncode, err) == (0, "")
    assert out.startswith("model/phi-q4 created with no replicas; kollama deploy phi-q4 --image phi:q4 serves it\n")
    assert out.endswith("model/phi-q4 pulled: phi:q4\n")
    assert k.get("phi-q4")["spec"]["replicas"] == 0
    assert k("deploy", "phi-q4", "--image", "phi:q4") == "model/phi-q4 changed: spec.replicas 0 -> 1\n"


def test_undeploy_waits_until_it_is_gone(k: Kollama) -> None:
    k("deploy", "phi")
    patch = '{"metadata": {"finalizers": ["echorator.dev/mesh"]}}'
    k.plane.kubectl("patch", "models.echorator.dev", "phi", "-n", k.namespace, "--type=merge", "-p", patch)
    assert k("undeploy", "phi") == "model/phi deleted soon: it leaves the mesh first, --wait waits for that\n"
    k("undeploy", "phi", "--wait", "--timeout", "1", code=69, err="echorator.dev/mesh")
    k("deploy", "psi")
    k.plane.kubectl("patch", "models.echorator.dev", "psi", "-n", k.namespace, "--type=merge", "-p", patch)
    waiting = k.start("undeploy", "psi", "--wait")
    until(lambda: "deletionTimestamp" in k.get("psi")["metadata"], "it is about to go")
    for name in ("phi", "psi"):
        k.plane.kubectl(
            "patch", "models.echorator.dev", name, "-n", k.namespace, "--type=merge", "-p", '{"metadata": {"finalizers": null}}'
        )
    assert waiting.communicate(timeout=TIMEOUT_S) == ("model/psi deleted\n", "")


def test_status_shows_conditions_the_download_pods_and_events(k: Kollama) -> None:
    k("deploy", "phi")
    failure = Failure(ErrorClass.TRANSIENT, "registry.ollama.ai answers 503")
    error = {"class": "Transient", "message": failure.message}
    k.tell("phi", PULLING, download={"doneBytes": 30 << 20, "totalBytes": 100 << 20, "percent": 30}, lastError=error)
    store = store_name(check(KubeModelSpec, k.get("phi")["spec"]))
    puller = pod(f"{store}-0", python("pass", name="pull"))
    puller["metadata"]["labels"] = {STORE_LABEL: store, PART_LABEL: "store"}
    model = k.get("phi")
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "phi.1"},
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime()),
        "type": "Normal",
        "reason": "Pulling",
        "action": "Reconcile",
        "note": "pulling phi",
        "regarding": {
            "apiVersion": "echorator.dev/v1",
            "kind": "Model",
            "namespace": k.namespace,
            "name": "phi",
            "uid": model["metadata"]["uid"],
        },
        "reportingController": "echorator.dev/operator",
        "reportingInstance": "tests",
    }
    of_pod = {
        **event,
        "metadata": {"name": "pod.1"},
        "type": "Warning",
        "reason": "FailedMount",
        "note": "no such claim",
        "regarding": {"apiVersion": "v1", "kind": "Pod", "namespace": k.namespace, "name": f"{store}-0"},
    }
    whole = {"apiVersion": "v1", "kind": "List", "items": [puller, event, of_pod]}
    k.plane.kubectl("create", "-n", k.namespace, "-f", "-", input=json.dumps(whole))
    shown = k("status", "phi")
    assert re.search(r"^model/phi  ImagePulling  0/1 ready$", shown, re.M)
    assert "download   █████████░░░░░░░░░░░░░░░░░░░░░ 30 %, 30 of 100 MiB" in shown
    assert "last error Transient: registry.ollama.ai answers 503" in shown
    assert re.search(r"^ModelFetched +False +Pulling +\d+s +30 %, 30 of 100 MiB", shown, re.M)
    assert re.search(rf"^{store}-0 +store +Pending +0/1 +0 +\d+s", shown, re.M)
    assert re.search(r"^\d+s +Normal +Pulling +1 +pulling phi", shown, re.M)
    assert re.search(rf"^\d+s +Warning +FailedMount +1 +{store}-0: no such claim", shown, re.M), "what keeps a pod"


def test_status_watch_tells_changes_until_ctrl_c(k: Kollama) -> None:
    k("deploy", "phi")
    k.tell("phi", PULLING)
    watching = k.start("status", "phi", "--watch")
    assert watching.stdout is not None
    assert watching.stdout.readline() == "model/phi ImagePulling, ModelFetched is False (Pulling: 30 %, 30 of 100 MiB)\n"
    k.tell("phi", READY)
    until(lambda: watching.stdout is not None and watching.stdout.readline() == "model/phi Ready\n", "it is ready")
    watching.send_signal(signal.SIGINT)
    assert watching.wait(TIMEOUT_S) == 130
    assert watching.communicate()[1] == ""


def test_status_watch_on_a_terminal_draws_what_changes(k: Kollama) -> None:
    k("deploy", "phi")
    k.tell("phi", PULLING, download={"doneBytes": 30 << 20, "totalBytes": 100 << 20, "percent": 30})
    ours, theirs = os.openpty()
    command = (*COMMAND, "status", "phi", "--watch", "--kubeconfig", str(k.kubeconfig), "-n", k.namespace)
    watching = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    seen = bytearray()

    def shows(text: str) -> bool:
        if select.select([ours], [], [], 0.1)[0]:
            seen.extend(os.read(ours, 65536))
        return text in seen.decode("utf-8", "replace")

    until(lambda: shows("30 %, 30 of 100 MiB"), "the download")
    k.tell("phi", READY)
    until(lambda: shows("1/1 ready"), "it is ready")
    watching.send_signal(signal.SIGINT)
    assert watching.wait(TIMEOUT_S) == 130
    os.close(ours)
    assert b"Traceback" not in seen


# Logs and chat


@pytest.fixture
def in_cluster(cluster: ProcessCluster, space: Workspace) -> Kollama:
    install(cluster)
    return Kollama(cluster, space.namespace, cluster.kubeconfig)


def test_logs_of_agents_and_of_the_puller(in_cluster: Kollama, space: Workspace) -> None:
    k = in_cluster
    k("deploy", "phi")
    store = store_name(check(KubeModelSpec, k.get("phi")["spec"]))

    def agent(name: str) -> Json:
        made = pod(name, python("print('one'); print('two', flush=True); import time; time.sleep(600)", name="agent"))
        made["metadata"]["labels"] = {MODEL_LABEL: "phi", PART_LABEL: "agent"}
        return made

    puller = pod("store-0", python("print('pulling phi', flush=True)", name="pull"), restartPolicy="Never")
    puller["metadata"]["labels"] = {STORE_LABEL: store}
    space.apply(agent("phi-a"), puller)
    space.wait_for("condition=Ready", "pod/phi-a")
    space.wait_for("jsonpath={.status.phase}=Succeeded", "pod/store-0")
    until(lambda: k("logs", "phi") == "one\ntwo\n", "what it prints")
    assert k("logs", "phi", "--tail", "1") == "two\n"
    assert k("logs", "phi", "--puller") == "pulling phi\n"
    following = k.start("logs", "phi", "-f")
    assert following.stdout is not None
    assert [following.stdout.readline(), following.stdout.readline()] == ["one\n", "two\n"]
    space.apply(agent("phi-b"))
    assert [following.stdout.readline(), following.stdout.readline()] == ["[phi-b] one\n", "[phi-b] two\n"]
    following.send_signal(signal.SIGINT)
    assert following.wait(TIMEOUT_S) == 130
    assert following.communicate() == ("", "")
    assert k("logs", "phi") == "[phi-a] one\n[phi-a] two\n[phi-b] one\n[phi-b] two\n"


def test_chat_through_a_gateway_that_is_named(k: Kollama) -> None:
    k("deploy", "nano", "--image", "echo-nano")
    k.tell("nano", READY)
    asked = (
        "chat",
        "nano",
        "--temperature",
        "0",
        "--system",
        "You are Echo, a helpful assistant with a memory.",
        "My dog is called Pixel.",
    )
    with server("--name", "nano") as (_, address):
        assert "Got it" in k(*asked, "--gateway", address)
    k(*asked, "--gateway", "127.0.0.1:9", code=69, err="cannot reach 127.0.0.1:9")
    k.tell("nano", Observed(failure=Failure(ErrorClass.CONFIGURATION, "no such file")))
    k(*asked, code=69, err="model/nano failed: no such file")


def test_chat_without_a_gateway(k: Kollama, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    k("deploy", "nano", "--image", "echo-nano")
    k.tell("nano", READY)
    monkeypatch.setenv("PATH", str(tmp_path))
    k("chat", "nano", "Hi", code=1, err="kubectl is not installed")
    monkeypatch.setenv("PATH", str(k.plane.bin))
    said = "kubectl port-forward to the service echorator-gateway of namespace nosuch failed: "
    k("chat", "nano", "Hi", "--system-namespace", "nosuch", code=69, err=said)
