"""Functions as tools: their schemas, what cannot be one, and the results of calls."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from echorator_client import InvalidRequest, Message, ToolCall, ToolError
from echorator_client.requests import chat, message_of, remember, scope
from echorator_client.tools import called, functions_of, result_of, schema_of, tool_of


def book(city: str, nights: int = 1, *, board: Literal["half", "full"] = "half", guests: list[str] | None = None) -> str:
    """Book a hotel."""
    return f"{city} {nights} {board} {guests}"


def test_a_function_is_a_tool_with_the_schema_of_its_parameters() -> None:
    tool = tool_of(book)
    assert (tool.name, tool.description) == ("book", "Book a hotel.")
    assert json.loads(tool.parameters_json) == {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "nights": {"type": "integer"},
            "board": {"enum": ["half", "full"]},
            "guests": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_a_schema_is_a_tool_also_in_the_form_of_openai() -> None:
    said = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    assert tool_of(said) == tool_of({"type": "function", "function": said})
    with pytest.raises(ToolError, match="name, description and parameters"):
        tool_of({"type": "function"})


def test_what_json_cannot_give_is_refused() -> None:
    def several(*texts: str) -> None: ...

    def odd(at: bytes) -> None: ...

    class Place: ...

    def local(place: Place) -> None: ...

    with pytest.raises(ToolError, match="local: name 'Place' is not defined"):
        schema_of(local)
    with pytest.raises(ToolError, match="several: the parameter texts"):
        schema_of(several)
    with pytest.raises(ToolError, match="odd: at has the type"):
        schema_of(odd)


def test_calls_run_functions_and_say_which_are_there() -> None:
    call = ToolCall("c1", "book", '{"city": "Rome", "nights": 2}')
    functions = functions_of([book])
    assert result_of(call, called(functions, call)) == Message("tool", "Rome 2 half None", tool_call_id="c1")
    assert result_of(call, {"price": 3}).content == '{"price": 3}'
    with pytest.raises(ToolError, match="'fly', which is none of book"):
        called(functions, ToolCall("c2", "fly", "{}"))
    with pytest.raises(ToolError, match="no whole JSON"):
        called(functions, ToolCall("c3", "book", '{"city": "Ro'))


def test_messages_are_records_or_dicts() -> None:
    call = ToolCall("c1", "book", '{"city": "Rome"}')
    theirs = {"id": "c1", "type": "function", "function": {"name": "book", "arguments": '{"city": "Rome"}'}}
    said = {"role": "assistant", "content": None, "tool_calls": [theirs]}
    assert message_of(Message("assistant", tool_calls=(call,))) == message_of(said)
    assert json.loads(message_of({"role": "user", "content": "x", "name": "ann"}).fields_json) == {"name": "ann"}
    with pytest.raises(InvalidRequest, match="texts as role and content"):
        message_of({"role": "user", "content": ["x"]})


def test_mistakes_are_named_before_a_server_is_asked() -> None:
    wrong: Any = {"temprature": 1.0}
    with pytest.raises(InvalidRequest, match="'temprature' is no option of a chat; the options are model, "):
        chat([Message("user", "x")], wrong, "")
    with pytest.raises(InvalidRequest, match="sampling: "):
        chat([Message("user", "x")], {"sampling": {"heat": 1}}, "")
    with pytest.raises(InvalidRequest, match="belongs to a user"):
        scope("")
    with pytest.raises(InvalidRequest, match="kind must be"):
        remember(scope("ann"), ["x"], "loud", "")
