"""`echorator apply | get | describe | delete | scale | watch`: the resources of a local cluster, as kubectl does it for Kubernetes."""

from __future__ import annotations

import argparse
import asyncio
import difflib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from grpc import aio
from rich.console import RenderableType
from rich.text import Text

from echorator.cli.manifest_files import wishes_of
from echorator.cli.options.numbers import replicas
from echorator.cli.output.model_standing import age, standing_of
from echorator.cli.output.model_tables import document_line, models_table
from echorator.cli.output.phase_lines import PhaseLines
from echorator.cli.output.rendering import show, show_one_of_many, yaml_of
from echorator.cli.output.tables import Column, Table
from echorator.cluster.messages import document_of_message, kind_from, message_of_wish
from echorator.cluster.resources import Key, Kind
from echorator.errors import InvalidRequestError
from echorator.host.connection import channel_to
from echorator.host.exits import CommandError, Exit
from echorator.host.failure import of_status
from echorator.host.running_file import controller_of
from echorator.host.server_roles import Needed
from echorator.rpc.v1 import cluster_pb2 as pb
from echorator.rpc.v1.cluster_pb2_grpc import ClusterServiceStub

CALL_S = 30.0


def run(arguments: argparse.Namespace) -> int:
    """Carry out the command on the local cluster and return the exit code. Raises CommandError."""
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    server = controller_of(arguments.server)
    async with channel_to(server) as channel:
        try:
            await _COMMANDS[arguments.command](ClusterServiceStub(channel), arguments)
        except aio.AioRpcError as error:
            raise await of_status(error, server, Needed.RESOURCES) from error
        except InvalidRequestError as error:
            raise CommandError(str(error), Exit.USAGE) from error
    return Exit.OK


async def _apply(stub: ClusterServiceStub, arguments: argparse.Namespace) -> None:
    resources = [message_of_wish(wish) for wish in wishes_of(arguments.file)]
    reply = await stub.Apply(pb.ApplyRequest(resources=resources), timeout=CALL_S)
    for applied in reply.applied:
        print(f"{_key(applied.resource)} {applied.outcome}{f': {applied.warning}' if applied.warning else ''}", flush=True)
    await _until_ready(stub, [_key(applied.resource) for applied in reply.applied], arguments.wait)


async def _scale(stub: ClusterServiceStub, arguments: argparse.Namespace) -> None:
    *names, last = arguments.rest
    try:
        number = replicas(last)
    except argparse.ArgumentTypeError as error:
        if not names and last[:1].isalpha():  # the number was forgotten, and the name took its place
            raise CommandError("say which and how many: echorator scale model NAME N", Exit.USAGE) from error
        raise CommandError(f"{error}; write echorator scale model NAME N", Exit.USAGE) from error
    keys = _named(arguments.kind, names, "scale", str(number))
    if len(keys) != 1:
        raise CommandError("say which and how many: echorator scale model NAME N", Exit.USAGE)
    await stub.Scale(pb.ScaleRequest(kind=keys[0].kind.value, name=keys[0].name, replicas=number), timeout=CALL_S)
    print(f"{keys[0]} scaled to {number}", flush=True)
    await _until_ready(stub, keys, arguments.wait)


async def _delete(stub: ClusterServiceStub, arguments: argparse.Namespace) -> None:
    keys = [wish.key for wish in wishes_of(arguments.file)]
    if arguments.kind:
        keys += _named(arguments.kind, arguments.name, "delete")
    if not keys:
        raise CommandError("say what to delete: echorator delete model NAME, or -f FILE", Exit.USAGE)
    for key in keys:
        await stub.Delete(pb.DeleteRequest(kind=key.kind.value, name=key.name), timeout=CALL_S)
        print(f"{key} is deleted" if arguments.wait else f"{key} will be deleted", flush=True)
    await _until(stub, keys, arguments.wait, lambda found: found is None, "gone")


async def _get(stub: ClusterServiceStub, arguments: argparse.Namespace) -> None:
    if not arguments.kind:
        raise CommandError("say what: echorator get models, or all", Exit.USAGE)
    kind, name = _kind_and_name(arguments.kind, arguments.name)
    if name:
        if kind is None:
            raise CommandError("say which kind: echorator get model NAME", Exit.USAGE)
        found = [await stub.Get(pb.GetResourceRequest(kind=kind.value, name=name), timeout=CALL_S)]
    else:
        request = pb.ListResourcesRequest(kind=kind.value if kind is not None else "", labels=_labels(arguments.selector))
        found = list((await stub.List(request, timeout=CALL_S)).resources)
    _show(found, arguments, kind, single=bool(name))


