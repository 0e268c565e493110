"""Benchmarks have the machine to themselves: no workers run beside them."""

from __future__ import annotations


def pytest_xdist_auto_num_workers() -> int:
    return 0
