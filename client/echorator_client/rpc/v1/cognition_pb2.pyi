# mypy: disable-error-code="type-arg"
from echorator_client.rpc.v1 import common_pb2 as _common_pb2
from echorator_client.rpc.v1 import model_pb2 as _model_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    KIND_EPISODIC: _ClassVar[Kind]
    KIND_SEMANTIC: _ClassVar[Kind]
    KIND_PROCEDURAL: _ClassVar[Kind]

class Lifecycle(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LIFECYCLE_UNSPECIFIED: _ClassVar[Lifecycle]
    LIFECYCLE_ACTIVE: _ClassVar[Lifecycle]
    LIFECYCLE_ARCHIVED: _ClassVar[Lifecycle]

class FactType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FACT_TYPE_UNSPECIFIED: _ClassVar[FactType]
    FACT_TYPE_SINGLE: _ClassVar[FactType]
    FACT_TYPE_MANY: _ClassVar[FactType]
    FACT_TYPE_STATE: _ClassVar[FactType]
    FACT_TYPE_EVENT: _ClassVar[FactType]

class Claim(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CLAIM_UNSPECIFIED: _ClassVar[Claim]
    CLAIM_HOLDS: _ClassVar[Claim]
    CLAIM_DENIES: _ClassVar[Claim]
    CLAIM_PAST: _ClassVar[Claim]

class Act(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACT_UNSPECIFIED: _ClassVar[Act]
    ACT_TELLS: _ClassVar[Act]
    ACT_ASKS: _ClassVar[Act]
    ACT_ORDERS: _ClassVar[Act]
    ACT_CHATS: _ClassVar[Act]
    ACT_SUPPOSES: _ClassVar[Act]
    ACT_QUOTES: _ClassVar[Act]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_ANSWERED: _ClassVar[Outcome]
    OUTCOME_CUT: _ClassVar[Outcome]
    OUTCOME_CANCELLED: _ClassVar[Outcome]

class TransferFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSFER_FORMAT_UNSPECIFIED: _ClassVar[TransferFormat]
    TRANSFER_FORMAT_ALL: _ClassVar[TransferFormat]
    TRANSFER_FORMAT_TEXTS: _ClassVar[TransferFormat]
    TRANSFER_FORMAT_MEM0: _ClassVar[TransferFormat]
    TRANSFER_FORMAT_LANGGRAPH: _ClassVar[TransferFormat]
    TRANSFER_FORMAT_LETTA: _ClassVar[TransferFormat]
KIND_UNSPECIFIED: Kind
KIND_EPISODIC: Kind
KIND_SEMANTIC: Kind
KIND_PROCEDURAL: Kind
LIFECYCLE_UNSPECIFIED: Lifecycle
LIFECYCLE_ACTIVE: Lifecycle
LIFECYCLE_ARCHIVED: Lifecycle
FACT_TYPE_UNSPECIFIED: FactType
FACT_TYPE_SINGLE: FactType
FACT_TYPE_MANY: FactType
FACT_TYPE_STATE: FactType
FACT_TYPE_EVENT: FactType
CLAIM_UNSPECIFIED: Claim
CLAIM_HOLDS: Claim
CLAIM_DENIES: Claim
CLAIM_PAST: Claim
ACT_UNSPECIFIED: Act
ACT_TELLS: Act
ACT_ASKS: Act
ACT_ORDERS: Act
ACT_CHATS: Act
ACT_SUPPOSES: Act
ACT_QUOTES: Act
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_ANSWERED: Outcome
OUTCOME_CUT: Outcome
OUTCOME_CANCELLED: Outcome
TRANSFER_FORMAT_UNSPECIFIED: TransferFormat
TRANSFER_FORMAT_ALL: TransferFormat
TRANSFER_FORMAT_TEXTS: TransferFormat
TRANSFER_FORMAT_MEM0: TransferFormat
TRANSFER_FORMAT_LANGGRAPH: TransferFormat
TRANSFER_FORMAT_LETTA: TransferFormat

class Affect(_message.Message):
    __slots__ = ("valence", "arousal")
    VALENCE_FIELD_NUMBER: _ClassVar[int]
    AROUSAL_FIELD_NUMBER: _ClassVar[int]
    valence: float
    arousal: float
    def __init__(self, valence: _Optional[float] = ..., arousal: _Optional[float] = ...) -> None: ...

class Fact(_message.Message):
    __slots__ = ("subject", "attribute", "value", "type", "claim", "certainty", "valid_to_s")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    CERTAINTY_FIELD_NUMBER: _ClassVar[int]
    VALID_TO_S_FIELD_NUMBER: _ClassVar[int]
    subject: str
    attribute: str
    value: str
    type: FactType
    claim: Claim
    certainty: float
    valid_to_s: float
    def __init__(self, subject: _Optional[str] = ..., attribute: _Optional[str] = ..., value: _Optional[str] = ..., type: _Optional[_Union[FactType, str]] = ..., claim: _Optional[_Union[Claim, str]] = ..., certainty: _Optional[float] = ..., valid_to_s: _Optional[float] = ...) -> None: ...

class Memory(_message.Message):
    __slots__ = ("id", "kind", "text", "speaker", "session", "said_at_s", "valid_from_s", "valid_to_s", "importance", "affect", "pinned", "lifecycle", "source", "derived_from", "superseded_by", "uses", "last_used_s", "key", "entities", "facts", "act", "standing", "metadata", "categories", "expires_at_s")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SAID_AT_S_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_S_FIELD_NUMBER: _ClassVar[int]
    VALID_TO_S_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCE_FIELD_NUMBER: _ClassVar[int]
    AFFECT_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    LIFECYCLE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DERIVED_FROM_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_BY_FIELD_NUMBER: _ClassVar[int]
    USES_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_S_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    ENTITIES_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    ACT_FIELD_NUMBER: _ClassVar[int]
    STANDING_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_S_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: Kind
    text: str
    speaker: str
    session: str
    said_at_s: float
    valid_from_s: float
    valid_to_s: float
    importance: float
    affect: Affect
    pinned: bool
    lifecycle: Lifecycle
    source: str
    derived_from: _containers.RepeatedScalarFieldContainer[int]
    superseded_by: int
    uses: int
    last_used_s: float
    key: str
    entities: _containers.RepeatedScalarFieldContainer[str]
    facts: _containers.RepeatedCompositeFieldContainer[Fact]
    act: Act
    standing: bool
    metadata: _struct_pb2.Struct
    categories: _containers.RepeatedScalarFieldContainer[str]
    expires_at_s: float
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[_Union[Kind, str]] = ..., text: _Optional[str] = ..., speaker: _Optional[str] = ..., session: _Optional[str] = ..., said_at_s: _Optional[float] = ..., valid_from_s: _Optional[float] = ..., valid_to_s: _Optional[float] = ..., importance: _Optional[float] = ..., affect: _Optional[_Union[Affect, _Mapping]] = ..., pinned: bool = ..., lifecycle: _Optional[_Union[Lifecycle, str]] = ..., source: _Optional[str] = ..., derived_from: _Optional[_Iterable[int]] = ..., superseded_by: _Optional[int] = ..., uses: _Optional[int] = ..., last_used_s: _Optional[float] = ..., key: _Optional[str] = ..., entities: _Optional[_Iterable[str]] = ..., facts: _Optional[_Iterable[_Union[Fact, _Mapping]]] = ..., act: _Optional[_Union[Act, str]] = ..., standing: bool = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., categories: _Optional[_Iterable[str]] = ..., expires_at_s: _Optional[float] = ...) -> None: ...

class NewMemory(_message.Message):
    __slots__ = ("text", "kind", "speaker", "said_at_s", "importance", "pinned", "key", "embedding", "facts", "standing", "metadata", "categories", "expires_at_s")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    SAID_AT_S_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCE_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    STANDING_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_S_FIELD_NUMBER: _ClassVar[int]
    text: str
    kind: Kind
    speaker: str
    said_at_s: float
    importance: float
    pinned: bool
    key: str
    embedding: _containers.RepeatedScalarFieldContainer[float]
    facts: _containers.RepeatedCompositeFieldContainer[Fact]
    standing: bool
    metadata: _struct_pb2.Struct
    categories: _containers.RepeatedScalarFieldContainer[str]
    expires_at_s: float
    def __init__(self, text: _Optional[str] = ..., kind: _Optional[_Union[Kind, str]] = ..., speaker: _Optional[str] = ..., said_at_s: _Optional[float] = ..., importance: _Optional[float] = ..., pinned: bool = ..., key: _Optional[str] = ..., embedding: _Optional[_Iterable[float]] = ..., facts: _Optional[_Iterable[_Union[Fact, _Mapping]]] = ..., standing: bool = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., categories: _Optional[_Iterable[str]] = ..., expires_at_s: _Optional[float] = ...) -> None: ...

class RememberRequest(_message.Message):
    __slots__ = ("scope", "memories")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    memories: _containers.RepeatedCompositeFieldContainer[NewMemory]
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., memories: _Optional[_Iterable[_Union[NewMemory, _Mapping]]] = ...) -> None: ...

class RememberResponse(_message.Message):
    __slots__ = ("ids", "superseded_ids")
    IDS_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    superseded_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, ids: _Optional[_Iterable[int]] = ..., superseded_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class Weights(_message.Message):
    __slots__ = ("dense", "lexical", "neighbours", "session", "association", "activation", "importance", "affect", "goal", "fact", "tokens", "form")
    DENSE_FIELD_NUMBER: _ClassVar[int]
    LEXICAL_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATION_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCE_FIELD_NUMBER: _ClassVar[int]
    AFFECT_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    FACT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    dense: float
    lexical: float
    neighbours: float
    session: float
    association: float
    activation: float
    importance: float
    affect: float
    goal: float
    fact: float
    tokens: float
    form: float
    def __init__(self, dense: _Optional[float] = ..., lexical: _Optional[float] = ..., neighbours: _Optional[float] = ..., session: _Optional[float] = ..., association: _Optional[float] = ..., activation: _Optional[float] = ..., importance: _Optional[float] = ..., affect: _Optional[float] = ..., goal: _Optional[float] = ..., fact: _Optional[float] = ..., tokens: _Optional[float] = ..., form: _Optional[float] = ...) -> None: ...

class Filter(_message.Message):
    __slots__ = ("kinds", "session", "speaker", "since_s", "before_s", "acts", "sources", "categories", "metadata", "text", "all", "any", "none")
    KINDS_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    SINCE_S_FIELD_NUMBER: _ClassVar[int]
    BEFORE_S_FIELD_NUMBER: _ClassVar[int]
    ACTS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    ANY_FIELD_NUMBER: _ClassVar[int]
    NONE_FIELD_NUMBER: _ClassVar[int]
    kinds: _containers.RepeatedScalarFieldContainer[Kind]
    session: str
    speaker: str
    since_s: float
    before_s: float
    acts: _containers.RepeatedScalarFieldContainer[Act]
    sources: _containers.RepeatedScalarFieldContainer[str]
    categories: _containers.RepeatedScalarFieldContainer[str]
    metadata: _containers.RepeatedCompositeFieldContainer[MetadataCondition]
    text: str
    all: _containers.RepeatedCompositeFieldContainer[Filter]
    any: _containers.RepeatedCompositeFieldContainer[Filter]
    none: _containers.RepeatedCompositeFieldContainer[Filter]
    def __init__(self, kinds: _Optional[_Iterable[_Union[Kind, str]]] = ..., session: _Optional[str] = ..., speaker: _Optional[str] = ..., since_s: _Optional[float] = ..., before_s: _Optional[float] = ..., acts: _Optional[_Iterable[_Union[Act, str]]] = ..., sources: _Optional[_Iterable[str]] = ..., categories: _Optional[_Iterable[str]] = ..., metadata: _Optional[_Iterable[_Union[MetadataCondition, _Mapping]]] = ..., text: _Optional[str] = ..., all: _Optional[_Iterable[_Union[Filter, _Mapping]]] = ..., any: _Optional[_Iterable[_Union[Filter, _Mapping]]] = ..., none: _Optional[_Iterable[_Union[Filter, _Mapping]]] = ...) -> None: ...

class MetadataCondition(_message.Message):
    __slots__ = ("name", "equals", "one_of", "at_least", "above", "at_most", "below", "exists")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EQUALS_FIELD_NUMBER: _ClassVar[int]
    ONE_OF_FIELD_NUMBER: _ClassVar[int]
    AT_LEAST_FIELD_NUMBER: _ClassVar[int]
    ABOVE_FIELD_NUMBER: _ClassVar[int]
    AT_MOST_FIELD_NUMBER: _ClassVar[int]
    BELOW_FIELD_NUMBER: _ClassVar[int]
    EXISTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    equals: _struct_pb2.Value
    one_of: _struct_pb2.ListValue
    at_least: _struct_pb2.Value
    above: _struct_pb2.Value
    at_most: _struct_pb2.Value
    below: _struct_pb2.Value
    exists: bool
    def __init__(self, name: _Optional[str] = ..., equals: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., one_of: _Optional[_Union[_struct_pb2.ListValue, _Mapping]] = ..., at_least: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., above: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., at_most: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., below: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., exists: bool = ...) -> None: ...

class RecallRequest(_message.Message):
    __slots__ = ("scope", "query", "k", "filter", "as_of_s", "include_superseded", "weights", "embedding")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    K_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    AS_OF_S_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    query: str
    k: int
    filter: Filter
    as_of_s: float
    include_superseded: bool
    weights: Weights
    embedding: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., query: _Optional[str] = ..., k: _Optional[int] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ..., as_of_s: _Optional[float] = ..., include_superseded: bool = ..., weights: _Optional[_Union[Weights, _Mapping]] = ..., embedding: _Optional[_Iterable[float]] = ...) -> None: ...

