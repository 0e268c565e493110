"""What the spec of a Model may say. Fed by YAML files and by messages; feeds the planner and, as messages, the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, ValidationInfo, field_validator

from echorator.errors import InvalidRequestError
from echorator.model.schema import Spec
from echorator.settings import EngineSettings

MOST_REPLICAS = 1000


class EngineSpec(Spec):
    """Options of the engine; one that is not set is the agent's own. Ranges are those of `EngineSettings`."""

    context_tokens: int | None = None
    slots: int | None = None
    batch_tokens: int | None = None
    threads: int | None = None
    gpu_layers: int | None = None
    split_mode: str | None = None
    main_gpu: int | None = None
    tensor_split: Annotated[tuple[float, ...] | None, Strict(False)] = None
    flash_attention: str | None = None
    kv_type_k: str | None = None
    kv_type_v: str | None = None
    kv_layout: str | None = None
    queue_limit: int | None = None
    prefix_cache: bool | None = None

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

    load_balancing: Literal["Weighted", "Session"] = "Weighted"
    queue_per_agent: int | None = Field(None, ge=0, le=100_000)
    retries: int | None = Field(None, ge=0, le=4)
    ejection_failures: int | None = Field(None, ge=0, le=10_000)


class CognitionSpec(Spec):
    """The memory that chats with this model may name."""

    enabled: bool = True


class ModelSpec(Spec):
    """`image` is "echo-nano" or a GGUF file."""

    image: str = Field(min_length=1, max_length=4096)
    replicas: int = Field(1, ge=0, le=MOST_REPLICAS)
    engine: EngineSpec = EngineSpec()
    routing: RoutingSpec = RoutingSpec()
    cognition: CognitionSpec = CognitionSpec()
    isolation: Literal["Process", "Thread"] = "Process"  # of the local cluster's agents; Thread: all in the process of `echorator up`

    @field_validator("image")
    @classmethod
    def _fit(cls, value: str) -> str:
        if "\0" in value:
            raise ValueError("must not contain NUL")
        return value
