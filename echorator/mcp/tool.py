"""What a tool is: its name, its typed arguments and result, and the call behind it. Fed by the modules of tools, read by the service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from mcp_types import Tool as Listed
from mcp_types import ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Session = Annotated[str, Field(max_length=128)]  # name of one conversation; "" for that of the options
MOST_MISTAKES = 8  # of one call's arguments in its answer


class ToolFailure(Exception):
    """A tool could not do what it was asked; the message says why and what to do, and is shown to the model."""


class Arguments(BaseModel):
    """The arguments of a tool. An unknown one is refused, so that a model does not take it for granted that it had an effect."""

    model_config = ConfigDict(extra="forbid")


A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True)
class Answer:
    """What a tool returns: a text for people and models to read, and the same as values of the tool's result type."""

    text: str
    values: BaseModel


@dataclass(frozen=True)
class Tool(Generic[A]):
    """One tool. `writes` says whether it changes anything; `destroys` and `repeatable` are hints for one that does."""

    name: str
    title: str
    description: str
    arguments: type[A]
    result: type[BaseModel]
    call: Callable[[A], Awaitable[Answer]]
    writes: bool = False
    destroys: bool = False
    repeatable: bool = False

    def listed(self) -> Listed:
        """Return the tool as clients see it, with the JSON schemas of its arguments and of its result."""
        hints = ToolAnnotations(
            read_only_hint=not self.writes,
            destructive_hint=self.destroys,
            idempotent_hint=self.repeatable or not self.writes,
            open_world_hint=False,
        )
        return Listed(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self.arguments.model_json_schema(),
            output_schema=self.result.model_json_schema(mode="serialization"),
            annotations=hints,
        )

    async def run(self, given: dict[str, Any]) -> Answer:
        """Check the arguments and carry out the call. Raises ToolFailure."""
        try:
            arguments = self.arguments.model_validate(given)
        except ValidationError as error:
            raise ToolFailure(f"{self.name}: {_mistakes(error)}") from error
        return await self.call(arguments)


def _mistakes(error: ValidationError) -> str:
    """Return what is wrong with which argument, without the values that were given."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    said = [f"{'.'.join(map(str, one['loc'])) or 'the arguments'}: {one['msg']}" for one in found[:MOST_MISTAKES]]
    return "; ".join(said)
