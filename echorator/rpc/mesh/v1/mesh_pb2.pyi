# mypy: disable-error-code="type-arg"
from echorator.rpc.v1 import controller_pb2 as _controller_pb2
from echorator.rpc.v1 import model_pb2 as _model_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AgentMessage(_message.Message):
    __slots__ = ("register", "report")
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    register: Register
    report: Report
    def __init__(self, register: _Optional[_Union[Register, _Mapping]] = ..., report: _Optional[_Union[Report, _Mapping]] = ...) -> None: ...

class Register(_message.Message):
    __slots__ = ("protocol", "id", "instance", "address", "version", "zone", "priority", "memory_bytes", "memory", "for_model")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    FOR_MODEL_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    id: str
    instance: str
    address: str
    version: str
    zone: str
    priority: int
    memory_bytes: int
    memory: _controller_pb2.MemoryService
    for_model: str
    def __init__(self, protocol: _Optional[int] = ..., id: _Optional[str] = ..., instance: _Optional[str] = ..., address: _Optional[str] = ..., version: _Optional[str] = ..., zone: _Optional[str] = ..., priority: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., memory: _Optional[_Union[_controller_pb2.MemoryService, _Mapping]] = ..., for_model: _Optional[str] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("models", "memory_free_bytes", "draining", "desired_revision")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    DESIRED_REVISION_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[_controller_pb2.AgentModel]
    memory_free_bytes: int
    draining: bool
    desired_revision: int
    def __init__(self, models: _Optional[_Iterable[_Union[_controller_pb2.AgentModel, _Mapping]]] = ..., memory_free_bytes: _Optional[int] = ..., draining: bool = ..., desired_revision: _Optional[int] = ...) -> None: ...

class ControllerMessage(_message.Message):
    __slots__ = ("welcome", "desired")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    DESIRED_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    desired: Desired
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., desired: _Optional[_Union[Desired, _Mapping]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("protocol", "report_interval_s", "controller")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    REPORT_INTERVAL_S_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    report_interval_s: float
    controller: str
    def __init__(self, protocol: _Optional[int] = ..., report_interval_s: _Optional[float] = ..., controller: _Optional[str] = ...) -> None: ...

class Desired(_message.Message):
    __slots__ = ("revision", "models", "drain")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    revision: int
    models: _containers.RepeatedCompositeFieldContainer[DesiredModel]
    drain: bool
    def __init__(self, revision: _Optional[int] = ..., models: _Optional[_Iterable[_Union[DesiredModel, _Mapping]]] = ..., drain: bool = ...) -> None: ...

class DesiredModel(_message.Message):
    __slots__ = ("name", "source", "options", "generation")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    source: str
    options: _model_pb2.EngineOptions
    generation: int
    def __init__(self, name: _Optional[str] = ..., source: _Optional[str] = ..., options: _Optional[_Union[_model_pb2.EngineOptions, _Mapping]] = ..., generation: _Optional[int] = ...) -> None: ...

class GatewayReport(_message.Message):
    __slots__ = ("address", "waiting", "convicted")
    class WaitingEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    CONVICTED_FIELD_NUMBER: _ClassVar[int]
    address: str
    waiting: _containers.ScalarMap[str, int]
    convicted: _containers.RepeatedCompositeFieldContainer[Conviction]
    def __init__(self, address: _Optional[str] = ..., waiting: _Optional[_Mapping[str, int]] = ..., convicted: _Optional[_Iterable[_Union[Conviction, _Mapping]]] = ...) -> None: ...

class Convictions(_message.Message):
    __slots__ = ("convicted",)
    CONVICTED_FIELD_NUMBER: _ClassVar[int]
    convicted: _containers.RepeatedCompositeFieldContainer[Conviction]
    def __init__(self, convicted: _Optional[_Iterable[_Union[Conviction, _Mapping]]] = ...) -> None: ...

class Conviction(_message.Message):
    __slots__ = ("digest", "for_s")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    FOR_S_FIELD_NUMBER: _ClassVar[int]
    digest: bytes
    for_s: float
    def __init__(self, digest: _Optional[bytes] = ..., for_s: _Optional[float] = ...) -> None: ...

class WakeModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class WakeModelResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
