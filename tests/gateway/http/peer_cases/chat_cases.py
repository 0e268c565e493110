"""The cases of test_chat_completion, test_tool_call and test_template that a model without tuned tool use can take."""

from __future__ import annotations

import json
from typing import Any

from tests.gateway.http.peer_cases.case import Answer, Body, Case, anything, refused

CHAT = "/v1/chat/completions"
BOOK: Any = [{"role": "system", "content": "Book"}, {"role": "user", "content": "What is the best book"}]
LONG: Any = [{"role": "user", "content": "What is the best book? " * 80}]
HELLO: Any = [{"role": "user", "content": "Say hello"}]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "test",
        "description": "",
        "parameters": {"type": "object", "properties": {"success": {"type": "boolean", "const": True}}, "required": ["success"]},
    },
}
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {"type": "object", "properties": {"location": {"type": "string", "maxLength": 20}}, "required": ["location"]},
    },
}
NAMED: Any = {"type": "function", "function": {"name": "test"}}
ALLOWED: Any = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED]}}
CALLED: Any = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_current_weather", "arguments": '{"location": "Rome"}'}}],
}
RESULT: Any = {"role": "tool", "tool_call_id": "c1", "name": "get_current_weather", "content": "20 degrees"}
BROKEN: Any = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_current_weather", "arguments": '{"location": "Rome'}}],
}
ARRAY_OF_INTEGERS: Body = {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3}


def chat(**fields: Any) -> Body:
    return {"model": "echo", "messages": BOOK, "max_tokens": 8, "seed": 7} | fields


def basic(answer: Answer) -> bool:
    usage, choice = answer.body["usage"], answer.body["choices"][0]
    return (
        "cmpl" in answer.body["id"]
        and usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        and choice["message"]["role"] == "assistant"
        and choice["finish_reason"] in ("length", "stop")
    )


def two_choices(answer: Answer) -> bool:
    return [choice["index"] for choice in answer.body["choices"]] == [0, 1]


def called(answer: Answer) -> bool:
    call = answer.message["tool_calls"][0]  # a model may call several times
    named = call["id"] and call["function"]["name"] == "test"
    return (
        bool(named)
        and json.loads(call["function"]["arguments"]) == {"success": True}
        and answer.body["choices"][0]["finish_reason"] == "tool_calls"
    )


def no_call(answer: Answer) -> bool:
    return not answer.message.get("tool_calls")


def streamed_call(answer: Answer) -> bool:
    deltas = [call for event in answer.events for choice in event["choices"] for call in choice["delta"].get("tool_calls") or []]
    arguments = "".join(delta["function"].get("arguments") or "" for delta in deltas if delta["index"] == 0)
    named = deltas[0]["function"]["name"] == "get_current_weather" and bool(deltas[0]["id"])
    return bool(named) and isinstance(json.loads(arguments)["location"], str)


def json_text(expected: Any) -> Any:
    return lambda answer: json.loads(answer.text) == expected


def log_probabilities(answer: Answer) -> bool:
    tokens = answer.body["choices"][0]["logprobs"]["content"]
    return "".join(t["token"] for t in tokens) == answer.text and all(t["logprob"] <= 0 and t["top_logprobs"] for t in tokens)


def streamed_log_probabilities(answer: Answer) -> bool:
    found = [t for e in answer.events for c in e["choices"] if c.get("logprobs") for t in c["logprobs"]["content"]]
    return "".join(t["token"] for t in found) == answer.text and all(t["top_logprobs"] for t in found)


def first_delta_has_the_role(answer: Answer) -> bool:
    delta = answer.events[0]["choices"][0]["delta"]
    return bool(delta["role"] == "assistant" and delta["content"] is None)


def last_delta_is_empty(answer: Answer) -> bool:
    last = [event for event in answer.events if event["choices"]][-1]["choices"][0]
    return last["finish_reason"] in ("length", "stop") and "content" not in last["delta"]


def one_id(answer: Answer) -> bool:
    return len({event["id"] for event in answer.events}) == 1


def too_long(answer: Answer) -> bool:
    error = answer.body["error"]
    kinds = (error["type"], error["code"])  # llama-server's, and OpenAI's
    return kinds == ("exceed_context_size_error", "context_length_exceeded") and error["n_prompt_tokens"] > error["n_ctx"] > 0


def timed_tokens(answer: Answer) -> bool:
    first, *others = [event for event in answer.events if event["choices"]]
    going_on = [event for event in others if event["choices"][0]["finish_reason"] is None]
    counts = [event["timings"]["predicted_n"] for event in going_on]
    rates = all({"prompt_per_second", "predicted_per_second"} <= set(event["timings"]) for event in going_on)
    return "timings" not in first and rates and counts == sorted(counts) and 0 < counts[0] <= counts[-1] <= 8


