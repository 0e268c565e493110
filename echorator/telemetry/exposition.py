"""Serves the metrics at `http://HOST:PORT/metrics`, in Prometheus' text format."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import prometheus_client
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from echorator.errors import ResourceError
from echorator.telemetry import serving_metrics

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus-client: the processes of one role share their metrics in this folder
OF_OTHERS = ("echorator_", "process_")  # beginnings of the names of what is told of other processes

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # a series that nobody graphs, for each other one

Texts = Callable[[], Awaitable[Mapping[str, str]]]


def shared() -> bool:
    """Return whether other processes add to the same metrics."""
    return FOLDER_VARIABLE in os.environ


def tell_build(role: str) -> None:
    """Set the metric of the versions that run in this process, as `role`."""
    serving_metrics.build.labels(role, _version("echorator"), _version("llama-cpp-python")).set(1)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


async def _nobody() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Exposition:
    """The metrics of one process.

    `observe` sets its gauges and is called before each reading. `others` returns the metrics of agents that belong to this process, each as
    text by the agent's name; their series get the label `agent`.
    """

    observe: Callable[[], None]
    others: Texts = _nobody

    async def text(self, names: Collection[str] = ()) -> bytes:
        """Return all metrics in Prometheus' text format, or of this process those series alone that have one of `names`."""
        self.observe()
        if names and not shared():
            return generate_latest(REGISTRY.restricted_registry(names))
        return await asyncio.to_thread(_joined_text, await self.others())


class _Joined:
    """What a registry collects, with the metrics of other processes among it."""

    def __init__(self, registry: CollectorRegistry, others: Mapping[str, str]) -> None:
        self._registry, self._others = registry, others

    def collect(self) -> Iterable[Metric]:
        families = {family.name: family for family in self._registry.collect()}
        for agent, text in self._others.items():
            for family in text_string_to_metric_families(text):
                if not family.name.startswith(OF_OTHERS):
                    continue
                known = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                known.samples += [Sample(s.name, {**s.labels, "agent": agent}, s.value) for s in family.samples]
        return [family for family in families.values() if family.samples]


def _joined_text(others: Mapping[str, str]) -> bytes:
    registry: CollectorRegistry = REGISTRY
    if shared():
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(_Joined(registry, others))


class _Fresh:
    """The default registry, whose gauges are updated before each collection."""

    def __init__(self, observe: Callable[[], None]) -> None:
        self._observe = observe

    def collect(self) -> Iterable[Metric]:
        self._observe()
        return REGISTRY.collect()


def serve_metrics(host: str, port: int, observe: Callable[[], None]) -> tuple[int, Callable[[], None]]:
    """Serve the metrics on a thread; return the port and a function that stops it. Raises ResourceError if the port is not available."""
    try:
        server, _ = start_http_server(port, host, registry=_Fresh(observe))
    except OSError as error:
        raise ResourceError(f"cannot serve metrics on {host}:{port}: {error.strerror or error}; choose another --metrics-port") from error

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return int(server.server_port), stop
