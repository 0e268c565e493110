"""`kollama list` and `kollama status`: print the state of a cluster's Models."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import aclosing, suppress
from datetime import UTC, datetime

from rich.live import Live

from echorator.cli.kollama.cluster import cluster, listed, model_of, states
from echorator.cli.options.kollama import program
from echorator.cli.output.consoles import Console
from echorator.cli.output.kube_models import Standing, view_of
from echorator.cli.output.kube_objects import name_of, shown
from echorator.cli.output.model_tables import document_line, models_table
from echorator.cli.output.rendering import show
from echorator.errors import EchoratorError
from echorator.host.exits import CommandError, Exit
from echorator.kube.api.client import Client
from echorator.kube.api.resources import MODEL, MODEL_LABEL, POD, STORE_LABEL, Kind, Object
from echorator.kube.installation import Install
from echorator.kube.models.source import source_of
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.schema import check

_CORE_EVENT = Kind("Event", "events")  # of the core group, which the built-in role `view` may read
REDRAW_S = 2.0


def run(arguments: argparse.Namespace) -> int:
    """Print the list or the status and return the exit code. Raises CommandError."""
    return asyncio.run(_list(arguments) if arguments.command == "list" else _status(arguments))


async def _list(arguments: argparse.Namespace) -> int:
    everywhere = arguments.all_namespaces
    async with cluster(arguments) as (client, namespace):
        models, _ = await client.list(MODEL, "" if everywhere else namespace)
    models.sort(key=lambda model: (model["metadata"]["namespace"], model["metadata"]["name"]))
    now = datetime.now(UTC)
    lines = [document_line(model, now, everywhere) for model in models]
    document = {"apiVersion": "v1", "kind": "List", "items": [shown(model) for model in models]}
    tables = [models_table(lines, arguments.output == "wide")] if lines else []
    nothing = f"no models{'' if everywhere else f' in namespace {namespace}'}; {program()} deploy NAME makes one"
    show(arguments.output, document, [name_of(model) for model in models], *tables, nothing=nothing)
    return Exit.OK


async def _status(arguments: argparse.Namespace) -> int:
    async with cluster(arguments) as (client, namespace):
        model = await model_of(client, namespace, arguments.name)
        if not arguments.watch:
            whole = await _standing(client, model)
            document = {**shown(model), "pods": [shown(pod) for pod in whole.pods], "events": [shown(event) for event in whole.events]}
            show(arguments.output, document, [name_of(model)], view_of(whole))
        elif sys.stdout.isatty():
            await _watch(client, namespace, arguments.name)
        else:
            await _lines(client, namespace, arguments.name)
    return Exit.OK


async def _watch(client: Client, namespace: str, name: str) -> None:
    """Redraw a view at each change, and every REDRAW_S for its pods. Raises CommandError when the Model is deleted."""
    latest: list[Object | None] = []
    changed = asyncio.Event()

    async def follow() -> None:
        async with aclosing(states(client, namespace, name)) as seen:
            async for state in seen:
                latest[:] = [state]
                changed.set()

    following = asyncio.create_task(follow())
    following.add_done_callback(lambda _: changed.set())
    try:
        with Live(console=Console(highlight=False), auto_refresh=False, redirect_stdout=False) as screen:
            while not following.done():
                with suppress(TimeoutError):
                    async with asyncio.timeout(REDRAW_S):
                        await changed.wait()
                changed.clear()
                if latest and latest[0] is None:
                    raise CommandError(f"model/{name} was deleted")
                if latest and latest[0] is not None:
                    screen.update(view_of(await _standing(client, latest[0])), refresh=True)
            following.result()
    finally:
        following.cancel()


async def _lines(client: Client, namespace: str, name: str) -> None:
    """Print a line whenever the Model waits for something else. Raises CommandError when it is deleted."""
    from echorator.cli.kollama.wait import is_ready, lacking

    told = ""
    async with aclosing(states(client, namespace, name)) as seen:
        async for state in seen:
            if state is None:
                raise CommandError(f"model/{name} was deleted")
            now = str(state["status"]["phase"]) if is_ready(state) else lacking(state, state["metadata"]["generation"])
            if now != told:
                print(f"model/{name} {now}", flush=True)
                told = now


async def _standing(client: Client, model: Object) -> Standing:
    metadata = model["metadata"]
    namespace = metadata["namespace"]
    about = f"involvedObject.kind={MODEL.name},involvedObject.name={metadata['name']}"
    if uid := metadata.get("uid"):
        about += f",involvedObject.uid={uid}"
    selectors = [f"{MODEL_LABEL}={metadata['name']}", *([f"{STORE_LABEL}={store}"] if (store := store_of(model)) else [])]
    answers = await asyncio.gather(
        *(listed(client, POD.path(namespace), {"labelSelector": selector}) for selector in selectors),
        listed(client, _CORE_EVENT.path(namespace), {"fieldSelector": about}),
    )
    pods = [pod for found, _ in answers[:-1] for pod in found]
    stuck = await asyncio.gather(*(_warnings(client, namespace, pod) for pod in pods if not _runs(pod)))
    events = [event for found, _ in (answers[-1], *stuck) for event in found]
    return Standing(model, pods, events, tuple(dict.fromkeys(why for _, why in (*answers, *stuck) if why)))


async def _warnings(client: Client, namespace: str, pod: Object) -> tuple[list[Object], str]:
    """Return the warnings of a pod, such as a volume that cannot be mounted, and why they cannot be read ("" if they can)."""
    name = pod["metadata"]["name"]
    about = f"involvedObject.kind={POD.name},involvedObject.name={name},type=Warning"
    found, why = await listed(client, _CORE_EVENT.path(namespace), {"fieldSelector": about})
    return [{**event, "message": f"{name}: {event.get('message', '')}"} for event in found], why


def _runs(pod: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in (pod.get("status") or {}).get("conditions") or ())


def store_of(model: Object) -> str:
    """Return the name of the store that pulls the Model's files; "" if nothing is pulled."""
    try:
        return source_of(check(KubeModelSpec, model["spec"]), Install()).store
    except EchoratorError:
        return ""
