"""Bounds on the contents of every field of every request, for all services in one place. Pure.

A request is decoded before anything looks at it, so the server's receive limit (4 MiB, `--receive-limit-bytes`) bounds it first.
These bounds keep the work that a message asks for in proportion: they are checked before anything else of a call is done. Every field
that is missing from `BOUNDS` is a number, a truth value or another message; a test checks that against the descriptors. The numbers of
enums are checked too: protobuf passes on those that an enum does not have, and they would count as whatever an `else` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from echorator.errors import InvalidRequestError


class Bound(NamedTuple):
    """The bound of a field: `items` of a repeated field or map, and `length` characters (bytes of `bytes` and of JSON values) in each."""

    items: int = 0
    length: int = 0


MOST_MESSAGES = 4096  # in one conversation
MOST_TOOLS = 1024  # of one conversation
MOST_CALLS = 256  # tool calls in one message
MOST_INPUTS = 2048  # texts or runs of token ids in one call of Embed
MOST_DOCUMENTS = 2048  # of one call of Rerank
MOST_STOPS, LONGEST_STOP = 16, 256  # stop texts of one request, and the bytes of one text

NAME = Bound(length=1024)
TEXT = Bound(length=4 << 20)
ID = Bound(length=256)
PACKAGES = ("echorator.v1.", "echorator.mesh.v1.")  # the names of messages are unique in both together

REPORTED = frozenset({"AgentModel.state", "MeshError.kind"})
"""Enums of an agent's reports: an agent that is newer than its controller may use numbers that this one does not know."""

