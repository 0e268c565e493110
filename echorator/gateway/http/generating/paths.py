"""Says errors in the client's words: under which name and place of its body stands what an agent calls a field. Pure.

Each API has its names for the fields of gRPC requests here, and its translation says where each message stands in the body. Used by `api`
and `streaming`, before `forms` writes the error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import grpc

from echorator.errors import EchoratorError
from echorator.gateway.forwarding import StatusError
from echorator.gateway.http.failures import BodyError
from echorator.rpc.v1 import model_pb2 as pb
from echorator.serving.tool_results import Turn, wrong_id

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Names:
    """What one API calls the fields of a gRPC request, by the agent's name without "sampling." and "limits."."""

    fields: Mapping[str, str]
    tool: str = "tools[{}].function"
    parameters: str = "parameters"  # of a tool
    call: Mapping[str, str] = field(default_factory=lambda: {"name": "function.name", "arguments": "function.arguments"})
    message: Mapping[str, str] = field(default_factory=dict)


CHAT = Names(
    {
        "reasoning.budget_tokens": "thinking_budget_tokens",
        "reasoning.effort": "reasoning_effort",
        "reasoning.enabled": "enable_thinking",
        "template_arguments_json": "chat_template_kwargs",
        "continue_last_message": "continue_final_message",
        "logprobs": "top_logprobs",
        "logit_bias_texts": "logit_bias",
        "tool_choice.names": "tool_choice",
    },
    message={"reasoning": "reasoning_content"},
)
TEXT = Names({"tokens.ids": "prompt", "tokens": "prompt", "logit_bias_texts": "logit_bias"})
INFILL = Names({**TEXT.fields, "suffix": "input_suffix", "files": "input_extra"})
RESPONSES = Names(
    {
        **CHAT.fields,
        "reasoning.effort": "reasoning.effort",
        "max_tokens": "max_output_tokens",
        "json_schema": "text.format.schema",
        "messages": "input",
    },
    tool="tools[{}]",
    call={"id": "call_id"},
)
MESSAGES = Names(
    {
        **CHAT.fields,
        "reasoning.budget_tokens": "thinking.budget_tokens",
        "reasoning.effort": "output_config.effort",
        "stop": "stop_sequences",
        "json_schema": "output_config.format.schema",
        "tool_choice.names": "tool_choice.name",
    },
    tool="tools.{}",
    parameters="input_schema",
    call={"arguments": "input"},
)
_OPTIONS = (
    "temperature top_k top_p min_p typical_p repeat_penalty presence_penalty frequency_penalty mirostat mirostat_tau mirostat_eta seed stop"
)
OLLAMA = Names(
    {
        **{name: f"options.{name}" for name in _OPTIONS.split()},
        "penalty_last_n": "options.repeat_last_n",
        "max_tokens": "options.num_predict",
        "json_schema": "format",
        "logprobs": "top_logprobs",
        "reasoning.effort": "think",
        "reasoning.enabled": "think",
    },
    message={"reasoning": "thinking"},
)

_KINDS = (pb.ChatRequest, pb.GenerateRequest, pb.Sampling, pb.Limits)
_FIELDS = frozenset(field.name for kind in _KINDS for field in kind.DESCRIPTOR.fields)
_PATH = re.compile(r"[a-z_]+(\[[^\]]*\])?(\.[a-z_]+(\[[^\]]*\])?)*")
_NUMBER = re.compile(r"\.(\d+)(?=\.|\Z)")
_DOTTED = re.compile(r"\A[a-z_]+(\.\w+)+")  # the place that an error begins with
_MESSAGE = re.compile(r"messages\[(\d+)\]\.?(.*)")
_TOOL = re.compile(r"tools\[(\d+)\]\.?(.*)")
_CALL = re.compile(r"tool_calls\[(\d+)\]\.?(?:function\.)?(.*)")


