"""Numbers in arguments: they are checked where they are read, so that a mistake is one of the command line and names the range."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from echorator.errors import InvalidRequestError
from echorator.ranged import within
from echorator.settings import MOST_REPLICAS

MOST_INT32, MOST_UINT32, MOST_UINT64 = (1 << 31) - 1, (1 << 32) - 1, (1 << 64) - 1  # of the fields of the API's messages
MOST_SECONDS = 1e9  # 31 years; a much longer deadline does not fit the clocks of gRPC


def whole(low: int, high: int, name: str) -> Callable[[str], int]:
    """Return a reader of whole numbers `low`..`high`, for `type` of an argument; `name` is what the number is called in a refusal."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{name} must be a whole number, not {text[:40]!r}") from error
        try:
            return within(number, low, high, name)
        except InvalidRequestError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


replicas = whole(0, MOST_REPLICAS, "replicas")
memory_id = whole(1, MOST_UINT64, "ID")


def seconds(text: str) -> float:
    """Read a time in seconds, for `type` of an argument. Raises ArgumentTypeError for one that is negative, endless or no number."""
    try:
        return within(float(text), 0.0, MOST_SECONDS, "the time")
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"the time must be a number of seconds, not {text[:40]!r}") from error
    except InvalidRequestError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
