"""`echorator apply | get | describe | delete | scale | watch`: the resources of a local cluster, as kubectl does it for Kubernetes."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml
from grpc import aio

from echorator.cli.manifest_files import wishes_of
from echorator.cli.options.numbers import replicas
from echorator.cli.output.model_standing import age, standing_of
from echorator.cli.output.phase_lines import PhaseLines
from echorator.cli.output.tables import print_table
from echorator.cli.output.yaml_text import WithoutAnchors
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
    keys, rest = _named(arguments.kind, names)
    if rest or len(keys) != 1:
        raise CommandError("say which and how many: echorator scale model NAME N", Exit.USAGE)
    await stub.Scale(pb.ScaleRequest(kind=keys[0].kind.value, name=keys[0].name, replicas=number), timeout=CALL_S)
    print(f"{keys[0]} scaled to {number}", flush=True)
    await _until_ready(stub, keys, arguments.wait)


async def _delete(stub: ClusterServiceStub, arguments: argparse.Namespace) -> None:
    keys = [wish.key for wish in wishes_of(arguments.file)]
    if arguments.kind:
        keys += _named(arguments.kind, arguments.name)[0]
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
    _show(found, arguments.output, single=bool(name))


async def _watch(stub: ClusterServiceStub, arguments: argparse.Namespace) -> None:
    kind, name = _kind_and_name(arguments.kind or "all", arguments.name if hasattr(arguments, "name") else None)
    async for event in _events(stub, kind):
        if event.change == "SYNCED" or (name and event.resource.metadata.name != name):
            continue
        if arguments.output == "json":
            print(json.dumps({"type": event.change, "object": document_of_message(event.resource)}, ensure_ascii=False), flush=True)
        elif arguments.output == "yaml":
            print(f"---\n{_yaml(document_of_message(event.resource))}", end="", flush=True)
        elif arguments.output == "name":
            print(_key(event.resource), flush=True)
        else:
            said = _summary(document_of_message(event.resource))
            print(f"{event.change.lower():<9} {_key(event.resource)!s:<32} {said}", flush=True)


async def _describe(stub: ClusterServiceStub, arguments: argparse.Namespace) -> None:
    if not arguments.kind:
        raise CommandError("say what: echorator describe model NAME", Exit.USAGE)
    kind, name = _kind_and_name(arguments.kind, arguments.name)
    if kind is None or not name:
        raise CommandError("say which: echorator describe model NAME", Exit.USAGE)
    found = await stub.Get(pb.GetResourceRequest(kind=kind.value, name=name), timeout=CALL_S)
    document = document_of_message(found)
    conditions = document["status"].pop("conditions", [])
    document.pop("apiVersion")
    print(_yaml(document), end="")
    if conditions:
        print("conditions:")
        print_table(
            ("type", "status", "reason", "since", "message"),
            [[c["type"], c["status"], c["reason"], c["lastTransitionTime"], c.get("message", "")] for c in conditions],
        )
    print("history:")
    rows = [[h.at.ToDatetime(UTC).astimezone().strftime("%H:%M:%S"), h.resource, h.text] for h in found.history]
    print_table(("at", "resource", "what"), rows)


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
    """Return kind and name of "models", "model nano", "model/nano" or "all"; None and "" if not given. Raises InvalidRequestError."""
    first, _, second = kind.partition("/")
    return None if first == "all" else kind_from(first), second or name or ""


def _named(kind: str, names: Sequence[str]) -> tuple[list[Key], Sequence[str]]:
    """Return the keys in "model a b" or "model/a", and the words that are left. Raises InvalidRequestError, CommandError."""
    first, _, second = (kind or "").partition("/")
    known = kind_from(first)
    if second:
        return [Key(known, second)], names
    if not names:
        raise CommandError(f"say which {known.value.lower()}", Exit.USAGE)
    return [Key(known, name) for name in names], ()


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
                    tell(document_of_message(event.resource))
                if synced:
                    left = {key: found for key, found in left.items() if not holds(found)}
                if synced and not left:
                    return
    except TimeoutError:
        said = [f"{key}: {_summary(document_of_message(found)) if found is not None else 'not there'}" for key, found in left.items()]
        raise CommandError(f"not {what} within {wait_s:g} s: {'; '.join(said)}", Exit.UNAVAILABLE) from None


async def _until_ready(stub: ClusterServiceStub, keys: Iterable[Key], wait_s: float) -> None:
    with PhaseLines() as lines:
        await _until(stub, keys, wait_s, lambda found: found is not None and _ready(document_of_message(found)), "ready", lines.tell)


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


def _show(found: list[pb.Resource], output: str, single: bool) -> None:
    documents = [document_of_message(resource) for resource in found]
    if output == "json":
        print(json.dumps(documents[0] if single else documents, ensure_ascii=False, indent=2))
    elif output == "yaml":
        print("---\n".join(_yaml(document) for document in documents), end="")
    elif output == "name":
        for resource in found:
            print(_key(resource))
    elif not found:
        print("there are none")
    else:
        now = datetime.now(UTC)
        rows = [[str(_key(r)), _summary(d), age(r.metadata.created.ToDatetime(UTC), now)] for r, d in zip(found, documents, strict=True)]
        print_table(("resource", "status", "age"), rows)


def _yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=WithoutAnchors, sort_keys=False, allow_unicode=True, width=120)


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
