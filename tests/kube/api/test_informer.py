"""What the operator keeps of a real API server: the same as the server has, whatever happens to its watch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from echorator.backoff import Backoff
from echorator.kube.api import informer as informers
from echorator.kube.api.client import Client
from echorator.kube.api.informer import Informer
from echorator.kube.api.resources import Kind
from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.fault_proxy import FaultProxy, refusal
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")
CONFIG_MAP = Kind("ConfigMap", "configmaps")


@pytest.fixture
def proxy(control_plane: ControlPlane, tmp_path: Path) -> Iterator[FaultProxy]:
    with FaultProxy(control_plane, tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(informers, "RETRY", Backoff(0.02, informers.RETRY.longest_s, informers.RETRY.jitter))


def put(plane: ControlPlane, namespace: str, name: str, value: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"v": value}}, "data": {"v": value}}
    plane.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(body))


@asynccontextmanager
async def running(proxy: FaultProxy, namespace: str) -> AsyncIterator[tuple[Informer, list[str]]]:
    """The informer, and what it told."""
    told: list[str] = []
    async with await Client.connect(str(proxy.kubeconfig)) as client:
        informer = Informer(client, CONFIG_MAP, namespace, index=lambda thing: thing["metadata"].get("labels", {}).get("v", ""))

        def tell(before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
            what = "added" if before is None else "removed" if after is None else "changed"
            told.append(f"{what} {((after or before) or {})['metadata']['name']}")

        informer.on_change.append(tell)
        task = asyncio.create_task(informer.run())
        try:
            await asyncio.wait_for(informer.synced.wait(), 20)
            yield informer, told
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def values(informer: Informer) -> dict[str, str]:
    return {thing["metadata"]["name"]: thing["data"]["v"] for thing in informer.all() if "v" in thing.get("data", {})}


async def test_it_follows(control_plane: ControlPlane, namespace: str, proxy: FaultProxy) -> None:
    put(control_plane, namespace, "a", "1")
    async with running(proxy, namespace) as (informer, told):
        assert values(informer) == {"a": "1"}
        put(control_plane, namespace, "a", "2")
        put(control_plane, namespace, "b", "2")
        await eventually(lambda: values(informer) == {"a": "2", "b": "2"})
        assert [thing["metadata"]["name"] for thing in informer.indexed("2")] == ["a", "b"]
        assert informer.indexed("1") == []
        control_plane.kubectl("delete", "configmap", "a", "-n", namespace)
        await eventually(lambda: values(informer) == {"b": "2"})
        assert informer.get(namespace, "a") is None
        assert [event for event in told if event.split()[1] in "ab"] == ["added a", "changed a", "added b", "removed a"]
        assert "managedFields" not in json.dumps(informer.get(namespace, "b"))


async def test_watches_that_are_cut_go_on_where_they_were(control_plane: ControlPlane, namespace: str, proxy: FaultProxy) -> None:
    async with running(proxy, namespace) as (informer, told):
        for number in range(5):
            put(control_plane, namespace, "a", str(number))
            proxy.cut_watches()
            await eventually(lambda number=number: values(informer) == {"a": str(number)})  # type: ignore[misc, arg-type]
    asked = [p for p in proxy.faults.passed if "sendInitialEvents" in p.query or "watch=true" not in p.query]
    lists = [p for p in asked if p.status == 200]  # before Kubernetes 1.32 a streamed list is refused once
    assert len(lists) == 1, "nothing was listed again"
    assert told.count("added a") == 1


async def test_a_version_that_is_gone_is_listed_again_and_compared(control_plane: ControlPlane, namespace: str, proxy: FaultProxy) -> None:
    for name in "abc":
        put(control_plane, namespace, name, "1")
    async with running(proxy, namespace) as (informer, told):
        gone: list[str] = []

        def once_gone(_method: str, _path: str, query: str) -> Any:
            if "watch=true" in query and "sendInitialEvents" not in query and len(gone) < 3:
                gone.append(query)
                return 410, refusal(410, "Expired", "too old resource version"), {}
            return None

        proxy.faults.answer = once_gone
        told.clear()
        proxy.faults.silent = True
        proxy.cut_watches()
        control_plane.kubectl("delete", "configmap", "a", "-n", namespace)
        put(control_plane, namespace, "b", "2")
        proxy.faults.silent = False
        await eventually(lambda: values(informer) == {"b": "2", "c": "1"})
        assert sorted(event for event in told if event.split()[1] in "abc") == ["changed b", "removed a"]


async def test_too_many_requests_are_made_later(control_plane: ControlPlane, namespace: str, proxy: FaultProxy) -> None:
    refused: list[str] = []

    def busy(_method: str, path: str, _query: str) -> Any:
        if "configmaps" in path and len(refused) < 3:
            refused.append(path)
            return 429, refusal(429, "TooManyRequests", "later"), {"Retry-After": "0"}
        return None

    proxy.faults.answer = busy
    put(control_plane, namespace, "a", "1")
    async with running(proxy, namespace) as (informer, _):
        assert values(informer) == {"a": "1"}
    assert len(refused) == 3


async def test_a_server_that_cannot_stream_lists(control_plane: ControlPlane, namespace: str, proxy: FaultProxy) -> None:
    def old(_method: str, _path: str, query: str) -> Any:
        if "sendInitialEvents" in query:
            return 422, refusal(422, "Invalid", "sendInitialEvents: Forbidden"), {}
        return None

    proxy.faults.answer = old
    put(control_plane, namespace, "a", "1")
    async with running(proxy, namespace) as (informer, _):
        assert values(informer) == {"a": "1"}
        put(control_plane, namespace, "b", "1")
        await eventually(lambda: set(values(informer)) == {"a", "b"})


async def test_all_informers_know_what_one_was_refused(control_plane: ControlPlane, namespace: str, proxy: FaultProxy) -> None:
    def old(_method: str, _path: str, query: str) -> Any:
        if "sendInitialEvents" in query:
            return 422, refusal(422, "Invalid", "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch"), {}
        return None

    proxy.faults.answer = old
    put(control_plane, namespace, "a", "1")
    async with await Client.connect(str(proxy.kubeconfig)) as client:
        for _ in range(2):  # the second time as the next leader in the same process does
            several = [Informer(client, CONFIG_MAP, namespace) for _ in range(5)]
            tasks = [asyncio.create_task(informer.run()) for informer in several]
            try:
                await asyncio.wait_for(asyncio.gather(*(informer.synced.wait() for informer in several)), 20)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            assert all(values(informer) == {"a": "1"} for informer in several)
    assert len([p for p in proxy.faults.passed if "sendInitialEvents" in p.query]) == 1
    assert len([p for p in proxy.faults.passed if "watch=true" not in p.query]) == 10, "each lists once"


async def test_an_api_server_that_restarts(control_plane: ControlPlane, namespace: str, proxy: FaultProxy) -> None:
    put(control_plane, namespace, "a", "1")
    async with running(proxy, namespace) as (informer, _):
        await asyncio.to_thread(control_plane.kill_apiserver)
        await eventually(lambda: bool(informer.trouble))
        await asyncio.to_thread(control_plane.start_apiserver)
        put(control_plane, namespace, "a", "2")
        await eventually(lambda: values(informer) == {"a": "2"})
        assert informer.trouble == ""
