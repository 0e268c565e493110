"""The spec of a Model. Fed by YAML files and messages; feeds the planner and, as messages, the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict, ValidationInfo, field_validator

from echorator.errors import InvalidRequestError
from echorator.model_resource.schema import Spec
from echorator.settings import (
    ADAPTER_NAME,
    CHAT_TEMPLATES,
    ENGINE_CHOICES,
    ENGINE_RANGES,
    LONGEST_TEMPLATE,
    MOST_ADAPTERS,
    MOST_REPLICAS,
    MOST_TENSOR_SPLITS,
    EngineSettings,
    check_adapter_name,
)


def _option(description: str, **schema: Any) -> Any:
    """Return the field of an engine option; `schema` is for readers of the schema, since `EngineSettings` checks the ranges."""
    return Field(None, description=description, json_schema_extra=schema)


def _number(name: str, description: str) -> Any:
    allowed = ENGINE_RANGES[name]
    return _option(description, minimum=allowed.low, maximum=allowed.high)


def _choice(name: str, description: str) -> Any:
    return _option(description, enum=list(ENGINE_CHOICES[name]))


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not contain NUL")
    return value


def _adapter_name(value: str) -> str:
    try:
        check_adapter_name(value, "")
    except InvalidRequestError as error:
        raise ValueError(str(error).strip()) from error
    return value


SourceText = Annotated[str, AfterValidator(_without_nul)]
AdapterName = Annotated[str, AfterValidator(_adapter_name)]


class LoraSpec(Spec):
    """A LoRA adapter on top of the model's weights."""

    image: SourceText = Field(
        min_length=1, max_length=4096, description="The source of the adapter: hf://ORG/REPOSITORY/FILE.gguf, oci://..., https://..."
    )
    scale: float = Field(1.0, ge=-100, le=100, description="Factor of the adapter's change to the weights.")
    name: AdapterName | None = Field(
        None,
        description="Only requests for MODEL:NAME have the adapter; unset: all requests have it.",
        json_schema_extra={"pattern": f"^{ADAPTER_NAME}$", "maxLength": 64},
    )


class EngineSpec(Spec):
    """Options of the engine. An unset option has the agent's default; ranges are those of `EngineSettings`."""

    context_tokens: int | None = _number("context_tokens", "KV cells of all slots together; 0: from the model.")
    slots: int | None = _number("slots", "The requests that are computed at the same time.")
    batch_tokens: int | None = _number("batch_tokens", "The token budget of one step.")
    threads: int | None = _number("threads", "CPU threads; 0: one for each core that the agent may use.")
    gpu_layers: int | None = _number("gpu_layers", "Layers on the GPU; -1: all of them.")
    split_mode: str | None = _choice("split_mode", "How several GPUs share the model.")
    main_gpu: int | None = _number("main_gpu", "The number of the GPU for what is not split.")
    tensor_split: Annotated[tuple[float, ...] | None, Strict(False)] = _option("The share of each GPU.", maxItems=MOST_TENSOR_SPLITS)
    flash_attention: str | None = _choice("flash_attention", "Whether attention is computed in one pass.")
    kv_type_k: str | None = _choice("kv_type_k", "The number type of the keys in the KV cache.")
    kv_type_v: str | None = _choice("kv_type_v", "The number type of the values in the KV cache.")
    kv_layout: str | None = _choice("kv_layout", "unified: slots share all KV cells; separate: each slot has its part.")
    queue_limit: int | None = _number("queue_limit", "The requests that may wait for a slot; more are refused.")
    prefix_cache: bool | None = _option("Whether the KV cells of common prompt prefixes are shared and kept.")
    control_tokens_in_messages: bool | None = _option("Whether control tokens written in messages are read as control tokens.")
    chat_template: str | None = _option(
        f"A Jinja chat template in place of the model's own, or a name: {', '.join(CHAT_TEMPLATES)}.", maxLength=LONGEST_TEMPLATE
    )
    request_templates: bool | None = _option("Whether a request may bring a chat template of its own.")
    lora: Annotated[tuple[LoraSpec, ...] | None, Strict(False)] = _option(
        "The adapters; the changes of those that a request has add up.", maxItems=MOST_ADAPTERS
    )

    @field_validator("*")
    @classmethod
    def _in_range(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.field_name is not None:
            try:
                EngineSettings(Path(), **{info.field_name: value})
            except InvalidRequestError as error:
                raise ValueError(str(error)) from error
        return value


class RoutingSpec(Spec):
    """How clients choose among the agents; see Routing in controller.proto."""

    load_balancing: Literal["Weighted", "Session"] = Field(
        "Weighted", description="Weighted chooses by load; Session sends all calls of a session to one agent."
    )
    queue_per_agent: int | None = Field(
        None, ge=0, le=100_000, description="The requests beyond its slots that xDS clients may send to one agent."
    )
    retries: int | None = Field(None, ge=0, le=1, description="How often a call that failed before its first token is tried again.")
    ejection_failures: int | None = Field(
        None, ge=0, le=10_000, description="Failures in a row after which an agent is left out for a while; 0: never."
    )


class CognitionSpec(Spec):
    """The memory that chats with this model may name."""

    enabled: bool = True


class ModelSpec(Spec):
    """The spec of a Model. `image` is "echo-nano" or the source of a GGUF file."""

    image: SourceText = Field(
        min_length=1, max_length=4096, description="The source of the model: phi, hf://ORG/REPOSITORY:QUANTISATION, oci://..., echo-nano."
    )
    replicas: int = Field(
        1, ge=0, le=MOST_REPLICAS, description="The number of agents that serve the model; 0: none until a request arrives."
    )
    engine: EngineSpec = Field(EngineSpec(), description="The options of the engine.")
    routing: RoutingSpec = Field(RoutingSpec(), description="How clients choose among the agents.")
    cognition: CognitionSpec = Field(CognitionSpec(), description="The memory that chats may name.")
    isolation: Literal["Process", "Thread"] = "Process"  # how the local cluster runs agents; Thread: as threads of `echorator up`

    def sources(self) -> tuple[str, ...]:
        """Return the sources of all files that the model needs: its own, then its adapters'."""
        return (self.image, *(lora.image for lora in self.engine.lora or ()))
