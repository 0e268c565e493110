"""`echorator operator` as a process of this machine, and its metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import until


@contextmanager
def operator(log: Path, kubeconfig: Path, *arguments: str) -> Iterator[str]:
    """The address of its /metrics, once there is somebody."""
    port = free_port()
    process = Process(log, "operator", "--port", str(port), *arguments, env={"KUBECONFIG": str(kubeconfig)})
    process.begin()
    try:
        process.wait_for(re.compile("operating as"))
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(url))
        yield url
        assert process.terminate() == 0, log.read_text("utf-8")
    finally:
        process.end()


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=10).ok
    except requests.ConnectionError:
        return False


def families(url: str) -> dict[str, Metric]:
    text = requests.get(f"{url}/metrics", timeout=10).text
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(url: str, name: str, /, **labels: str) -> float:
    """Of the series that have these labels, together."""
    samples = [sample for family in families(url).values() for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())