class Signals(_message.Message):
    __slots__ = ("dense", "lexical", "neighbours", "session", "association", "activation", "importance", "affect", "goal", "fact", "tokens", "form")
    DENSE_FIELD_NUMBER: _ClassVar[int]
    LEXICAL_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATION_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCE_FIELD_NUMBER: _ClassVar[int]
    AFFECT_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    FACT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    dense: float
    lexical: float
    neighbours: float
    session: float
    association: float
    activation: float
    importance: float
    affect: float
    goal: float
    fact: float
    tokens: float
    form: float
    def __init__(self, dense: _Optional[float] = ..., lexical: _Optional[float] = ..., neighbours: _Optional[float] = ..., session: _Optional[float] = ..., association: _Optional[float] = ..., activation: _Optional[float] = ..., importance: _Optional[float] = ..., affect: _Optional[float] = ..., goal: _Optional[float] = ..., fact: _Optional[float] = ..., tokens: _Optional[float] = ..., form: _Optional[float] = ...) -> None: ...

class Recalled(_message.Message):
    __slots__ = ("memory", "score", "signals", "confidence", "similarity")
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    memory: Memory
    score: float
    signals: Signals
    confidence: float
    similarity: float
    def __init__(self, memory: _Optional[_Union[Memory, _Mapping]] = ..., score: _Optional[float] = ..., signals: _Optional[_Union[Signals, _Mapping]] = ..., confidence: _Optional[float] = ..., similarity: _Optional[float] = ...) -> None: ...

