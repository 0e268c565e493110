"""Repeats a small request while another attempt may help."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from echorator.model_files.http import TryAgainError, wait_s

ATTEMPTS = 5

T = TypeVar("T")


def retried(call: Callable[[], T]) -> T:
    """Call `call` up to ATTEMPTS times and return its result. Raises `at_last` of the last failure, and any other error at once."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return call()
        except TryAgainError as error:
            if attempt == ATTEMPTS:
                raise error.at_last(f"{error}, {attempt} times in a row; try again later") from error
            time.sleep(wait_s(attempt, error.after_s))
    raise AssertionError
