"""Waiting for a Model: a line for each phase, a bar or a line now and then for a download, and what is still lacking when time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from types import TracebackType

from echorator.cli.exits import CommandError, Exit
from echorator.cli.kollama_cluster import states
from echorator.cli.pull import progress_shown
from echorator.images.puller import OnProgress, Progress
from echorator.kube.client import Client
from echorator.kube.install import SYSTEM_NAMESPACE
from echorator.kube.resources import Object
from echorator.model.conditions import CHAIN
from echorator.model.phase import Phase

Done = Callable[[Object], bool]


async def wait_for(client: Client, model: Object, done: Done, what: str, timeout_s: float) -> Object:
    """Until `done` of what is said of this generation. Returns the Model.

    Raises:
        CommandError: it failed, it was deleted, or it is not `what` in time.
    """
    metadata = model["metadata"]
    latest = model
    with PhaseLines() as lines:
        try:
            async with asyncio.timeout(timeout_s), aclosing(states(client, metadata["namespace"], metadata["name"])) as seen:
                async for state in seen:
                    if state is None or state["metadata"]["uid"] != metadata["uid"]:
                        raise CommandError(f"model/{metadata['name']} was deleted meanwhile")
                    latest = state
                    if not is_current(state, metadata["generation"]):
                        continue
                    lines.tell(state)
                    if state["status"].get("phase") == Phase.FAILED.value:
                        raise CommandError(f"model/{metadata['name']} failed: {failure_of(state)}")
                    if done(state):
                        return state
        except TimeoutError:
            said = lacking(latest, metadata["generation"])
            raise CommandError(f"model/{metadata['name']} is not {what} within {timeout_s:g} s: {said}", Exit.UNAVAILABLE) from None
    raise AssertionError("states end only when they are closed")


async def wait_until_gone(client: Client, model: Object, timeout_s: float) -> None:
    """Raises CommandError."""
    metadata = model["metadata"]
    finalizers: list[str] = []
    try:
        async with asyncio.timeout(timeout_s), aclosing(states(client, metadata["namespace"], metadata["name"])) as seen:
            async for state in seen:
                if state is None or state["metadata"]["uid"] != metadata["uid"]:
                    return
                finalizers = state["metadata"].get("finalizers", [])
    except TimeoutError:
        waits = f"it waits for {', '.join(finalizers)}" if finalizers else "it is still there"
        raise CommandError(
            f"model/{metadata['name']} is not gone within {timeout_s:g} s: {waits}; {_look_at_operator()}", Exit.UNAVAILABLE
        ) from None


def is_current(model: Object, generation: int) -> bool:
    """Its status speaks of this spec or of a later one."""
    return int((model.get("status") or {}).get("observedGeneration") or 0) >= generation


def condition(model: Object, kind: str) -> Object:
    """{} where it has none."""
    return next((c for c in (model.get("status") or {}).get("conditions", ()) if c["type"] == kind), {})


def is_ready(model: Object) -> bool:
    """All that was asked for serves."""
    phase = (model.get("status") or {}).get("phase")
    return phase == Phase.READY.value and serves(model) and condition(model, "Progressing").get("status") == "False"


def serves(model: Object) -> bool:
    """It answers calls, be it as an earlier spec said."""
    return bool(condition(model, "Ready").get("status") == "True")


def is_fetched(model: Object) -> bool:
    """Its file is in the cluster."""
    return bool(condition(model, "ModelFetched").get("status") == "True")


def failure_of(model: Object) -> str:
    """Why a Model has failed."""
    said = condition(model, "Stalled").get("message") or ((model.get("status") or {}).get("lastError") or {}).get("message")
    return str(said or "nobody said why; see the log of the operator")


def lacking(model: Object, generation: int) -> str:
    """What it waits for: its phase, and the first of its conditions that does not hold."""
    if not is_current(model, generation):
        return f"no operator has looked at it; {_look_at_operator()}"
    status = model["status"]
    missing = next((c for kind in CHAIN if (c := condition(model, kind)).get("status") != "True" and c), condition(model, "Progressing"))
    said = f"{missing.get('reason', '')}{': ' if missing.get('message') else ''}{missing.get('message', '')}"
    retried = condition(model, "Stalled")
    error = f"; it was tried again after: {retried['message']}" if retried.get("reason") == "Retrying" and retried.get("message") else ""
    return f"{status.get('phase', 'Pending')}, {missing.get('type', 'Ready')} is {missing.get('status', 'Unknown')} ({said}){error}"


def _look_at_operator() -> str:
    return f"kubectl get pods -n {SYSTEM_NAMESPACE} shows whether it runs"


class PhaseLines:
    """Tells each phase once, on stdout; a download on stderr."""

    def __init__(self) -> None:
        self._phase = ""
        self._bar = ExitStack()
        self._shown: OnProgress | None = None

    def __enter__(self) -> PhaseLines:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()

    def tell(self, model: Object) -> None:
        """What is new."""
        status = model.get("status") or {}
        phase = str(status.get("phase", Phase.PENDING.value))
        download = status.get("download")
        if phase != self._phase:
            self._bar.close()
            self._shown = None
            self._phase = phase
            print(f"model/{model['metadata']['name']} {phase}", flush=True)
        if download and phase == Phase.IMAGE_PULLING.value:
            if self._shown is None:
                self._shown = self._bar.enter_context(progress_shown(str(model["spec"]["image"])))
            self._shown(Progress("pulling", int(download.get("doneBytes", 0)), int(download.get("totalBytes", 0))))
