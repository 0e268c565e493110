# mypy: disable-error-code="type-arg"
import datetime

from echorator.rpc.v1 import model_pb2 as _model_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LoadBalancing(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOAD_BALANCING_UNSPECIFIED: _ClassVar[LoadBalancing]
    LOAD_BALANCING_WEIGHTED: _ClassVar[LoadBalancing]
    LOAD_BALANCING_SESSION: _ClassVar[LoadBalancing]

class ConditionStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONDITION_STATUS_UNKNOWN: _ClassVar[ConditionStatus]
    CONDITION_STATUS_TRUE: _ClassVar[ConditionStatus]
    CONDITION_STATUS_FALSE: _ClassVar[ConditionStatus]

class ErrorClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_CLASS_UNSPECIFIED: _ClassVar[ErrorClass]
    ERROR_CLASS_TRANSIENT: _ClassVar[ErrorClass]
    ERROR_CLASS_CONFIGURATION: _ClassVar[ErrorClass]
    ERROR_CLASS_RESOURCE: _ClassVar[ErrorClass]
    ERROR_CLASS_SYSTEM: _ClassVar[ErrorClass]

class AgentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGENT_STATE_UNSPECIFIED: _ClassVar[AgentState]
    AGENT_STATE_READY: _ClassVar[AgentState]
    AGENT_STATE_DRAINING: _ClassVar[AgentState]
    AGENT_STATE_LOST: _ClassVar[AgentState]

class AgentModelState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGENT_MODEL_STATE_UNSPECIFIED: _ClassVar[AgentModelState]
    AGENT_MODEL_STATE_LOADING: _ClassVar[AgentModelState]
    AGENT_MODEL_STATE_READY: _ClassVar[AgentModelState]
    AGENT_MODEL_STATE_DRAINING: _ClassVar[AgentModelState]
    AGENT_MODEL_STATE_FAILED: _ClassVar[AgentModelState]
LOAD_BALANCING_UNSPECIFIED: LoadBalancing
LOAD_BALANCING_WEIGHTED: LoadBalancing
LOAD_BALANCING_SESSION: LoadBalancing
CONDITION_STATUS_UNKNOWN: ConditionStatus
CONDITION_STATUS_TRUE: ConditionStatus
CONDITION_STATUS_FALSE: ConditionStatus
ERROR_CLASS_UNSPECIFIED: ErrorClass
ERROR_CLASS_TRANSIENT: ErrorClass
ERROR_CLASS_CONFIGURATION: ErrorClass
ERROR_CLASS_RESOURCE: ErrorClass
ERROR_CLASS_SYSTEM: ErrorClass
AGENT_STATE_UNSPECIFIED: AgentState
AGENT_STATE_READY: AgentState
AGENT_STATE_DRAINING: AgentState
AGENT_STATE_LOST: AgentState
AGENT_MODEL_STATE_UNSPECIFIED: AgentModelState
AGENT_MODEL_STATE_LOADING: AgentModelState
AGENT_MODEL_STATE_READY: AgentModelState
AGENT_MODEL_STATE_DRAINING: AgentModelState
AGENT_MODEL_STATE_FAILED: AgentModelState

class ModelSpec(_message.Message):
    __slots__ = ("name", "source", "replicas", "options", "routing", "memory_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    ROUTING_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    source: str
    replicas: int
    options: _model_pb2.EngineOptions
    routing: Routing
    memory_bytes: int
    def __init__(self, name: _Optional[str] = ..., source: _Optional[str] = ..., replicas: _Optional[int] = ..., options: _Optional[_Union[_model_pb2.EngineOptions, _Mapping]] = ..., routing: _Optional[_Union[Routing, _Mapping]] = ..., memory_bytes: _Optional[int] = ...) -> None: ...

class Routing(_message.Message):
    __slots__ = ("load_balancing", "queue_per_agent", "retries", "ejection_failures")
    LOAD_BALANCING_FIELD_NUMBER: _ClassVar[int]
    QUEUE_PER_AGENT_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    EJECTION_FAILURES_FIELD_NUMBER: _ClassVar[int]
    load_balancing: LoadBalancing
    queue_per_agent: int
    retries: int
    ejection_failures: int
    def __init__(self, load_balancing: _Optional[_Union[LoadBalancing, str]] = ..., queue_per_agent: _Optional[int] = ..., retries: _Optional[int] = ..., ejection_failures: _Optional[int] = ...) -> None: ...

class MeshModel(_message.Message):
    __slots__ = ("spec", "status", "generation", "created")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    spec: ModelSpec
    status: ModelStatus
    generation: int
    created: _timestamp_pb2.Timestamp
    def __init__(self, spec: _Optional[_Union[ModelSpec, _Mapping]] = ..., status: _Optional[_Union[ModelStatus, _Mapping]] = ..., generation: _Optional[int] = ..., created: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ModelStatus(_message.Message):
    __slots__ = ("observed_generation", "placed", "ready", "conditions", "digest", "slots", "busy", "queued", "last_error", "updated", "size_bytes", "first_token_p95_s")
    OBSERVED_GENERATION_FIELD_NUMBER: _ClassVar[int]
    PLACED_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    BUSY_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_P95_S_FIELD_NUMBER: _ClassVar[int]
    observed_generation: int
    placed: int
    ready: int
    conditions: _containers.RepeatedCompositeFieldContainer[Condition]
    digest: str
    slots: int
    busy: int
    queued: int
    last_error: MeshError
    updated: int
    size_bytes: int
    first_token_p95_s: float
    def __init__(self, observed_generation: _Optional[int] = ..., placed: _Optional[int] = ..., ready: _Optional[int] = ..., conditions: _Optional[_Iterable[_Union[Condition, _Mapping]]] = ..., digest: _Optional[str] = ..., slots: _Optional[int] = ..., busy: _Optional[int] = ..., queued: _Optional[int] = ..., last_error: _Optional[_Union[MeshError, _Mapping]] = ..., updated: _Optional[int] = ..., size_bytes: _Optional[int] = ..., first_token_p95_s: _Optional[float] = ...) -> None: ...

class Condition(_message.Message):
    __slots__ = ("type", "status", "reason", "message", "observed_generation", "last_transition")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_GENERATION_FIELD_NUMBER: _ClassVar[int]
    LAST_TRANSITION_FIELD_NUMBER: _ClassVar[int]
    type: str
    status: ConditionStatus
    reason: str
    message: str
    observed_generation: int
    last_transition: _timestamp_pb2.Timestamp
    def __init__(self, type: _Optional[str] = ..., status: _Optional[_Union[ConditionStatus, str]] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., observed_generation: _Optional[int] = ..., last_transition: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class MeshError(_message.Message):
    __slots__ = ("kind", "message", "agent_id", "attempts")
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    kind: ErrorClass
    message: str
    agent_id: str
    attempts: int
    def __init__(self, kind: _Optional[_Union[ErrorClass, str]] = ..., message: _Optional[str] = ..., agent_id: _Optional[str] = ..., attempts: _Optional[int] = ...) -> None: ...

class ApplyModelRequest(_message.Message):
    __slots__ = ("spec", "generation")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    spec: ModelSpec
    generation: int
    def __init__(self, spec: _Optional[_Union[ModelSpec, _Mapping]] = ..., generation: _Optional[int] = ...) -> None: ...

class GetMeshModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListMeshModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListMeshModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[MeshModel]
    def __init__(self, models: _Optional[_Iterable[_Union[MeshModel, _Mapping]]] = ...) -> None: ...

class DeleteModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteModelResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ModelEvent(_message.Message):
    __slots__ = ("changed", "deleted", "synced")
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    SYNCED_FIELD_NUMBER: _ClassVar[int]
    changed: MeshModel
    deleted: str
    synced: bool
    def __init__(self, changed: _Optional[_Union[MeshModel, _Mapping]] = ..., deleted: _Optional[str] = ..., synced: bool = ...) -> None: ...

class ScaleModelRequest(_message.Message):
    __slots__ = ("name", "replicas")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    name: str
    replicas: int
    def __init__(self, name: _Optional[str] = ..., replicas: _Optional[int] = ...) -> None: ...

class ListAgentsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListAgentsResponse(_message.Message):
    __slots__ = ("agents",)
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    agents: _containers.RepeatedCompositeFieldContainer[Agent]
    def __init__(self, agents: _Optional[_Iterable[_Union[Agent, _Mapping]]] = ...) -> None: ...

class WatchAgentsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AgentsEvent(_message.Message):
    __slots__ = ("changed", "removed", "synced")
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    SYNCED_FIELD_NUMBER: _ClassVar[int]
    changed: _containers.RepeatedCompositeFieldContainer[Agent]
    removed: _containers.RepeatedScalarFieldContainer[str]
    synced: bool
    def __init__(self, changed: _Optional[_Iterable[_Union[Agent, _Mapping]]] = ..., removed: _Optional[_Iterable[str]] = ..., synced: bool = ...) -> None: ...

class DrainAgentRequest(_message.Message):
    __slots__ = ("id", "undo")
    ID_FIELD_NUMBER: _ClassVar[int]
    UNDO_FIELD_NUMBER: _ClassVar[int]
    id: str
    undo: bool
    def __init__(self, id: _Optional[str] = ..., undo: bool = ...) -> None: ...

class Agent(_message.Message):
    __slots__ = ("id", "address", "state", "models", "zone", "priority", "memory_bytes", "memory_free_bytes", "version", "memory", "for_model")
    ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    FOR_MODEL_FIELD_NUMBER: _ClassVar[int]
    id: str
    address: str
    state: AgentState
    models: _containers.RepeatedCompositeFieldContainer[AgentModel]
    zone: str
    priority: int
    memory_bytes: int
    memory_free_bytes: int
    version: str
    memory: MemoryService
    for_model: str
    def __init__(self, id: _Optional[str] = ..., address: _Optional[str] = ..., state: _Optional[_Union[AgentState, str]] = ..., models: _Optional[_Iterable[_Union[AgentModel, _Mapping]]] = ..., zone: _Optional[str] = ..., priority: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., memory_free_bytes: _Optional[int] = ..., version: _Optional[str] = ..., memory: _Optional[_Union[MemoryService, _Mapping]] = ..., for_model: _Optional[str] = ...) -> None: ...

class MemoryService(_message.Message):
    __slots__ = ("address", "store")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    address: str
    store: str
    def __init__(self, address: _Optional[str] = ..., store: _Optional[str] = ...) -> None: ...

class AgentModel(_message.Message):
    __slots__ = ("name", "state", "generation", "slots", "busy", "queued", "tokens_per_s", "size_bytes", "digest", "error", "callers", "generates", "next_error", "next_generation", "first_token_p95_s")
    class CallersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    BUSY_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_S_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CALLERS_FIELD_NUMBER: _ClassVar[int]
    GENERATES_FIELD_NUMBER: _ClassVar[int]
    NEXT_ERROR_FIELD_NUMBER: _ClassVar[int]
    NEXT_GENERATION_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_P95_S_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: AgentModelState
    generation: int
    slots: int
    busy: int
    queued: int
    tokens_per_s: float
    size_bytes: int
    digest: str
    error: MeshError
    callers: _containers.ScalarMap[str, int]
    generates: bool
    next_error: MeshError
    next_generation: int
    first_token_p95_s: float
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[AgentModelState, str]] = ..., generation: _Optional[int] = ..., slots: _Optional[int] = ..., busy: _Optional[int] = ..., queued: _Optional[int] = ..., tokens_per_s: _Optional[float] = ..., size_bytes: _Optional[int] = ..., digest: _Optional[str] = ..., error: _Optional[_Union[MeshError, _Mapping]] = ..., callers: _Optional[_Mapping[str, int]] = ..., generates: bool = ..., next_error: _Optional[_Union[MeshError, _Mapping]] = ..., next_generation: _Optional[int] = ..., first_token_p95_s: _Optional[float] = ...) -> None: ...
