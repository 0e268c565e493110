"""What becomes of the fields of other servers' clients."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from echorator.gateway.http.bodies import MOST_PARTS, MOST_PROMPTS, Body, ChatCompletion, Completion, names_of
from echorator.gateway.http.failures import BodyError
from echorator.gateway.http.fields import IGNORED, ONLY, RENAMED, served
from echorator.gateway.http.translation import MOST_PROMPT_BYTES, chat_request, chat_requests, generate_requests
from echorator.rpc.v1 import model_pb2 as pb

HI = {"messages": [{"role": "user", "content": "hi"}]}
OVERRULED: list[tuple[dict[str, Any], list[str]]] = [
    ({"max_tokens": 5, "max_completion_tokens": 6}, ["max_tokens"]),
    ({"max_tokens": 5, "n_predict": 7}, ["n_predict"]),
    ({"stop": ""}, ["stop"]),
    ({"stop": ["", "a"]}, ["stop[0]"]),
]
"""Fields of which a part has no effect, and what is listed for them."""


def chat(**fields: Any) -> tuple[pb.ChatRequest, list[str]]:
    body, ignored = read(ChatCompletion, {**HI, **fields})
    return chat_request(body), ignored


def read(kind: type[Any], fields: dict[str, Any]) -> tuple[Any, list[str]]:
    taken, ignored = served(fields, names_of(kind))
    body = kind.model_validate(taken)
    return body, [*ignored, *body.ignored()]


@pytest.mark.parametrize("kind", [ChatCompletion, Completion])
def test_null_is_not_given(kind: type[Body]) -> None:
    """Each field of each object; clients of Java, C# and Go write those that are not set."""
    needed = {**HI} if kind is ChatCompletion else {"prompt": "hi"}
    nulls: dict[str, Any] = {name: None for name in (*names_of(kind), *IGNORED, *ONLY, *RENAMED) if name not in needed}
    body, ignored = read(kind, {**nulls, **needed})
    assert body == read(kind, needed)[0]
    assert ignored == []
    options = {
        "stream_options": {"include_usage": None, "include_obfuscation": None},
        "response_format": {"type": "text", "json_schema": None},
    }
    if kind is ChatCompletion:
        read(kind, {**needed, **options, "memory": {"user": "ann", "session": None, "read_only": None}})
    for name in needed:
        with pytest.raises(ValidationError, match="Field required"):
            read(kind, {name: None})


def test_nulls_within_messages() -> None:
    null: dict[str, Any] = dict.fromkeys(("name", "refusal", "audio", "tool_calls", "function_call"))
    part = {"type": "text", "text": "hi", "cache_control": None}
    body, ignored = read(
        ChatCompletion, {"messages": [{"role": "user", "content": [part], **null}, {"role": "assistant", "content": None}]}
    )
    assert [message.content for message in chat_request(body).messages] == ["hi", ""]
    assert ignored == []


