"""Elects one leader at a time by a Lease. A leader stops its work before another one can lead.

All times are of the own monotonic clock: a candidate takes over a lease that it has seen unchanged for the lease's whole duration.
The leader renews every `renew_s`; where that fails for `deadline_s`, which is shorter than the lease, its work is cancelled, and only then
may the lease run out. A request never takes longer than half of the deadline. Source: client-go's leaderelection, without its known gaps.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from echorator.kube.api.client import AbsentError, ApiError, Client, ConflictError
from echorator.kube.api.resources import LEASE, Object
from echorator.telemetry import operator_metrics as metrics

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ElectionSettings:
    """The times of an election in seconds, with renew_s < deadline_s < lease_s."""

    lease_s: int = 15  # time that candidates grant the leader without a renewal
    deadline_s: float = 10.0  # a leader that could not renew for this long gives up
    renew_s: float = 2.0  # interval between two renewals

    def __post_init__(self) -> None:
        """Raise ValueError for times with which a leader could outlive its lease."""
        if not 0 < self.renew_s < self.deadline_s < self.lease_s:
            raise ValueError("an election needs renew < deadline < lease")


class Election:
    """A candidate in the election; `run` leads whenever it can, until it is cancelled."""

    def __init__(self, client: Client, namespace: str, name: str, identity: str, settings: ElectionSettings) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self.identity = identity
        self._settings = settings
        self._seen: tuple[str, float] = ("", 0.0)  # resourceVersion of the last lease seen, and when it was seen first
        self.leading = False

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` while this candidate leads; the work is cancelled, and has ended, before another candidate can lead.

        Returns when `work` returns, and raises what it raises. The lease is released in every case.
        """
        while True:
            lease = await self._acquired()
            self.leading = True
            metrics.leading.labels(self._name).set(1)
            _log.info("leading", extra={"identity": self.identity})
            task = asyncio.ensure_future(work())
            cancelled = False
            try:
                await self._hold(lease, task)
            except asyncio.CancelledError:
                cancelled = True
            finally:
                task.cancel()
                cancelled |= await _ended(task)
                self.leading = False
                metrics.leading.labels(self._name).set(0)
                await self._give_back()
            if cancelled:
                raise asyncio.CancelledError
            if not task.cancelled():
                task.result()
                return
            _log.warning("no longer leading", extra={"identity": self.identity})

    async def _acquired(self) -> Object:
        while True:
            try:
                async with asyncio.timeout(self._settings.deadline_s / 2):
                    lease = await self._try()
                if lease is not None:
                    return lease
            except (ApiError, TimeoutError) as error:
                _log.info("no lease yet", extra={"error": str(error)})
            await asyncio.sleep(self._settings.renew_s)

    async def _try(self) -> Object | None:
        """Take the lease and return it; None if another candidate holds it or was quicker."""
        try:
            lease = await self._client.get(LEASE, self._namespace, self._name)
        except AbsentError:
            made: Object = {"apiVersion": LEASE.api_version, "kind": LEASE.name}
            made["metadata"] = {"namespace": self._namespace, "name": self._name}
            try:
                return await self._client.create(LEASE, {**made, "spec": self._spec(0)})
            except ConflictError:
                return None
        spec, version = lease.get("spec") or {}, lease["metadata"]["resourceVersion"]
        if self._seen[0] != version:
            self._seen = (version, time.monotonic())
        holder = spec.get("holderIdentity") or ""
        over = time.monotonic() - self._seen[1] >= float(spec.get("leaseDurationSeconds") or self._settings.lease_s)
        if holder and holder != self.identity and not over:
            return None
        try:
            return await self._client.replace(LEASE, {**lease, "spec": self._spec(int(spec.get("leaseTransitions") or 0) + 1)})
        except ConflictError:
            return None

    async def _hold(self, lease: Object, task: asyncio.Future[None]) -> None:
        """Renew the lease until that fails for `deadline_s`, another candidate holds it, or the work ends."""
        renewed = time.monotonic()
        while not task.done():
            await asyncio.wait((task,), timeout=self._settings.renew_s)
            if task.done():
                return
            left_s = renewed + self._settings.deadline_s - time.monotonic()
            if left_s <= 0:
                return
            asked = time.monotonic()
            try:
                spec = {**lease["spec"], "renewTime": _now()}
                async with asyncio.timeout(min(left_s, self._settings.deadline_s / 2)):
                    lease = await self._client.replace(LEASE, {**lease, "spec": spec})
                renewed = asked
            except ConflictError:
                current = await self._reread(left_s)
                if current is not None and (current.get("spec") or {}).get("holderIdentity") != self.identity:
                    return
                lease = current or lease
            except (ApiError, TimeoutError) as error:
                _log.warning("lease not renewed", extra={"error": str(error), "left_s": round(left_s, 1)})

    async def _reread(self, left_s: float) -> Object | None:
        with suppress(ApiError, TimeoutError):
            async with asyncio.timeout(left_s):
                return await self._client.get(LEASE, self._namespace, self._name)
        return None

    async def _give_back(self) -> None:
        """Release the lease if this candidate still holds it, so that the next leader need not wait for its end."""
        with suppress(ApiError, TimeoutError):
            async with asyncio.timeout(self._settings.deadline_s / 2):
                lease = await self._client.get(LEASE, self._namespace, self._name)
                if (lease.get("spec") or {}).get("holderIdentity") == self.identity:
                    spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _now()}
                    await self._client.replace(LEASE, {**lease, "spec": spec})

    def _spec(self, transitions: int) -> Object:
        now = _now()
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self._settings.lease_s,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }


async def _ended(task: asyncio.Future[None]) -> bool:
    """Wait for the task, however often this is cancelled; return whether it was."""
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            cancelled = True
    if not task.cancelled():
        task.exception()  # mark the exception as retrieved: `run` raises it, or it no longer matters
    return cancelled


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
