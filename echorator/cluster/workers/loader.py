"""Finds workers by import path, only in the folders that were named, so that a message cannot run an arbitrary function.

Whoever may apply resources runs the code of these folders with the rights of this process; so there are no workers unless folders are
named. A module is imported by a child first (see `trial`), then here, on a thread that is waited for at most `IMPORT_S`.

A worker is a function of one value, or of a value and a `WorkerContext`; or a class whose instances are called in the same way. A class is
instantiated whenever its container starts, with a `WorkerContext` if it takes one; its `close` is called at the end if it has one.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import inspect
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from echorator.cluster.workers.trial import TRIAL_S, try_import
from echorator.errors import EchoratorError, InvalidRequestError

_log = logging.getLogger(__name__)

IMPORT_S = 10.0  # limit of the import in this process, after a child has done it within TRIAL_S


class Refusal(EchoratorError):
    """A refusal of one message, raised by a worker. The sender gets the error, and the worker goes on.

    Any other exception ends the worker, as an uncaught one ends a process; its container is then restarted.
    """


class Api(Protocol):
    """The calls of the cluster that a worker may make."""

    def send_to_container(self, name: str, value: Any, expect_response: bool = True) -> Future[Any] | None:
        """Send a message to a container; see `Cluster.send_to_container`."""
        ...

    def send_to_service(self, name: str, value: Any, expect_response: bool = True) -> Future[Any] | None:
        """Send a message to a service; see `Cluster.send_to_service`."""
        ...


@dataclass(frozen=True)
class WorkerContext:
    """What a worker may use of its cluster. `stopping` is set when the container is to end, before its queue is drained."""

    container: str
    cluster: Api
    stopping: threading.Event


Handle = Callable[[Any], Any]
Factory = Callable[[WorkerContext], tuple[Handle, Callable[[], None]]]


class Workers:
    """A finder of workers below `folders`; without folders there are none."""

    def __init__(self, folders: Iterable[Path], trial_s: float = TRIAL_S, import_s: float = IMPORT_S) -> None:
        """Add the folders to `sys.path`. Raises InvalidRequestError if one of them is not a folder."""
        self.folders: Sequence[str] = tuple(str(_folder(folder)) for folder in folders)
        self._trial_s, self._import_s = trial_s, import_s
        self._added = [folder for folder in self.folders if folder not in sys.path]
        sys.path += self._added

    def close(self) -> None:
        """Remove the folders from `sys.path`."""
        for folder in self._added:
            sys.path.remove(folder)
        self._added = []

    def find(self, path: str) -> Factory:
        """Return the factory of the worker that "package.module:name" names. Blocks for some seconds at the first import of its module.

        Raises:
            InvalidRequestError: there is no such worker, or importing it does what a module must not; the message says which.
        """
        module_name, _, name = path.partition(":")
        origin = self._origin(module_name, path)
        fresh = module_name not in sys.modules
        if fresh:
            self._refuse_hidden(module_name, path)
            try:
                try_import(module_name, self.folders, self._trial_s)
            except InvalidRequestError as error:
                raise InvalidRequestError(f"{path!r}: {error}") from error
        factory = self._within(lambda: _resolved(module_name, name, path, origin), path)
        if fresh:
            _log.warning("code of a worker was imported", extra={"worker": path, "file": origin})
        return factory

    def _within(self, work: Callable[[], Factory], path: str) -> Factory:
        """Run `work` on a thread of its own and return its result: a module may block, or raise what would end an event loop."""
        done: Future[Factory] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except BaseException as error:  # noqa: BLE001  SystemExit and KeyboardInterrupt too: mistakes of the worker
                done.set_exception(error)

        threading.Thread(target=run, name=f"import of {path}", daemon=True).start()
        try:
            failed = done.exception(self._import_s)
        except TimeoutError:
            raise InvalidRequestError(f"{path!r}: importing it did not end within {self._import_s:g} s") from None
        if isinstance(failed, InvalidRequestError):
            raise failed
        if failed is not None:
            raise InvalidRequestError(f"{path!r}: importing it failed: {what_was_raised(failed)}") from failed
        return done.result()

    def _origin(self, module_name: str, path: str) -> str:
        """Return the path of the module's file without importing it. Raises InvalidRequestError if it is in none of the folders."""
        if not self.folders:
            raise InvalidRequestError(f"{path!r}: workers are off; start this with --workers DIR, and their modules in DIR")
        where = list(self.folders)
        spec = None
        parts = module_name.split(".")
        for depth in range(1, len(parts) + 1):
            if not parts[depth - 1].isidentifier():
                raise InvalidRequestError(f"{path!r}: {module_name!r} is not the name of a module")
            spec = importlib.machinery.PathFinder.find_spec(".".join(parts[:depth]), where)
            if spec is None or (depth < len(parts) and not spec.submodule_search_locations):
                raise InvalidRequestError(
                    f"{path!r}: there is no module {'.'.join(parts[:depth])} in {' or '.join(self.folders)}; "
                    "workers are looked for in the folders of --workers"
                )
            where = list(spec.submodule_search_locations or ())
            for place in filter(None, (spec.origin, *where)):
                self._refuse_outside(place, path)
        if spec is None or spec.origin is None:
            raise InvalidRequestError(f"{path!r}: {module_name} is a folder without a module")
        return spec.origin

    def _refuse_outside(self, place: str, path: str) -> None:
        """Raise InvalidRequestError if a symbolic link leads out of the folders."""
        real = Path(place).resolve()
        if not any(real.is_relative_to(folder) for folder in self.folders):
            raise InvalidRequestError(f"{path!r}: {place} leads to {real}, which is outside the folders of --workers")

    def _refuse_hidden(self, module_name: str, path: str) -> None:
        """Raise InvalidRequestError if an import would take another module of that name: Python's own or an installed one."""
        top = module_name.partition(".")[0]
        try:
            meant = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            meant = None
        expected = importlib.machinery.PathFinder.find_spec(top, list(self.folders))
        if meant is None or expected is None or meant.origin != expected.origin:
            raise InvalidRequestError(f"{path!r}: {top} in the folders of --workers is hidden by another module of that name; rename it")


def _folder(given: Path) -> Path:
    folder = given.resolve()
    if not folder.is_dir():
        raise InvalidRequestError(f"{given}: there is no such folder, where workers were to be")
    return folder


def _resolved(module_name: str, name: str, path: str, origin: str) -> Factory:
    """Import the module and return the factory of its worker. Raises InvalidRequestError, and whatever the module raises."""
    found: Any = importlib.import_module(module_name)
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


def what_was_raised(error: BaseException) -> str:
    """Return type and text of a worker's exception, whose own `__str__` may fail; at most 1,000 characters."""
    try:
        return f"{type(error).__name__}: {error}"[:1000]
    except BaseException:  # noqa: BLE001  it is the worker's code
        return type(error).__name__


def _factory(found: Any, path: str) -> Factory:
    constructor: Any = found
    if inspect.isclass(found):
        if not callable(getattr(found, "__call__", None)) or "__call__" not in dir(found):  # noqa: B004  the class itself is callable
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
    """Return how many positional arguments a call needs. Raises InvalidRequestError if Python cannot tell."""
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(f"{path!r}: it cannot be seen how it is called: {error}") from error
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in parameters)


def _nothing() -> None:
    """Do nothing: a function has nothing to close."""
