"""`echorator.v1.CognitionService` on grpc.aio, and the server role that hosts it.

This is the only module of the memory that chooses gRPC status codes; what a call does is in `api`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
from grpc import aio

from echorator.cognition.api import CognitionApi
from echorator.cognition.storing.store import MemoryNotFoundError, StoreBusyError, StoreDamagedError, StoreUnavailableError
from echorator.errors import DrainingError, EngineError, InvalidRequestError, ModelNotFoundError, QueueFullError, ResourceError
from echorator.rpc.v1 import cognition_pb2 as pb
from echorator.rpc.v1.cognition_pb2_grpc import CognitionServiceServicer, add_CognitionServiceServicer_to_server
from echorator.serving.calls import Calls, Codes, Context, rpc

NAME: str = pb.DESCRIPTOR.services_by_name["CognitionService"].full_name

_CODES: Codes = (
    (InvalidRequestError, grpc.StatusCode.INVALID_ARGUMENT),
    (MemoryNotFoundError, grpc.StatusCode.NOT_FOUND),
    (ModelNotFoundError, grpc.StatusCode.NOT_FOUND),
    (QueueFullError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (ResourceError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (StoreUnavailableError, grpc.StatusCode.UNAVAILABLE),
    (StoreBusyError, grpc.StatusCode.FAILED_PRECONDITION),
    (StoreDamagedError, grpc.StatusCode.DATA_LOSS),
    (DrainingError, grpc.StatusCode.UNAVAILABLE),
    (EngineError, grpc.StatusCode.INTERNAL),
)


class CognitionService(Calls, CognitionServiceServicer):
    """The gRPC handlers of the memory; each passes its request to the method of `CognitionApi` with the same name."""

    services = (NAME,)
    codes = _CODES

    def __init__(self, api: CognitionApi) -> None:
        super().__init__()
        self.api = api

    @rpc
    async def Remember(self, request: pb.RememberRequest, _context: Context) -> pb.RememberResponse:
        """Store memories, all or none."""
        return await self.api.Remember(request)

    @rpc
    async def Recall(self, request: pb.RecallRequest, _context: Context) -> pb.RecallResponse:
        """Return the most relevant memories, best first."""
        return await self.api.Recall(request)

    @rpc
    async def GetMemory(self, request: pb.GetMemoryRequest, _context: Context) -> pb.Memory:
        """Return one memory by its id."""
        return await self.api.GetMemory(request)

    @rpc
    async def ListMemories(self, request: pb.ListMemoriesRequest, _context: Context) -> pb.ListMemoriesResponse:
        """Return one page of memories in the order of their ids."""
        return await self.api.ListMemories(request)

    @rpc
    async def UpdateMemory(self, request: pb.UpdateMemoryRequest, _context: Context) -> pb.Memory:
        """Change fields of one memory and return it."""
        return await self.api.UpdateMemory(request)

    @rpc
    async def Forget(self, request: pb.ForgetRequest, _context: Context) -> pb.ForgetResponse:
        """Erase memories by id, by filter, or the whole namespace."""
        return await self.api.Forget(request)

    @rpc
    async def History(self, request: pb.HistoryRequest, _context: Context) -> pb.HistoryResponse:
        """Return the changes of one memory or of the namespace, newest first."""
        return await self.api.History(request)

    @rpc
    async def WatchChanges(self, request: pb.WatchChangesRequest, context: Context) -> None:
        """Stream the changes of a namespace or of a tenant, until the server drains."""
        async for seen in self.api.WatchChanges(request):
            if seen is not None:
                await context.write(seen)
            if self.draining.is_set():
                raise DrainingError("the server is shutting down; go on with the last cursor at another one")

    @rpc
    async def BuildContext(self, request: pb.BuildContextRequest, _context: Context) -> pb.BuildContextResponse:
        """Return the conversation with relevant memories put in."""
        return await self.api.BuildContext(request)

    @rpc
    async def RecordExperience(self, request: pb.RecordExperienceRequest, _context: Context) -> pb.RecordExperienceResponse:
        """Learn from a finished turn."""
        return await self.api.RecordExperience(request)

    @rpc
    async def Consolidate(self, request: pb.ConsolidateRequest, context: Context) -> None:
        """Merge, summarise, archive and purge memories; stream the progress."""
        await _stream(self.api.Consolidate(request), context)

    @rpc
    async def ListPatterns(self, request: pb.ListPatternsRequest, _context: Context) -> pb.ListPatternsResponse:
        """Return the prototypes of recurring memories by falling weight."""
        return await self.api.ListPatterns(request)

    @rpc
    async def SetGoals(self, request: pb.SetGoalsRequest, _context: Context) -> pb.SetGoalsResponse:
        """Replace all goals of the namespace."""
        return await self.api.SetGoals(request)

    @rpc
    async def GetGoals(self, request: pb.GetGoalsRequest, _context: Context) -> pb.GetGoalsResponse:
        """Return the goals of the namespace."""
        return await self.api.GetGoals(request)

    @rpc
    async def GetProfile(self, request: pb.GetProfileRequest, _context: Context) -> pb.Profile:
        """Return the facts that hold, by subject and attribute."""
        return await self.api.GetProfile(request)

    @rpc
    async def GetGraph(self, request: pb.GetGraphRequest, _context: Context) -> pb.Graph:
        """Return the names that memories have in common, and what connects them."""
        return await self.api.GetGraph(request)

    @rpc
    async def GetState(self, request: pb.GetStateRequest, _context: Context) -> pb.State:
        """Return the present state of the namespace and session."""
        return await self.api.GetState(request)

    @rpc
    async def WatchState(self, request: pb.WatchStateRequest, context: Context) -> None:
        """Stream the state whenever it changed, until the server drains."""
        async for state in self.api.WatchState(request):
            await context.write(state)
            if self.draining.is_set():
                raise DrainingError("the server is shutting down; try another one")

    @rpc
    async def GetMap(self, request: pb.GetMapRequest, _context: Context) -> pb.Map:
        """Return memories as points in two dimensions."""
        return await self.api.GetMap(request)

    @rpc
    async def ListNamespaces(self, request: pb.ListNamespacesRequest, _context: Context) -> pb.ListNamespacesResponse:
        """Return one page of a tenant's namespaces with their counts."""
        return await self.api.ListNamespaces(request)

    @rpc
    async def Export(self, request: pb.ExportRequest, context: Context) -> None:
        """Stream the namespace as JSON lines."""
        await _stream(self.api.Export(request), context)

    @rpc
    async def Import(self, requests: AsyncIterator[pb.ImportChunk], _context: Context) -> pb.ImportResponse:
        """Store the memories of an export, all or none."""
        return await self.api.Import(requests)

    @rpc
    async def Check(self, request: pb.CheckRequest, _context: Context) -> pb.CheckResponse:
        """Verify the store and every open index."""
        return await self.api.Check(request)


async def _stream(replies: AsyncIterator[object], context: Context) -> None:
    async for reply in replies:
        await context.write(reply)


class CognitionRole:
    """The role of a server that hosts the memory; see `serving.server.Role`."""

    names = (NAME,)

    def __init__(self, api: CognitionApi) -> None:
        self.calls = CognitionService(api)
        self._api = api

    def add_to(self, server: aio.Server) -> None:
        """Register the handlers of CognitionService at the server."""
        add_CognitionServiceServicer_to_server(self.calls, server)

    async def leave(self) -> None:
        """Do nothing: the only clients that send calls here watch the health service."""

    def stop_admission(self) -> None:
        """Do nothing: `calls` refuses new calls while it drains."""

    def cancel_all(self) -> int:
        """Return 0: calls end with their connections, and what was written is durable."""
        return 0

    async def close(self) -> None:
        """Finish accepted writes and close the store."""
        await self._api.close()
