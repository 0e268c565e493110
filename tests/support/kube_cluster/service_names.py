"""Cluster DNS and kube-proxy in one: the name of a Service becomes an address of this machine, which leads to its pods as they come and go.

A name in a command line or environment is replaced once, at the start of a process, which may outlive the pods behind the name. So each
name gets an address that stays. What listens there passes connections on to an endpoint; without one, they are refused.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from tests.support.kube_cluster.api_client import ApiClient, ApiError, Json
from tests.support.kube_cluster.pods.texts import ServiceName

_BLOCK = 65536
_FIRST_FREE_PORT, _RAISED = 1024, 20000

Key = tuple[str | None, str, str]  # host, service, namespace


def condition(pod: Json, kind: str) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(item["type"] == kind and item["status"] == "True" for item in conditions)


def container_port(spec: Json, name: str | int) -> int:
    """A port by number or by the name that a container of the pod gives it."""
    if isinstance(name, int):
        return name
    for container in (*spec["containers"], *spec.get("initContainers", ())):
        for port in container.get("ports", ()):
            if port.get("name") == name:
                return int(port["containerPort"])
    raise ValueError(f"no container has a port named {name}")


def _is_endpoint(pod: Json, spec: Json) -> bool:
    """As the controller of EndpointSlices decides it; the slices themselves may not list loopback addresses."""
    labels, phase = pod["metadata"].get("labels", {}), pod.get("status", {}).get("phase")
    if not pod.get("status", {}).get("podIP") or phase in ("Succeeded", "Failed"):
        return False
    if any(labels.get(key) != value for key, value in spec["selector"].items()):
        return False
    if spec.get("publishNotReadyAddresses"):
        return True
    return condition(pod, "Ready") and "deletionTimestamp" not in pod["metadata"]


def _target(port: int, spec: Json, pod: Json) -> int:
    """A headless Service has no proxy: who calls it calls the pod's own port."""
    if spec.get("clusterIP") != "None":
        for item in spec.get("ports", ()):
            if item["port"] == port:
                return container_port(pod["spec"], item.get("targetPort", port))
    return port


def _listening(port: int) -> int:
    """Only root may listen below 1024."""
    return port if port >= _FIRST_FREE_PORT else port + _RAISED


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(_BLOCK):
        writer.write(block)
        await writer.drain()
    writer.write_eof()


_CHANCE = random.Random()  # of its own: Hypothesis watches over the module's


class ServiceNames:
    """Addresses are `prefix`.1 and up. Told of Services and pods as they change."""

    def __init__(self, api: ApiClient, prefix: str) -> None:
        self._api = api
        self._prefix = prefix
        self._services: dict[tuple[str, str], Json] = {}
        self._pods: dict[str, Json] = {}
        self._addresses: dict[Key, str] = {}
        self._asked: dict[Key, set[int]] = {}
        self._servers: dict[tuple[Key, int], asyncio.Server] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()

    async def resolve(self, name: ServiceName) -> str:
        """ADDRESS or ADDRESS:PORT, for good."""
        key = (name.host, name.service, name.namespace)
        with suppress(ApiError):
            found = await self._api.call("GET", f"/api/v1/namespaces/{name.namespace}/services/{name.service}")
            self._services[name.namespace, name.service] = found
            if found["spec"].get("type") == "ExternalName":
                return str(found["spec"]["externalName"]) + ("" if name.port is None else f":{name.port}")
        address = self._addresses.setdefault(key, f"{self._prefix}.{len(self._addresses) + 1}")
        if name.port is not None:
            self._asked.setdefault(key, set()).add(name.port)
        await self.sync()
        return address if name.port is None else f"{address}:{_listening(name.port)}"

    async def change_service(self, service: Json, gone: bool) -> None:
        key = (service["metadata"]["namespace"], service["metadata"]["name"])
        if gone:
            self._services.pop(key, None)
        else:
            self._services[key] = service
        await self.sync()

    async def change_pod(self, pod: Json, gone: bool) -> None:
        if gone:
            self._pods.pop(pod["metadata"]["uid"], None)
        else:
            self._pods[pod["metadata"]["uid"]] = pod
        await self.sync()

    def _spec(self, key: Key) -> Json:
        spec: Json = self._services.get((key[2], key[1]), {}).get("spec", {})
        return spec if spec.get("selector") else {}

    def _endpoints(self, key: Key) -> list[Json]:
        host, _, namespace = key
        spec = self._spec(key)
        pods = [pod for pod in self._pods.values() if spec and pod["metadata"]["namespace"] == namespace and _is_endpoint(pod, spec)]
        return [pod for pod in pods if host in (None, pod["spec"].get("hostname"))]

    def _ports(self, key: Key) -> Iterable[int]:
        """Of a headless Service also those that nobody declared."""
        spec = self._spec(key)
        declared = {int(item["port"]) for item in spec.get("ports", ())}
        return declared | self._asked.get(key, set()) if spec.get("clusterIP") == "None" else declared

    async def sync(self) -> None:
        """Listen where there is an endpoint, and nowhere else."""
        async with self._lock:
            wanted = {(key, port) for key in self._addresses if self._endpoints(key) for port in self._ports(key)}
            for old in self._servers.keys() - wanted:
                self._servers.pop(old).close()
            for key, port in wanted - self._servers.keys():
                server = await asyncio.start_server(partial(self._pass_on, key, port), self._addresses[key], _listening(port))
                self._servers[key, port] = server

    async def _pass_on(self, key: Key, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        writers = [writer]
        try:
            pod = _CHANCE.choice(self._endpoints(key))
            upstream, downstream = await asyncio.open_connection(pod["status"]["podIP"], _target(port, self._spec(key), pod))
            writers.append(downstream)
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, downstream))
                group.create_task(_copy(upstream, writer))
            for item in writers:
                item.close()
                await item.wait_closed()
        except* (OSError, IndexError):
            pass  # either side went away
        finally:
            for item in writers:
                item.transport.abort()
            self._connections.discard(task)

    async def close(self) -> None:
        for server in self._servers.values():
            server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