async def _watch(stub: ClusterServiceStub, arguments: argparse.Namespace) -> None:
    kind, name = _kind_and_name(arguments.kind or "all", arguments.name if hasattr(arguments, "name") else None)
    async for event in _events(stub, kind):
        if event.change == "SYNCED" or (name and event.resource.metadata.name != name):
            continue
        document, key = _document(event.resource), _key(event.resource)
        line = f"{event.change.lower():<9} {key!s:<32} {_summary(document)}"
        show_one_of_many(arguments.output, {"type": event.change, "object": document}, key, line)


async def _describe(stub: ClusterServiceStub, arguments: argparse.Namespace) -> None:
    if not arguments.kind:
        raise CommandError("say what: echorator describe model NAME", Exit.USAGE)
    kind, name = _kind_and_name(arguments.kind, arguments.name)
    if kind is None or not name:
        raise CommandError("say which: echorator describe model NAME", Exit.USAGE)
    found = await stub.Get(pb.GetResourceRequest(kind=kind.value, name=name), timeout=CALL_S)
    document = _document(found)
    history = [{"at": h.at.ToJsonString(), "resource": h.resource, "text": h.text} for h in found.history]
    whole = {**document, "history": history}
    told = {key: value for key, value in document.items() if key != "apiVersion"}
    told["status"] = {key: value for key, value in document["status"].items() if key != "conditions"}
    parts: list[RenderableType] = [Text(yaml_of(told).rstrip())]
    if conditions := document["status"].get("conditions"):
        rows = [[c["type"], c["status"], c["reason"], c["lastTransitionTime"], c.get("message", "")] for c in conditions]
        parts += [Text(), Table(("CONDITION", "STATUS", "REASON", Column("SINCE", spare=True), "MESSAGE"), rows)]
    happened = [[h.at.ToDatetime(UTC).astimezone().strftime("%H:%M:%S"), h.resource, h.text] for h in found.history]
    parts += [Text(), Table(("AT", "RESOURCE", "WHAT"), happened)]
    show(arguments.output, whole, [_key(found)], *parts)


_COMMANDS: dict[str, Callable[[ClusterServiceStub, argparse.Namespace], Awaitable[None]]] = {
    "apply": _apply,
    "scale": _scale,
    "delete": _delete,
    "get": _get,
    "watch": _watch,
    "describe": _describe,
}


# Names of resources


def _key(resource: pb.Resource) -> Key:
    return Key(Kind(resource.kind), resource.metadata.name)


def _kind_and_name(kind: str, name: str | None) -> tuple[Kind | None, str]:
    """Return kind and name of "models", "model nano", "model/nano", "nano" (a model) or "all"; None and "" if not given.

    Raises InvalidRequestError.
    """
    first, _, second = kind.partition("/")
    if first == "all":
        return None, second or name or ""
    if not second and not name and _names_no_kind(first):
        return Kind.MODEL, first
    return kind_from(first), second or name or ""


def _named(kind: str, names: Sequence[str], verb: str, number: str = "") -> list[Key]:
    """Return the keys in "model a b", "model/a" or "a b", which are models. Raises InvalidRequestError, CommandError."""
    first, _, second = (kind or "").partition("/")
    if first == "all":
        raise CommandError(f"one kind at a time: echorator {f'{verb} model NAME {number}'.rstrip()}", Exit.USAGE)
    if not second and _names_no_kind(first):
        return [Key(Kind.MODEL, name) for name in (first, *names)]
    known = kind_from(first)
    if second:
        return [Key(known, second), *(Key(known, name) for name in names)]
    if not names:
        low = known.value.lower()
        raise CommandError(f"say which {low}: echorator {f'{verb} {low} NAME {number}'.rstrip()}", Exit.USAGE)
    return [Key(known, name) for name in names]


def _names_no_kind(word: str) -> bool:
    """Return whether a word is neither a kind nor nearly one, so that it is taken for the name of a model."""
    try:
        kind_from(word)
    except InvalidRequestError:
        return not difflib.get_close_matches(word.lower(), [kind.value.lower() for kind in Kind], n=1, cutoff=0.75)
    return False


def _labels(selector: str) -> dict[str, str]:
    """Parse KEY=VALUE,... into labels. Raises CommandError."""
    pairs = [part.partition("=") for part in selector.split(",") if part]
    for key, equals, _ in pairs:
        if not equals or not key:
            raise CommandError(f"--selector {selector!r} is not KEY=VALUE,...", Exit.USAGE)
    return {key: value for key, _, value in pairs}


# Waiting for resources


async def _events(stub: ClusterServiceStub, kind: Kind | None = None) -> AsyncIterator[pb.ResourceEvent]:
    async for event in stub.Watch(pb.WatchResourcesRequest(kind=kind.value if kind is not None else "")):
        yield event


