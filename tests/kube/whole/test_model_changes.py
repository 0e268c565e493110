"""A Model whose image, adapters or options are changed while it is asked: what serves goes on until what takes its place does."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from echorator.agent.loading.embedded import embedded_model
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.model_pb2_grpc import ModelServiceStub
from tests.support.kube_cluster.in_cluster import agents, apply, gateway, ready, status
from tests.support.kube_cluster.process_cluster import ProcessCluster
from tests.support.models.lora_files import write_lora
from tests.support.models.servers import RegistryServer
from tests.support.waiting import until

NANO = embedded_model()


class Asking:
    """One call after the other through the gateway, until it is ended."""

    def __init__(self, address: str, model: str) -> None:
        self._address, self._model = address, model
        self.answers: list[str] = []
        self.failures: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @contextmanager
    def __call__(self) -> Iterator[Asking]:
        self._thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._thread.join(60)

    def _run(self) -> None:
        request = pb.GenerateRequest(model=self._model, prompt="Once upon", limits=pb.Limits(max_tokens=8, ignore_eos=True))
        request.sampling.temperature = 0
        with grpc.insecure_channel(f"{self._address}:50052") as channel:
            stub: Any = ModelServiceStub(channel)  # type: ignore[arg-type]  # typed for grpc.aio
            while not self._ended.is_set():
                try:
                    self.answers.append("".join(reply.text for reply in stub.Generate(request, timeout=30)))
                except grpc.RpcError as error:
                    self.failures.append(str(error))

    def next(self) -> str:
        """An answer to a question that was asked after this was called."""
        before = len(self.answers)
        until(lambda: len(self.answers) >= before + 2 or self.failures)
        assert not self.failures
        return self.answers[-1]


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lora(tmp_path_factory.mktemp("lora") / "nano.gguf", NANO)


def settled(cluster: ProcessCluster, namespace: str, name: str, generation: int, replicas: int) -> dict[str, Any]:
    """The status once that generation is Ready."""

    def serves(found: dict[str, Any]) -> bool:
        current = int(found.get("observedGeneration") or 0) >= generation
        return current and found.get("phase") == "Ready" and found.get("readyReplicas") == replicas

    return until(lambda: status(cluster, namespace, name), wanted=serves, within_s=120)


def held(found: dict[str, Any]) -> dict[str, str]:
    """Its conditions."""
    return {condition["type"]: condition["status"] for condition in found["conditions"]}


def test_image_and_adapters_are_changed_without_a_failed_call(
    installed: ProcessCluster, cluster_namespace: str, registry: RegistryServer, lora: Path
) -> None:
    namespace, storage = cluster_namespace, {"size": "1Gi"}
    registry.ollama("ann/changing", NANO.read_bytes(), "v1")
    layer = {"mediaType": "application/vnd.docker.ai.gguf.v3", **registry.blob("ann/tuned", lora.read_bytes())}
    registry.oci("ann/tuned", "v1", [layer])
    image, adapter = f"{registry.host}/ann/changing:v1", f"oci://{registry.host}/ann/tuned:v1"

    apply(installed, namespace, "changing", image=image, replicas=2, storage=storage)
    ready(installed, namespace, "changing", 2, within_s=90)
    with Asking(gateway(installed), "changing")() as asking:
        plain = asking.next()

        engine = {"lora": [{"image": adapter}]}
        apply(installed, namespace, "changing", image=image, replicas=2, storage=storage, engine=engine)
        settled(installed, namespace, "changing", 2, 2)
        until(lambda: len(agents(installed, namespace, "changing")) == 2)
        adapted = asking.next()
        assert adapted != plain
        assert set(asking.answers) == {plain, adapted}

        wrong = f"{registry.host}/ann/changing:absent"
        apply(installed, namespace, "changing", image=wrong, replicas=2, storage=storage)
        failed = until(lambda: status(installed, namespace, "changing"), wanted=lambda found: found.get("phase") == "Failed")
        assert "look at the name, the tag and the spelling" in failed["lastError"]["message"]
        assert asking.next() == adapted, "what served goes on"
        assert failed["readyReplicas"] == 2
        assert held(failed)["Ready"] == "True"

        before = [agent["metadata"]["name"] for agent in agents(installed, namespace, "changing")]
        apply(installed, namespace, "changing", image=image, replicas=2, storage=storage, engine=engine)
        settled(installed, namespace, "changing", 4, 2)
        assert sorted(agent["metadata"]["name"] for agent in agents(installed, namespace, "changing")) == sorted(before)

        apply(installed, namespace, "changing", image=image, replicas=2, storage=storage, engine={"slots": 3})
        settled(installed, namespace, "changing", 5, 2)
        assert asking.next() == plain

        taken = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "mine"}, "spec": {"ports": [{"port": 1}]}}
        installed.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(taken))
        expose = {"serviceName": "mine"}
        apply(installed, namespace, "changing", image=image, replicas=2, storage=storage, engine={"slots": 3}, expose=expose)
        failed = until(lambda: status(installed, namespace, "changing"), wanted=lambda found: found.get("phase") == "Failed")
        assert "Service mine is there already" in failed["lastError"]["message"]
        found = held(failed)
        assert (found["Ready"], found["Progressing"], found["Stalled"]) == ("True", "False", "True")
        assert asking.next() == plain
        services = installed.kubectl("get", "services", "-n", namespace, "-o", "name").stdout
        assert "service/model-changing" in services.split(), "what is there stays until what takes its place can be made"
        assert asking.failures == []


def test_options_reach_one_pod_after_the_other(installed: ProcessCluster, cluster_namespace: str) -> None:
    apply(installed, cluster_namespace, "optional", image="echo-nano", replicas=3)
    ready(installed, cluster_namespace, "optional", 3, within_s=90)
    before = sorted(agent["metadata"]["name"] for agent in agents(installed, cluster_namespace, "optional"))
    with Asking(gateway(installed), "optional")() as asking:
        asking.next()
        apply(installed, cluster_namespace, "optional", image="echo-nano", replicas=3, engine={"slots": 3})
        began_s, least = time.monotonic(), 3
        while time.monotonic() - began_s < 60:
            found = status(installed, cluster_namespace, "optional")
            least = min(least, found.get("readyReplicas", 0))
            if found.get("observedGeneration") == 2 and found.get("phase") == "Ready":
                break
        else:
            raise AssertionError(found)
        asking.next()
        assert asking.failures == []
    assert least >= 2
    assert sorted(agent["metadata"]["name"] for agent in agents(installed, cluster_namespace, "optional")) == before
