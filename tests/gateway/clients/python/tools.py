"""What the agent loops here share: the URL, the task, its two tools, and how the answer is told to the test."""

from __future__ import annotations

import json
import sys

URL = sys.argv[1]
TASK = "What is (2 + 3) * 7?"
ran: list[str] = []


def add(a: int, b: int) -> int:
    """Add two numbers."""
    ran.append("add")
    return a + b


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    ran.append("multiply")
    return a * b


def tell(**found: str) -> None:
    """Print what the client made of its answers."""
    print(json.dumps({"ran": ran, **found}))