BOUNDS: Mapping[str, Bound] = {
    # ModelService
    "GenerateRequest.model": NAME,
    "GenerateRequest.prompt": TEXT,
    "GenerateRequest.suffix": TEXT,
    "GenerateRequest.files": Bound(256),
    "PromptParts.parts": Bound(1024),
    "PromptPart.text": TEXT,
    "ContextFile.name": NAME,
    "ContextFile.text": TEXT,
    "TokenIds.ids": Bound(1 << 20),
    "Sampling.dry_sequence_breakers": Bound(64, 256),
    "Sampling.logit_bias": Bound(1024),
    "Sampling.logit_bias_texts": Bound(256, 256),
    "Sampling.grammar": Bound(length=1 << 20),
    "Sampling.json_schema": Bound(length=1 << 20),
    "Limits.stop": Bound(MOST_STOPS, LONGEST_STOP),
    "ChatRequest.model": NAME,
    "ChatRequest.messages": Bound(MOST_MESSAGES),
    "ChatRequest.template_arguments_json": TEXT,
    "ChatRequest.chat_template": Bound(length=256 << 10),
    "Message.role": Bound(length=128),
    "Message.content": TEXT,
    "Message.fields_json": TEXT,
    "Message.tool_calls": Bound(MOST_CALLS),
    "Message.tool_call_id": ID,
    "Message.reasoning": TEXT,
    "ToolCall.id": ID,
    "ToolCall.name": ID,
    "ToolCall.arguments_json": TEXT,
    "ChatRequest.tools": Bound(MOST_TOOLS),
    "Tool.name": ID,
    "Tool.description": Bound(length=65_536),
    "Tool.parameters_json": Bound(length=512 << 10),
    "ToolChoice.names": Bound(MOST_TOOLS, 256),
    "Reasoning.effort": Bound(length=64),
    "Scope.tenant": Bound(length=128),
    "Scope.agent": Bound(length=128),
    "Scope.user": Bound(length=128),
    "Scope.session": Bound(length=128),
    "EmbedRequest.model": NAME,
    "EmbedRequest.inputs": Bound(MOST_INPUTS, 4 << 20),
    "EmbedRequest.items": Bound(MOST_INPUTS),
    "EmbedItem.text": TEXT,
    "EmbedParts.parts": Bound(1024),
    "EmbedPart.text": TEXT,
    "RerankRequest.model": NAME,
    "RerankRequest.query": TEXT,
    "RerankRequest.documents": Bound(MOST_DOCUMENTS, 4 << 20),
    "TokenizeRequest.model": NAME,
    "TokenizeRequest.text": TEXT,
    "DetokenizeRequest.model": NAME,
    "DetokenizeRequest.tokens": Bound(1 << 20),
    "GetModelRequest.model": NAME,
    "PullModelRequest.source": Bound(length=4096),
    "LoadModelRequest.name": NAME,
    "LoadModelRequest.path": Bound(length=4096),
    "EngineOptions.split_mode": ID,
    "EngineOptions.tensor_split": Bound(16),
    "EngineOptions.flash_attention": ID,
    "EngineOptions.kv_type_k": ID,
    "EngineOptions.kv_type_v": ID,
    "EngineOptions.kv_layout": ID,
    "EngineOptions.lora": Bound(16),
    "EngineOptions.chat_template": Bound(length=256 << 10),
    "Lora.source": Bound(length=4096),
    "Lora.name": Bound(length=64),
    "UnloadModelRequest.model": NAME,
    "ListSlotsRequest.model": NAME,
    "WatchStatsRequest.model": NAME,
    # CognitionService
    "RememberRequest.memories": Bound(1024),
    "NewMemory.text": Bound(length=16_384),
    "NewMemory.speaker": Bound(length=128),
    "NewMemory.key": Bound(length=256),
    "NewMemory.embedding": Bound(65_536),
    "NewMemory.metadata": Bound(length=32_768),  # as bytes of the message; 16 KiB as JSON
    "NewMemory.categories": Bound(32, 64),
    "NewMemory.facts": Bound(16),
    "Fact.subject": Bound(length=256),
    "Fact.attribute": Bound(length=256),
    "Fact.value": Bound(length=256),
    "RecallRequest.query": Bound(length=16_384),
    "RecallRequest.embedding": Bound(65_536),
    "Filter.kinds": Bound(16),
    "Filter.session": Bound(length=128),
    "Filter.speaker": Bound(length=128),
    "Filter.acts": Bound(16),
    "Filter.sources": Bound(16, 64),
    "Filter.categories": Bound(32, 64),
    "Filter.metadata": Bound(64),
    "Filter.text": Bound(length=16_384),
    "Filter.all": Bound(64),
    "Filter.any": Bound(64),
    "Filter.none": Bound(64),
    "MetadataCondition.name": Bound(length=64),
    "MetadataCondition.equals": Bound(length=16_384),
    "MetadataCondition.one_of": Bound(length=16_384),
    "MetadataCondition.at_least": Bound(length=16_384),
    "MetadataCondition.above": Bound(length=16_384),
    "MetadataCondition.at_most": Bound(length=16_384),
    "MetadataCondition.below": Bound(length=16_384),
    "ListMemoriesRequest.text": Bound(length=16_384),
    "ListMemoriesRequest.page_token": NAME,
    "UpdateMemoryRequest.text": Bound(length=16_384),
    "UpdateMemoryRequest.metadata": Bound(length=32_768),
    "UpdateMemoryRequest.add_categories": Bound(32, 64),
    "UpdateMemoryRequest.remove_categories": Bound(32, 64),
    "MemoryIds.ids": Bound(100_000),
    "WatchChangesRequest.tenant": Bound(length=128),
    "WatchChangesRequest.after": NAME,
    "BuildContextRequest.messages": Bound(MOST_MESSAGES),
    "BuildContextRequest.model": NAME,
    "RecordExperienceRequest.user_text": TEXT,
    "RecordExperienceRequest.answer": TEXT,
    "RecordExperienceRequest.model": NAME,
    "RecordExperienceRequest.recalled_ids": Bound(1024),
    "SetGoalsRequest.goals": Bound(32),
    "Goal.text": Bound(length=16_384),
    "GetProfileRequest.subject": Bound(length=256),
    "GetGraphRequest.about": Bound(length=256),
    "ListNamespacesRequest.tenant": Bound(length=128),
    "ListNamespacesRequest.page_token": NAME,
    "ImportChunk.lines": Bound(length=4 << 20),
    # ClusterService
    "ApplyRequest.resources": Bound(10_000),
    "Resource.api_version": ID,
    "Resource.kind": ID,
    "Resource.spec": Bound(length=256 << 10),
    "Resource.status": Bound(length=256 << 10),
    "Resource.history": Bound(1024),
    "ResourceMetadata.name": ID,
    "ResourceMetadata.labels": Bound(256, 512),
    "ResourceMetadata.uid": ID,
    "ResourceMetadata.owner": NAME,
    "Happening.resource": NAME,
    "Happening.text": Bound(length=16_384),
    "GetResourceRequest.kind": ID,
    "GetResourceRequest.name": ID,
    "ListResourcesRequest.kind": ID,
    "ListResourcesRequest.labels": Bound(256, 512),
    "WatchResourcesRequest.kind": ID,
    "ScaleRequest.kind": ID,
    "ScaleRequest.name": ID,
    "DeleteRequest.kind": ID,
    "DeleteRequest.name": ID,
    "SendRequest.container": ID,
    "SendRequest.service": ID,
    "SendRequest.value": Bound(length=4 << 20),
    # ControllerService
    "ModelSpec.name": NAME,
    "ModelSpec.source": Bound(length=4096),
    "GetMeshModelRequest.name": NAME,
    "DeleteModelRequest.name": NAME,
    "ScaleModelRequest.name": NAME,
    "DrainAgentRequest.id": NAME,
    # MeshService
    "Register.id": NAME,
    "Register.instance": ID,
    "Register.address": NAME,
    "Register.version": ID,
    "Register.zone": ID,
    "Register.for_model": NAME,
    "MemoryService.address": NAME,
    "MemoryService.store": Bound(length=4096),
    "Report.models": Bound(1024),
    "AgentModel.name": NAME,
    "AgentModel.digest": ID,
    "AgentModel.callers": Bound(10_000, 256),
    "MeshError.message": Bound(length=16_384),
    "MeshError.agent_id": NAME,
    "GatewayReport.address": NAME,
    "GatewayReport.waiting": Bound(10_000, 1024),
    "GatewayReport.convicted": Bound(4096),
    "Conviction.digest": Bound(length=64),
    "WakeModelRequest.name": NAME,
    # the data plane: what xDS clients ask for
    "DiscoveryRequest.resource_names": Bound(10_000, 1024),
    "DiscoveryRequest.type_url": NAME,
    "DiscoveryRequest.version_info": NAME,
    "DiscoveryRequest.response_nonce": NAME,
    "DiscoveryRequest.node": Bound(length=64 << 10),
    "ClientStatusRequest.node_matchers": Bound(64),
    "ClientStatusRequest.node": Bound(length=64 << 10),
}


