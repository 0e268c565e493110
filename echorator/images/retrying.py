"""A small request, tried again while that may help."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from echorator.images.http import TryAgainError, wait_s

ATTEMPTS = 5

T = TypeVar("T")


def retried(call: Callable[[], T]) -> T:
    """Raises the error's `at_last` where it did not help, and what else `call` raises."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return call()
        except TryAgainError as error:
            if attempt == ATTEMPTS:
                raise error.at_last(f"{error}, {attempt} times in a row; try again later") from error
            time.sleep(wait_s(attempt, error.after_s))
    raise AssertionError
