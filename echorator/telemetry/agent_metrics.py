"""Metrics of an agent. Times are seconds. The engine's own counters are read when the metrics are collected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import REGISTRY, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)

queue_wait = Histogram("echorator_agent_queue_wait_seconds", "Time from a request's arrival to its slot", ("model",), buckets=FAST)
first_token = Histogram(
    "echorator_agent_time_to_first_token_seconds", "Time from a request's arrival to its first token", ("model",), buckets=FAST
)
inter_token = Histogram("echorator_agent_inter_token_seconds", "Mean time between the tokens of a request", ("model",), buckets=FAST)
memory_seconds = Histogram(
    "echorator_agent_memory_seconds",
    "Time that a chat's memory took: to recall what is put into the prompt, or to record what was said",
    ("operation",),
    buckets=FAST,
)

_COUNTERS = {
    "requests": ("echorator_agent_engine_requests", "Generations that were submitted"),
    "prompt_tokens": ("echorator_agent_prompt_tokens", "Tokens of prompts"),
    "cached_tokens": ("echorator_agent_cached_prompt_tokens", "Tokens of prompts that were found in the prefix cache"),
    "completion_tokens": ("echorator_agent_completion_tokens", "Tokens that were generated"),
    "steps": ("echorator_agent_engine_steps", "Batches that were computed"),
    "preemptions": ("echorator_agent_preemptions", "Requests that gave up their KV cells to be computed again"),
    "evictions": ("echorator_agent_cache_evictions", "Cached prefixes that were given up"),
    "decode_s": ("echorator_agent_decode_seconds", "Time spent in llama_decode"),
}
_GAUGES = {
    "busy": ("echorator_agent_slots_busy", "Slots that compute a request"),
    "queued": ("echorator_agent_queue_requests", "Requests that wait for a slot"),
    "cells": ("echorator_agent_kv_cells", "Cells of the KV cache"),
    "cells_used": ("echorator_agent_kv_cells_used", "Cells in use, by requests and by the prefix cache"),
}


@dataclass(frozen=True)
class EngineReading:
    """A reading of one model's engine: what `Engine.stats` returns, and the number of slots."""

    model: str
    slots: int
    stats: Mapping[str, float]


class EngineCollector:
    """The metrics of the engines that `read` returns, read anew whenever they are collected."""

    def __init__(self, read: Callable[[], Iterable[EngineReading]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """Yield each metric with one series for each model."""
        readings = list(self._read())
        slots = GaugeMetricFamily("echorator_agent_slots", "Requests that are computed at the same time", labels=["model"])
        for reading in readings:
            slots.add_metric([reading.model], reading.slots)
        yield slots
        families: tuple[tuple[type[CounterMetricFamily | GaugeMetricFamily], dict[str, tuple[str, str]]], ...]
        families = ((CounterMetricFamily, _COUNTERS), (GaugeMetricFamily, _GAUGES))
        for family, named in families:
            for key, (name, text) in named.items():
                made = family(name, text, labels=["model"])
                for reading in readings:
                    made.add_metric([reading.model], reading.stats[key])
                yield made


def collect_engines(read: Callable[[], Iterable[EngineReading]]) -> None:
    """Add the engines that `read` returns to the metrics; call it once per process."""
    REGISTRY.register(EngineCollector(read))
