"""Contents of the webhooks' Secret that are damaged, each in its own way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from echorator.kube.webhooks.certificates import issued

HOSTS = ("127.0.0.1",)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def days(number: float) -> timedelta:
    return timedelta(days=number)


DAMAGED: dict[str, Callable[[dict[str, str]], Any]] = {
    "nothing": lambda _: None,
    "foreign": lambda _: {"password": "c2VjcmV0"},
    "not base64": lambda data: {**data, "ca.crt": "%"},
    "not PEM": lambda data: {**data, "tls.crt": "c2VjcmV0"},
    "another key": lambda data: {**data, "tls.key": issued(HOSTS, NOW).data["tls.key"]},
    "another authority": lambda data: {**data, **{key: issued(HOSTS, NOW).data[key] for key in ("ca.crt", "ca.key")}},
    "no authority's key": lambda data: {key: value for key, value in data.items() if key != "ca.key"},
}