class RecallResponse(_message.Message):
    __slots__ = ("memories", "embed_s", "search_s")
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    EMBED_S_FIELD_NUMBER: _ClassVar[int]
    SEARCH_S_FIELD_NUMBER: _ClassVar[int]
    memories: _containers.RepeatedCompositeFieldContainer[Recalled]
    embed_s: float
    search_s: float
    def __init__(self, memories: _Optional[_Iterable[_Union[Recalled, _Mapping]]] = ..., embed_s: _Optional[float] = ..., search_s: _Optional[float] = ...) -> None: ...

class GetMemoryRequest(_message.Message):
    __slots__ = ("scope", "id")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    id: int
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., id: _Optional[int] = ...) -> None: ...

class ListMemoriesRequest(_message.Message):
    __slots__ = ("scope", "filter", "text", "lifecycle", "page_size", "page_token")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LIFECYCLE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    filter: Filter
    text: str
    lifecycle: Lifecycle
    page_size: int
    page_token: str
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ..., text: _Optional[str] = ..., lifecycle: _Optional[_Union[Lifecycle, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListMemoriesResponse(_message.Message):
    __slots__ = ("memories", "next_page_token")
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    memories: _containers.RepeatedCompositeFieldContainer[Memory]
    next_page_token: str
    def __init__(self, memories: _Optional[_Iterable[_Union[Memory, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateMemoryRequest(_message.Message):
    __slots__ = ("scope", "id", "text", "kind", "importance", "pinned", "lifecycle", "valid_to_s", "standing", "metadata", "add_categories", "remove_categories", "expires_at_s")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCE_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    LIFECYCLE_FIELD_NUMBER: _ClassVar[int]
    VALID_TO_S_FIELD_NUMBER: _ClassVar[int]
    STANDING_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ADD_CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    REMOVE_CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_S_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    id: int
    text: str
    kind: Kind
    importance: float
    pinned: bool
    lifecycle: Lifecycle
    valid_to_s: float
    standing: bool
    metadata: _struct_pb2.Struct
    add_categories: _containers.RepeatedScalarFieldContainer[str]
    remove_categories: _containers.RepeatedScalarFieldContainer[str]
    expires_at_s: float
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., id: _Optional[int] = ..., text: _Optional[str] = ..., kind: _Optional[_Union[Kind, str]] = ..., importance: _Optional[float] = ..., pinned: bool = ..., lifecycle: _Optional[_Union[Lifecycle, str]] = ..., valid_to_s: _Optional[float] = ..., standing: bool = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., add_categories: _Optional[_Iterable[str]] = ..., remove_categories: _Optional[_Iterable[str]] = ..., expires_at_s: _Optional[float] = ...) -> None: ...

class ForgetRequest(_message.Message):
    __slots__ = ("scope", "ids", "filter", "everything")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    EVERYTHING_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    ids: MemoryIds
    filter: Filter
    everything: bool
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., ids: _Optional[_Union[MemoryIds, _Mapping]] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ..., everything: bool = ...) -> None: ...

class MemoryIds(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, ids: _Optional[_Iterable[int]] = ...) -> None: ...

class ForgetResponse(_message.Message):
    __slots__ = ("forgotten", "erased")
    FORGOTTEN_FIELD_NUMBER: _ClassVar[int]
    ERASED_FIELD_NUMBER: _ClassVar[int]
    forgotten: int
    erased: bool
    def __init__(self, forgotten: _Optional[int] = ..., erased: bool = ...) -> None: ...

class HistoryRequest(_message.Message):
    __slots__ = ("scope", "id", "limit", "before_seq")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_SEQ_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    id: int
    limit: int
    before_seq: int
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., id: _Optional[int] = ..., limit: _Optional[int] = ..., before_seq: _Optional[int] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("seq", "at_s", "memory_id", "action", "detail")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    AT_S_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    seq: int
    at_s: float
    memory_id: int
    action: str
    detail: str
    def __init__(self, seq: _Optional[int] = ..., at_s: _Optional[float] = ..., memory_id: _Optional[int] = ..., action: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class HistoryResponse(_message.Message):
    __slots__ = ("changes",)
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    def __init__(self, changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ...) -> None: ...

class WatchChangesRequest(_message.Message):
    __slots__ = ("scope", "tenant", "after", "skip_past", "interval_ms")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    SKIP_PAST_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    tenant: str
    after: str
    skip_past: bool
    interval_ms: int
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., tenant: _Optional[str] = ..., after: _Optional[str] = ..., skip_past: bool = ..., interval_ms: _Optional[int] = ...) -> None: ...

class WatchChangesResponse(_message.Message):
    __slots__ = ("cursor", "change", "scope", "namespace")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    change: Change
    scope: _common_pb2.Scope
    namespace: int
    def __init__(self, cursor: _Optional[str] = ..., change: _Optional[_Union[Change, _Mapping]] = ..., scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., namespace: _Optional[int] = ...) -> None: ...

class BuildContextRequest(_message.Message):
    __slots__ = ("scope", "messages", "model", "budget_tokens", "max_memories", "min_confidence", "now_s")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    BUDGET_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_MEMORIES_FIELD_NUMBER: _ClassVar[int]
    MIN_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    NOW_S_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    messages: _containers.RepeatedCompositeFieldContainer[_model_pb2.Message]
    model: str
    budget_tokens: int
    max_memories: int
    min_confidence: float
    now_s: float
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., messages: _Optional[_Iterable[_Union[_model_pb2.Message, _Mapping]]] = ..., model: _Optional[str] = ..., budget_tokens: _Optional[int] = ..., max_memories: _Optional[int] = ..., min_confidence: _Optional[float] = ..., now_s: _Optional[float] = ...) -> None: ...

class Chosen(_message.Message):
    __slots__ = ("recalled", "tokens", "reason")
    RECALLED_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    recalled: Recalled
    tokens: int
    reason: str
    def __init__(self, recalled: _Optional[_Union[Recalled, _Mapping]] = ..., tokens: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class BuildContextResponse(_message.Message):
    __slots__ = ("messages", "chosen", "block_tokens", "block", "embed_s", "search_s", "erasures")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    BLOCK_TOKENS_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    EMBED_S_FIELD_NUMBER: _ClassVar[int]
    SEARCH_S_FIELD_NUMBER: _ClassVar[int]
    ERASURES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_model_pb2.Message]
    chosen: _containers.RepeatedCompositeFieldContainer[Chosen]
    block_tokens: int
    block: str
    embed_s: float
    search_s: float
    erasures: int
    def __init__(self, messages: _Optional[_Iterable[_Union[_model_pb2.Message, _Mapping]]] = ..., chosen: _Optional[_Iterable[_Union[Chosen, _Mapping]]] = ..., block_tokens: _Optional[int] = ..., block: _Optional[str] = ..., embed_s: _Optional[float] = ..., search_s: _Optional[float] = ..., erasures: _Optional[int] = ...) -> None: ...

class RecordExperienceRequest(_message.Message):
    __slots__ = ("scope", "user_text", "answer", "model", "recalled_ids", "outcome", "feedback", "at_s")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    USER_TEXT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    RECALLED_IDS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    AT_S_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    user_text: str
    answer: str
    model: str
    recalled_ids: _containers.RepeatedScalarFieldContainer[int]
    outcome: Outcome
    feedback: float
    at_s: float
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., user_text: _Optional[str] = ..., answer: _Optional[str] = ..., model: _Optional[str] = ..., recalled_ids: _Optional[_Iterable[int]] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., feedback: _Optional[float] = ..., at_s: _Optional[float] = ...) -> None: ...

class RecordExperienceResponse(_message.Message):
    __slots__ = ("experience_id", "memory_ids", "superseded_ids", "confirmed_ids", "forgotten_ids")
    EXPERIENCE_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_IDS_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_IDS_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_IDS_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_IDS_FIELD_NUMBER: _ClassVar[int]
    experience_id: int
    memory_ids: _containers.RepeatedScalarFieldContainer[int]
    superseded_ids: _containers.RepeatedScalarFieldContainer[int]
    confirmed_ids: _containers.RepeatedScalarFieldContainer[int]
    forgotten_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, experience_id: _Optional[int] = ..., memory_ids: _Optional[_Iterable[int]] = ..., superseded_ids: _Optional[_Iterable[int]] = ..., confirmed_ids: _Optional[_Iterable[int]] = ..., forgotten_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class ConsolidateRequest(_message.Message):
    __slots__ = ("scope", "duplicate_similarity", "max_memories", "dry_run")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    MAX_MEMORIES_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    duplicate_similarity: float
    max_memories: int
    dry_run: bool
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., duplicate_similarity: _Optional[float] = ..., max_memories: _Optional[int] = ..., dry_run: bool = ...) -> None: ...

class ConsolidateProgress(_message.Message):
    __slots__ = ("stage", "progress", "merged", "summaries", "archived", "purged", "expired")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    MERGED_FIELD_NUMBER: _ClassVar[int]
    SUMMARIES_FIELD_NUMBER: _ClassVar[int]
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    PURGED_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    stage: str
    progress: float
    merged: int
    summaries: int
    archived: int
    purged: int
    expired: int
    def __init__(self, stage: _Optional[str] = ..., progress: _Optional[float] = ..., merged: _Optional[int] = ..., summaries: _Optional[int] = ..., archived: _Optional[int] = ..., purged: _Optional[int] = ..., expired: _Optional[int] = ...) -> None: ...

class Pattern(_message.Message):
    __slots__ = ("id", "label", "weight", "count", "similarity", "memory_ids", "last_seen_s")
    ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    MEMORY_IDS_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_S_FIELD_NUMBER: _ClassVar[int]
    id: int
    label: str
    weight: float
    count: int
    similarity: float
    memory_ids: _containers.RepeatedScalarFieldContainer[int]
    last_seen_s: float
    def __init__(self, id: _Optional[int] = ..., label: _Optional[str] = ..., weight: _Optional[float] = ..., count: _Optional[int] = ..., similarity: _Optional[float] = ..., memory_ids: _Optional[_Iterable[int]] = ..., last_seen_s: _Optional[float] = ...) -> None: ...

class ListPatternsRequest(_message.Message):
    __slots__ = ("scope", "limit")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    limit: int
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., limit: _Optional[int] = ...) -> None: ...

