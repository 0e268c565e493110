"""`errors.md`: every error class with the statuses that a client sees, computed by the code that answers clients."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import grpc

import echorator
import echorator.errors
import echorator.gateway.http.failures
import echorator.serving.calls
import echorator.serving.statuses
from docs.generators.markdown import code, document, prose, table

INTRODUCTION = """
A call that fails has a gRPC status whose message says what to change. Its details (`google.rpc.Status`) hold an `ErrorInfo` with the
domain `echorator`, the reason below and the trace id, and for a full queue a `RetryInfo`. Over HTTP the same failure is an HTTP status and
OpenAI's `{"error": {...}}`. Retryable: the same call may succeed later, or on another server, without a change.

An error has the status that its service lists for its class, or for a base of it. What a service does not list is INTERNAL (HTTP 500); a
fault of Echorator itself, which is no such class, is UNKNOWN. Where services differ, each status names its services.
"""
UNSEEN = """
They are handled where they arise, pass on what another server said, end a command with a line on stderr, or stand in the status of a Model.
""".strip()
ErrorType = type[echorator.errors.EchoratorError]
Servicer = type[echorator.serving.calls.Calls]


def load_everything() -> None:
    """Import all modules of Echorator, so that every class is known."""
    for module in pkgutil.walk_packages(echorator.__path__, "echorator."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def errors() -> list[ErrorType]:
    """Return all error classes, those of `echorator.errors` first, then by module."""
    found = {kind: None for kind in _below(echorator.errors.EchoratorError)}
    return sorted(found, key=lambda kind: (kind.__module__ != "echorator.errors", kind.__module__, kind.__name__))


def _below(kind: ErrorType) -> Iterator[ErrorType]:
    for derived in kind.__subclasses__():
        if derived.__module__.startswith("echorator."):
            yield derived
            yield from _below(derived)


def servicers() -> list[Servicer]:
    """Return the classes that answer calls, each with a table of statuses, by name."""
    found: list[Servicer] = []
    waiting = [echorator.serving.calls.Calls]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if "codes" in vars(kind) and kind.codes:
            found.append(kind)
    return sorted(found, key=lambda kind: kind.__name__)


def statuses_of(error: ErrorType) -> dict[grpc.StatusCode, list[str]]:
    """Return the statuses by which clients see an error, each with the names of the servicers that list it or a base of it."""
    found: dict[grpc.StatusCode, list[str]] = {}
    for servicer in servicers():
        code_of = next((listed for kind, listed in servicer.codes if issubclass(error, kind)), None)
        if code_of is not None:
            found.setdefault(code_of, []).append(servicer.__name__)
    if not found:
        found = {listed: [] for kind, listed in echorator.serving.calls.OF_ALL if issubclass(error, kind)}
    return found


def _without_arguments(error: ErrorType) -> echorator.errors.EchoratorError:
    return error.__new__(error)


def page() -> str:
    """Return `errors.md`."""
    load_everything()
    seen, unseen = [], []
    for error in errors():
        reason = echorator.serving.statuses.reason_of(_without_arguments(error))
        shared = (code(error.__name__), code(error.__module__.removeprefix("echorator.")), code(reason), "yes" if error.retryable else "no")
        meaning = prose((error.__doc__ or "").split("\n\n")[0])
        statuses = statuses_of(error)
        if statuses:
            grpc_cell = "; ".join(
                code(status.name) + (f" ({', '.join(by)})" if len(statuses) > 1 else "") for status, by in statuses.items()
            )
            http_cell = "; ".join(dict.fromkeys(str(echorator.gateway.http.failures.status_of(status)) for status in statuses))
            seen.append((*shared, grpc_cell, http_cell, meaning))
        else:
            unseen.append((*shared, meaning))
    lines = ["## Errors with a status", ""]
    lines += table(("Class", "Module", "Reason", "Retryable", "gRPC status", "HTTP status", "Meaning"), seen)
    lines += ["## Errors without a status", ""]
    lines += [
        UNSEEN,
        "",
    ]
    lines += table(("Class", "Module", "Reason", "Retryable", "Meaning"), unseen)
    lines += ["## gRPC statuses over HTTP", ""]
    codes = [(code(c.name), str(echorator.gateway.http.failures.status_of(c))) for c in grpc.StatusCode if c is not grpc.StatusCode.OK]
    lines += table(("gRPC status", "HTTP status"), codes)
    return document("Errors", INTRODUCTION, lines)
