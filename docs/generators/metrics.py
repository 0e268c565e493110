"""`metrics.md`: every Prometheus metric of Echorator with type, labels and help, as the modules that define them say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from prometheus_client.metrics import MetricWrapperBase

import echorator.telemetry.agent_metrics
import echorator.telemetry.controller_metrics
import echorator.telemetry.gateway_metrics
import echorator.telemetry.operator_metrics
import echorator.telemetry.serving_metrics
from docs.generators.markdown import code, document, prose, table

INTRODUCTION = """
Metrics are in Prometheus' text format: on `--metrics-port` of agents, controllers and memories, on an operator's port, and on `/metrics` of
the HTTP port of a gateway or an `up`. That of an `up` has the metrics of its agents too, with the label `agent`. A histogram has the series
`_bucket`, `_sum` and `_count`. Beside these, every process has the `process_*` and `python_*` metrics of prometheus-client. No label and no
value carries the text of a prompt, and no label takes what clients make up: `model` is the name of a model that served, `(none)` where a
call reached none, and `route` the pattern of a path, `(none)` for paths that are not served. Values without a unit are numbers of things.
"""
_UNITS = ("seconds", "bytes", "tokens")
ROLES: tuple[tuple[str, ModuleType], ...] = (
    ("Every server", echorator.telemetry.serving_metrics),
    ("Agents", echorator.telemetry.agent_metrics),
    ("Controllers", echorator.telemetry.controller_metrics),
    ("Gateways", echorator.telemetry.gateway_metrics),
    ("Operators", echorator.telemetry.operator_metrics),
)


@dataclass(frozen=True)
class Metric:
    """A metric under the name that is scraped."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


def metrics_of(module: ModuleType) -> Iterator[Metric]:
    """Yield the metrics that a module defines, in its order."""
    for value in vars(module).values():
        if isinstance(value, MetricWrapperBase):
            name = value._name + "_total" * (value._type == "counter")
            yield Metric(name, str(value._type), tuple(value._labelnames), value._documentation)
    if module is echorator.telemetry.agent_metrics:
        reading = echorator.telemetry.agent_metrics.EngineReading("", 1, defaultdict(float))
        for family in echorator.telemetry.agent_metrics.EngineCollector(lambda: (reading,)).collect():
            name = family.name + "_total" * (family.type == "counter")
            yield Metric(name, str(family.type), tuple(family.samples[0].labels), family.documentation)


def unit_of(name: str) -> str:
    """Return the unit of a metric, which its name says; "" for a number of things."""
    words = name.removesuffix("_total").split("_")
    return next((unit for unit in _UNITS if unit in words), "")


def names() -> list[str]:
    """Return a line for each metric, with its labels: what dashboards and alerts of users rely on."""
    return [f"{m.name}{{{','.join(m.labels)}}} {m.kind}" for _, module in ROLES for m in metrics_of(module)]


def page() -> str:
    """Return `metrics.md`."""
    lines = []
    for title, module in ROLES:
        rows = [(code(m.name), m.kind, ", ".join(map(code, m.labels)), unit_of(m.name), prose(m.help)) for m in metrics_of(module)]
        lines += [f"## {title}", "", *table(("Metric", "Type", "Labels", "Unit", "Meaning"), rows)]
    return document("Metrics", INTRODUCTION, lines)


def without_help() -> list[str]:
    """Return the names of metrics without a help text."""
    return [m.name for _, module in ROLES for m in metrics_of(module) if not m.help.strip()]
