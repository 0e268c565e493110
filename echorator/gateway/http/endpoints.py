"""The table of the memory's HTTP API: which verb and path stands for which method. Pure; read by `memories` and `openapi`.

A query parameter is a field of the request; `user`, `session`, `tenant` and `agent` are those of its scope. A body is the request in
protobuf's JSON form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor

from echorator.rpc.v1 import cognition_pb2

SERVICE: ServiceDescriptor = cognition_pb2.DESCRIPTOR.services_by_name["CognitionService"]
SCOPE = ("user", "session", "tenant", "agent")
EVENTS, LINES, JSON = "text/event-stream", "application/x-ndjson", "application/json"


@dataclass(frozen=True)
class Endpoint:
    """A verb and a path of the memory's HTTP API, and the method of CognitionService that it calls."""

    verb: str
    path: str  # with {id} for the id of a memory
    name: str  # of the method
    fixed: str = ""  # what of the request the path's {id} is: a field, or one in a field of its own, such as "ids.ids"

    @cached_property
    def method(self) -> MethodDescriptor:
        """The method of CognitionService."""
        return SERVICE.methods_by_name[self.name]

    @property
    def request(self) -> Descriptor:
        """The descriptor of the request, of a stream of requests that of each."""
        return self.method.input_type

    @property
    def reads_body(self) -> bool:
        """Whether the request may have a JSON body."""
        return self.verb in ("POST", "PUT", "PATCH") and not self.reads_lines

    @property
    def reads_lines(self) -> bool:
        """Whether the body is a file, which is sent on in parts."""
        return bool(self.method.client_streaming)

    @property
    def answers(self) -> str:
        """The media type of the answer: JSON, lines of a file, or server-sent events."""
        if not self.method.server_streaming:
            return JSON
        return LINES if "lines" in self.method.output_type.fields_by_name else EVENTS

    @property
    def route(self) -> str:
        """The path as Starlette reads it."""
        return self.path.replace("{id}", "{id:int}")


ENDPOINTS = (
    Endpoint("POST", "/v1/memories", "Remember"),
    Endpoint("GET", "/v1/memories", "ListMemories"),
    Endpoint("POST", "/v1/memories/list", "ListMemories"),
    Endpoint("POST", "/v1/memories/recall", "Recall"),
    Endpoint("POST", "/v1/memories/forget", "Forget"),
    Endpoint("GET", "/v1/memories/{id}", "GetMemory", "id"),
    Endpoint("PATCH", "/v1/memories/{id}", "UpdateMemory", "id"),
    Endpoint("DELETE", "/v1/memories/{id}", "Forget", "ids.ids"),
    Endpoint("GET", "/v1/memories/{id}/history", "History", "id"),
    Endpoint("GET", "/v1/memories/history", "History"),
    Endpoint("GET", "/v1/memories/changes", "WatchChanges"),
    Endpoint("POST", "/v1/memories/context", "BuildContext"),
    Endpoint("POST", "/v1/memories/experiences", "RecordExperience"),
    Endpoint("POST", "/v1/memories/consolidate", "Consolidate"),
    Endpoint("GET", "/v1/memories/patterns", "ListPatterns"),
    Endpoint("GET", "/v1/memories/goals", "GetGoals"),
    Endpoint("PUT", "/v1/memories/goals", "SetGoals"),
    Endpoint("GET", "/v1/memories/profile", "GetProfile"),
    Endpoint("POST", "/v1/memories/profile", "GetProfile"),
    Endpoint("GET", "/v1/memories/graph", "GetGraph"),
    Endpoint("GET", "/v1/memories/state", "GetState"),
    Endpoint("GET", "/v1/memories/state/changes", "WatchState"),
    Endpoint("GET", "/v1/memories/map", "GetMap"),
    Endpoint("GET", "/v1/memories/namespaces", "ListNamespaces"),
    Endpoint("GET", "/v1/memories/export", "Export"),
    Endpoint("POST", "/v1/memories/import", "Import"),
    Endpoint("POST", "/v1/memories/check", "Check"),
)
