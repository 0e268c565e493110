"""Workers by import path: found in the folders that were named and nowhere else, so that a message cannot run just any function.

A worker is a function of one value, or of a value and a `WorkerContext`; or a class, made anew (with a `WorkerContext`, where it takes
one) whenever its container starts, and called in the same way. Its `close` is called at the end, where it has one.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import inspect
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from echorator.errors import EchoratorError, InvalidRequestError


class Refusal(EchoratorError):
    """Raised by a worker: this one message cannot be handled. Its sender is told, and the worker goes on.

    Any other exception ends the worker, as an uncaught one ends a process; its container is then started again.
    """


class Api(Protocol):
    """What a worker may ask of its cluster."""

    def send_to_container(self, name: str, value: Any, expect_response: bool = True) -> Future[Any] | None:
        """See `Cluster`."""
        ...

    def send_to_service(self, name: str, value: Any, expect_response: bool = True) -> Future[Any] | None:
        """See `Cluster`."""
        ...


@dataclass(frozen=True)
class WorkerContext:
    """`stopping` is set when the container is to end; its queue is drained first."""

    container: str
    cluster: Api
    stopping: threading.Event


Handle = Callable[[Any], Any]
Factory = Callable[[WorkerContext], tuple[Handle, Callable[[], None]]]


class Workers:
    """Finds workers below `folders`."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders: Sequence[str] = tuple(str(folder.resolve()) for folder in folders)
        for folder in self.folders:
            if folder not in sys.path:
                sys.path.append(folder)

    def find(self, path: str) -> Factory:
        """What makes the worker that "package.module:name" names. Raises InvalidRequestError, saying which part is wrong."""
        module_name, _, name = path.partition(":")
        origin = self._origin(module_name, path)
        try:
            found: Any = importlib.import_module(module_name)
        except Exception as error:
            raise InvalidRequestError(f"{path!r}: importing {module_name} failed: {type(error).__name__}: {error}") from error
        if getattr(found, "__file__", None) != origin:
            raise InvalidRequestError(f"{path!r}: {origin} is hidden by another module of that name; rename it")
        for part in name.split("."):
            if not hasattr(found, part):
                known = ", ".join([n for n, value in vars(found).items() if callable(value) and not n.startswith("_")][:10])
                raise InvalidRequestError(f"{path!r}: {module_name} has no {name}; it has {known or 'nothing to call'}")
            found = getattr(found, part)
        if not callable(found):
            raise InvalidRequestError(f"{path!r} is a {type(found).__name__}, not a function or a class")
        home = str(getattr(found, "__module__", ""))
        if home.partition(".")[0] != module_name.partition(".")[0]:
            raise InvalidRequestError(f"{path!r} is not of {module_name} but of {home or 'no module'}; wrap it in a function there")
        return _factory(found, path)

    def _origin(self, module_name: str, path: str) -> str:
        """The module's file, found without importing anything."""
        where = list(self.folders)
        spec = None
        parts = module_name.split(".")
        for depth in range(1, len(parts) + 1):
            spec = importlib.machinery.PathFinder.find_spec(".".join(parts[:depth]), where)
            if spec is None or (depth < len(parts) and not spec.submodule_search_locations):
                raise InvalidRequestError(
                    f"{path!r}: there is no module {'.'.join(parts[:depth])} in {' or '.join(self.folders) or 'any folder'}; "
                    "workers are looked for in the folders of --workers"
                )
            where = list(spec.submodule_search_locations or ())
        if spec is None or spec.origin is None:
            raise InvalidRequestError(f"{path!r}: {module_name} is a folder without a module")
        return spec.origin


def _factory(found: Any, path: str) -> Factory:
    constructor: Any = found
    if inspect.isclass(found):
        if not callable(getattr(found, "__call__", None)) or "__call__" not in dir(found):  # noqa: B004  of its instances
            raise InvalidRequestError(f"{path!r}: its instances cannot be called; give the class a __call__(self, value)")
        takes_context = _places(found, path) > 0
        wants_both = _places(found.__call__, path) - 1 > 1

        def make(context: WorkerContext) -> tuple[Handle, Callable[[], None]]:
            worker: Any = constructor(context) if takes_context else constructor()
            close = getattr(worker, "close", _nothing)
            return ((lambda value: worker(value, context)) if wants_both else worker), close

        return make
    places = _places(found, path)
    if places == 0:
        raise InvalidRequestError(f"{path!r} takes no argument; it is called with the value of a message")
    if places > 1:
        return lambda context: ((lambda value: found(value, context)), _nothing)
    return lambda _: (found, _nothing)


def _places(call: Any, path: str) -> int:
    """Positional arguments that it needs."""
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(f"{path!r}: it cannot be seen how it is called: {error}") from error
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in parameters)


def _nothing() -> None:
    """A function has nothing to close."""
