"""Tool calls of earlier turns: their arguments become objects that keep what they hold, and what is malformed is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.agent.requests import messages_of, template_arguments_of
from echorator.errors import InvalidRequestError
from echorator.rpc.v1 import model_pb2 as pb

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=5), json_values, max_size=5)


def request(*messages: tuple[str, dict[str, Any]]) -> pb.ChatRequest:
    made = pb.ChatRequest()
    for role, fields in messages:
        made.messages.add(role=role, content="x", fields_json=json.dumps(fields) if fields else "")
    return made


def calling(arguments: Any, **further: Any) -> dict[str, Any]:
    return {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": arguments}, **further}]}


def arguments_of(given_: Any) -> Any:
    (message,) = messages_of(request(("assistant", calling(given_))))
    return message["tool_calls"][0]["function"]["arguments"]


@given(arguments=objects)
def test_arguments_as_text_become_the_object_that_was_meant(arguments: dict[str, Any]) -> None:
    for text in (json.dumps(arguments), json.dumps(arguments, ensure_ascii=False, indent=2)):
        found = arguments_of(text)
        assert found == arguments
        assert list(found) == list(arguments)
        assert json.dumps(found) == json.dumps(arguments)
    assert arguments_of(arguments) == arguments


@pytest.mark.parametrize("nothing", ["", "{}", {}, None])
def test_a_call_without_arguments(nothing: Any) -> None:
    assert arguments_of(nothing) == {}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("{", "is not JSON"),
        ("{}{}", "is not JSON"),
        ('{"a": NaN}', "NaN is not a JSON value"),
        ('{"a": 1e999}', "larger than any number"),
        ("[]", "must be a JSON object"),
        ("5", "must be a JSON object"),
        ('"{}"', "must be a JSON object"),
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
        ('{"a": ' + "[" * 99 + "]" * 99 + "}", "nests more than 64 deep"),
        ('{"a": ' + "9" * 5000 + "}", "a is a whole number of 5000 digits"),
        ([], "must be a JSON object, as text or as it is"),
        (5, "must be a JSON object, as text or as it is"),
        (True, "must be a JSON object, as text or as it is"),
    ],
)
def test_malformed_arguments_name_the_message_and_the_call(arguments: Any, says: str) -> None:
    calls = [*calling("{}")["tool_calls"], *calling(arguments)["tool_calls"]]
    with pytest.raises(InvalidRequestError) as error:
        messages_of(request(("user", {}), ("assistant", {"tool_calls": calls})))
    assert str(error.value).startswith("messages[1].tool_calls[1].function.arguments")
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("role", "fields", "says"),
    [
        ("assistant", {"tool_calls": "x"}, "messages[0].tool_calls must be a list"),
        ("assistant", {"tool_calls": {"a": 1}}, "messages[0].tool_calls must be a list"),
        ("assistant", {"tool_calls": [5]}, "messages[0].tool_calls[0] must be {"),
        ("assistant", {"tool_calls": [{"id": "c", "type": "custom", "custom": {}}]}, "messages[0].tool_calls[0] must be {"),
        ("assistant", {"tool_calls": [{"type": "x", "function": {"name": "f"}}]}, 'tool_calls[0].type must be "function"'),
        ("assistant", {"tool_calls": [{"function": {"arguments": "{}"}}]}, "tool_calls[0].function.name is missing"),
        ("assistant", {"tool_calls": [{"function": {"name": 5}}]}, "tool_calls[0].function.name is missing"),
        ("assistant", {"tool_calls": [{"id": 5, "function": {"name": "f"}}]}, "tool_calls[0].id must be a text"),
        ("assistant", {"tool_calls": [{"function": {"name": "f"}}] * 257}, "at most 256"),
        ("user", calling("{}"), "only a message of the assistant calls tools"),
        ("assistant", {"function_call": {"name": "f", "arguments": "{}"}}, "function_call is the old form"),
        ("tool", {"tool_call_id": 5}, "messages[0].tool_call_id must be a text"),
        ("user", {"role": "system"}, "messages[0].fields_json has role"),
        ("user", {"content": "y"}, "messages[0].fields_json has content"),
    ],
)
def test_other_malformed_fields(role: str, fields: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        messages_of(request((role, fields)))
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([("user", {}), ("tool", {"tool_call_id": "c1"})], "messages[1].tool_call_id: no call before it has the id 'c1'"),
        (
            [("assistant", calling("{}")), ("tool", {})],
            "messages[1].tool_call_id: it is missing; the oldest call without a result has the id 'c1'",
        ),
        (
            [("assistant", calling("{}")), ("tool", {"tool_call_id": "c1"}), ("tool", {"tool_call_id": "c1"})],
            "messages[2].tool_call_id: the call with the id 'c1' has a result already",
        ),
        (
            [("assistant", {"tool_calls": calling("{}")["tool_calls"] * 2})],
            "messages[0].tool_calls[1].id: a call before it has the id 'c1' too, and no result yet",
        ),
    ],
)
def test_results_answer_calls(messages: list[tuple[str, dict[str, Any]]], says: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        messages_of(request(*messages))
    assert str(error.value) == says
    typed = pb.ChatRequest(messages=[pb.Message(role="assistant", tool_calls=[pb.ToolCall(id="a", name="f")])])
    typed.messages.add(role="tool", tool_call_id="a")
    assert [message.get("tool_call_id") for message in messages_of(typed)] == [None, "a"]


def test_null_fields_are_as_if_they_were_not_there() -> None:
    fields: dict[str, Any] = {"tool_calls": None, "function_call": None, "refusal": None, "annotations": []}
    assert messages_of(request(("assistant", fields))) == [{"role": "assistant", "content": "x", "annotations": []}]
    assert messages_of(request(("assistant", {"tool_calls": []}))) == [{"role": "assistant", "content": "x"}]


def test_a_call_keeps_its_further_fields_and_gets_its_type() -> None:
    (message,) = messages_of(request(("assistant", {"tool_calls": [{"index": 0, "function": {"strict": True, "name": "f"}}]})))
    assert message["tool_calls"] == [{"index": 0, "type": "function", "function": {"strict": True, "name": "f", "arguments": {}}}]


@pytest.mark.parametrize("name", ["messages", "bos_token", "eos_token", "raise_exception", "strftime_now", "range", "dict", "namespace"])
def test_template_arguments_do_not_hide_what_the_template_gets_from_here(name: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"the template argument {name} is not the client's to set"):
        template_arguments_of(pb.ChatRequest(template_arguments_json=json.dumps({name: "x"})))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", ({}, None)),
        ('{"a": 1, "add_generation_prompt": false}', ({"a": 1}, False)),
        ('{"add_generation_prompt": true, "tools": []}', ({}, True)),
        ('{"add_generation_prompt": null, "tools": null}', ({}, None)),
        ('{"add_generation_prompt": 0}', "add_generation_prompt must be true or false"),
        ('{"tools": {}}', "tools must be a list of objects"),
        ('{"tools": ["look"]}', "tools must be a list of objects"),
    ],
)
def test_template_arguments(arguments: str, expected: tuple[dict[str, Any], bool | None] | str) -> None:
    asked = pb.ChatRequest(template_arguments_json=arguments)
    if isinstance(expected, str):
        with pytest.raises(InvalidRequestError, match=expected):
            template_arguments_of(asked)
    else:
        assert template_arguments_of(asked) == expected