class ListPatternsResponse(_message.Message):
    __slots__ = ("patterns",)
    PATTERNS_FIELD_NUMBER: _ClassVar[int]
    patterns: _containers.RepeatedCompositeFieldContainer[Pattern]
    def __init__(self, patterns: _Optional[_Iterable[_Union[Pattern, _Mapping]]] = ...) -> None: ...

class Goal(_message.Message):
    __slots__ = ("text", "priority")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    text: str
    priority: float
    def __init__(self, text: _Optional[str] = ..., priority: _Optional[float] = ...) -> None: ...

class SetGoalsRequest(_message.Message):
    __slots__ = ("scope", "goals")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    GOALS_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    goals: _containers.RepeatedCompositeFieldContainer[Goal]
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., goals: _Optional[_Iterable[_Union[Goal, _Mapping]]] = ...) -> None: ...

class SetGoalsResponse(_message.Message):
    __slots__ = ("goals",)
    GOALS_FIELD_NUMBER: _ClassVar[int]
    goals: _containers.RepeatedCompositeFieldContainer[Goal]
    def __init__(self, goals: _Optional[_Iterable[_Union[Goal, _Mapping]]] = ...) -> None: ...

class GetGoalsRequest(_message.Message):
    __slots__ = ("scope",)
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ...) -> None: ...

