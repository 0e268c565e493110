"""`kollama deploy` and `kollama pull`: build a Model from options, check it without a cluster, and apply it on the server."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from typing import Any

from echorator.cli.kollama.cluster import MANAGER, cluster
from echorator.cli.options.kollama import program
from echorator.cli.output.kube_objects import changes, name_of, shown
from echorator.cli.output.rendering import show
from echorator.host.exits import CommandError, Exit
from echorator.kube.api.client import AbsentError, Client, ConflictError
from echorator.kube.api.differences import quantity
from echorator.kube.api.resources import MODEL, Object
from echorator.kube.install.ollama_models import ACCESS_MODES
from echorator.kube.installation import Install
from echorator.kube.models.pods import GPU
from echorator.kube.models.source import CLAIM_SCHEME, source_of
from echorator.model_files.reference import File, parse, short_name
from echorator.model_resource.kube_spec import KubeModelSpec
from echorator.model_resource.names import NAME_LENGTH, fitting_name, is_fitting_name
from echorator.model_resource.schema import check

_MODES = {"RWO": ACCESS_MODES[0], "RWX": ACCESS_MODES[1], "RWOP": ACCESS_MODES[2]}
_OWNERS = re.compile(r'conflicts? with "([^"]+)"[^:]*:')
_FIELDS = re.compile(r"(?:: |- )\.(\S+)")


def run(arguments: argparse.Namespace) -> int:
    """Deploy or pull the model and return the exit code. Raises CommandError."""
    if arguments.command == "pull":
        return asyncio.run(_pull(arguments))
    if arguments.wait and arguments.dry_run != "none":
        raise CommandError("--wait waits for a model, and --dry-run makes none; leave one out", Exit.USAGE)
    model = _model(arguments.name, spec_of(arguments))
    if arguments.dry_run == "client":
        if arguments.namespace:
            model["metadata"]["namespace"] = arguments.namespace
        _tell(arguments, model, "created (client dry run)")
        return Exit.OK
    return asyncio.run(_deploy(arguments, model))


async def _deploy(arguments: argparse.Namespace, model: Object) -> int:
    async with cluster(arguments) as (client, namespace):
        model["metadata"]["namespace"] = namespace
        dry = arguments.dry_run == "server"
        applied, outcome = await _applied(client, model, dry, arguments.force)
        _tell(arguments, applied, f"{outcome}{' (server dry run)' if dry else ''}")
        if arguments.wait:
            from echorator.cli.kollama.wait import is_ready, wait_for

            await wait_for(client, applied, is_ready, "ready", arguments.timeout, arguments.output != "table")
    return Exit.OK


async def _pull(arguments: argparse.Namespace) -> int:
    source = _image(arguments.image)
    name = arguments.name or fitting_name(_called(source))
    model = _model(name, {"image": source, "replicas": 0, **_storage(arguments)})
    async with cluster(arguments) as (client, namespace):
        model["metadata"]["namespace"] = namespace
        there = await _there(client, namespace, name)
        if there is None:
            there, _ = await _applied(client, model, dry=False, force=False)
            print(f"model/{name} created with no replicas; {program()} deploy {name} --image {source} serves it", flush=True)
        elif there["spec"]["image"] != source:
            raise CommandError(f"model/{name} is there already with image {there['spec']['image']}; choose another --name")
        from echorator.cli.kollama.wait import is_fetched, wait_for

        await wait_for(client, there, is_fetched, "pulled", arguments.timeout)
        print(f"model/{name} pulled: {source}")
    return Exit.OK


# Building the Model


def spec_of(arguments: argparse.Namespace) -> Object:
    """Return the spec that the options of `deploy` ask for, without defaults. Raises CommandError, InvalidRequestError."""
    spec: Object = {"image": _image(arguments.image or arguments.name)}
    if arguments.replicas is not None:
        spec["replicas"] = arguments.replicas
    limits = dict(_limit(text) for text in arguments.limit)
    if limits and arguments.resource_class:
        raise CommandError("say either --limit or --resource-class, which has limits of its own", Exit.USAGE)
    if limits:
        spec["resources"] = {"limits": limits}
    gpus = arguments.gpu if arguments.gpu is not None else _whole(limits.get(GPU))
    if gpus is not None:
        spec["gpus"] = gpus
    if GPU in limits and limits[GPU] != str(gpus):
        raise CommandError(f"--gpu {gpus} and --limit {GPU}={limits[GPU]} differ; say one of them", Exit.USAGE)
    if arguments.resource_class:
        spec["resourceClass"] = arguments.resource_class
    if arguments.memory is not None:
        spec["cognition"] = {"enabled": arguments.memory}
    return {**spec, **_storage(arguments), **_expose(arguments)}


def _image(source: str) -> str:
    """Return `source`. Raises SourceError if it cannot be parsed."""
    if not source.startswith(CLAIM_SCHEME):
        parse(source)
    return source


def _called(source: str) -> str:
    if source.startswith(CLAIM_SCHEME):
        raise CommandError(f"{source!r} is in the cluster already", Exit.USAGE)
    reference = parse(source)
    if isinstance(reference, File):
        raise CommandError(f"{source!r} is not pulled: a file of this machine, or part of the program", Exit.USAGE)
    return short_name(reference)


def _limit(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals or quantity(value) is None:
        raise CommandError(f"--limit {text!r} is not KEY=VALUE such as cpu=4, memory=8Gi or {GPU}=1", Exit.USAGE)
    return key, value


def _whole(value: str | None) -> int | None:
    if value is None:
        return None
    if not value.isdigit():
        raise CommandError(f"--limit {GPU}={value}: GPUs are whole ones", Exit.USAGE)
    return int(value)


def _storage(arguments: argparse.Namespace) -> Object:
    mode = arguments.pv_access_mode
    if mode and (mode := _MODES.get(mode.upper(), mode)) not in ACCESS_MODES:
        known = ", ".join(f"{name} ({short})" for short, name in _MODES.items())
        raise CommandError(f"--pv-access-mode {mode!r} is not known; known: {known}", Exit.USAGE)
    if arguments.storage_size and quantity(arguments.storage_size) is None:
        raise CommandError(f"--storage-size {arguments.storage_size!r} is no size such as 40Gi", Exit.USAGE)
    said = {"className": arguments.storage_class, "size": arguments.storage_size, "accessMode": mode}
    storage = {key: value for key, value in said.items() if value}
    return {"storage": storage} if storage else {}


def _expose(arguments: argparse.Namespace) -> Object:
    """Return {"expose": ...} if any option of exposure is given, else {}."""
    expose = exposure_of(arguments)
    return {"expose": expose} if arguments.expose or arguments.service_type or len(expose) > 1 else {}


def exposure_of(arguments: argparse.Namespace) -> Object:
    """Return spec.expose of the options that `deploy` and `expose` share. Raises CommandError."""
    kind = arguments.service_type or "NodePort"
    if arguments.node_port is not None and kind != "NodePort":
        raise CommandError(f"--node-port is of a NodePort, not of a {kind}; leave one out", Exit.USAGE)
    said: dict[str, Any] = {"type": kind, "serviceName": arguments.service_name, "nodePort": arguments.node_port}
    return {key: value for key, value in said.items() if value is not None}


def _model(name: str, spec: Object) -> Object:
    """Return a checked Model. Raises CommandError, InvalidRequestError."""
    if not is_fitting_name(name):
        better = fitting_name(name)
        raise CommandError(
            f"a model's name is at most {NAME_LENGTH} characters of a-z, 0-9 and -, and begins with a letter: "
            f"{program()} deploy {better} --image {spec['image']}",
            Exit.USAGE,
        )
    source_of(check(KubeModelSpec, spec), Install())
    return {"apiVersion": MODEL.api_version, "kind": MODEL.name, "metadata": {"name": name}, "spec": spec}


# Applying it


async def _there(client: Client, namespace: str, name: str) -> Object | None:
    try:
        return await client.get(MODEL, namespace, name)
    except AbsentError as error:
        if error.reason != "NotFound":
            raise
        return None


async def _applied(client: Client, model: Object, dry: bool, force: bool) -> tuple[Object, str]:
    """Apply the Model; return it and what happened. Raises CommandError if another manager has set a field to another value."""
    metadata = model["metadata"]
    there = await _there(client, metadata["namespace"], metadata["name"])
    try:
        applied = await client.apply(MODEL, model, MANAGER, dry_run=dry, force=force)
    except ConflictError as error:
        owners = set(_OWNERS.findall(str(error)))
        if there is None or not owners:
            raise
        if owners != {MANAGER}:
            raise CommandError(_conflict(there, model, owners, str(error))) from error
        applied = await client.apply(MODEL, model, MANAGER, dry_run=dry, force=True)  # set by `expose` or `scale`
    if there is None:
        return applied, "created"
    differing = changes(there["spec"], applied["spec"])
    return applied, f"changed: {', '.join(differing)}" if differing else "unchanged"


def _conflict(there: Object, model: Object, owners: set[str], said: str) -> str:
    lines = []
    for field in sorted(set(_FIELDS.findall(said))):
        before, after = _at(there, field), _at(model, field)
        lines.append(f"{field} is {before!r}, not {after!r}")
    by = " and ".join(sorted(owners))
    return f"model/{model['metadata']['name']} is there with another spec: {', '.join(lines) or said}; {by} set that, --force takes it over"


def _at(thing: Any, field: str) -> Any:
    for step in field.split("."):
        thing = thing.get(step) if isinstance(thing, dict) else None
    return thing


def _tell(arguments: argparse.Namespace, model: Object, outcome: str) -> None:
    show(arguments.output, shown(model), [name_of(model)], f"{name_of(model)} {outcome}")
    sys.stdout.flush()
