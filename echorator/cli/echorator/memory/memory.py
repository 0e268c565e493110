"""`echorator memory ...`: looks into a memory and changes it, on a server or in a folder of this machine."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from rich.console import RenderableType

from echorator.cli.echorator.memory.memory_values import KINDS, end_of, filter_of, struct_of, time_of
from echorator.cli.output import memory_tables as tables
from echorator.cli.output.rendering import document_of, show, show_one_of_many
from echorator.cli.text_input import line_of_terminal, lines_of_stdin, text_of_file
from echorator.cli.webhook import Webhook
from echorator.host.exits import CommandError, Exit
from echorator.host.opened_memory import memory_of
from echorator.private_files import open_private
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1 import common_pb2

FORMATS = {
    "all": pb.TRANSFER_FORMAT_ALL,
    "texts": pb.TRANSFER_FORMAT_TEXTS,
    "mem0": pb.TRANSFER_FORMAT_MEM0,
    "langgraph": pb.TRANSFER_FORMAT_LANGGRAPH,
    "letta": pb.TRANSFER_FORMAT_LETTA,
}
IMPORT_CHUNK_BYTES = 256 * 1024
ADD_BATCH = 500
MAP_AXES = 2


def run(arguments: argparse.Namespace) -> int:
    """Carry out one action on the memory and return the exit code. Raises CommandError."""
    if arguments.needs_user and not arguments.user:
        raise CommandError(f"say whose memory: echorator memory {arguments.action} --user NAME", Exit.USAGE)
    if arguments.action == "forget" and not (arguments.everything or arguments.ids or filter_of(arguments) != pb.Filter()):
        raise CommandError("say what to forget: IDs, a filter such as --before DATE, or --everything", Exit.USAGE)
    if arguments.action == "forget" and not arguments.yes and sys.stdin.isatty():
        answer = line_of_terminal("This erases for good. Type yes to go on: ")
        if answer.strip().lower() != "yes":
            raise CommandError("nothing was forgotten")
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    async with memory_of(arguments) as memory:
        return await _ACTIONS[arguments.action](memory, arguments) or Exit.OK


def _scope(arguments: argparse.Namespace) -> common_pb2.Scope:
    return common_pb2.Scope(tenant=arguments.tenant, agent=arguments.agent, user=arguments.user, session=arguments.session)


def _show(
    arguments: argparse.Namespace, message: Message, view: Sequence[RenderableType], names: Iterable[object] = (), nothing: str = ""
) -> None:
    show(arguments.output, document_of(message), names, *view, nothing=nothing)


async def _add(memory: Any, arguments: argparse.Namespace) -> None:
    texts = arguments.texts or lines_of_stdin()
    if not texts:
        raise CommandError("there is no text: give some, or pipe one a line in", Exit.USAGE)
    new = []
    for text in texts:
        one = pb.NewMemory(text=text, speaker=arguments.speaker or "", pinned=arguments.pinned, categories=arguments.category)
        if arguments.metadata:
            one.metadata.CopyFrom(struct_of(arguments.metadata))
        if arguments.standing:
            one.standing = True
        if arguments.expires:
            one.expires_at_s = time_of(arguments.expires)
        if arguments.kind:
            one.kind = KINDS[arguments.kind[0]]
        if arguments.said:
            one.said_at_s = time_of(arguments.said)
        if arguments.importance is not None:
            one.importance = arguments.importance
        new.append(one)
    ids: list[int] = []
    superseded: list[int] = []
    with tables.progress("remembering", len(new)) as advance:
        for start in range(0, len(new), ADD_BATCH):
            done = await memory.Remember(pb.RememberRequest(scope=_scope(arguments), memories=new[start : start + ADD_BATCH]))
            ids += done.ids
            superseded += done.superseded_ids
            advance(min(start + ADD_BATCH, len(new)))
    done = pb.RememberResponse(ids=ids, superseded_ids=superseded)
    _show(arguments, done, tables.remembered(done), ids)


async def _search(memory: Any, arguments: argparse.Namespace) -> None:
    request = pb.RecallRequest(
        scope=_scope(arguments),
        query=" ".join(arguments.query),
        k=arguments.k,
        filter=filter_of(arguments),
        include_superseded=arguments.all,
    )
    if arguments.as_of:
        request.as_of_s = time_of(arguments.as_of)
    found = await memory.Recall(request)
    ids = [recalled.memory.id for recalled in found.memories]
    _show(arguments, found, tables.search(found, arguments.output == "wide"), ids, "nothing fits")


async def _list(memory: Any, arguments: argparse.Namespace) -> None:
    request = pb.ListMemoriesRequest(scope=_scope(arguments), filter=filter_of(arguments), text=arguments.text or "", page_size=500)
    if not arguments.all:
        request.lifecycle = pb.LIFECYCLE_ACTIVE
    left = arguments.limit
    found: list[pb.Memory] = []
    while left > 0:
        request.page_size = min(left, 500)
        page = await memory.ListMemories(request)
        found += page.memories
        left -= len(page.memories)
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    listed = pb.ListMemoriesResponse(memories=found)
    view = tables.listing(listed, arguments.output == "wide")
    _show(arguments, listed, view, [one.id for one in found], "nothing is remembered")


async def _show_one(memory: Any, arguments: argparse.Namespace) -> None:
    scope = _scope(arguments)
    one = await memory.GetMemory(pb.GetMemoryRequest(scope=scope, id=arguments.id))
    history = await memory.History(pb.HistoryRequest(scope=scope, id=arguments.id))
    _show(arguments, one, tables.one(one, history), [one.id])


async def _forget(memory: Any, arguments: argparse.Namespace) -> None:
    request = pb.ForgetRequest(scope=_scope(arguments))
    if arguments.everything:
        request.everything = True
    elif arguments.ids:
        request.ids.ids.extend(arguments.ids)
    else:
        request.filter.CopyFrom(filter_of(arguments))
    done = await memory.Forget(request)
    _show(arguments, done, tables.forgotten(done))


async def _export(memory: Any, arguments: argparse.Namespace) -> None:
    request = pb.ExportRequest(scope=_scope(arguments), embeddings=arguments.embeddings, format=FORMATS[arguments.format])
    if arguments.file is None or str(arguments.file) == "-":
        async for chunk in memory.Export(request):
            sys.stdout.buffer.write(chunk.lines)
        sys.stdout.flush()
        return
    lines = 0
    part = arguments.file.with_name(arguments.file.name + ".part")
    try:
        with open_private(part, "wb") as out:
            async for chunk in memory.Export(request):
                out.write(chunk.lines)
                lines += chunk.lines.count(b"\n")
        part.replace(arguments.file)
    except OSError as error:
        raise CommandError(f"cannot write {arguments.file}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    print(f"{lines} lines in {arguments.file}", file=sys.stderr)


async def _import(memory: Any, arguments: argparse.Namespace) -> None:
    async def chunks() -> AsyncIterator[pb.ImportChunk]:
        scope = _scope(arguments)
        try:
            with sys.stdin.buffer if str(arguments.file) == "-" else arguments.file.open("rb") as source:
                while lines := source.read(IMPORT_CHUNK_BYTES):
                    yield pb.ImportChunk(scope=scope, lines=lines, format=FORMATS[arguments.format])
                    scope = common_pb2.Scope()
        except OSError as error:
            raise CommandError(f"cannot read {arguments.file}: {error.strerror or error}") from error

    done = await memory.Import(chunks())
    _show(arguments, done, tables.imported(done))


async def _consolidate(memory: Any, arguments: argparse.Namespace) -> None:
    request = pb.ConsolidateRequest(scope=_scope(arguments), dry_run=arguments.dry_run)
    if arguments.similarity is not None:
        request.duplicate_similarity = arguments.similarity
    if arguments.max_memories is not None:
        request.max_memories = arguments.max_memories
    last = pb.ConsolidateProgress()
    with tables.progress("consolidating", 100) as advance:
        async for last in memory.Consolidate(request):
            advance(int(last.progress * 100), last.stage)
    _show(arguments, last, tables.consolidated(last, arguments.dry_run))


async def _check(memory: Any, arguments: argparse.Namespace) -> int:
    done = await memory.Check(pb.CheckRequest(repair=arguments.repair))
    _show(arguments, done, tables.checked(done))
    return Exit.OK if done.clean or all(f.repaired for f in done.findings) else Exit.FAILURE


async def _stats(memory: Any, arguments: argparse.Namespace) -> None:
    request, found = pb.ListNamespacesRequest(tenant=arguments.tenant or "default", page_size=1000), pb.ListNamespacesResponse()
    while True:
        page = await memory.ListNamespaces(request)
        found.namespaces.extend(page.namespaces)
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    view = tables.namespaces(found, arguments.output == "wide")
    _show(arguments, found, view, [one.scope.user for one in found.namespaces], "nobody is remembered")


async def _state(memory: Any, arguments: argparse.Namespace) -> None:
    found = await memory.GetState(pb.GetStateRequest(scope=_scope(arguments)))
    _show(arguments, found, tables.state(found))


async def _patterns(memory: Any, arguments: argparse.Namespace) -> None:
    found = await memory.ListPatterns(pb.ListPatternsRequest(scope=_scope(arguments)))
    _show(arguments, found, tables.patterns(found), nothing="no pattern recurs")


async def _goals(memory: Any, arguments: argparse.Namespace) -> None:
    scope, goals = _scope(arguments), [pb.Goal(text=text) for text in arguments.goals]
    if arguments.clear and goals:
        raise CommandError("goals: give new ones, or --clear to have none", Exit.USAGE)
    if goals or arguments.clear:
        held = await memory.SetGoals(pb.SetGoalsRequest(scope=scope, goals=goals))
    else:
        held = await memory.GetGoals(pb.GetGoalsRequest(scope=scope))
    _show(arguments, held, tables.goals(held), nothing="no goals")


async def _watch(memory: Any, arguments: argparse.Namespace) -> None:
    request = pb.WatchChangesRequest(after=arguments.after or "", skip_past=arguments.new)
    if arguments.user:
        request.scope.CopyFrom(_scope(arguments))
    else:
        request.tenant = arguments.tenant or "default"
    if arguments.post:

        def watch(after: str) -> AsyncIterator[pb.WatchChangesResponse | None]:
            request.after = after
            changes: AsyncIterator[pb.WatchChangesResponse | None] = aiter(memory.WatchChanges(request))
            return changes

        secret = text_of_file(arguments.secret_file).strip().encode() if arguments.secret_file else b""
        await Webhook(arguments.post, secret, arguments.cursor_file, arguments.after or "").follow(watch)
    async for seen in memory.WatchChanges(request):
        if seen is not None and seen.HasField("change"):  # the memory of this process says by None that there is nothing new
            show_one_of_many(arguments.output, document_of(seen), seen.change.memory_id, tables.seen(seen))


async def _profile(memory: Any, arguments: argparse.Namespace) -> None:
    request = pb.GetProfileRequest(scope=_scope(arguments), subject=arguments.subject or "", filter=filter_of(arguments), limit=1000)
    if arguments.as_of:
        request.as_of_s = time_of(arguments.as_of)
    known = await memory.GetProfile(request)
    _show(arguments, known, tables.profile(known), nothing="nothing is known")


async def _graph(memory: Any, arguments: argparse.Namespace) -> None:
    request = pb.GetGraphRequest(scope=_scope(arguments), filter=filter_of(arguments), about=arguments.about or "", limit=arguments.limit)
    found = await memory.GetGraph(request)
    _show(arguments, found, tables.graph(found), [node.name for node in found.nodes], "no names")


async def _update(memory: Any, arguments: argparse.Namespace) -> None:
    request = pb.UpdateMemoryRequest(scope=_scope(arguments), id=arguments.id)
    for name in ("text", "importance", "pinned", "standing"):
        if (value := getattr(arguments, name)) is not None:
            setattr(request, name, value)
    if arguments.kind:
        request.kind = KINDS[arguments.kind]
    if arguments.archived is not None:
        request.lifecycle = pb.LIFECYCLE_ARCHIVED if arguments.archived else pb.LIFECYCLE_ACTIVE
    if arguments.valid_until:
        request.valid_to_s = end_of(arguments.valid_until)
    if arguments.expires:
        request.expires_at_s = end_of(arguments.expires)
    if arguments.metadata:
        request.metadata.CopyFrom(struct_of(arguments.metadata))
    request.add_categories.extend(arguments.category)
    request.remove_categories.extend(arguments.remove_category)
    one = await memory.UpdateMemory(request)
    history = await memory.History(pb.HistoryRequest(scope=_scope(arguments), id=arguments.id))
    _show(arguments, one, tables.one(one, history), [one.id])


async def _map(memory: Any, arguments: argparse.Namespace) -> None:
    from echorator.cli.output.memory_map import write_map

    file = arguments.file or arguments.out
    if file is None:
        raise CommandError("say where to draw: echorator memory map FILE.svg (or .html, .png)", Exit.USAGE)
    drawn = await memory.GetMap(pb.GetMapRequest(scope=_scope(arguments), limit=arguments.limit))
    write_map(drawn, Path(file))
    shown = f", {drawn.explained:.0%} of the variance" if len(drawn.points) > MAP_AXES else ""  # fewer points have none
    print(f"{len(drawn.points)} memories in {file}{shown}", file=sys.stderr)


_ACTIONS: dict[str, Callable[[Any, argparse.Namespace], Awaitable[int | None]]] = {
    "add": _add,
    "search": _search,
    "list": _list,
    "show": _show_one,
    "update": _update,
    "forget": _forget,
    "export": _export,
    "import": _import,
    "consolidate": _consolidate,
    "check": _check,
    "stats": _stats,
    "state": _state,
    "patterns": _patterns,
    "goals": _goals,
    "profile": _profile,
    "graph": _graph,
    "map": _map,
    "watch": _watch,
}
