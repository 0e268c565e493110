"""One leader at a time, over a real Lease: who leads stops before another one begins, whatever happens to the API server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from echorator.kube.api.client import Client
from echorator.kube.api.election import Election, ElectionSettings
from tests.kube.operating import get
from tests.support.kube_cluster.control_plane import ControlPlane
from tests.support.kube_cluster.fault_proxy import FaultProxy, refusal
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")
QUICK = ElectionSettings(lease_s=2, deadline_s=1.2, renew_s=0.2)
CALM = ElectionSettings(lease_s=10, deadline_s=4, renew_s=0.1)


class Log:
    """When each one's work began and ended."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, float, float]] = []
        self.working: set[str] = set()

    async def work(self, name: str) -> None:
        begun = time.monotonic()
        self.working.add(name)
        assert len(self.working) == 1, f"{self.working} lead at the same time"
        try:
            await asyncio.Event().wait()
        finally:
            self.working.discard(name)
            self.spans.append((name, begun, time.monotonic()))


@asynccontextmanager
async def candidate(kubeconfig: Path, namespace: str, name: str, log: Log, settings: ElectionSettings = CALM) -> AsyncIterator[Election]:
    async with await Client.connect(str(kubeconfig)) as client:
        election = Election(client, namespace, "lease", name, settings)
        task = asyncio.create_task(election.run(lambda: log.work(name)))
        try:
            yield election
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until_leading(election: Election) -> None:
    await eventually(lambda: election.leading, "it leads")


@pytest.fixture
def proxy(control_plane: ControlPlane, tmp_path: Path) -> Iterator[FaultProxy]:
    with FaultProxy(control_plane, tmp_path) as made:
        yield made


async def test_one_leads_and_the_next_when_it_leaves(control_plane: ControlPlane, namespace: str) -> None:
    log = Log()
    async with candidate(control_plane.kubeconfig, namespace, "a", log) as a:
        await until_leading(a)
        async with candidate(control_plane.kubeconfig, namespace, "b", log) as b:
            await asyncio.sleep(3 * CALM.renew_s)
            assert not b.leading
    given_back = get(control_plane, namespace, "lease", "lease")["spec"]
    assert (given_back.get("holderIdentity", ""), given_back["leaseDurationSeconds"]) == ("", 1)
    async with candidate(control_plane.kubeconfig, namespace, "b", log) as b:
        await until_leading(b)


async def test_a_leader_that_cannot_reach_the_server_ends_before_the_next_begins(
    control_plane: ControlPlane, namespace: str, proxy: FaultProxy
) -> None:
    log = Log()
    async with candidate(proxy.kubeconfig, namespace, "a", log, QUICK) as a:
        await until_leading(a)
        async with candidate(control_plane.kubeconfig, namespace, "b", log, QUICK) as b:
            proxy.faults.silent = True  # a request hangs: the worst case
            await until_leading(b)
            assert not a.leading
            proxy.faults.silent = False
            await asyncio.sleep(3 * QUICK.renew_s)
            assert not a.leading
    (first, _, ended), (second, begun, _) = log.spans
    assert (first, second) == ("a", "b")
    assert ended < begun


async def test_conflicts_and_refusals_cost_nothing_while_they_are_few(namespace: str, proxy: FaultProxy) -> None:
    log = Log()
    count = 0

    def sometimes(method: str, path: str, _query: str) -> tuple[int, dict[str, object], dict[str, str]] | None:
        nonlocal count
        if method == "PUT" and "leases" in path:
            count += 1
            if count % 3:
                return (409, refusal(409, "Conflict", "changed"), {}) if count % 2 else (500, refusal(500, "Error", "no"), {})
        return None

    async with candidate(proxy.kubeconfig, namespace, "a", log) as a:
        await until_leading(a)
        proxy.faults.answer = sometimes
        await eventually(lambda: count >= 50, "renewals beyond the deadline of one", 60)
        assert a.leading
        assert log.spans == []


async def test_times_that_are_unsafe() -> None:
    with pytest.raises(ValueError, match="renew < deadline < lease"):
        ElectionSettings(lease_s=10, deadline_s=10)


async def test_it_ends_whenever_it_is_cancelled(control_plane: ControlPlane, namespace: str) -> None:
    """As `operator` has it: the work may end by itself, and then it is begun again."""
    settings, random = ElectionSettings(lease_s=2, deadline_s=1.2, renew_s=0.001), Random(7)

    async def work() -> None:
        await asyncio.sleep(random.uniform(0, 0.01))

    async def always(election: Election) -> None:
        while True:
            await election.run(work)

    async with await Client.connect(str(control_plane.kubeconfig)) as client:
        for _ in range(60):
            task = asyncio.create_task(always(Election(client, namespace, "lease", "a", settings)))
            await asyncio.sleep(random.uniform(0, 0.05))
            task.cancel()
            done, _ = await asyncio.wait((task,), timeout=5)
            assert done, "it goes on"