class GetGoalsResponse(_message.Message):
    __slots__ = ("goals",)
    GOALS_FIELD_NUMBER: _ClassVar[int]
    goals: _containers.RepeatedCompositeFieldContainer[Goal]
    def __init__(self, goals: _Optional[_Iterable[_Union[Goal, _Mapping]]] = ...) -> None: ...

class GetProfileRequest(_message.Message):
    __slots__ = ("scope", "subject", "filter", "as_of_s", "limit")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    AS_OF_S_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    subject: str
    filter: Filter
    as_of_s: float
    limit: int
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., subject: _Optional[str] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ..., as_of_s: _Optional[float] = ..., limit: _Optional[int] = ...) -> None: ...

class Profile(_message.Message):
    __slots__ = ("subjects", "standing")
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    STANDING_FIELD_NUMBER: _ClassVar[int]
    subjects: _containers.RepeatedCompositeFieldContainer[ProfileSubject]
    standing: _containers.RepeatedCompositeFieldContainer[Memory]
    def __init__(self, subjects: _Optional[_Iterable[_Union[ProfileSubject, _Mapping]]] = ..., standing: _Optional[_Iterable[_Union[Memory, _Mapping]]] = ...) -> None: ...

class ProfileSubject(_message.Message):
    __slots__ = ("subject", "attributes")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    subject: str
    attributes: _containers.RepeatedCompositeFieldContainer[ProfileAttribute]
    def __init__(self, subject: _Optional[str] = ..., attributes: _Optional[_Iterable[_Union[ProfileAttribute, _Mapping]]] = ...) -> None: ...