async def _until(
    stub: ClusterServiceStub,
    keys: Iterable[Key],
    wait_s: float,
    holds: Callable[[pb.Resource | None], bool],
    what: str,
    tell: Callable[[dict[str, Any]], None] = lambda _: None,
) -> None:
    """Return once `holds` is true of every key's resource; at once if `wait_s` is 0. Raises CommandError after `wait_s`.

    `tell` is called with each state of these resources.
    """
    left: dict[Key, pb.Resource | None] = dict.fromkeys(keys)
    if not wait_s:
        return
    synced = False

    try:
        async with asyncio.timeout(wait_s):
            async for event in _events(stub):
                synced = synced or event.change == "SYNCED"
                if event.HasField("resource") and _key(event.resource) in left:
                    left[_key(event.resource)] = None if event.change == "DELETED" else event.resource
                    tell(_document(event.resource))
                if synced:
                    left = {key: found for key, found in left.items() if not holds(found)}
                if synced and not left:
                    return
    except TimeoutError:
        said = [f"{key}: {_summary(_document(found)) if found is not None else 'not there'}" for key, found in left.items()]
        raise CommandError(f"not {what} within {wait_s:g} s: {'; '.join(said)}", Exit.UNAVAILABLE) from None


async def _until_ready(stub: ClusterServiceStub, keys: Iterable[Key], wait_s: float) -> None:
    with PhaseLines() as lines:
        await _until(stub, keys, wait_s, lambda found: found is not None and _ready(_document(found)), "ready", lines.tell)


def _ready(document: dict[str, Any]) -> bool:
    """Return whether a resource is as it was applied. Raises CommandError for a model that failed and will not get ready unchanged."""
    spec, status = document["spec"], document["status"]
    match document["kind"]:
        case "Model":
            if status.get("phase") == "Failed" and status.get("observedGeneration") == document["metadata"]["generation"]:
                raise CommandError(f"model/{document['metadata']['name']}: {_summary(document)}")
            return bool(status.get("phase") == "Ready" and status.get("observedGeneration") == document["metadata"]["generation"])
        case "ReplicaSet":
            current = status.get("observedGeneration") == document["metadata"]["generation"]
            return bool(current and status.get("readyReplicas") == spec["replicas"] == status.get("replicas"))
        case "Service":
            return bool(status.get("ready", 0) > 0)
        case _:
            return bool(status.get("ready"))


# Showing resources


def _show(found: list[pb.Resource], arguments: argparse.Namespace, kind: Kind | None, single: bool) -> None:
    """Print resources: Models as every command prints models, others with their labels and their state."""
    documents = [_document(resource) for resource in found]
    whole = documents[0] if single else {"apiVersion": "v1", "kind": "List", "items": documents}
    now, wide = datetime.now(UTC), arguments.output == "wide"
    tables: list[RenderableType] = []
    if found and kind is Kind.MODEL:
        tables = [models_table([document_line(document, now) for document in documents], wide)]
    elif found:
        rows = [
            [_key(r), age(r.metadata.created.ToDatetime(UTC), now), _labelled(d), d["metadata"].get("owner", ""), _summary(d)]
            for r, d in zip(found, documents, strict=True)
        ]
        columns = ("NAME", Column("AGE", right=True), Column("LABELS", wide=True), Column("OWNER", wide=True), "STATUS")
        tables = [Table(columns, rows, wide)]
    show(arguments.output, whole, [_key(resource) for resource in found], *tables, nothing="there are none")


def _document(resource: pb.Resource) -> dict[str, Any]:
    """Return a resource for YAML and JSON, always with its fields in one order; a message has them in any."""
    whole = document_of_message(resource)
    return {**whole, "spec": _ordered(whole["spec"]), "status": _ordered(whole["status"])}


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def _labelled(document: dict[str, Any]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(document["metadata"].get("labels", {}).items()))


def _summary(document: dict[str, Any]) -> str:
    """Return one line about the state of a resource."""
    spec, status = document["spec"], document["status"]
    match document["kind"]:
        case "Model":
            return standing_of(document).line
        case "ReplicaSet":
            return f"{status.get('readyReplicas', 0)}/{spec['replicas']} ready"
        case "Service":
            return str(status.get("message") or f"{status.get('ready', 0)} of {status.get('containers', 0)} containers ready")
        case _:
            said = f", {status['lastError']}" if status.get("lastError") and not status.get("ready") else ""
            restarts = f", {status['restarts']} restarts" if status.get("restarts") else ""
            return f"{status.get('phase', 'Pending')}{restarts}{said}"
