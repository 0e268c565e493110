"""What the spec of a Model may say. Fed by YAML files and by messages; feeds the planner and, as messages, the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict, ValidationInfo, field_validator

from echorator.errors import InvalidRequestError
from echorator.model.schema import Spec
from echorator.settings import FLASH_ATTENTION, KV_LAYOUTS, KV_TYPES, MOST_ADAPTERS, SPLIT_MODES, EngineSettings

MOST_REPLICAS = 1000


def _option(description: str, **schema: Any) -> Any:
    """One option; `schema` is for those who read the schema, here `EngineSettings` checks the ranges."""
    return Field(None, description=description, json_schema_extra=schema)


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not contain NUL")
    return value


SourceText = Annotated[str, AfterValidator(_without_nul)]


class LoraSpec(Spec):
    """A LoRA adapter on top of the model's weights."""

    image: SourceText = Field(
        min_length=1, max_length=4096, description="Which adapter: hf://ORG/REPOSITORY/FILE.gguf, oci://..., https://..."
    )
    scale: float = Field(1.0, ge=-100, le=100, description="Of its change to the weights.")


class EngineSpec(Spec):
    """Options of the engine; one that is not set is the agent's own. Ranges are those of `EngineSettings`."""

    context_tokens: int | None = _option("KV cells of all slots together; 0: from the model.", minimum=0, maximum=1 << 24)
    slots: int | None = _option("Requests computed at the same time.", minimum=1, maximum=128)
    batch_tokens: int | None = _option("Token budget of one step.", minimum=32, maximum=1 << 16)
    threads: int | None = _option("Of the CPU; 0: as many as the cores that it may use.", minimum=0, maximum=1024)
    gpu_layers: int | None = _option("Layers on the GPU; -1: all.", minimum=-1, maximum=100_000)
    split_mode: str | None = _option("How a model is split over GPUs.", enum=list(SPLIT_MODES))
    main_gpu: int | None = _option("The GPU of what is not split.", minimum=0, maximum=63)
    tensor_split: Annotated[tuple[float, ...] | None, Strict(False)] = _option("Share of each GPU.", maxItems=16)
    flash_attention: str | None = _option("Whether attention is computed in one pass.", enum=list(FLASH_ATTENTION))
    kv_type_k: str | None = _option("Type of the keys in the KV cache.", enum=list(KV_TYPES))
    kv_type_v: str | None = _option("Type of the values in the KV cache.", enum=list(KV_TYPES))
    kv_layout: str | None = _option("Whether slots share all cells.", enum=list(KV_LAYOUTS))
    queue_limit: int | None = _option("Requests that may wait; more are refused.", minimum=1, maximum=1 << 20)
    prefix_cache: bool | None = _option("Whether prompts share what they have in common.")
    lora: Annotated[tuple[LoraSpec, ...] | None, Strict(False)] = _option("Adapters; their changes add up.", maxItems=MOST_ADAPTERS)

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

    load_balancing: Literal["Weighted", "Session"] = Field("Weighted", description="By load, or one agent for a session.")
    queue_per_agent: int | None = Field(None, ge=0, le=100_000, description="Requests beyond its slots that one agent may get.")
    retries: int | None = Field(None, ge=0, le=4, description="Of calls that failed before their first token.")
    ejection_failures: int | None = Field(None, ge=0, le=10_000, description="In a row, then an agent is left out for a while; 0: never.")


class CognitionSpec(Spec):
    """The memory that chats with this model may name."""

    enabled: bool = True


class ModelSpec(Spec):
    """`image` is "echo-nano" or a GGUF file."""

    image: SourceText = Field(
        min_length=1, max_length=4096, description="Which model: phi, hf://ORG/REPOSITORY:QUANTISATION, oci://..., echo-nano."
    )
    replicas: int = Field(1, ge=0, le=MOST_REPLICAS, description="Agents that serve it; 0: none until somebody asks.")
    engine: EngineSpec = Field(EngineSpec(), description="Options of the engine.")
    routing: RoutingSpec = Field(RoutingSpec(), description="How clients choose among the agents.")
    cognition: CognitionSpec = Field(CognitionSpec(), description="The memory that chats may name.")
    isolation: Literal["Process", "Thread"] = "Process"  # of the local cluster's agents; Thread: all in the process of `echorator up`

    def sources(self) -> tuple[str, ...]:
        """Of the files that it needs: the model's, then its adapters'."""
        return (self.image, *(lora.image for lora in self.engine.lora or ()))
