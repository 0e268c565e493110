"""Workers that the tests' containers run."""

from __future__ import annotations

import os
import threading
from os import path as join_of_os
from typing import Any

from echorator.cluster import Refusal, WorkerContext

NOT_A_WORKER = 5
GATES: dict[str, threading.Event] = {}
HELD: list[str] = []  # messages that came to a gate
SEEN: list[Any] = []


def echo(value: Any) -> Any:
    return value


def add(value: dict[str, list[int]]) -> int:
    return sum(value["add"])


def note(value: Any) -> None:
    SEEN.append(value)


def name(_value: Any, context: WorkerContext) -> str:
    return context.container


def relay(value: dict[str, Any], context: WorkerContext) -> Any:
    reply = context.cluster.send_to_service(value["to"], value["say"])
    assert reply is not None
    return reply.result(10)


def gated(value: str) -> str:
    """Ends a message when its gate opens."""
    HELD.append(value)
    assert GATES[value].wait(30)
    SEEN.append(value)
    return value


def gated_name(value: str, context: WorkerContext) -> str:
    gated(value)
    return context.container


def nothing() -> None:
    """Takes no value."""


def odd(_value: Any) -> set[int]:
    return {1}


class Counter:
    """Counts its messages; "die" ends it, "no" is refused."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, value: Any) -> int:
        if value == "die":
            raise ValueError("told to")
        if value == "exit":
            raise SystemExit(3)
        if value == "no":
            raise Refusal("not this one")
        self.count += 1
        return self.count

    def close(self) -> None:
        SEEN.append(("closed", self.count))


class Stubborn:
    """Cannot be made."""

    def __init__(self, context: WorkerContext) -> None:
        raise RuntimeError(f"no {context.container}")

    def __call__(self, value: Any) -> Any:
        return value


class Mute:
    """Its instances cannot be called."""


def leave(_value: Any) -> None:
    os.getpid()


imported = join_of_os.join