def told_progress(answer: Answer) -> bool:
    """Return whether the progress of the prompt comes before the text, grows, and ends with the whole prompt."""
    told = [event["prompt_progress"] for event in answer.events if "prompt_progress" in event]
    first_text = next(i for i, e in enumerate(answer.events) if e["choices"] and e["choices"][0]["delta"].get("content"))
    last_told = max(i for i, e in enumerate(answer.events) if "prompt_progress" in e)
    steps = [one["processed"] for one in told]
    same = len({(one["total"], one["cache"]) for one in told if one["processed"]}) == 1
    return same and steps == sorted(set(steps)) and steps[-1] == told[-1]["total"] > 0 and last_told < first_text


def weather_called(answer: Answer) -> bool:
    call = answer.message["tool_calls"][0]
    arguments = json.loads(call["function"]["arguments"])
    named = call["function"]["name"] == "get_current_weather" and isinstance(arguments["location"], str)
    return bool(named and answer.message["content"] is None and answer.body["choices"][0]["finish_reason"] == "tool_calls")


def thought_apart(answer: Answer) -> bool:
    message = answer.message
    return bool(message["reasoning_content"]) and not any(mark in str(message) for mark in ("<think>", "</think>"))


def continued(answer: Answer) -> bool:
    return "The best book is" in answer.body["prompt"] and not answer.body["prompt"].rstrip().endswith("<|im_start|>assistant")


