"""gRPC reflection in both versions: grpcio-reflection has v1alpha alone, newer clients ask for v1 first, and some for nothing else.

The versions differ only in their package's name, so v1 is v1alpha's file under that name, answered by the same servicer. Feeds `server`.
"""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc import aio
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

ALPHA: str = reflection.SERVICE_NAME
V1 = ALPHA.replace("v1alpha", "v1")
METHOD = "ServerReflectionInfo"


def _describe_v1() -> None:
    """Register a description of v1 for reflection, unless a package has brought v1's own file."""
    pool = descriptor_pool.Default()
    try:
        pool.FindServiceByName(V1)
    except KeyError:
        pool.AddSerializedFile(_file_of_v1().SerializeToString())


def _file_of_v1() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = "grpc/reflection/v1/reflection.proto", "grpc.reflection.v1"
    file.ClearField("options")
    for field in (field for message in file.message_type for field in message.field if field.HasField("type_name")):
        field.type_name = field.type_name.replace(".v1alpha.", ".v1.")
    for method in (method for service in file.service for method in service.method):
        method.input_type, method.output_type = (name.replace(".v1alpha.", ".v1.") for name in (method.input_type, method.output_type))
    return file


def add_reflection(names: Iterable[str], server: aio.Server) -> None:
    """Serve the descriptions of the services `names`, and of reflection itself."""
    _describe_v1()
    servicer = reflection.aio.ReflectionServicer((*names, ALPHA, V1))
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(V1, {METHOD: handler}),))