class ProfileAttribute(_message.Message):
    __slots__ = ("attribute", "type", "values", "conflict")
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    CONFLICT_FIELD_NUMBER: _ClassVar[int]
    attribute: str
    type: FactType
    values: _containers.RepeatedCompositeFieldContainer[ProfileValue]
    conflict: bool
    def __init__(self, attribute: _Optional[str] = ..., type: _Optional[_Union[FactType, str]] = ..., values: _Optional[_Iterable[_Union[ProfileValue, _Mapping]]] = ..., conflict: bool = ...) -> None: ...

class ProfileValue(_message.Message):
    __slots__ = ("value", "claim", "certainty", "said_at_s", "memory_ids")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    CERTAINTY_FIELD_NUMBER: _ClassVar[int]
    SAID_AT_S_FIELD_NUMBER: _ClassVar[int]
    MEMORY_IDS_FIELD_NUMBER: _ClassVar[int]
    value: str
    claim: Claim
    certainty: float
    said_at_s: float
    memory_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, value: _Optional[str] = ..., claim: _Optional[_Union[Claim, str]] = ..., certainty: _Optional[float] = ..., said_at_s: _Optional[float] = ..., memory_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class GetGraphRequest(_message.Message):
    __slots__ = ("scope", "filter", "about", "as_of_s", "limit")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    AS_OF_S_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    filter: Filter
    about: str
    as_of_s: float
    limit: int
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ..., about: _Optional[str] = ..., as_of_s: _Optional[float] = ..., limit: _Optional[int] = ...) -> None: ...

