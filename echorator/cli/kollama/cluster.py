"""The cluster that the commands of `kollama` use: the connection, and reading one Model and its changes."""

from __future__ import annotations

import argparse
import asyncio
import difflib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

from echorator.cli.kollama.failure import of_error
from echorator.host.exits import CommandError
from echorator.host.kube_connection import connected
from echorator.kube.api.client import AbsentError, ApiError, Client, ForbiddenError, GoneError, UnreachableError
from echorator.kube.api.resources import MODEL, Object

MANAGER = "kollama"
AGAIN_S = 1.0  # pause after an API server did not answer


@asynccontextmanager
async def cluster(arguments: argparse.Namespace) -> AsyncIterator[tuple[Client, str]]:
    """Connect, and yield the client and the chosen namespace. Raises CommandError, NoContextError."""
    async with await connected(arguments.kubeconfig, arguments.context) as client:
        yield client, arguments.namespace or client.namespace


async def model_of(client: Client, namespace: str, name: str) -> Object:
    """Return a Model. Raises CommandError, which suggests similar names, if there is none."""
    try:
        return await client.get(MODEL, namespace, name)
    except AbsentError as error:
        if error.reason != "NotFound":
            raise
        raise await not_found(client, namespace, name) from error


async def not_found(client: Client, namespace: str, name: str) -> CommandError:
    """Return the error for a Model that does not exist, with similar names."""
    said = f"there is no model {name!r} in namespace {namespace}"
    try:
        models, _ = await client.list(MODEL, namespace)
    except ForbiddenError:
        return CommandError(f"{said}; you may not list those that there are")
    names = sorted(model["metadata"]["name"] for model in models)
    if near := difflib.get_close_matches(name, names, n=3):
        return CommandError(f"{said}; did you mean {' or '.join(map(repr, near))}?")
    return CommandError(
        f"{said}; there are {', '.join(names[:10])}{' and others' if names[10:] else ''}" if names else f"{said}, and no other"
    )


async def states(client: Client, namespace: str, name: str) -> AsyncGenerator[Object | None, None]:
    """Yield a Model now and after each change; None if it is gone. Goes on when the API server does not answer for a while."""
    known = False
    while True:
        try:
            models, version = await client.list(MODEL, namespace)
            known = True
            yield next((model for model in models if model["metadata"]["name"] == name), None)
            async for event in client.watch(MODEL, namespace, "", version):
                if event["type"] != "BOOKMARK" and event["object"]["metadata"]["name"] == name:
                    yield None if event["type"] == "DELETED" else event["object"]
        except GoneError:
            continue
        except UnreachableError:
            if not known:
                raise
            await asyncio.sleep(AGAIN_S)


async def listed(client: Client, path: str, query: Mapping[str, str]) -> tuple[list[Object], str]:
    """Return the objects and "", or [] and why they cannot be read; for parts of an answer that is useful without them."""
    try:
        return list((await client.call("GET", path, query))["items"]), ""
    except ApiError as error:
        return [], str(of_error(error))
