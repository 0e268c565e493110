"""The cases of the other files: completions, gaps, embeddings, reranking, tokens, properties, Responses, Anthropic's Messages, origins."""

from __future__ import annotations

import json
import math
from typing import Any

from tests.gateway.http.peer_cases.case import Answer, Body, Case, anything, refused
from tests.gateway.http.peer_cases.chat_cases import BOOK, HELLO, chat, too_long

MEANING = "I believe the meaning of life is"
DOCUMENTS = ["A machine is a system.", "Learning is a process.", "Machine learning is a field.", "Paris is a city."]
GAP: Body = {"model": "filler", "input_prefix": "int main() {\n", "prompt": "    int n = llama_", "input_suffix": "}\n", "n_predict": 4}
ONE_CALL: Any = {"type": "any", "disable_parallel_tool_use": True}  # of random weights, several calls go on to the limit
FIELDS = ["content", "generation_settings/n_predict", "prompt"]
ORIGIN = {"origin": "http://localhost:3000"}
ANTHROPIC_TOOL: Any = {
    "name": "get_weather",
    "description": "x",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 9}}, "required": ["city"]},
}
USED: Any = [
    {"role": "user", "content": "What's the weather?"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}]},
]


def completion(**fields: Any) -> Body:
    return {"model": "echo", "prompt": MEANING, "max_tokens": 8, "seed": 7} | fields


def own(**fields: Any) -> Body:
    return {"model": "echo", "prompt": MEANING, "n_predict": 8, "seed": 7} | fields


def embed(given: Any, **fields: Any) -> Body:
    return {"model": "embed", "input": given} | fields


def told(**fields: Any) -> Body:
    return {"model": "echo", "max_tokens": 16, "messages": HELLO} | fields


