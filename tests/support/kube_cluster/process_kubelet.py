"""A kubelet whose containers are processes of this machine: controllers, scheduling, RBAC and failures are real, images are not needed.

A process has neither a mount nor a network namespace: each pod has a loopback address of its own, and what a container would see through
its namespaces is put into its command line and environment instead (see `pod_texts`).
"""

from __future__ import annotations

import asyncio
import datetime
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType

import requests

from tests.support.kube_cluster.api_client import STRATEGIC, ApiClient, ApiError, Json, Watch
from tests.support.kube_cluster.claims import Provisioner
from tests.support.kube_cluster.control_plane import port_forwarder
from tests.support.kube_cluster.kubelet_server import KubeletServer, Log
from tests.support.kube_cluster.pods.container_process import ContainerProcess, now
from tests.support.kube_cluster.pods.fields import ALLOCATABLE, HOST_IP, NODE
from tests.support.kube_cluster.pods.pod_process import Node, PodProcess
from tests.support.kube_cluster.service_names import ServiceNames
from tests.support.waiting import STEP_S, looks

_START_S = 60.0
_LEASE_S = 10.0
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_GUARD_PORT = 29999


def _claim_network() -> tuple[socket.socket, str]:
    """A network 127.N that no other kubelet of this machine has while the socket is open."""
    for second in range(1, 255):
        guard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            guard.bind((f"127.{second}.0.1", _GUARD_PORT))
        except OSError:
            guard.close()
            continue
        return guard, f"127.{second}"
    raise AssertionError("every 127.N.0.0/16 has a kubelet")