class Graph(_message.Message):
    __slots__ = ("nodes", "edges", "left_out")
    NODES_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[GraphNode]
    edges: _containers.RepeatedCompositeFieldContainer[GraphEdge]
    left_out: int
    def __init__(self, nodes: _Optional[_Iterable[_Union[GraphNode, _Mapping]]] = ..., edges: _Optional[_Iterable[_Union[GraphEdge, _Mapping]]] = ..., left_out: _Optional[int] = ...) -> None: ...

class GraphNode(_message.Message):
    __slots__ = ("name", "memories", "memory_ids")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_IDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    memories: int
    memory_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., memories: _Optional[int] = ..., memory_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class GraphEdge(_message.Message):
    __slots__ = ("source", "target", "label", "memories", "memory_ids")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_IDS_FIELD_NUMBER: _ClassVar[int]
    source: str
    target: str
    label: str
    memories: int
    memory_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, source: _Optional[str] = ..., target: _Optional[str] = ..., label: _Optional[str] = ..., memories: _Optional[int] = ..., memory_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class GetStateRequest(_message.Message):
    __slots__ = ("scope",)
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ...) -> None: ...

class WatchStateRequest(_message.Message):
    __slots__ = ("scope", "interval_ms")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    interval_ms: int
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., interval_ms: _Optional[int] = ...) -> None: ...

class State(_message.Message):
    __slots__ = ("scope", "seq", "active", "archived", "superseded", "experiences", "associations", "patterns", "goals", "embedder", "dimension", "reembed_left", "index", "mood", "working_memory", "resonance", "stages", "calibration")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    EXPERIENCES_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATIONS_FIELD_NUMBER: _ClassVar[int]
    PATTERNS_FIELD_NUMBER: _ClassVar[int]
    GOALS_FIELD_NUMBER: _ClassVar[int]
    EMBEDDER_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    REEMBED_LEFT_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    MOOD_FIELD_NUMBER: _ClassVar[int]
    WORKING_MEMORY_FIELD_NUMBER: _ClassVar[int]
    RESONANCE_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    seq: int
    active: int
    archived: int
    superseded: int
    experiences: int
    associations: int
    patterns: int
    goals: _containers.RepeatedCompositeFieldContainer[Goal]
    embedder: str
    dimension: int
    reembed_left: int
    index: IndexState
    mood: Affect
    working_memory: _containers.RepeatedScalarFieldContainer[int]
    resonance: _containers.RepeatedCompositeFieldContainer[Resonance]
    stages: _containers.RepeatedCompositeFieldContainer[Stage]
    calibration: Calibration
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., seq: _Optional[int] = ..., active: _Optional[int] = ..., archived: _Optional[int] = ..., superseded: _Optional[int] = ..., experiences: _Optional[int] = ..., associations: _Optional[int] = ..., patterns: _Optional[int] = ..., goals: _Optional[_Iterable[_Union[Goal, _Mapping]]] = ..., embedder: _Optional[str] = ..., dimension: _Optional[int] = ..., reembed_left: _Optional[int] = ..., index: _Optional[_Union[IndexState, _Mapping]] = ..., mood: _Optional[_Union[Affect, _Mapping]] = ..., working_memory: _Optional[_Iterable[int]] = ..., resonance: _Optional[_Iterable[_Union[Resonance, _Mapping]]] = ..., stages: _Optional[_Iterable[_Union[Stage, _Mapping]]] = ..., calibration: _Optional[_Union[Calibration, _Mapping]] = ...) -> None: ...

