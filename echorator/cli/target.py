"""Finds the server and the model that a command talks to, and starts what is not there.

The server is the one of --server, else of ECHORATOR_SERVER, else this user's running `up` or `serve`, else one in the command's own
process. A model that this user's own server has not is added to it: applied to an `up`, loaded by a `serve`. A server that was named is
left as it is.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from grpc import aio

from echorator.agent.loading.embedded import embedded_model
from echorator.agent.loading.registry import OnProgress
from echorator.agent.requests import model_name_of
from echorator.cli.output.load_progress import loading_shown
from echorator.cli.output.model_standing import standing_of
from echorator.cli.output.pull_progress import progress_shown
from echorator.cli.parsing import nearest
from echorator.cluster.documents import Wish, wish_of
from echorator.cluster.messages import document_of_message, message_of_wish
from echorator.cluster.resources import API_VERSION, Kind
from echorator.errors import EchoratorError
from echorator.host.connection import channel_to, connected
from echorator.host.exits import CommandError, Exit, exit_of
from echorator.host.failure import of_status
from echorator.host.local_server import local_server
from echorator.host.model_store import puller_of
from echorator.host.running_file import Running, find_any, gateway_of
from echorator.host.server_roles import Needed
from echorator.model_files.puller import Image, meant
from echorator.model_files.reference import File, SourceError, short_name
from echorator.model_resource.names import fitting_name
from echorator.model_resource.phase import Phase
from echorator.rpc.v1 import cluster_pb2
from echorator.rpc.v1 import model_pb2 as pb
from echorator.rpc.v1.cluster_pb2_grpc import ClusterServiceStub
from echorator.settings import EMBEDDED_NAME

CALL_S = 30.0
DEMONSTRATION = f"{EMBEDDED_NAME} is a demonstration of a million parameters; `echorator models suggest` names useful models"


@dataclass(frozen=True)
class Wanted:
    """What a command was told: `server` is HOST:PORT, `model` a name or a source, `file` a GGUF file; "" and None leave it open.

    `memory` is the place and the embedder of a memory for a server of this process, None for none.
    """

    server: str = ""
    model: str = ""
    file: Path | None = None
    memory: tuple[str, str] | None = None
    models_folder: Path | None = None


@dataclass(frozen=True)
class Target:
    """Where a command's calls go: the server's HOST:PORT, the name of the model in requests, and the place in words."""

    server: str
    model: str
    where: str

    def said(self, memory_of: str) -> str:
        """Return the model, the place and whose memory is used ("" for nobody's), and that the embedded model is a demonstration."""
        where = f"{self.model or 'a model'} {self.where}{f', memory of {memory_of}' if memory_of else ''}"
        return f"{where}\n{DEMONSTRATION}" if self.model == EMBEDDED_NAME else where


async def target_of(wanted: Wanted, stack: AsyncExitStack) -> Target:
    """Return where to talk; `stack` ends what was started for it. Raises CommandError, and what pulling and loading raise."""
    own_memory = wanted.memory[0] if wanted.memory is not None else ""
    server = gateway_of(wanted.server, wanted.file, own_memory)
    if not server:
        return await _own(wanted, stack)
    served = await _served(server)
    names = [name for model in served for name in (model.name, *model.aliases)]
    running = find_any()
    ours = running if running is not None and running.gateway == server and not wanted.server else None
    if not wanted.model:
        return Target(server, _only(server, served), f"at {server}")
    if wanted.model in names or ours is None:
        return Target(server, wanted.model, f"at {server}")  # a server that was named says itself what it has not
    return Target(server, await _added(ours, wanted.model, names), f"at {server}")


async def image_of(source: str, models_folder: Path | None) -> tuple[Image, str]:
    """Return the image of a source, pulled if it is not there yet, and its name, "" for a file. Raises what `Puller.have` raises."""
    reference = meant(source)
    if isinstance(reference, File):
        return Image(source, embedded_model() if reference.embedded else reference.path), ""
    with progress_shown(source) as on_progress:
        image = await asyncio.to_thread(puller_of(models_folder).have, source, on_progress)
    return image, short_name(reference)


def wish_of_source(source: str) -> Wish:
    """Return the Model that serves a source under the name nearest to it that a Model may have. Raises SourceError, SpecError."""
    name, image = _named(source)
    return wish_of(
        {"apiVersion": API_VERSION, "kind": Kind.MODEL.value, "metadata": {"name": fitting_name(name)}, "spec": {"image": image}}
    )


def _named(source: str) -> tuple[str, str]:
    """Return the name that a source suggests, and the source in a form that means the same in every folder. Raises SourceError."""
    reference = meant(source)
    if not isinstance(reference, File):
        return short_name(reference), source
    return (EMBEDDED_NAME, EMBEDDED_NAME) if reference.embedded else (model_name_of("", reference.path), str(reference.path.absolute()))


async def _own(wanted: Wanted, stack: AsyncExitStack) -> Target:
    source = str(wanted.file) if wanted.file is not None else wanted.model or EMBEDDED_NAME
    try:
        image, name = (Image(source, wanted.file), "") if wanted.file is not None else await image_of(source, wanted.models_folder)
    except EchoratorError as error:
        raise _not_had(error, source, [EMBEDDED_NAME]) from error
    with _loading(name or image.path.name, image) as on_progress:
        server, loaded = await stack.enter_async_context(local_server(image, name, wanted.memory, on_progress))
    return Target(server, loaded, "in this process")


def _loading(label: str, image: Image) -> AbstractContextManager[OnProgress]:
    """Show the load of a model, but not of the embedded one, which takes a moment."""
    quiet: OnProgress = lambda _stage, _fraction: None  # noqa: E731
    return nullcontext(quiet) if image.path == embedded_model() else loading_shown(label)


def _not_had(error: EchoratorError, source: str, known: Sequence[str]) -> CommandError:
    """Return the command's error for a source that cannot be had, which may be a mistyped name of a known model."""
    code = Exit.USAGE if isinstance(error, SourceError) else exit_of(error)
    return CommandError(f"{error} {nearest(source, known)}".rstrip(), code)


async def _served(server: str) -> list[pb.Model]:
    async with connected(server) as stub:
        try:
            return list((await stub.ListModels(pb.ListModelsRequest(), timeout=CALL_S)).models)
        except aio.AioRpcError as error:
            raise await of_status(error, server, Needed.MODELS) from error


def _only(server: str, served: Sequence[pb.Model]) -> str:
    """Return the name of the only model that generates, or the only one beside the embedded one.

    It is "" where there is none: the server says why. Raises CommandError for several.
    """
    names = sorted(model.name for model in served if model.generates)
    names = [name for name in names if name != EMBEDDED_NAME] or names  # `up` keeps serving the demonstration beside the user's own
    if len(names) > 1:
        raise CommandError(f"{server} serves several models; name one with --model: {', '.join(names)}", Exit.USAGE)
    return names[0] if names else ""


async def _added(ours: Running, source: str, served: Sequence[str]) -> str:
    """Have this user's running server serve a source, and return the model's name there. Raises CommandError."""
    try:
        await image_of(source, Path(ours.models))  # shows its progress, and says at once why a source cannot be had
        return await (_applied(ours.controller, source) if ours.controller else _loaded(ours.gateway, source, served))
    except EchoratorError as error:
        raise _not_had(error, source, served) from error


async def _applied(controller: str, source: str) -> str:
    """Apply a Model for a source to an `up`, wait until it is ready, and return its name. Ctrl-C ends the wait, not the Model."""
    wish, (_, image) = wish_of_source(source), _named(source)
    async with channel_to(controller) as channel:
        stub = ClusterServiceStub(channel)
        try:
            found = [r for r in (await stub.List(cluster_pb2.ListResourcesRequest(kind=wish.key.kind.value), timeout=CALL_S)).resources]
            there = next((document_of_message(r) for r in found if r.metadata.name == wish.key.name), None)
            if there is not None and meant(there["spec"]["image"]) != meant(image):
                raise CommandError(
                    f"the running `up` has {wish.key} from {there['spec']['image']}; "
                    f"talk to that by its name, or delete it first: echorator delete model {wish.key.name}"
                )
            if there is None:
                print(f"the running `up` gets {wish.key}; `echorator delete model {wish.key.name}` removes it", file=sys.stderr)
                await stub.Apply(cluster_pb2.ApplyRequest(resources=[message_of_wish(wish)]), timeout=CALL_S)
            with _waiting_shown() as shown:
                async for event in stub.Watch(cluster_pb2.WatchResourcesRequest(kind=wish.key.kind.value)):
                    if event.resource.metadata.name != wish.key.name:
                        continue
                    standing = standing_of(document_of_message(event.resource))
                    if standing.phase == Phase.FAILED:
                        raise CommandError(f"{wish.key}: {standing.says}")
                    if standing.phase == Phase.READY:
                        return wish.key.name
                    shown(f"{wish.key}: {standing.line}")
        except aio.AioRpcError as error:
            raise await of_status(error, controller, Needed.RESOURCES) from error
    raise CommandError(f"the controller {controller} ended while {wish.key} was not ready", Exit.UNAVAILABLE)


@contextmanager
def _waiting_shown() -> Iterator[Callable[[str], None]]:
    """Yield what shows how a wait stands: one line on a terminal that is overwritten, else nothing."""
    if not sys.stderr.isatty():
        yield lambda _line: None
        return
    from echorator.cli.output.consoles import Console

    with Console(stderr=True).status("") as status:
        yield status.update


async def _loaded(agent: str, source: str, served: Sequence[str]) -> str:
    """Have an agent load a source, and return the model's name there."""
    name, path = _named(source)
    if name in served:
        return name
    async with connected(agent) as stub:
        try:
            with loading_shown(name) as on_progress:
                async for reply in stub.LoadModel(
                    pb.LoadModelRequest(name=name, path=str(embedded_model()) if path == EMBEDDED_NAME else path)
                ):
                    on_progress(reply.stage, reply.progress)
        except aio.AioRpcError as error:
            raise await of_status(error, agent, Needed.MODELS) from error
    return name
