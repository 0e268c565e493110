"""The calls of CognitionService as plain coroutines over protobuf messages, so that an agent in the same process needs no gRPC.

Each call validates its request (`requests`), does the work (`cognition`, `turns`, `upkeep`) and converts the result (`replies`). Errors
are EchoratorErrors; `service` serves the calls over gRPC and turns the errors into statuses.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from itertools import islice

from echorator.cognition import replies, requests
from echorator.cognition.cognition import Cognition
from echorator.cognition.experiences import Experiences
from echorator.cognition.filters import filter_of
from echorator.cognition.memory import Filter, Lifecycle, Memory
from echorator.cognition.recall.affect import decayed
from echorator.cognition.recall.graph import EntityGraph, graph_of
from echorator.cognition.recall.namespace import OpenNamespace
from echorator.cognition.recall.profile import KnownSubject, profile_of
from echorator.cognition.recall.recalling import Owner
from echorator.cognition.request_values import lifecycle_of, time_of
from echorator.cognition.stages import STAGES
from echorator.cognition.transfer.archiving import archive_of
from echorator.cognition.transfer.foreign import foreign
from echorator.cognition.transfer.own import MAX_IMPORT_BYTES, exported, imported, lines_of, plain
from echorator.cognition.turns import Count, Turns, estimated_tokens
from echorator.cognition.upkeep.checking import check
from echorator.cognition.upkeep.consolidating import Consolidation, Summarise
from echorator.cognition.upkeep.mapping import map_of
from echorator.cognition.upkeep.observing import Observe, Observing
from echorator.cognition.upkeep.patterns import PatternLearning
from echorator.cognition.upkeep.reembedding import Reembedding
from echorator.cognition.watching import Watching
from echorator.errors import EchoratorError, InvalidRequestError, ModelNotFoundError
from echorator.ranged import within
from echorator.rpc.v1 import cognition_pb2 as pb

EXPORT_LINES = 200  # lines in one chunk of an export
MOST_STANDING = 100  # standing memories that a profile shows
RESONANT = 3  # resonant sessions that a state shows


def or_estimated(count: Count) -> Count:
    """Return a function that estimates the tokens where the model is not served or does not answer: a context needs no model."""

    async def counted(model: str, texts: Sequence[str]) -> list[int]:
        try:
            return await count(model, texts)
        except EchoratorError as error:
            if not (isinstance(error, ModelNotFoundError) or error.retryable):
                raise
            return await estimated_tokens(model, texts)

    return counted


class CognitionApi:
    """The handlers of CognitionService over one `Cognition`; the method names are those of the service."""

    def __init__(
        self, cognition: Cognition, count: Count = estimated_tokens, summarise: Summarise | None = None, observe: Observe | None = None
    ) -> None:
        """Serve `cognition`.

        Args:
            cognition: the memory; `close` closes it too.
            count: counts a model's tokens; by default, and for a model that cannot be asked, they are estimated from the bytes.
            summarise: makes one gist of several texts with a model; without it a gist is an extract.
            observe: notes what a recorded turn says with a model; without it turns are found by their own words alone.
        """
        self.cognition = cognition
        self.turns = Turns(cognition, or_estimated(count))
        self.experiences = Experiences(cognition)
        self.patterns = PatternLearning(cognition)
        self.consolidation = Consolidation(cognition, self.patterns, summarise)
        self.reembedding = Reembedding(cognition)
        self.observing = Observing(cognition, observe)
        self.watching = Watching(cognition.store)

    async def close(self) -> None:
        """Cancel what runs in the background, then finish accepted writes and close the memory."""
        await self.reembedding.close()
        await self.observing.close()
        await self.cognition.close()

    async def Remember(self, request: pb.RememberRequest) -> pb.RememberResponse:
        """Store the memories, all or none; they are durable when it returns."""
        ids, superseded = await self.cognition.remember(requests.owner_of(request.scope), requests.all_told(request))
        return pb.RememberResponse(ids=ids, superseded_ids=superseded)

    async def Recall(self, request: pb.RecallRequest) -> pb.RecallResponse:
        """Return the best `k` memories (10 by default) by the weighted sum of all signals, best first."""
        asked = requests.asked_of(request, self.cognition.settings.weights, time.time())
        return replies.answer_of(await self.cognition.recall(requests.owner_of(request.scope), asked))

    async def GetMemory(self, request: pb.GetMemoryRequest) -> pb.Memory:
        """Return one memory by its id. Raises MemoryNotFoundError."""
        return replies.memory_of(await self.cognition.get(requests.owner_of(request.scope), requests.number_of(request.id)))

    async def ListMemories(self, request: pb.ListMemoriesRequest) -> pb.ListMemoriesResponse:
        """Return one page of memories in the order of their ids, with a token for the next page where there is one."""
        size = within(request.page_size or 100, 1, 1000, "page_size")
        lifecycle, filter_ = lifecycle_of(request.lifecycle), filter_of(request.filter, time.time())
        after = requests.page_of(request.page_token)
        opened = await self.cognition.existing(requests.owner_of(request.scope))
        page = self.cognition.store.page
        found = await asyncio.to_thread(page, opened.namespace, filter_, request.text, lifecycle, after, size + 1)
        token = str(found[size - 1].id) if len(found) > size else ""
        return pb.ListMemoriesResponse(memories=[replies.memory_of(m) for m in found[:size]], next_page_token=token)

    async def UpdateMemory(self, request: pb.UpdateMemoryRequest) -> pb.Memory:
        """Change the fields of one memory that the request sets, and return the memory as it is afterwards."""
        fields = requests.update_of(request)
        return replies.memory_of(await self.cognition.update(requests.owner_of(request.scope), requests.number_of(request.id), fields))

    async def Forget(self, request: pb.ForgetRequest) -> pb.ForgetResponse:
        """Erase memories by id, by filter, or the whole namespace.

        Raises:
            InvalidRequestError: the request names none of these, or its filter has no condition.
            MemoryNotFoundError: the namespace does not exist.
        """
        owner, what = requests.owner_of(request.scope), request.WhichOneof("what")
        if what == "everything" and request.everything:
            return pb.ForgetResponse(forgotten=await self.cognition.forget(owner, None), erased=True)
        if what == "ids" and request.ids.ids:
            return pb.ForgetResponse(
                forgotten=await self.cognition.forget(owner, [requests.number_of(i) for i in request.ids.ids]), erased=True
            )
        if what == "filter":
            filter_ = filter_of(request.filter)
            if filter_.empty:
                raise InvalidRequestError("filter has no condition; to forget a whole namespace set `everything`")
            opened = await self.cognition.existing(owner)
            ids = [m.id async for m in self._all(opened, filter_)]
            return pb.ForgetResponse(forgotten=await self.cognition.forget(owner, ids) if ids else 0, erased=True)
        raise InvalidRequestError("say what to forget: ids, filter or everything")

    async def _all(self, opened: OpenNamespace, filter_: Filter) -> AsyncIterator[Memory]:
        after = 0
        while found := await asyncio.to_thread(self.cognition.store.page, opened.namespace, filter_, "", None, after, 1000):
            for memory in found:
                yield memory
            after = found[-1].id

    async def History(self, request: pb.HistoryRequest) -> pb.HistoryResponse:
        """Return the changes of one memory, or of the whole namespace where `id` is 0, newest first."""
        limit, number = within(request.limit or 100, 1, 1000, "limit"), requests.number_of
        opened = await self.cognition.existing(requests.owner_of(request.scope))
        found = await asyncio.to_thread(
            self.cognition.store.history, opened.namespace, number(request.id), number(request.before_seq), limit
        )
        return pb.HistoryResponse(changes=[replies.change_of(c) for c in found])

    async def WatchChanges(self, request: pb.WatchChangesRequest) -> AsyncIterator[pb.WatchChangesResponse | None]:
        """Yield the cursor of the place where the watch begins, the changes after it, and each further one as it comes.

        Yields None after each look that found nothing, so that a caller who wants to end is not kept waiting.

        Raises:
            InvalidRequestError: the request says not whose changes, or `after` is no cursor of theirs.
        """
        interval_s, whose = requests.interval_of(request.interval_ms, 500), request.WhichOneof("whose")
        if whose is None:
            raise InvalidRequestError("say whose changes: a scope, or a tenant")
        if whose == "scope":
            seen = self.watching.namespace(
                requests.owner_of(request.scope), requests.cursor_of(request.after), request.skip_past, interval_s
            )
        else:
            seen = self.watching.tenant(requests.name_of(request.tenant, "tenant"), request.after, request.skip_past, interval_s)
        async for one in seen:
            yield None if one is None else replies.seen_of(one)

    async def BuildContext(self, request: pb.BuildContextRequest) -> pb.BuildContextResponse:
        """Return the conversation with the memories relevant to its last user turn put in, within the token budget."""
        owner, messages, bounds = requests.owner_of(request.scope), requests.messages_of(request), requests.bounds_of(request)
        now_s = time_of(request.now_s, "now_s") if request.HasField("now_s") else None
        return replies.built_of(await self.turns.build_context(owner, messages, request.model, bounds, now_s))

    async def RecordExperience(self, request: pb.RecordExperienceRequest) -> pb.RecordExperienceResponse:
        """Store a finished turn: what it says becomes memories or is forgotten, the memories recalled for it are reinforced."""
        turn = requests.turn_of(request)
        owner = requests.owner_of(request.scope)
        recorded = await self.experiences.record(owner, turn)
        if (opened := await self.cognition.opened(owner)) is not None:
            self.observing.wake(opened)
        return pb.RecordExperienceResponse(
            experience_id=recorded.experience_id,
            memory_ids=recorded.memory_ids,
            superseded_ids=recorded.superseded_ids,
            confirmed_ids=recorded.confirmed_ids,
            forgotten_ids=recorded.forgotten_ids,
        )

    async def Consolidate(self, request: pb.ConsolidateRequest) -> AsyncIterator[pb.ConsolidateProgress]:
        """Erase what has expired, merge near-duplicates, summarise old talk, archive what has faded and purge old archived memories."""
        owner = requests.owner_of(request.scope)
        await self.cognition.existing(owner)
        similarity = (
            within(request.duplicate_similarity, 0.5, 1, "duplicate_similarity") if request.HasField("duplicate_similarity") else None
        )
        bound = within(request.max_memories, 0, 1 << 40, "max_memories") if request.HasField("max_memories") else None
        async for progress in self.consolidation.consolidate(owner, similarity, bound, request.dry_run):
            yield replies.progress_of(progress)

    async def ListPatterns(self, request: pb.ListPatternsRequest) -> pb.ListPatternsResponse:
        """Return the prototypes of recurring memories, at most `limit` (20 by default), by falling weight."""
        limit = within(request.limit or 20, 1, 1000, "limit")
        opened = await self.cognition.existing(requests.owner_of(request.scope))
        patterns = await self.patterns.named(opened)
        return pb.ListPatternsResponse(patterns=[replies.pattern_of(p) for p in patterns[:limit]])

    async def SetGoals(self, request: pb.SetGoalsRequest) -> pb.SetGoalsResponse:
        """Replace all goals of the namespace, which is created if needed; return the new goals."""
        goals = requests.goals_of(request)
        await self.cognition.set_goals(requests.owner_of(request.scope), goals)
        return pb.SetGoalsResponse(goals=[replies.goal_of(g) for g in goals])

    async def GetGoals(self, request: pb.GetGoalsRequest) -> pb.GetGoalsResponse:
        """Return the goals of the namespace; none where it does not exist."""
        opened = await self.cognition.opened(requests.owner_of(request.scope))
        goals = [] if opened is None else await asyncio.to_thread(self.cognition.store.goals, opened.namespace)
        return pb.GetGoalsResponse(goals=[replies.goal_of(g) for g in goals])

    async def GetProfile(self, request: pb.GetProfileRequest) -> pb.Profile:
        """Return the facts that hold at a time, of at most `limit` subjects (100 by default), and the latest standing memories."""
        limit = within(request.limit or 100, 1, 1000, "limit")
        now_s = time.time()
        filter_, at_s = filter_of(request.filter, now_s), time_of(request.as_of_s, "as_of_s") if request.HasField("as_of_s") else now_s
        opened = await self.cognition.existing(requests.owner_of(request.scope))
        ids = sorted(opened.standing, reverse=True)[:MOST_STANDING]

        def read() -> tuple[list[KnownSubject], list[Memory]]:
            stating = (m for m in self.cognition.store.stating(opened.namespace) if filter_.admits(m))
            standing = [m for m in self.cognition.store.memories(opened.namespace, ids) if filter_.admits(m)]
            return profile_of(stating, at_s, request.subject.lower()), standing

        subjects, standing = await asyncio.to_thread(read)
        return replies.profile_of(subjects[:limit], standing)

    async def GetGraph(self, request: pb.GetGraphRequest) -> pb.Graph:
        """Return at most `limit` names (200 by default) that memories have in common, and the facts and memories that connect them."""
        limit, now_s = within(request.limit or 200, 1, 5000, "limit"), time.time()
        filter_, at_s = filter_of(request.filter, now_s), time_of(request.as_of_s, "as_of_s") if request.HasField("as_of_s") else now_s
        opened = await self.cognition.existing(requests.owner_of(request.scope))

        def read() -> EntityGraph:
            memories = self.cognition.store.everything(opened.namespace, False)
            active = (m for m in memories if m.lifecycle is Lifecycle.ACTIVE and filter_.admits(m))
            return graph_of(active, at_s, limit, request.about.lower())

        return replies.graph_of(await asyncio.to_thread(read))

    async def GetState(self, request: pb.GetStateRequest) -> pb.State:
        """Return counts, index, mood, focus, resonance, stage times and calibration of a namespace and session."""
        owner = requests.owner_of(request.scope)
        return await self._state(owner, await self.cognition.existing(owner))

    async def WatchState(self, request: pb.WatchStateRequest) -> AsyncIterator[pb.State]:
        """Yield the state at once; then compare it every `interval_ms` with the last one sent and yield it where it differs."""
        interval_s = requests.interval_of(request.interval_ms)
        owner = requests.owner_of(request.scope)
        sent = None
        while True:
            state = await self._state(owner, await self.cognition.existing(owner))
            shown = state.SerializeToString(deterministic=True)
            if shown != sent:
                yield state
                sent = shown
            await asyncio.sleep(interval_s)

    async def _state(self, owner: Owner, opened: OpenNamespace) -> pb.State:
        cognition, store = self.cognition, self.cognition.store
        counts = await asyncio.to_thread(store.counts, opened.namespace, cognition.embedder_id)
        goals = await asyncio.to_thread(store.goals, opened.namespace)
        session = await cognition.session(opened, owner.session)
        mood = decayed(session.mood, time.time() - session.mood_s, cognition.settings.mood_half_life_s)
        resonant = await self.experiences.resonance(opened, owner, RESONANT)
        patterns = await self.patterns.named(opened)
        curve, index = opened.curve, opened.index
        return pb.State(
            scope=replies.scope_of(owner),
            seq=counts.seq,
            active=counts.active,
            archived=counts.archived,
            superseded=counts.superseded,
            experiences=counts.experiences,
            associations=counts.associations,
            patterns=len(patterns),
            goals=[replies.goal_of(g) for g in goals],
            embedder=cognition.embedder.name,
            dimension=cognition.embedder.dimension,
            reembed_left=counts.stale_vectors,
            index=pb.IndexState(
                kind="hnsw" if index.graph_size else "exact",
                size=len(index),
                in_graph=index.graph_size,
                memory_bytes=index.memory_bytes + index.graph_file_bytes,
                building=opened.building,
            ),
            mood=pb.Affect(valence=round(mood.valence, 3), arousal=round(mood.arousal, 3)),
            working_memory=[i for i, _ in session.focus],
            resonance=[pb.Resonance(session=name, similarity=round(value, 4)) for name, value in resonant],
            stages=[pb.Stage(name=n, runs=r.runs, total_s=r.total_s, summary=STAGES[n]) for n, r in cognition.stages.by_name.items()],
            calibration=pb.Calibration(
                samples=curve.samples, expected_error=curve.expected_error, scores=curve.scores, confidences=curve.confidences
            ),
        )

    async def GetMap(self, request: pb.GetMapRequest) -> pb.Map:
        """Return the latest `limit` memories (5000 by default) as points on the two stable axes of the map."""
        limit = within(request.limit or 5000, 1, 100_000, "limit")
        opened = await self.cognition.existing(requests.owner_of(request.scope))
        return replies.map_of(await map_of(self.cognition, opened, limit))

    async def ListNamespaces(self, request: pb.ListNamespacesRequest) -> pb.ListNamespacesResponse:
        """Return one page of a tenant's namespaces by agent and user, with their counts. Raises InvalidRequestError without a tenant."""
        if not request.tenant:
            raise InvalidRequestError('tenant is empty; name one ("default" is that of scopes which name none)')
        size = within(request.page_size or 100, 1, 1000, "page_size")
        after = requests.namespace_page_of(request.page_token)
        return await asyncio.to_thread(self._namespaces, request.tenant, after, size)

    def _namespaces(self, tenant: str, after: tuple[str, str], size: int) -> pb.ListNamespacesResponse:
        store, response = self.cognition.store, pb.ListNamespacesResponse()
        found = store.namespaces(tenant, after, size + 1)
        for namespace in found[:size]:
            counts, scope = store.counts(namespace, self.cognition.embedder_id), replies.scope_of(Owner(*namespace.key))
            response.namespaces.append(
                pb.Namespace(scope=scope, memories=counts.active, archived=counts.archived, last_change_s=counts.last_change_s)
            )
        if len(found) > size:
            response.next_page_token = requests.namespace_token(found[size - 1].agent, found[size - 1].user)
        return response

    async def Export(self, request: pb.ExportRequest) -> AsyncIterator[pb.ExportChunk]:
        """Yield a namespace, or the texts of its active memories, as JSON lines, in chunks of `EXPORT_LINES` whole lines.

        Raises:
            InvalidRequestError: the format is for imports only.
        """
        if request.format > pb.TRANSFER_FORMAT_TEXTS:
            raise InvalidRequestError("format must be 1 (all) or 2 (texts); the others are for imports only")
        opened = await self.cognition.existing(requests.owner_of(request.scope))
        if request.format == pb.TRANSFER_FORMAT_TEXTS:
            filter_ = Filter(now_s=time.time())
            found = await asyncio.to_thread(
                lambda: [m for m in self.cognition.store.everything(opened.namespace, False) if filter_.admits(m)]
            )
            lines = plain(m for m in found if m.lifecycle is Lifecycle.ACTIVE)
        else:
            archive = await asyncio.to_thread(archive_of, self.cognition.store, opened.namespace, request.embeddings)
            lines = exported(archive, self.cognition.embedder.name, request.embeddings)
        while chunk := b"".join(islice(lines, EXPORT_LINES)):
            yield pb.ExportChunk(lines=chunk)

    async def Import(self, chunks: AsyncIterator[pb.ImportChunk]) -> pb.ImportResponse:
        """Read a whole export and store what it has, all or nothing; what is there already is skipped.

        Raises:
            InvalidRequestError: there is no chunk, a line is damaged, or the chunks exceed `MAX_IMPORT_BYTES`.
        """
        owner: Owner | None = None
        format_ = pb.TRANSFER_FORMAT_ALL
        parts: list[bytes] = []
        size = 0
        async for chunk in chunks:
            if owner is None:
                owner, format_ = requests.owner_of(chunk.scope), chunk.format or format_
            parts.append(chunk.lines)
            size += len(chunk.lines)
            if size > MAX_IMPORT_BYTES:
                raise InvalidRequestError(f"more than {MAX_IMPORT_BYTES} bytes; import in parts")
        if owner is None:
            raise InvalidRequestError("there is no chunk; the first one carries the scope")
        cognition = self.cognition
        if format_ != pb.TRANSFER_FORMAT_ALL:
            name, user = pb.TransferFormat.Name(format_).removeprefix("TRANSFER_FORMAT_").lower(), owner.user
            told = await asyncio.to_thread(lambda: foreign(name, b"".join(parts), user))
            fresh = await cognition.told(owner, told)
            return pb.ImportResponse(imported=fresh, skipped=len(told) - fresh)
        archive = await asyncio.to_thread(lambda: imported(lines_of(parts), cognition.embedder.name, cognition.embedder.dimension))
        fresh = await cognition.adopt(owner, archive)
        return pb.ImportResponse(imported=fresh, skipped=len(archive.memories) - fresh)

    async def Check(self, request: pb.CheckRequest) -> pb.CheckResponse:
        """Verify the store, and every open index against it; `repair` mends what can be mended."""
        findings, count = await check(self.cognition, request.repair)
        shown = [pb.Finding(severity="error" if f.error else "note", what=f.what, repaired=f.repaired) for f in findings]
        return pb.CheckResponse(clean=not any(f.error for f in findings), findings=shown, memories=count)
