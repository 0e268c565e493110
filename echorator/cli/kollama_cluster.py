"""The cluster that the commands of `kollama` speak to: the connection, one Model of it, and what goes on with it."""

from __future__ import annotations

import argparse
import asyncio
import difflib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

from echorator.cli.exits import CommandError, Exit
from echorator.cli.kollama_failure import of_error
from echorator.cli.kube_connection import connected
from echorator.kube.client import AbsentError, ApiError, Client, ForbiddenError, GoneError, UnreachableError
from echorator.kube.resources import MODEL, Object

MANAGER = "kollama"
AGAIN_S = 1.0  # after an API server that did not answer


@asynccontextmanager
async def cluster(arguments: argparse.Namespace) -> AsyncIterator[tuple[Client, str]]:
    """The client and the namespace that is meant. Raises CommandError, NoContextError."""
    async with await connected(arguments.kubeconfig, arguments.context) as client:
        yield client, arguments.namespace or client.namespace


async def model_of(client: Client, namespace: str, name: str) -> Object:
    """Raises CommandError, with names that are near, where there is none."""
    try:
        return await client.get(MODEL, namespace, name)
    except AbsentError as error:
        if error.reason != "NotFound":
            raise
        raise await not_found(client, namespace, name) from error


async def not_found(client: Client, namespace: str, name: str) -> CommandError:
    """What to say of a Model that is not there."""
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
    """A Model now and after each change; None where it is gone. It goes on when the API server does not answer for a while."""
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
    """Objects, or why they may not be seen; for parts of an answer that is of use without them."""
    try:
        return list((await client.call("GET", path, query))["items"]), ""
    except ApiError as error:
        return [], str(of_error(error))


def count_of(replicas: int) -> int:
    """Raises CommandError for a number of replicas that cannot be."""
    if not 0 <= replicas <= 1000:
        raise CommandError(f"{replicas} replicas cannot be; say 0 to 1000", Exit.USAGE)
    return replicas
