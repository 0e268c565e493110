"""What the guide for Kubernetes promises inside the cluster: credentials that Secrets bring, OpenAI's API, and xDS with no proxy between.

Clients are pods of their own, which reach the mesh by the names of its Services.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from echorator.agent.loading.embedded import embedded_model
from tests.support.kube_cluster.in_cluster import AGENT_METRICS, agents, answer, apply, metric, ready, status
from tests.support.kube_cluster.process_cluster import ProcessCluster
from tests.support.kube_cluster.service_names import condition
from tests.support.kube_cluster.workloads import Workspace, container, pod
from tests.support.models.hub import fake_hub
from tests.support.models.servers import HTPASSWD, RegistryServer, registry_server
from tests.support.waiting import until

NANO = embedded_model().read_bytes()
CALLS = 5  # of one replica, until it is plain that it gets some


def failed(space: Workspace, cluster: ProcessCluster, name: str) -> dict[str, Any]:
    """The last error of a Model, once it is Failed."""
    return dict(until(lambda: status(cluster, space.namespace, name), wanted=lambda s: s.get("phase") == "Failed")["lastError"])


def login(space: Workspace, secret: str, server: RegistryServer, password: str, host: str = "") -> None:
    """A Secret of the type kubernetes.io/dockerconfigjson, for the server's host or another one."""
    credentials = (f"--docker-server={host or server.host}", "--docker-username=ann", f"--docker-password={password}")
    space.kubectl("create", "secret", "docker-registry", secret, *credentials)


def printed(space: Workspace, name: str) -> Any:
    """The last line of a pod that has ended well, which is JSON."""
    phase = until(lambda: space.get("pod", name)["status"].get("phase"), wanted=lambda phase: phase in ("Succeeded", "Failed"))
    text = space.kubectl("logs", name)
    assert phase == "Succeeded", text
    return json.loads(text.splitlines()[-1])


def calls(pod: Any) -> float:
    """Generations that an agent was asked for."""
    return metric(pod, AGENT_METRICS, "echorator_agent_engine_requests_total")


@pytest.mark.needs("docker-registry")
def test_a_private_registry(installed: ProcessCluster, space: Workspace, tmp_path: Path) -> None:
    (tmp_path / "htpasswd").write_text(f"{HTPASSWD}\n")
    with registry_server(tmp_path, f"auth: {{htpasswd: {{realm: r, path: {tmp_path}/htpasswd}}}}\n") as server:
        server.ollama("ann/nano", NANO, auth=("ann", "secret"))
        login(space, "right", server, "secret")
        login(space, "wrong", server, "secert")
        login(space, "elsewhere", server, "x", host="registry.example.com")
        for name, secret in (("known", "right"), ("mistyped", "wrong"), ("forgotten", "absent")):
            image, storage, secrets = f"{server.host}/ann/nano", {"size": "1Gi"}, [{"name": "elsewhere"}, {"name": secret}]
            apply(installed, space.namespace, name, image=image, imagePullSecrets=secrets, storage=storage)
        ready(installed, space.namespace, "known", within_s=90)
        assert answer(installed, "known")
        for name in ("mistyped", "forgotten"):
            error = failed(space, installed, name)
            assert error["class"] == "Configuration"
            assert f"http://{server.host}/v2/ann/nano/manifests/latest answers 401 Unauthorized: it wants credentials" in error["message"]

        patch = {"spec": {"imagePullSecrets": [{"name": "right"}]}}
        space.kubectl("patch", "model", "mistyped", "--type=merge", f"--patch={json.dumps(patch)}")
        login(space, "absent", server, "secret")
        for name in ("mistyped", "forgotten"):
            assert "lastError" not in ready(installed, space.namespace, name, within_s=90)
            assert answer(installed, name)


def test_the_token_of_hugging_face(installed: ProcessCluster, space: Workspace) -> None:
    with fake_hub({"nano-Q8_0.gguf": NANO}, "hf_secret") as hub:
        assert hub.hub is not None
        assert hub.cdn is not None
        endpoint = {"name": "HF_ENDPOINT", "value": hub.hub.url}
        apply(installed, space.namespace, "gated", image="hf://org/repo:Q8_0", extraEnv=[endpoint], storage={"size": "1Gi"})
        error = failed(space, installed, "gated")
        assert error["class"] == "Configuration"
        assert "answers 401 Unauthorized: it wants credentials" in error["message"]
        space.kubectl("create", "secret", "generic", "hugging-face-token", "--from-literal=token=hf_secret")
        ready(installed, space.namespace, "gated", within_s=90)
        assert answer(installed, "gated")
        assert {seen.authorization for seen in hub.hub.manners.seen} == {"", "Bearer hf_secret"}
        assert {seen.authorization for seen in hub.cdn.manners.seen} == {""}


def test_openais_client_in_a_pod(installed: ProcessCluster, space: Workspace) -> None:
    apply(installed, space.namespace, "open", image="echo-nano")
    ready(installed, space.namespace, "open")
    base_url = "http://echorator-gateway.echorator-system.svc:8080/v1"
    env = [{"name": "OPENAI_BASE_URL", "value": base_url}, {"name": "OPENAI_API_KEY", "value": "none"}]
    client = container(sys.executable, "-P", "-m", "tests.kube.whole.openai_caller", "open", space.namespace, env=env)
    space.apply(pod("client", client, restartPolicy="Never"))
    said = printed(space, "client")
    assert "open" in said["models"]
    assert "Pixel" in said["answer"], "both chats were with one memory"
    assert said["finish_reason"] == "stop"
    assert said["completion_tokens"] > 1


def test_an_xds_client_in_a_pod_loses_no_call(installed: ProcessCluster, space: Workspace, tmp_path: Path) -> None:
    """It has a bootstrap and nothing else; both replicas get its calls, and so does the one that comes for one that was deleted."""
    apply(installed, space.namespace, "meshed", image="echo-nano", replicas=2)
    ready(installed, space.namespace, "meshed", replicas=2)
    command = (sys.executable, "-m", "echorator", "bootstrap", "--controller", "echorator-controller.echorator-system.svc:50050")
    bootstrap = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    env = [{"name": "GRPC_XDS_BOOTSTRAP_CONFIG", "value": bootstrap}]
    stdin = tmp_path / "stdin"  # whose end ends the client
    os.mkfifo(stdin)
    open_end = os.open(stdin, os.O_RDWR)
    try:
        client = container("sh", "-c", f"exec {sys.executable} -P -m tests.support.xds_caller xds:///meshed <{stdin}", env=env)
        space.apply(pod("client", client, restartPolicy="Never"))

        def at_work() -> dict[str, float]:
            """The calls of each replica that is ready, by the name of its pod."""
            there = [pod for pod in agents(installed, space.namespace, "meshed") if condition(pod, "Ready")]
            return {pod["metadata"]["name"]: calls(pod) for pod in there}

        def both(found: dict[str, float]) -> bool:
            return len(found) == 2 and min(found.values()) >= CALLS

        first = until(at_work, wanted=both)
        gone, stays = first
        space.kubectl("delete", "pod", gone, "--wait=false")
        later = until(at_work, wanted=lambda found: both(found) and gone not in found)
        assert later[stays] > first[stays]
    finally:
        os.close(open_end)
    said = printed(space, "client")
    assert said["failures"] == []
    assert len(said["answers"]) == 1, "greedy: one answer, whoever gives it"
    (answered,) = said["answers"].values()
    assert answered >= first[gone] + sum(later.values())