def test_parts_of_a_message() -> None:
    parts = [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}, "annotations": []},
        {"type": "refusal", "refusal": "I cannot."},
    ]
    body, ignored = read(ChatCompletion, {"messages": [{"role": "assistant", "content": parts}]})
    assert [part.text for part in body.messages[0].content] == ["a", "I cannot."]
    assert ignored == ["messages.content.annotations", "messages.content.cache_control"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"n_predict": 5}, {"limits": {"max_tokens": 5}}),
        ({"max_tokens": 5, "max_completion_tokens": 6}, {"limits": {"max_tokens": 6}}),
        ({"max_tokens": 5, "n_predict": 7}, {"limits": {"max_tokens": 5}}),
        ({"max_tokens": -1}, {}),
        ({"n_predict": -2}, {}),
        ({"max_tokens": 0}, {"limits": {"max_tokens": 0}}),
        ({"seed": -1}, {}),
        ({"seed": 7}, {"sampling": {"seed": 7}}),
        ({"top_k": -1}, {"sampling": {"top_k": 0}}),
        ({"stop": ""}, {}),
        ({"stop": ["", "a"]}, {"limits": {"stop": ["a"]}}),
        ({"stop": "a"}, {"limits": {"stop": ["a"]}}),
        ({"repeat_last_n": 8}, {"sampling": {"penalty_last_n": 8}}),
        ({"repetition_penalty": 1.5}, {"sampling": {"repeat_penalty": 1.5}}),
        ({"mirostat": 2, "mirostat_tau": 4, "mirostat_eta": 0.5}, {"sampling": {"mirostat": 2, "mirostat_tau": 4.0, "mirostat_eta": 0.5}}),
        ({"xtc_probability": 0.5, "xtc_threshold": 0.25}, {"sampling": {"xtc_probability": 0.5, "xtc_threshold": 0.25}}),
        (
            {"dry_multiplier": 1, "dry_base": 2, "dry_allowed_length": 3, "dry_penalty_last_n": -1, "dry_sequence_breakers": ["."]},
            {
                "sampling": {
                    "dry_multiplier": 1.0,
                    "dry_base": 2.0,
                    "dry_allowed_length": 3,
                    "dry_penalty_last_n": -1,
                    "dry_sequence_breakers": ["."],
                }
            },
        ),
        ({"cache_prompt": False}, {"limits": {"no_cache": True}}),
        ({"cache_prompt": True}, {}),
        ({"json_schema": {"b": 1, "a": 2}}, {"sampling": {"json_schema": '{"b": 1, "a": 2}'}}),
        ({"guided_json": {"type": "object"}}, {"sampling": {"json_schema": '{"type": "object"}'}}),
        ({"response_format": {"type": "json_object", "schema": {"const": 1}}}, {"sampling": {"json_schema": '{"const": 1}'}}),
        ({"logit_bias": [[5, 1.5], [6, False]]}, {"sampling": {"logit_bias": {5: 1.5, 6: -math.inf}}}),
        ({"logit_bias": {"5": False}}, {"sampling": {"logit_bias": {5: -math.inf}}}),
        ({"logit_bias": False}, {}),
        (
            {"logit_bias": {"5": 1.5, " fox": -2, "5 foxes": False}},
            {"sampling": {"logit_bias": {5: 1.5}, "logit_bias_texts": {" fox": -2.0, "5 foxes": -math.inf}}},
        ),
        ({"logit_bias": [["5", 1.5], [6, 2]]}, {"sampling": {"logit_bias": {6: 2.0}, "logit_bias_texts": {"5": 1.5}}}),
        ({"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}),
        ({"reasoning_effort": "none"}, {"reasoning": {"enabled": False}}),
        ({"enable_thinking": False}, {"reasoning": {"enabled": False}}),
        ({"thinking_budget_tokens": 32}, {"reasoning": {"budget_tokens": 32}}),
        ({"reasoning_budget_tokens": 0}, {"reasoning": {"budget_tokens": 0}}),
        ({"reasoning_budget": 8, "enable_thinking": True}, {"reasoning": {"budget_tokens": 8, "enabled": True}}),
        ({"thinking_token_budget": 8}, {"reasoning": {"budget_tokens": 8}}),
        ({"thinking_budget": -1}, {}),
        ({"chat_template_kwargs": {"thinking": True}}, {"template_arguments_json": '{"thinking": true}'}),
        ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
    ],
)
def test_what_has_an_effect(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    found, ignored = chat(**fields)
    assert found == pb.ChatRequest(messages=[pb.Message(role="user", content="hi")], **{"limits": {}, "sampling": {}, **expected})
    assert ignored == next((listed for overruled, listed in OVERRULED if overruled == fields), [])


def test_what_has_none_is_listed() -> None:
    asked = {
        "modalities": ["text"],
        "prompt_cache_retention": "24h",
        "samplers": ["top_k"],
        "use_beam_search": False,
        "speculative.n_max": 3,
    }
    options = {"stream_options": {"include_usage": True, "continuous_usage_stats": True}}
    found, ignored = chat(**asked, **options)
    assert found == chat()[0]
    assert ignored == [*asked, "stream_options.continuous_usage_stats"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("tempratur", 1, "tempratur: there is no such field here; did you mean temperature?"),
        ("nothing_like_it", 1, "nothing_like_it: there is no such field here; leave it out"),
        ("modalities", ["text", "audio"], "modalities is not served here"),
        ("lora", [{"id": 0, "scale": 1}], "lora is not served here"),
        ("use_beam_search", True, "use_beam_search is not served here"),
        ("x" * 500, 1, "x: there is no such field"),
    ],
)
def test_what_would_change_the_answer_is_refused(name: str, value: Any, said: str) -> None:
    with pytest.raises(BodyError, match=said.replace("?", "\\?")) as caught:
        chat(**{name: value})
    assert caught.value.param == name[:80]