def check(message: Message) -> None:
    """Check every field of a message.

    Raises:
        InvalidRequestError: a field is over its bound, or is an enum without such a number; the message names the field and what it takes.
    """
    _check(message, "")


@lru_cache(maxsize=256)
def _plan(kind: Descriptor) -> dict[str, tuple[Bound | None, bool, EnumDescriptor | None]]:
    """Return for each field its bound, whether its messages have to be checked, and the enum whose numbers it may have."""
    plan: dict[str, tuple[Bound | None, bool, EnumDescriptor | None]] = {}
    for field in kind.fields:
        name = f"{kind.name}.{field.name}"
        bound = BOUNDS.get(name)
        inside = field.message_type is not None and field.message_type.full_name.startswith(PACKAGES) and not _is_map(field)
        enum = field.enum_type if kind.full_name.startswith(PACKAGES) and name not in REPORTED else None
        if bound is not None or inside or enum is not None:
            plan[field.name] = bound, inside, enum
    return plan


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _check(message: Message, path: str) -> None:
    plan = _plan(message.DESCRIPTOR)
    for field, value in message.ListFields():
        bound, inside, enum = plan.get(field.name, (None, False, None))
        where = f"{path}{field.name}"
        if bound is not None:
            _check_value(field, value, bound, where)
        if enum is not None:
            _check_numbers(enum, value if field.is_repeated else (value,), where)
        if inside and field.is_repeated:
            for i, part in enumerate(value):
                _check(part, f"{where}[{i}].")
        elif inside:
            _check(value, f"{where}.")


def _check_value(field: FieldDescriptor, value: Any, bound: Bound, where: str) -> None:
    if bound.items and len(value) > bound.items:
        raise InvalidRequestError(f"{where} must be at most {bound.items} at once, not {len(value)}; send several requests")
    if not bound.length:
        return
    if field.message_type is not None and not _is_map(field):
        _check_length(value.ByteSize(), bound.length, where, "bytes")
    elif _is_map(field):
        for key, inner in value.items():
            for part in (key, inner):
                if isinstance(part, str):
                    _check_length(len(part), bound.length, f"{where}[{part[:40]!r}]", "characters")
    elif field.is_repeated:
        for i, part in enumerate(value):
            _check_length(len(part), bound.length, f"{where}[{i}]", "characters")
    else:
        _check_length(len(value), bound.length, where, "bytes" if isinstance(value, bytes) else "characters")


def _check_numbers(enum: EnumDescriptor, numbers: Iterable[int], where: str) -> None:
    wrong = next((number for number in numbers if number not in enum.values_by_number), None)
    if wrong is not None:
        called = re.sub(r"(?<!^)(?=[A-Z])", " ", enum.name).lower()
        known = ", ".join(f"{number} ({value.name})" for number, value in sorted(enum.values_by_number.items()))
        raise InvalidRequestError(f"{where}: {wrong} is no {called}; use {known}")


def _check_length(length: int, most: int, where: str, unit: str) -> None:
    if length > most:
        raise InvalidRequestError(f"{where} must be at most {most} {unit}, not {length}; shorten it or split it into several")
