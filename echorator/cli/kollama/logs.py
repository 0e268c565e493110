"""`kollama logs`: prints the logs of a Model's agents, or of the pod that pulls its file."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass, field

from echorator.cli.kollama.cluster import cluster, model_of
from echorator.cli.kollama.show import store_of
from echorator.cli.options.kollama import program
from echorator.host.exits import CommandError, Exit
from echorator.kube.api.client import ApiError, Client, ForbiddenError, UnreachableError
from echorator.kube.api.resources import MODEL_LABEL, PART_LABEL, POD, STORE_LABEL, Object
from echorator.kube.models.pods import AGENT

PULLER = "pull"
LOOK_S = 1.0  # between two looks for new pods


def run(arguments: argparse.Namespace) -> int:
    """Print the logs and return the exit code. Raises CommandError."""
    return asyncio.run(_logs(arguments))


async def _logs(arguments: argparse.Namespace) -> int:
    async with cluster(arguments) as (client, namespace):
        model = await model_of(client, namespace, arguments.name)
        selector, container = _which(model, arguments.puller)
        pods = await _pods(client, namespace, selector)
        if not pods and not arguments.follow:
            part = "puller" if arguments.puller else "agents"
            raise CommandError(f"model/{arguments.name} has no {part} now; {program()} status {arguments.name} says why")
        printing = _Printing(client, namespace, container, arguments.tail, several=len(pods) > 1)
        await (_follow(printing, selector) if arguments.follow else printing.last(pods))
    return Exit.OK


def _which(model: Object, puller: bool) -> tuple[str, str]:
    """Return the selector of the pods, and the container. Raises CommandError for a puller of a Model that needs none."""
    if not puller:
        return f"{MODEL_LABEL}={model['metadata']['name']},{PART_LABEL}={AGENT}", AGENT
    store = store_of(model)
    if not store:
        raise CommandError(f"model/{model['metadata']['name']} needs no puller: {model['spec']['image']} is there already")
    return f"{STORE_LABEL}={store}", PULLER


async def _pods(client: Client, namespace: str, selector: str) -> list[Object]:
    pods, _ = await client.list(POD, namespace, selector)
    return sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))


@dataclass
class _Printing:
    client: Client
    namespace: str
    container: str
    tail: int
    several: bool
    refused: list[ApiError] = field(default_factory=list)

    async def last(self, pods: list[Object]) -> None:
        """Print the last lines of each pod's log. Raises CommandError if no pod has one."""
        for pod in pods:
            name = pod["metadata"]["name"]
            try:
                text = await self.client.logs(self.namespace, name, self.container, self.tail)
            except (ForbiddenError, UnreachableError):
                raise
            except ApiError as error:  # the container has not started
                self.refused.append(error)
                continue
            for line in text.splitlines():
                self._line(name, line)
        if pods and len(self.refused) == len(pods):
            raise CommandError(f"{self.refused[-1]}; try again, or look at {program()} status")

    async def follow(self, name: str) -> bool:
        """Print the log of a pod until its container ends; return whether the container had started."""
        try:
            async for line in self.client.follow_logs(self.namespace, name, self.container, self.tail):
                self._line(name, line)
        except (ForbiddenError, UnreachableError):
            raise
        except ApiError:
            return False
        return True

    def _line(self, pod: str, line: str) -> None:
        print(f"[{pod}] {line}" if self.several else line, flush=True)


async def _follow(printing: _Printing, selector: str) -> None:
    """Print the logs of all pods, also of new and restarted ones, until cancelled."""
    running: dict[tuple[str, int], asyncio.Task[bool]] = {}
    ended: set[tuple[str, int]] = set()
    try:
        while True:
            pods = await _pods(printing.client, printing.namespace, selector)
            printing.several = printing.several or len(pods) > 1
            for key, task in list(running.items()):
                if task.done():
                    del running[key]
                    if task.result():
                        ended.add(key)
            for pod in pods:
                key = (pod["metadata"]["uid"], _restarts(pod, printing.container))
                if key not in running and key not in ended:
                    running[key] = asyncio.create_task(printing.follow(pod["metadata"]["name"]))
            await asyncio.sleep(LOOK_S)
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


def _restarts(pod: Object, container: str) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return next((int(status["restartCount"]) for status in statuses if status["name"] == container), 0)