@pytest.mark.parametrize(
    "fields",
    [
        {"logit_bias": [[1]]},
        {"logit_bias": [["a", True]]},
        {"logit_bias": {"99999999999999999999999": 1}},
        {"seed": 1 << 32},
        {"max_tokens": 1 << 40},
        {"dry_sequence_breakers": [1]},
        {"n": 0},
        {"n": 129},
        {"grammar": "a", "json_schema": {}},
        {"json_schema": {}, "response_format": {"type": "json_object"}},
    ],
)
def test_values_out_of_range_are_refused_in_words(fields: dict[str, Any]) -> None:
    with pytest.raises((BodyError, ValidationError)):
        chat(**fields)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"seed": 1 << 40}, "seed must be 0..4294967295, or -1 for a random one, not 1099511627776"),
        ({"max_tokens": 1 << 40}, "max_tokens must be -2147483648..2147483647, not 1099511627776"),
        ({"thinking_budget_tokens": 1 << 40}, "thinking_budget_tokens must be -2147483648..2147483647, not 1099511627776"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}}, "response_format.json_schema.schema is missing"),
    ],
)
def test_refusals_say_what_is_taken(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(BodyError) as caught:
        chat(**fields)
    assert str(caught.value).startswith(says)


def test_a_schema_that_allows_everything() -> None:
    made, _ = chat(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {}}})
    assert made.sampling.json_schema == "{}"


def test_n_answers_differ_by_their_seeds() -> None:
    body, _ = read(ChatCompletion, {**HI, "n": 3, "seed": (1 << 32) - 2, "memory": {"user": "ann"}})
    made = [make() for make in chat_requests(body)]
    assert [message.sampling.seed for message in made] == [(1 << 32) - 2, (1 << 32) - 1, 0]
    assert [message.memory.read_only for message in made] == [False, True, True]
    text, _ = read(Completion, {"prompt": ["a", "b"], "n": 2, "seed": 5})
    assert [(m.prompt, m.sampling.seed) for m in (make() for make in generate_requests(text))] == [("a", 5), ("a", 6), ("b", 5), ("b", 6)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"prompt": ["a"] * (MOST_PROMPTS // 2 + 1), "n": 2}, "2050 answers, at most 2048"),
        ({"prompt": "a" * (MOST_PROMPT_BYTES // 4 + 1), "n": 4}, "bytes, at most"),
        ({"prompt": "a", "n": 3, "best_of": 2}, "best_of must be 1, or n = 3 and more, not 2"),
        ({"prompt": "a", "n": 2, "best_of": 3, "stream": True}, "best_of is not streamed"),
        ({"prompt": "a", "suffix": "b", "echo": True}, "echo and suffix exclude each other"),
        ({"prompt": [[1], [1 << 31]]}, "token ids are whole numbers"),
        ({"prompt": []}, "prompt is empty"),
    ],
)
def test_the_work_of_one_request_is_bounded(fields: dict[str, Any], said: str) -> None:
    body, _ = read(Completion, fields)
    with pytest.raises(BodyError, match=said):
        generate_requests(body)


def test_prompts_of_both_kinds() -> None:
    body, _ = read(Completion, {"prompt": [[1, 2], "a"]})
    first, second = (make() for make in generate_requests(body))
    assert (list(first.tokens.ids), second.prompt) == ([1, 2], "a")
    body, _ = read(Completion, {"prompt": [1, 2, "a", 3]})  # llama-server's
    (mixed,) = (make() for make in generate_requests(body))
    assert [part.text or list(part.tokens.ids) for part in mixed.parts.parts] == [[1, 2], "a", [3]]
    body, _ = read(Completion, {"prompt": [[1, "a"], "b"]})
    assert [make().WhichOneof("input") for make in generate_requests(body)] == ["parts", "prompt"]
    body, _ = read(Completion, {"prompt": [1, "a"] * (MOST_PARTS // 2 + 1)})
    with pytest.raises(BodyError, match=f"at most {MOST_PARTS} texts"):
        generate_requests(body)
    for wrong in ([1, "a", [2]], [[1, ["a"]]], {"a": 1}, [["a"]], 5, [True], [1, True]):
        with pytest.raises(ValidationError):
            read(Completion, {"prompt": wrong})
    with pytest.raises(ValidationError, match="at most 2048"):
        read(Completion, {"prompt": ["a"] * (MOST_PROMPTS + 1)})