INVALID: list[Any] = [
    None,
    "string",
    [123],
    [{}],
    [{"role": 123}],
    [{"role": "system", "content": 123}],
    [{"role": "system", "content": "test"}, {}],
]
FIELDS: list[Body] = [
    {"cache_prompt": True},
    {"id_slot": 0},
    {"mirostat": 2},
    {"dry_multiplier": 0.5},
    {"xtc_probability": 0.1},
    {"repeat_last_n": 64},
    {"samplers": ["top_k"]},
    {"n_predict": 4},
    {"min_keep": 1},
    {"n_probs": 3},
    {"dynatemp_range": 0.1},
    {"top_n_sigma": 1.0},
    {"reasoning_format": "none"},
    {"thinking_forced_open": False},
    {"parse_tool_calls": True},
    {"add_generation_prompt": True},
    {"t_max_predict_ms": 1000},
    {"lora": []},
    {"post_sampling_probs": True},
    {"response_fields": ["content"]},
    {"seed": -1},
    {"max_tokens": -1},
    {"max_tokens": 0},
    {"top_k": -1},
    {"stop": []},
    {"stop": ""},
    {"temperature": 2.5},
    {"frequency_penalty": 3},
]
TWO_ANSWERS: Any = [{"role": "user", "content": "test"}, {"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]
WEATHER_NAMED: Any = {"type": "function", "function": {"name": "get_current_weather"}}

CHAT_CASES = [
    Case("chat_completion::path /chat/completions", "/chat/completions", chat(), basic),
    Case("chat_completion::model null", CHAT, chat(model=None), basic, alone=True),
    Case("chat_completion::model missing", CHAT, {"messages": BOOK, "max_tokens": 8}, basic, alone=True),
    Case("chat_completion::basic", CHAT, chat(), basic),
    Case("chat_completion::system_fingerprint", CHAT, chat(), lambda a: bool(a.body["system_fingerprint"])),
    Case("chat_completion::timings in answer", CHAT, chat(), lambda a: a.body["timings"]["predicted_n"] > 0),
    Case(
        "chat_completion::typed content parts",
        CHAT,
        chat(messages=[{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]),
        basic,
    ),
    Case("chat_stream::first chunk delta content null", CHAT, chat(stream=True), first_delta_has_the_role),
    Case("chat_stream::[DONE]", CHAT, chat(stream=True), lambda a: a.done),
    Case("timings_per_token", CHAT, chat(stream=True, timings_per_token=True), timed_tokens),
    Case("return_progress", CHAT, chat(stream=True, return_progress=True, messages=LONG), told_progress),
    Case("chat_stream::last delta has no content", CHAT, chat(stream=True), last_delta_is_empty),
    Case("chat_stream::same id, finish_reason", CHAT, chat(stream=True), one_id),
    Case(
        "chat_template_assistant_prefill",
        "/apply-template",
        {"model": "echo", "messages": [*BOOK, {"role": "assistant", "content": "The best book is"}]},
        continued,
    ),
    Case(
        "apply_chat_template", "/apply-template", {"model": "echo", "messages": BOOK}, lambda a: "What is the best book" in a.body["prompt"]
    ),
    Case(
        "response_format json_object with const",
        CHAT,
        chat(response_format={"type": "json_object", "schema": {"const": "42"}}),
        json_text("42"),
    ),
    Case(
        "response_format json_object with items",
        CHAT,
        chat(max_tokens=40, response_format={"type": "json_object", "schema": ARRAY_OF_INTEGERS}),
        lambda a: isinstance(json.loads(a.text), list),
    ),
    Case(
        "response_format json_schema with const",
        CHAT,
        chat(response_format={"type": "json_schema", "json_schema": {"schema": {"const": "foooooo"}}}),
        json_text("foooooo"),
    ),
    Case("response_format json_object", CHAT, chat(response_format={"type": "json_object"}), lambda a: a.text.startswith("{")),
    Case("response_format sound", CHAT, chat(response_format={"type": "sound"}), refused, 400),
    Case("response_format schema 123", CHAT, chat(response_format={"type": "json_object", "schema": 123}), refused, 400),
    Case("response_format type 123", CHAT, chat(response_format={"type": "json_object", "schema": {"type": 123}}), refused, 400),
    Case("response_format type hiccup", CHAT, chat(response_format={"type": "json_object", "schema": {"type": "hiccup"}}), refused, 400),
    Case("completion_with_json_schema", CHAT, chat(json_schema={"const": "42"}), json_text("42")),
    Case("completion_with_grammar", CHAT, chat(grammar='root ::= "a"{5}'), lambda a: a.text == "aaaaa"),
    *[
        Case(f"invalid_chat_req {json.dumps(messages)}", CHAT, {"model": "echo", "messages": messages}, refused, 400)
        for messages in INVALID
    ],
    Case("logprobs", CHAT, chat(logprobs=True, top_logprobs=5), log_probabilities),
    Case("logprobs_stream", CHAT, chat(logprobs=True, top_logprobs=5, stream=True), streamed_log_probabilities),
    Case("logit_bias::keys are texts", CHAT, chat(logit_bias={"the": -100}), basic),
    Case("logit_bias::token id keys", CHAT, chat(logit_bias={"5": -100}), basic),
    Case("logit_bias::list of pairs", CHAT, chat(logit_bias=[["the", False], [5, -100]]), basic),
    Case("logit_bias::false", CHAT, chat(logit_bias={"the": False}), basic),
    Case("context_size_exceeded", CHAT, chat(messages=[{"role": "user", "content": "a long text " * 3000}]), too_long, 400),
    Case(
        "context_size_exceeded_stream",
        CHAT,
        chat(messages=[{"role": "user", "content": "a long text " * 3000}], stream=True),
        too_long,
        400,
    ),
    Case("multiple_choices n=2", CHAT, chat(n=2), two_choices),
    *[Case(f"chat field {json.dumps(field)}", CHAT, chat(**field), anything) for field in FIELDS],
    Case("invalid_chat_req two messages of the assistant at the end", CHAT, chat(messages=TWO_ANSWERS), refused, 400),
    Case('required_tool "required"', CHAT, chat(max_tokens=250, tools=[TOOL], tool_choice="required"), called),
    Case('required_tool "none"', CHAT, chat(max_tokens=250, tools=[TOOL], tool_choice="none"), no_call),
    Case('required_tool "auto"', CHAT, chat(max_tokens=250, tools=[TOOL], tool_choice="auto"), anything),
    Case("required_tool null", CHAT, chat(max_tokens=250, tools=[TOOL], tool_choice=None), anything),
    Case("required_tool named", CHAT, chat(max_tokens=250, tools=[TOOL, WEATHER], tool_choice=NAMED), called),
    Case("required_tool allowed_tools", CHAT, chat(max_tokens=250, tools=[TOOL, WEATHER], tool_choice=ALLOWED), called),
    Case("weather: model writes <tool_call>", CHAT, chat(max_tokens=250, tools=[WEATHER], tool_choice=WEATHER_NAMED), weather_called),
    Case("weather streamed", CHAT, chat(max_tokens=250, tools=[WEATHER], tool_choice=WEATHER_NAMED, stream=True), streamed_call),
    Case("thoughts: <think>..</think> split off", CHAT, chat(model="thinks", max_tokens=40, reasoning_budget=5), thought_apart),
    Case(
        "calc_result: history with tool_calls and role tool",
        CHAT,
        chat(messages=[*HELLO, CALLED, RESULT], tools=[WEATHER], tool_choice="none"),
        no_call,
    ),
    Case(
        "malformed_tool_call_args_rejected",
        CHAT,
        chat(messages=[*HELLO, BROKEN, RESULT], tools=[WEATHER]),
        lambda a: "messages[1]" in a.body["error"]["message"],
        400,
    ),
    Case("template: chat_template_kwargs", CHAT, chat(chat_template_kwargs={"enable_thinking": False}), basic),
    Case("reasoning_effort none", CHAT, chat(reasoning_effort="none"), basic),
    Case(
        "tools with response_format",
        CHAT,
        chat(tools=[TOOL], tool_choice="none", response_format={"type": "json_object", "schema": {"const": "42"}}),
        json_text("42"),
    ),
    Case("ignore_eos", CHAT, chat(ignore_eos=True, max_tokens=20), lambda a: a.body["usage"]["completion_tokens"] == 20),
    Case("chat input_tokens", "/v1/chat/completions/input_tokens", chat(), lambda a: a.body["input_tokens"] > 0),
]