class ProcessKubelet:
    """The node `process`; all its processes end with it, and with the tests however those end. `folder`/images has the image volumes."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self.folder = folder
        self.images = folder / "images"
        self.images.mkdir(parents=True, exist_ok=True)
        self._api = ApiClient(kubeconfig, folder)
        self._pool = ThreadPoolExecutor(32, "kubelet-probes")
        self._pods: dict[str, PodProcess] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._addresses = 1
        self._guard, self._network = _claim_network()
        self._names = ServiceNames(self._api, f"{self._network}.255")
        self._node = Node(self._api, folder, self._pool, self._names.resolve)
        self._server = KubeletServer(folder / "server", self._log, self._address, port_forwarder())
        self._loop = asyncio.SelectorEventLoop()
        self._closing = asyncio.Event()
        self._started = threading.Event()
        self._watches: list[Watch] = []
        # The one thread that starts all children, for it has to outlive them.
        self._thread = threading.Thread(target=self._run, name="kubelet", daemon=True)

    def start(self) -> ProcessKubelet:
        """The node is ready for pods when this returns."""
        self._thread.start()
        for _ in looks(_START_S):
            if self._started.is_set() and self._untainted():
                return self
            assert self._thread.is_alive(), "the kubelet's thread ended"
            time.sleep(STEP_S)
        raise AssertionError(f"the node is not ready: {self._api.request('GET', f'/api/v1/nodes/{NODE}')}")

    def _untainted(self) -> bool:
        return not self._api.request("GET", f"/api/v1/nodes/{NODE}")["spec"].get("taints")

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._api.closed.set()
            self._thread.join(_START_S)
        self._api.close()
        for watch in self._watches:
            watch.close()
        self._server.close()
        self._pool.shutdown(cancel_futures=True)
        self._guard.close()
        self._loop.close()
        failures, self._node.failures[:] = "\n".join(self._node.failures), []
        assert not failures, f"the kubelet failed:\n{failures}"

    def __enter__(self) -> ProcessKubelet:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def processes(self, namespace: str | None = None, pod: str | None = None) -> list[int]:
        """The ids of those that run now."""
        pods = [item for item in tuple(self._pods.values()) if namespace in (None, item.namespace) and pod in (None, item.name)]
        return [child.pid for item in pods for container in item.containers for child in container.children()]

    def kill(self, namespace: str, pod: str, container: str | None = None, signal: signal.Signals = signal.SIGKILL) -> None:
        """The process of a container, by default of the pod's first."""
        found = self._container(namespace, pod, container)
        assert found is not None, f"no container {container or ''} of {namespace}/{pod}"
        child = found.child
        assert child is not None, f"{found.name} of {namespace}/{pod} has not started"
        assert child.running, f"{found.name} of {namespace}/{pod} does not run"
        child.signal(signal)

    def _container(self, namespace: str, pod: str, container: str | None) -> ContainerProcess | None:
        for item in reversed(tuple(self._pods.values())):
            if (item.namespace, item.name) == (namespace, pod):
                for candidate in item.containers:
                    if container in (None, candidate.name):
                        return candidate
        return None

    def _log(self, namespace: str, pod: str, container: str, previous: bool) -> Log | None:
        found = self._container(namespace, pod, container)
        if found is None:
            return None
        restart = found.restarts
        path = found.log(restart - 1 if previous else restart)
        if not previous and restart and not path.exists():
            path = found.log(restart - 1)  # it waits for its next start
        return Log(path, lambda: not previous and found.running and found.restarts == restart) if path.exists() else None

    def _address(self, namespace: str, pod: str) -> str | None:
        """Of a pod that is here and not about to go."""
        known = reversed(tuple(self._pods.values()))
        return next((item.address for item in known if (item.namespace, item.name) == (namespace, pod) and not item.vanished), None)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())

    async def _main(self) -> None:
        await self._register()
        provisioner = Provisioner(self._api, self.folder / "claims")
        await provisioner.start()
        lease = asyncio.create_task(self._keep_lease())
        self._watches = [
            Watch(self._api, "/api/v1/pods", self._in_loop(self._change_pod), f"spec.nodeName={NODE}"),
            Watch(self._api, "/api/v1/services", self._in_loop(self._change_service)),
            Watch(self._api, "/api/v1/persistentvolumeclaims", self._in_loop(partial(self._change_claim, provisioner, True))),
            Watch(self._api, "/api/v1/persistentvolumes", self._in_loop(partial(self._change_claim, provisioner, False))),
        ]
        self._started.set()
        await self._closing.wait()
        tasks = [lease, *self._tasks]
        for task in tasks:
            task.cancel()
        for pod in list(self._pods.values()):
            pod.kill()
        await self._names.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        for pod in list(self._pods.values()):
            pod.kill()

    def _in_loop(self, change: Callable[[Json, bool], None]) -> Callable[[Json, bool], None]:
        def called(item: Json, gone: bool) -> None:
            if not self._api.closed.is_set():
                self._loop.call_soon_threadsafe(change, item, gone)

        return called

    def _change_claim(self, provisioner: Provisioner, claim: bool, item: Json, gone: bool) -> None:
        self._begin(provisioner.change(item, gone, claim))

    def _change_service(self, service: Json, gone: bool) -> None:
        self._begin(self._names.change_service(service, gone))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None and not self._api.closed.is_set():
            self._node.failures.append("".join(traceback.format_exception(task.exception())))

    def _change_pod(self, pod: Json, gone: bool) -> None:
        self._begin(self._names.change_pod(pod, gone))
        uid = pod["metadata"]["uid"]
        known = self._pods.get(uid)
        if gone:
            if known is not None:
                known.vanish()
                self._forget(known)
            return
        if known is not None:
            known.update(pod)
            return
        self._addresses += 1
        address = f"{self._network}.{self._addresses >> 8}.{self._addresses & 255}"
        known = self._pods[uid] = PodProcess(self._node, pod, address)
        known.update(pod)
        self._begin(self._attend(known))

    async def _attend(self, pod: PodProcess) -> None:
        try:
            await pod.run()
        finally:
            self._forget(pod)

    def _forget(self, pod: PodProcess) -> None:
        """Once nothing of it is left, neither here nor there."""
        if pod.vanished and pod.ended:
            del self._pods[pod.uid]

    async def _register(self) -> None:
        labels = {
            "kubernetes.io/hostname": NODE,
            "kubernetes.io/os": "linux",
            "topology.kubernetes.io/zone": "a",
        }
        node: Json = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": labels}}
        await self._api.create("/api/v1/nodes", node)
        conditions = [
            {"type": kind, "status": status, "reason": reason, "lastHeartbeatTime": now(), "lastTransitionTime": now()}
            for kind, status, reason in (
                ("Ready", "True", "KubeletReady"),
                ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                ("PIDPressure", "False", "KubeletHasSufficientPID"),
            )
        ]
        versions = await self._api.call("GET", "/version")
        status = {
            "capacity": ALLOCATABLE,
            "allocatable": ALLOCATABLE,
            "conditions": conditions,
            "addresses": [{"type": "InternalIP", "address": HOST_IP}, {"type": "Hostname", "address": NODE}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._server.port}},
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": "process://1",
                "kernelVersion": "",
                "kubeProxyVersion": "",
                "kubeletVersion": versions["gitVersion"],
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "",
                "systemUUID": "",
            },
        }
        await self._api.call("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": status}, STRATEGIC)

    async def _keep_lease(self) -> None:
        lease: Json = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": NODE}}
        spec: Json = {"holderIdentity": NODE, "leaseDurationSeconds": int(4 * _LEASE_S)}
        await self._api.create(_LEASES, {**lease, "spec": spec})
        while True:
            renewed = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            with suppress(ApiError, requests.RequestException):  # tried again in time
                await self._api.call("PATCH", f"{_LEASES}/{NODE}", {"spec": {**spec, "renewTime": renewed}}, STRATEGIC)
            await asyncio.sleep(_LEASE_S)