@dataclass
class Place:
    """Where a message of a gRPC request stands in the client's body."""

    at: str  # such as "input[2]"
    fields: dict[str, str] = field(default_factory=dict)  # whole paths of fields of the message that stand elsewhere, or under another name
    calls: list[str] = field(default_factory=list)  # the path of each call; without them calls stand in `at`


class Paths:
    """The places of all fields of one request in the body that a client sent."""

    def __init__(self, names: Names, places: Sequence[Place] = (), given: Mapping[str, str] = _NONE) -> None:
        """Keep what is needed to name a field.

        Args:
            names: of the API.
            places: of the request's messages; without them the body's messages are the request's.
            given: names of fields that this body has under another name than others of the API.
        """
        self._names = names
        self._places = places
        self._fields = {**names.fields, **given}

    def of(self, path: str) -> str:
        """Return where the client's body has the field that an agent calls `path`, such as "limits.stop"."""
        path = path.removeprefix("limits.").removeprefix("sampling.")
        if found := _MESSAGE.fullmatch(path):
            return self._of_message(int(found[1]), found[2])
        if found := _TOOL.fullmatch(path):
            return _joined(self._names.tool.format(found[1]), _replaced(found[2], {"parameters_json": self._names.parameters}))
        return _replaced(path, self._fields)

    def _of_message(self, index: int, inside: str) -> str:
        place = self._places[index] if index < len(self._places) else Place(f"messages[{index}]")
        if found := _CALL.fullmatch(inside):
            number = int(found[1])
            at = place.calls[number] if number < len(place.calls) else f"{place.at}.tool_calls[{number}]"
            return _joined(at, _replaced(found[2].replace("arguments_json", "arguments"), self._names.call))
        whole = _replaced(inside, place.fields)
        return whole if whole != inside else _joined(place.at, _replaced(inside, self._names.message))

    def check_tools(self, messages: Iterable[pb.Message]) -> None:
        """Raise BodyError where a result of a tool answers no call, or two calls or results have one id."""
        turns = (Turn([call.id for call in m.tool_calls], m.tool_call_id if m.role == "tool" else None) for m in messages)
        if (wrong := wrong_id(turns)) is not None:
            inside = "tool_call_id" if wrong.call < 0 else f"tool_calls[{wrong.call}].id"
            where = self.of(f"messages[{wrong.turn}].{inside}")
            raise BodyError(f"{where}: {wrong.why}", where)


def _replaced(path: str, names: Mapping[str, str]) -> str:
    """Return the path with its beginning as `names` has it."""
    for known, name in names.items():
        if path == known or path.startswith((f"{known}.", f"{known}[")):
            return name + path[len(known) :]
    return path


def _joined(at: str, inside: str) -> str:
    return f"{at}.{inside}" if inside else at


def in_clients_words(error: EchoratorError, paths: Paths | None, renamed: Mapping[str, str], dotted: bool) -> EchoratorError:
    """Return the error after it was told to name the field as the client does, where it names one.

    Args:
        error: of an agent, or of a body.
        paths: of the request; None where it has not been made.
        renamed: the names under which the client sent fields that have another name here.
        dotted: the API writes places in lists as "messages.0", as Anthropic's does; the others write "messages[0]".
    """
    if isinstance(error, StatusError) and error.code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE):
        found = _PATH.match(str(error))
        if paths is not None and found is not None and found[0].partition(".")[0].partition("[")[0] in (*_FIELDS, "limits", "sampling"):
            _rename(error, found[0], _replaced(paths.of(found[0]), renamed))
    elif isinstance(error, BodyError):
        if error.param:
            _rename(error, error.param, _replaced(error.param, renamed))
        if not dotted:
            error.param = _NUMBER.sub(r"[\1]", error.param)
            error.args = (_DOTTED.sub(lambda path: _NUMBER.sub(r"[\1]", path[0]), str(error), count=1),)
    return error


def _rename(error: StatusError | BodyError, old: str, new: str) -> None:
    said = str(error)
    if said.startswith(old):
        error.args = (new + said[len(old) :],)
    error.param = new