class IndexState(_message.Message):
    __slots__ = ("kind", "size", "in_graph", "memory_bytes", "building")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    IN_GRAPH_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    BUILDING_FIELD_NUMBER: _ClassVar[int]
    kind: str
    size: int
    in_graph: int
    memory_bytes: int
    building: bool
    def __init__(self, kind: _Optional[str] = ..., size: _Optional[int] = ..., in_graph: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., building: bool = ...) -> None: ...

class Resonance(_message.Message):
    __slots__ = ("session", "similarity")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    session: str
    similarity: float
    def __init__(self, session: _Optional[str] = ..., similarity: _Optional[float] = ...) -> None: ...

class Stage(_message.Message):
    __slots__ = ("name", "runs", "total_s", "summary")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_S_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    name: str
    runs: int
    total_s: float
    summary: str
    def __init__(self, name: _Optional[str] = ..., runs: _Optional[int] = ..., total_s: _Optional[float] = ..., summary: _Optional[str] = ...) -> None: ...

class Calibration(_message.Message):
    __slots__ = ("samples", "expected_error", "scores", "confidences")
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ERROR_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCES_FIELD_NUMBER: _ClassVar[int]
    samples: int
    expected_error: float
    scores: _containers.RepeatedScalarFieldContainer[float]
    confidences: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, samples: _Optional[int] = ..., expected_error: _Optional[float] = ..., scores: _Optional[_Iterable[float]] = ..., confidences: _Optional[_Iterable[float]] = ...) -> None: ...

class GetMapRequest(_message.Message):
    __slots__ = ("scope", "limit")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    limit: int
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., limit: _Optional[int] = ...) -> None: ...

class MapPoint(_message.Message):
    __slots__ = ("id", "x", "y", "text", "kind", "session", "activation")
    ID_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    id: int
    x: float
    y: float
    text: str
    kind: Kind
    session: str
    activation: float
    def __init__(self, id: _Optional[int] = ..., x: _Optional[float] = ..., y: _Optional[float] = ..., text: _Optional[str] = ..., kind: _Optional[_Union[Kind, str]] = ..., session: _Optional[str] = ..., activation: _Optional[float] = ...) -> None: ...

class Map(_message.Message):
    __slots__ = ("points", "explained", "basis")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    EXPLAINED_FIELD_NUMBER: _ClassVar[int]
    BASIS_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[MapPoint]
    explained: float
    basis: int
    def __init__(self, points: _Optional[_Iterable[_Union[MapPoint, _Mapping]]] = ..., explained: _Optional[float] = ..., basis: _Optional[int] = ...) -> None: ...

class ListNamespacesRequest(_message.Message):
    __slots__ = ("tenant", "page_size", "page_token")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    page_size: int
    page_token: str
    def __init__(self, tenant: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class Namespace(_message.Message):
    __slots__ = ("scope", "memories", "archived", "last_change_s")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    LAST_CHANGE_S_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    memories: int
    archived: int
    last_change_s: float
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., memories: _Optional[int] = ..., archived: _Optional[int] = ..., last_change_s: _Optional[float] = ...) -> None: ...

class ListNamespacesResponse(_message.Message):
    __slots__ = ("namespaces", "next_page_token")
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    namespaces: _containers.RepeatedCompositeFieldContainer[Namespace]
    next_page_token: str
    def __init__(self, namespaces: _Optional[_Iterable[_Union[Namespace, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ExportRequest(_message.Message):
    __slots__ = ("scope", "embeddings", "format")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    embeddings: bool
    format: TransferFormat
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., embeddings: bool = ..., format: _Optional[_Union[TransferFormat, str]] = ...) -> None: ...

class ExportChunk(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: bytes
    def __init__(self, lines: _Optional[bytes] = ...) -> None: ...

class ImportChunk(_message.Message):
    __slots__ = ("scope", "lines", "format")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    scope: _common_pb2.Scope
    lines: bytes
    format: TransferFormat
    def __init__(self, scope: _Optional[_Union[_common_pb2.Scope, _Mapping]] = ..., lines: _Optional[bytes] = ..., format: _Optional[_Union[TransferFormat, str]] = ...) -> None: ...

class ImportResponse(_message.Message):
    __slots__ = ("imported", "skipped")
    IMPORTED_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    imported: int
    skipped: int
    def __init__(self, imported: _Optional[int] = ..., skipped: _Optional[int] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ("repair",)
    REPAIR_FIELD_NUMBER: _ClassVar[int]
    repair: bool
    def __init__(self, repair: bool = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("severity", "what", "repaired")
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    REPAIRED_FIELD_NUMBER: _ClassVar[int]
    severity: str
    what: str
    repaired: bool
    def __init__(self, severity: _Optional[str] = ..., what: _Optional[str] = ..., repaired: bool = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("clean", "findings", "memories")
    CLEAN_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    clean: bool
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    memories: int
    def __init__(self, clean: bool = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., memories: _Optional[int] = ...) -> None: ...
