"""Waits for a Model: prints its phases and the progress of a download, and at the timeout what is still missing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from types import TracebackType

from echorator.cli.kollama.cluster import states
from echorator.cli.output.pull_progress import progress_shown
from echorator.host.exits import CommandError, Exit
from echorator.kube.api.client import Client
from echorator.kube.api.resources import Object
from echorator.kube.installation import SYSTEM_NAMESPACE
from echorator.model_files.puller import OnProgress, Progress
from echorator.model_resource.conditions import CHAIN
from echorator.model_resource.phase import Phase

Done = Callable[[Object], bool]


async def wait_for(client: Client, model: Object, done: Done, what: str, timeout_s: float, phases_to_stderr: bool = False) -> Object:
    """Wait until `done` holds for the status of this generation of the spec, and return the Model.

    Its phases are printed to stdout; to stderr where stdout is a document for programs.

    Raises:
        CommandError: the Model failed, was deleted, or is not `what` within `timeout_s`.
    """
    metadata = model["metadata"]
    latest = model
    with PhaseLines(phases_to_stderr) as lines:
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
    """Wait until the Model is deleted. Raises CommandError after `timeout_s`."""
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
    """Return whether the status is about this generation of the spec, or a later one."""
    return int((model.get("status") or {}).get("observedGeneration") or 0) >= generation


def condition(model: Object, kind: str) -> Object:
    """Return a condition of the Model; {} if it has none of that type."""
    return next((c for c in (model.get("status") or {}).get("conditions", ()) if c["type"] == kind), {})


def is_ready(model: Object) -> bool:
    """Return whether all wanted replicas serve the current spec."""
    phase = (model.get("status") or {}).get("phase")
    return phase == Phase.READY.value and serves(model) and condition(model, "Progressing").get("status") == "False"


def serves(model: Object) -> bool:
    """Return whether the Model answers calls, possibly by an earlier spec."""
    return bool(condition(model, "Ready").get("status") == "True")


def is_fetched(model: Object) -> bool:
    """Return whether the model's file is in the cluster."""
    return bool(condition(model, "ModelFetched").get("status") == "True")


def failure_of(model: Object) -> str:
    """Return why a Model has failed."""
    said = condition(model, "Stalled").get("message") or ((model.get("status") or {}).get("lastError") or {}).get("message")
    return str(said or "nobody said why; see the log of the operator")


def lacking(model: Object, generation: int) -> str:
    """Return what the Model waits for: its phase, and the first of its conditions that does not hold."""
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
    """A printer of phases, each once, and of a download's progress to stderr."""

    def __init__(self, to_stderr: bool = False) -> None:
        self._to_stderr = to_stderr
        self._phase = ""
        self._bar = ExitStack()
        self._shown: OnProgress | None = None

    def __enter__(self) -> PhaseLines:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()

    def tell(self, model: Object) -> None:
        """Print the phase if it is new, and the progress of the download."""
        status = model.get("status") or {}
        phase = str(status.get("phase", Phase.PENDING.value))
        download = status.get("download")
        if phase != self._phase:
            self._bar.close()
            self._shown = None
            self._phase = phase
            print(f"model/{model['metadata']['name']} {phase}", file=sys.stderr if self._to_stderr else sys.stdout, flush=True)
        if download and phase == Phase.IMAGE_PULLING.value:
            if self._shown is None:
                self._shown = self._bar.enter_context(progress_shown(str(model["spec"]["image"])))
            self._shown(Progress("pulling", int(download.get("doneBytes", 0)), int(download.get("totalBytes", 0))))