def result(**fields: Any) -> Any:
    return [*USED, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Sunny", **fields}]}]


def of_its_own_form(answer: Answer) -> bool:
    return {"content", "timings", "truncated", "tokens", "stop"} <= set(answer.body)


def chosen_fields(answer: Answer) -> bool:
    body = answer.body
    return set(body) == set(FIELDS) and body["generation_settings/n_predict"] == 8 and body["prompt"] == MEANING and bool(body["content"])


def whole_object(answer: Answer) -> bool:
    return bool(answer.body["content"]) and answer.body["generation_settings"]["n_predict"] == 8


def vectors_of_its_own_form(answer: Answer) -> bool:
    (entry,) = answer.body
    return entry["index"] == 0 and len(entry["embedding"]) == 1 and all(isinstance(x, float) for x in entry["embedding"][0])


def idle_slots(answer: Answer) -> bool:
    return bool(answer.body) and all(slot["n_ctx"] > 0 and not slot["is_processing"] for slot in answer.body)


def vectors(count: int) -> Any:
    return lambda answer: len(answer.body["data"]) == count and all(isinstance(e["embedding"], list) for e in answer.body["data"])


def unit(answer: Answer) -> bool:
    return math.isclose(sum(x * x for x in answer.body["data"][0]["embedding"]), 1.0, abs_tol=1e-4)


def same_vectors(answer: Answer) -> bool:
    first, *others = [entry["embedding"] for entry in answer.body["data"]]
    return all(math.isclose(x, y, abs_tol=1e-4) for other in others for x, y in zip(first, other, strict=True))


def ranked(count: int) -> Any:
    return lambda answer: len(answer.body["results"]) == count and all("relevance_score" in one for one in answer.body["results"])


def ranked_tei(count: int) -> Any:
    return lambda answer: len(answer.body) == count and all("score" in one for one in answer.body)


def a_message(answer: Answer) -> bool:
    body = answer.body
    return (
        (body["type"], body["role"]) == ("message", "assistant")
        and body["content"][0]["type"] == "text"
        and body["stop_reason"] in ("end_turn", "max_tokens", "stop_sequence")
        and body["usage"]["output_tokens"] > 0
        and {"input_tokens", "cache_read_input_tokens"} <= set(body["usage"])
        and "timings" not in body
    )


def message_events(answer: Answer) -> bool:
    kinds = [event["type"] for event in answer.events]
    starts = [event["index"] for event in answer.events if event["type"] == "content_block_start"]
    return kinds[0] == "message_start" and kinds[-1] == "message_stop" and "message_delta" in kinds and starts == list(range(len(starts)))


def tool_used(answer: Answer) -> bool:
    block = next(block for block in answer.body["content"] if block["type"] == "tool_use")  # a model may call several times
    return block["name"] == "get_weather" and isinstance(block["input"], dict) and answer.body["stop_reason"] == "tool_use"


def tool_streamed(answer: Answer) -> bool:
    blocks: dict[int, str] = {}  # the arguments by the block's index
    for event in answer.events:
        if event["type"] == "content_block_delta" and event["delta"]["type"] == "input_json_delta":
            blocks[event["index"]] = blocks.get(event["index"], "") + event["delta"]["partial_json"]
    return "city" in json.loads(blocks[min(blocks)])


def anthropic_error(answer: Answer) -> bool:
    return answer.body["type"] == "error" and bool(answer.body["error"]["message"])


def allows_the_origin(answer: Answer) -> bool:
    return answer.headers.get("access-control-allow-origin") == ORIGIN["origin"]


OTHER_CASES = [
    Case("completion::POST /completion", "/completion", own(), of_its_own_form),
    Case(
        "completion_with_openai_library",
        "/v1/completions",
        completion(),
        lambda a: a.body["choices"][0]["finish_reason"] in ("length", "stop"),
    ),
    Case(
        "completion_stream_with_openai_library",
        "/v1/completions",
        completion(stream=True),
        lambda a: a.events[-1]["choices"][0]["text"] == "" and a.events[-1]["choices"][0]["finish_reason"] is not None,
    ),
    Case(
        "consistent_result_same_seed",
        "/v1/completions",
        completion(prompt=[MEANING] * 4),
        lambda a: len({c["text"] for c in a.body["choices"]}) == 1,
    ),
    Case(
        "different_result_different_seed",
        "/v1/completions",
        completion(n=4, temperature=2, top_k=0, top_p=1, min_p=0, max_tokens=24),
        lambda a: len({c["text"] for c in a.body["choices"]}) == 4,
    ),
    Case("nocache_long_input_prompt", "/completion", own(prompt="I believe " * 9000), anything, 400),
    Case("completion_with_tokens_input [int]", "/v1/completions", completion(prompt=[5, 6, 7]), lambda a: len(a.body["choices"]) == 1),
    Case(
        "completion_with_tokens_input [[int],[int]]",
        "/v1/completions",
        completion(prompt=[[5, 6], [5, 6]]),
        lambda a: a.body["choices"][0]["text"] == a.body["choices"][1]["text"],
    ),
    Case(
        "completion_with_tokens_input [[int],str]",
        "/v1/completions",
        completion(prompt=[[5, 6], "the"]),
        lambda a: len(a.body["choices"]) == 2,
    ),
    Case(
        "completion_with_tokens_input [int,str,int]",
        "/v1/completions",
        completion(prompt=[5, "the", 6]),
        lambda a: len(a.body["choices"]) == 1,
    ),
    Case("completion_response_fields", "/completion", own(response_fields=FIELDS), chosen_fields),
    Case("completion_response_fields []", "/completion", own(response_fields=[]), whole_object, further=True),
    Case("completion_parallel_slots GET /slots", "/slots?model=echo", None, idle_slots, method="GET"),
    Case(
        "n_probs", "/completion", own(n_probs=10), lambda a: all(len(p["top_logprobs"]) == 10 for p in a.body["completion_probabilities"])
    ),
    Case(
        "n_probs::as OpenAI logprobs=10",
        "/v1/completions",
        completion(logprobs=10),
        lambda a: all(len(t) == 10 for t in a.body["choices"][0]["logprobs"]["top_logprobs"]),
    ),
    Case("logit_bias (ids, OpenAI style)", "/v1/completions", completion(logit_bias={"5": -100}), anything),
    Case(
        "ctx_shift_disabled_short_prompt (n_predict)",
        "/completion",
        own(n_predict=64, ignore_eos=True),
        lambda a: a.body["tokens_predicted"] == 64,
    ),
    Case(
        "ctx_shift::max_tokens past the context",
        "/v1/completions",
        completion(max_tokens=10**6, ignore_eos=True),
        lambda a: a.body["choices"][0]["finish_reason"] == "length",
    ),
    Case("ctx_shift_disabled_long_prompt", "/completion", own(prompt="a " * 9000), too_long, 400),
    Case("infill_without_input_extra", "/infill", GAP, lambda a: isinstance(a.body["content"], str)),
    Case(
        "infill_with_input_extra",
        "/infill",
        GAP | {"input_extra": [{"filename": "llama.h", "text": "int n();"}]},
        lambda a: isinstance(a.body["content"], str),
        further=True,
    ),
    *[
        Case(f"invalid_input_extra_req {extra}", "/infill", GAP | {"input_extra": [extra]}, refused, 400, further=True)
        for extra in ({}, {"filename": "ok"}, {"filename": 123}, {"filename": 123, "text": "abc"}, {"filename": 123, "text": 456})
    ],
    Case("infill via /v1/completions suffix", "/v1/completions", completion(model="filler", suffix="}\n"), anything),
    Case("embedding_single (normalised)", "/v1/embeddings", embed("I believe"), unit),
    Case("embedding_multiple", "/v1/embeddings", embed(["a", "b", "c", "d"]), vectors(4)),
    Case("embedding_multiple_with_fa", "/v1/embeddings", embed(["a", "b", "c", "d"]), vectors(4)),
    Case("POST /embedding", "/embedding", {"model": "embed", "content": "x"}, vectors_of_its_own_form),
    Case('embedding_mixed_input ""', "/v1/embeddings", embed(""), vectors(1)),
    Case('embedding_mixed_input "string"', "/v1/embeddings", embed("string"), vectors(1)),
    Case("embedding_mixed_input [12, 34, 56]", "/v1/embeddings", embed([12, 34, 56]), vectors(1)),
    Case('embedding_mixed_input [12, 34, "string", 56, 58]', "/v1/embeddings", embed([12, 34, "string", 56, 58]), vectors(1)),
    Case("embedding_mixed_input two texts", "/v1/embeddings", embed(["string1", "string2"]), vectors(2)),
    Case("embedding_mixed_input text and tokens", "/v1/embeddings", embed(["string1", [12, 34, 56]]), vectors(2)),
    Case("embedding_mixed_input tokens twice", "/v1/embeddings", embed([[12, 34, 56], [12, 34, 56]]), vectors(2)),
    Case("embedding_mixed_input tokens and mixed", "/v1/embeddings", embed([[12, 34, 56], [12, "string", 34, 56]]), vectors(2)),
    Case("embedding_mixed_input prompt_string", "/v1/embeddings", embed({"prompt_string": "string"}), vectors(1)),
    Case("embedding_mixed_input content", "/v1/embeddings", embed({"content": [{"type": "text", "text": "string"}]}), vectors(1)),
    Case("embeddings of a chat model", "/v1/embeddings", {"model": "echo", "input": "x"}, vectors(1)),
    Case("embedding_invalid_input []", "/v1/embeddings", embed([]), refused, 400),
    Case("embedding_invalid_input object", "/v1/embeddings", embed({"content": "string"}), refused, 400),
    Case("embedding_invalid_input audio", "/v1/embeddings", embed({"content": [{"type": "input_audio", "input_audio": {}}]}), refused, 400),
    Case("embedding_error_prompt_too_long", "/v1/embeddings", embed("a long text " * 3000), refused, 400),
    Case(
        "same_prompt_give_same_result",
        "/v1/embeddings",
        embed(["a fox"] * 3),
        same_vectors,
    ),
    Case(
        "embedding_usage",
        "/v1/embeddings",
        embed("a fox"),
        lambda a: a.body["usage"]["prompt_tokens"] == a.body["usage"]["total_tokens"] > 0,
    ),
    Case(
        "embedding_base64",
        "/v1/embeddings",
        embed("a fox", encoding_format="base64"),
        lambda a: isinstance(a.body["data"][0]["embedding"], str),
    ),
    Case(
        "embedding dimensions=16 (OpenAI)",
        "/v1/embeddings",
        embed("a fox", dimensions=16),
        lambda a: len(a.body["data"][0]["embedding"]) == 16,
    ),
    Case("embd_normalize", "/v1/embeddings", embed("a fox", embd_normalize=2), unit),
    Case("chat to an embedding model", "/v1/chat/completions", chat(model="embed"), refused, 400),
    Case("embedding path /embeddings", "/embeddings", embed("a fox"), vectors(1), further=True),
    Case("rerank /rerank", "/rerank", {"model": "rank", "query": "a", "documents": DOCUMENTS}, ranked(4)),
    Case("rerank /v1/rerank", "/v1/rerank", {"model": "rank", "query": "a", "documents": DOCUMENTS}, ranked(4)),
    Case("rerank /v1/reranking", "/v1/reranking", {"model": "rank", "query": "a", "documents": DOCUMENTS}, ranked(4)),
    Case("rerank_tei_format", "/rerank", {"model": "rank", "query": "a", "texts": DOCUMENTS}, ranked_tei(4), further=True),
    *[
        Case(
            f"invalid_rerank_req {d}",
            "/rerank",
            {"model": "rank", "query": "a", "documents": d},
            lambda a: "error" in a.body,
            400,
            further=True,
        )
        for d in ([], None, 123, [1, 2, 3])
    ],
    Case(
        "rerank_usage",
        "/rerank",
        {"model": "rank", "query": "a", "documents": DOCUMENTS},
        lambda a: a.body["usage"]["prompt_tokens"] == a.body["usage"]["total_tokens"] > 0,
        further=True,
    ),
    *[
        Case(
            f"rerank_top_n {n}",
            "/rerank",
            {"model": "rank", "query": "a", "documents": DOCUMENTS, "top_n": n},
            ranked(min(n, 4)),
            further=True,
        )
        for n in (2, 4, 99)
    ],
    *[
        Case(
            f"rerank_tei_top_n {n}",
            "/rerank",
            {"model": "rank", "query": "a", "texts": DOCUMENTS, "top_n": n},
            ranked_tei(min(n, 4)),
            further=True,
        )
        for n in (2, 4, 99)
    ],
    Case("tokenize", "/tokenize", {"model": "echo", "content": "What?"}, lambda a: len(a.body["tokens"]) > 0),
    Case(
        "tokenize_with_pieces",
        "/tokenize",
        {"model": "echo", "content": "媽 🤗", "with_pieces": True},
        lambda a: all({"id", "piece"} == set(t) for t in a.body["tokens"]),
        further=True,
    ),
    Case("detokenize", "/detokenize", {"model": "echo", "tokens": [300, 301]}, lambda a: isinstance(a.body["content"], str)),
    Case(
        "server_props",
        "/props?model=echo",
        None,
        lambda a: a.body["total_slots"] > 0 and a.body["default_generation_settings"]["n_ctx"] > 0,
        method="GET",
    ),
    Case("GET /models", "/models", None, lambda a: a.body["object"] == "list", method="GET"),
    Case("GET /v1/models", "/v1/models", None, lambda a: a.body["data"][0]["id"] != "", method="GET"),
    Case("v1/models created", "/v1/models", None, lambda a: all(m["created"] > 0 for m in a.body["data"]), method="GET"),
    Case("GET /v1/health", "/v1/health", None, anything, method="GET"),
    Case("GET /health", "/health", None, anything, method="GET"),
    Case("lora GET /lora-adapters", "/lora-adapters?model=echo", None, lambda a: a.body == [], method="GET"),
    Case("speculative fields", "/v1/chat/completions", chat(**{"speculative.p_min": 0.5}), anything),
    Case(
        "responses basic",
        "/v1/responses",
        {"model": "echo", "input": BOOK, "max_output_tokens": 16},
        lambda a: a.body["id"].startswith("resp_"),
    ),
    Case(
        "responses path /responses",
        "/responses",
        {"model": "echo", "input": BOOK, "max_output_tokens": 16},
        lambda a: a.body["id"].startswith("resp_"),
    ),
    Case(
        "responses stream",
        "/v1/responses",
        {"model": "echo", "input": BOOK, "max_output_tokens": 16, "stream": True},
        lambda a: a.events[-1]["type"] in ("response.completed", "response.incomplete"),
        further=True,
    ),
    Case("anthropic_messages_basic", "/v1/messages", told(), a_message),
    Case("anthropic_messages_with_system", "/v1/messages", told(system="You are helpful."), a_message, further=True),
    Case(
        "anthropic_messages_multipart_content",
        "/v1/messages",
        told(messages=[{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]),
        a_message,
        further=True,
    ),
    Case(
        "anthropic_messages_conversation",
        "/v1/messages",
        told(messages=[*HELLO, {"role": "assistant", "content": "Hi"}, *HELLO]),
        a_message,
        further=True,
    ),
    Case("anthropic_messages_streaming", "/v1/messages", told(stream=True), message_events, further=True),
    Case("anthropic_streaming_content_block_indices", "/v1/messages", told(stream=True, max_tokens=40), message_events, further=True),
    Case("anthropic_count_tokens", "/v1/messages/count_tokens", told(), lambda a: a.body["input_tokens"] > 0),
    Case(
        "anthropic_count_tokens_with_system",
        "/v1/messages/count_tokens",
        told(system="You are helpful."),
        lambda a: a.body["input_tokens"] > 0,
        further=True,
    ),
    Case(
        "anthropic_count_tokens_no_max_tokens",
        "/v1/messages/count_tokens",
        {"model": "echo", "messages": HELLO},
        lambda a: a.body["input_tokens"] > 0,
        further=True,
    ),
    Case(
        "anthropic_tool_use_basic",
        "/v1/messages",
        told(max_tokens=250, tools=[ANTHROPIC_TOOL], tool_choice=ONE_CALL),
        tool_used,
        further=True,
    ),
    Case(
        "anthropic_tool_result",
        "/v1/messages",
        told(messages=result(), tools=[ANTHROPIC_TOOL], tool_choice={"type": "none"}),
        a_message,
        further=True,
    ),
    Case(
        "anthropic_tool_result_with_text",
        "/v1/messages",
        told(
            messages=[
                *USED,
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Sunny"}, {"type": "text", "text": "And?"}],
                },
            ],
            tools=[ANTHROPIC_TOOL],
            tool_choice={"type": "none"},
        ),
        a_message,
        further=True,
    ),
    Case(
        "anthropic_tool_result_error",
        "/v1/messages",
        told(messages=result(is_error=True), tools=[ANTHROPIC_TOOL], tool_choice={"type": "none"}),
        a_message,
        further=True,
    ),
    Case(
        "anthropic_tool_streaming",
        "/v1/messages",
        told(max_tokens=250, tools=[ANTHROPIC_TOOL], tool_choice=ONE_CALL, stream=True),
        tool_streamed,
        further=True,
    ),
    Case(
        "anthropic_vision_format_accepted",
        "/v1/messages",
        told(
            messages=[
                {
                    "role": "user",
                    "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}],
                }
            ]
        ),
        anthropic_error,
        400,
        further=True,
    ),
    Case("anthropic_stop_sequences", "/v1/messages", told(stop_sequences=["END"]), a_message, further=True),
    *[
        Case(f"anthropic {field}", "/v1/messages", told(**field), a_message, further=True)
        for field in ({"temperature": 0.5}, {"top_p": 0.9}, {"top_k": 40}, {"metadata": {"user_id": "u"}})
    ],
    Case("anthropic_missing_messages", "/v1/messages", {"model": "echo", "max_tokens": 16}, anthropic_error, 400, further=True),
    Case("anthropic_empty_messages", "/v1/messages", told(messages=[]), anthropic_error, 400, further=True),
    Case(
        "anthropic_thinking",
        "/v1/messages",
        told(thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=2000),
        anything,
        further=True,
    ),
    Case("cors_origins_localhost_reflects", "/v1/models", None, allows_the_origin, method="GET", headers=ORIGIN),
    Case(
        "cors_options",
        "/v1/chat/completions",
        None,
        allows_the_origin,
        method="OPTIONS",
        headers=ORIGIN | {"access-control-request-method": "POST"},
    ),
]
