from collections.abc import AsyncIterator, Awaitable

from grpc import aio

from echorator.rpc.mesh.v1 import mesh_pb2 as pb

class MeshServiceStub:
    def __init__(self, channel: aio.Channel) -> None: ...
    AgentSession: aio.StreamStreamMultiCallable[pb.AgentMessage, pb.ControllerMessage]
    GatewaySession: aio.StreamStreamMultiCallable[pb.GatewayReport, pb.Convictions]
    WakeModel: aio.UnaryUnaryMultiCallable[pb.WakeModelRequest, pb.WakeModelResponse]

class MeshServiceServicer:
    def AgentSession(self, request: AsyncIterator[pb.AgentMessage], context: aio.ServicerContext[pb.AgentMessage, pb.ControllerMessage]) -> AsyncIterator[pb.ControllerMessage] | Awaitable[None]: ...
    def GatewaySession(self, request: AsyncIterator[pb.GatewayReport], context: aio.ServicerContext[pb.GatewayReport, pb.Convictions]) -> AsyncIterator[pb.Convictions] | Awaitable[None]: ...
    def WakeModel(self, request: pb.WakeModelRequest, context: aio.ServicerContext[pb.WakeModelRequest, pb.WakeModelResponse]) -> Awaitable[pb.WakeModelResponse]: ...

def add_MeshServiceServicer_to_server(servicer: MeshServiceServicer, server: aio.Server) -> None: ...
