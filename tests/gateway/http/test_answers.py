"""Answers that are streamed, that wait, and that have many parts."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import grpc
import openai
import pytest
from openai import AsyncOpenAI

from echorator.gateway.http.generating import streaming
from echorator.gateway.http.settings import HttpSettings
from echorator.rpc.v1 import model_pb2 as pb
from tests.gateway.http.raw import CHAT, Raw, parsed, post, raw_connection
from tests.gateway.serving import Gateway, gatewaying
from tests.support.http_client import http
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

STREAM = CHAT[:-1] + b',"stream":true}'
HELLO: Any = [{"role": "user", "content": "Hello!"}]


def client_of(gateway: Gateway) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0)


def chunks_of(events: bytes) -> list[dict[str, Any]]:
    """The objects of a stream in chunks of HTTP, which must be whole."""
    text = b""
    while events:
        size, _, rest = events.partition(b"\r\n")
        text, events = text + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        if size == b"0":
            break
    data = [event.removeprefix(b"data: ") for event in text.split(b"\n\n") if event.startswith(b"data: ")]
    assert data.pop() == b"[DONE]"
    return [json.loads(part) for part in data]


async def next_event(raw: Raw) -> bytes:
    await raw.until(b"\r\n")
    return (await raw.until(b"\n\n\r\n")).removesuffix(b"\r\n")


async def test_a_stream_answers_before_its_request_has_an_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header comes at once, comments follow, then the answer; a failure is an event then."""
    monkeypatch.setattr(streaming, "PING_S", 0.05)
    async with gatewaying(tmp_path, wait_s=120.0) as gateway:
        back_end = await gateway.back_end("a")
        back_end.go.clear()
        async with raw_connection(gateway.url) as running, raw_connection(gateway.url) as waiting:
            await running.write(post("/v1/chat/completions", CHAT))
            await back_end.busy(1)
            await waiting.write(post("/v1/chat/completions", STREAM))
            status, fields = parsed(await waiting.until(b"\r\n\r\n"))
            assert (status, fields["content-type"]) == (200, "text/event-stream; charset=utf-8")
            for _ in range(3):
                assert await next_event(waiting) == streaming.COMMENT
            back_end.failures.append((grpc.StatusCode.INVALID_ARGUMENT, "the prompt is too long", ()))
            back_end.go.set()
            while (event := await next_event(waiting)) == streaming.COMMENT:
                pass
            error = json.loads(event.removeprefix(b"data: "))["error"]
            assert (error["message"], error["type"]) == ("the prompt is too long", "invalid_request_error")
            assert error["trace_id"] == fields["x-request-id"]


async def test_official_clients_read_over_the_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "HEADERS_WITHIN_S", 0.01)
    monkeypatch.setattr(streaming, "PING_S", 0.01)
    async with gatewaying(tmp_path) as gateway, client_of(gateway) as client:
        back_end = await gateway.back_end("a")
        back_end.first = False
        back_end.go.clear()
        stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
        await back_end.busy(1)
        back_end.go.set()
        found = [chunk async for chunk in stream]
        assert [(c.choices[0].delta.role, c.choices[0].delta.content, c.choices[0].finish_reason) for c in found] == [
            ("assistant", None, None),
            (None, "last", None),
            (None, None, "stop"),
        ]


async def test_what_fails_at_once_has_a_status(tmp_path: Path) -> None:
    async with gatewaying(tmp_path) as gateway:
        back_end = await gateway.back_end("a")
        back_end.failures.append((grpc.StatusCode.INVALID_ARGUMENT, "no", ()))
        assert (await http(gateway.url, "POST", "/v1/chat/completions", STREAM)).status == 400
        assert (await http(gateway.url, "POST", "/v1/chat/completions", STREAM.replace(b'"m"', b'"none"'))).status == 404
        back_end.breaks = True
        broken = await http(gateway.url, "POST", "/v1/chat/completions", STREAM)
        assert b'"error"' in broken.body
        assert b"[DONE]" not in broken.body


async def test_the_last_text_comes_before_the_reason(tmp_path: Path) -> None:
    async with gatewaying(tmp_path) as gateway:
        await gateway.back_end("a")
        body = STREAM[:-1] + b',"stream_options":{"include_usage":true}}'
        chunks = chunks_of((await http(gateway.url, "POST", "/v1/chat/completions", body)).body)
        assert [(c["choices"][0]["delta"], c["choices"][0]["finish_reason"]) for c in chunks[:-1]] == [
            ({"role": "assistant", "content": None, "refusal": None}, None),
            ({"content": "first"}, None),
            ({"content": "last"}, None),
            ({}, "stop"),
        ]
        assert (chunks[-1]["choices"], chunks[-1]["usage"]["prompt_tokens"]) == ([], 0)
        text = chunks_of((await http(gateway.url, "POST", "/v1/completions", b'{"model":"m","prompt":"a","stream":true}')).body)
        assert [(c["choices"][0]["text"], c["choices"][0]["finish_reason"]) for c in text] == [
            ("first", None),
            ("last", None),
            ("", "stop"),
        ]


async def test_many_answers_of_one_request(tmp_path: Path) -> None:
    async with gatewaying(tmp_path) as gateway, client_of(gateway) as client:
        back_end = await gateway.back_end("a", slots=2)
        answer = await client.chat.completions.create(model="m", messages=HELLO, n=5, seed=3)
        assert [(c.index, c.message.content, c.finish_reason) for c in answer.choices] == [(i, "firstlast", "stop") for i in range(5)]
        assert sorted(pb.ChatRequest.FromString(body).sampling.seed for body in back_end.bodies) == [3, 4, 5, 6, 7]
        back_end.bodies.clear()
        text = await client.completions.create(model="m", prompt=["a", "b", "c"], n=2, echo=True)
        assert [choice.text for choice in text.choices] == [f"{prompt}firstlast" for prompt in "aabbcc"]
        stream: Any = await client.completions.create(model="m", prompt=["a", "b"], n=2, stream=True)
        texts: dict[int, str] = {}
        ended = []
        async for chunk in stream:
            (choice,) = chunk.choices
            texts[choice.index] = texts.get(choice.index, "") + choice.text
            ended += [choice.index] if choice.finish_reason else []
        assert texts == dict.fromkeys(range(4), "firstlast")
        assert sorted(ended) == [0, 1, 2, 3]
        chats: Any = await client.chat.completions.create(model="m", messages=HELLO, n=2, stream=True)
        roles = [chunk.choices[0].index async for chunk in chats if chunk.choices[0].delta.role == "assistant"]
        assert sorted(roles) == [0, 1]


async def test_parts_are_begun_slot_by_slot_beside_other_requests(tmp_path: Path) -> None:
    """A request of a thousand answers takes the places that are free and one round of the queue; others wait for one answer of it."""
    async with gatewaying(tmp_path) as gateway, client_of(gateway) as client:
        back_end = await gateway.back_end("a", slots=2)
        back_end.go.clear()
        many = asyncio.ensure_future(client.completions.create(model="m", prompt=["p"] * 500, n=2))
        await back_end.busy(2)
        assert gateway.role.dispatcher.waiting == 0
        other = asyncio.ensure_future(client.chat.completions.create(model="m", messages=HELLO))
        await gateway.waiting(1)
        before = len(back_end.bodies)
        back_end.go.set()
        assert (await other).choices[0].message.content == "firstlast"
        assert len(back_end.bodies) - before < 100, "it was served among the first"
        assert len((await many).choices) == 1000
        assert back_end.most == 2


async def test_a_part_that_fails_ends_the_request_and_its_other_parts(tmp_path: Path) -> None:
    async with gatewaying(tmp_path) as gateway:
        back_end = await gateway.back_end("a", slots=3)
        back_end.first = False
        back_end.go.clear()
        asked = asyncio.ensure_future(http(gateway.url, "POST", "/v1/completions", b'{"model":"m","prompt":["a","b","c","d","e"]}'))
        await back_end.busy(3)
        back_end.failures = [(grpc.StatusCode.INVALID_ARGUMENT, "this one is wrong", ())]
        second = asyncio.ensure_future(http(gateway.url, "POST", "/v1/completions", b'{"model":"m","prompt":["a","b","c","d","e"]}'))
        await gateway.waiting(3)
        back_end.go.set()
        assert (await asked).status == 200
        failed = await second
        assert (failed.status, json.loads(failed.body)["error"]["message"]) == (400, "this one is wrong")
        await back_end.busy(0)
        assert gateway.role.dispatcher.waiting == 0
        assert gateway.role.dispatcher.room.bytes == 0


async def test_three_hundred_thousand_prompts_are_refused_in_words(tmp_path: Path) -> None:
    async with gatewaying(tmp_path, http_limits=HttpSettings()) as gateway:
        back_end = await gateway.back_end("a")
        for prompts, said in ((9_000, "at most 2048"), (200_000, "65536 strings")):
            body = json.dumps({"model": "m", "prompt": ["a"] * prompts, "max_tokens": 1}, separators=(",", ":")).encode()
            answer = await http(gateway.url, "POST", "/v1/completions", body)
            assert answer.status in (400, 413)
            assert said in json.loads(answer.body)["error"]["message"]
        assert back_end.bodies == []


@pytest.mark.parametrize(
    ("path", "field", "shape"),
    [
        ("chat/completions", "messages", '"messages":[{"role":"user","content":"a","extra":%s}]'),
        ("chat/completions", "messages", '"messages":[{"role":"user","content":%s}]'),
        *(
            ("chat/completions", name, f'"messages":[{{"role":"user","content":"a"}}],"{name}":%s')
            for name in ("tools", "logit_bias", "metadata")
        ),
        ("chat/completions", "chat_template_kwargs", '"messages":[{"role":"user","content":"a"}],"chat_template_kwargs":{"a":%s}'),
        ("chat/completions", "response_format", '"messages":[],"response_format":{"type":"json_schema","json_schema":{"schema":{"a":%s}}}'),
        ("completions", "prompt", '"prompt":%s'),
        ("embeddings", "input", '"input":%s'),
    ],
)
async def test_deep_json_is_a_400_that_names_the_field(tmp_path: Path, path: str, field: str, shape: str) -> None:
    async with gatewaying(tmp_path) as gateway:
        await gateway.back_end("a")
        for levels in (65, 150, 5000, 100_000):
            for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
                deep = opening * levels + b"1" + closing * levels
                body = b'{"model":"m",' + shape.encode().replace(b"%s", deep) + b"}"
                answer = await http(gateway.url, "POST", f"/v1/{path}", body)
                error = json.loads(answer.body)["error"]
                assert (answer.status, error["param"]) == (400, field)
                assert error["trace_id"] == answer.headers["x-request-id"]


async def test_what_is_nested_within_the_bound_reaches_the_agent_as_it_was_written(tmp_path: Path) -> None:
    deep = '{"z":' * 40 + '[12345678901234567890,1.0,1e2,"é","\\u00e9"]' + "}" * 40
    async with gatewaying(tmp_path) as gateway:
        back_end = await gateway.back_end("a")
        tool = f'{{"type":"function","function":{{"name":"t","parameters":{deep}}}}}'
        body = f'{{"model":"m","messages":[{{"role":"user","content":"a","b":{deep},"a":1}}],"tools":[{tool}],'
        body += f'"response_format":{{"type":"json_schema","json_schema":{{"schema":{{"z":1,"a":{deep}}}}}}},'
        body += f'"chat_template_kwargs":{{"z":1,"a":{deep}}}}}'
        assert (await http(gateway.url, "POST", "/v1/chat/completions", body.encode())).status == 200
        (sent,) = (pb.ChatRequest.FromString(body) for body in back_end.bodies)
        written = '{"z": ' * 40 + '[12345678901234567890, 1.0, 100.0, "é", "é"]' + "}" * 40
        assert sent.messages[0].fields_json == f'{{"b": {written}, "a": 1}}'
        assert sent.sampling.json_schema == f'{{"z": 1, "a": {written}}}'
        assert sent.template_arguments_json == f'{{"z": 1, "a": {written}}}'
        assert sent.tools[0].parameters_json == written


async def test_encoded_bodies(tmp_path: Path) -> None:
    async with gatewaying(tmp_path) as gateway:
        await gateway.back_end("a")
        path, bomb = "/v1/chat/completions", gzip.compress(b" " * (50 << 20))
        for body, encoding, status in (
            (b"\xef\xbb\xbf" + CHAT, "", 200),
            (gzip.compress(CHAT), "gzip", 200),
            (gzip.compress(CHAT[:9]) + gzip.compress(CHAT[9:]), "gzip", 200),
            (gzip.compress(CHAT)[:-9], "gzip", 400),
            (CHAT, "gzip", 400),
            (gzip.compress(CHAT), "", 400),
            (bomb, "gzip", 413),
            (CHAT, "br", 415),
            (CHAT, "gzip, gzip", 415),
            (CHAT, "identity", 200),
        ):
            answer = await http(gateway.url, "POST", path, body, {"content-encoding": encoding})
            assert answer.status == status, answer.body
            assert b'"error"' in answer.body or status == 200
        assert gateway.role.dispatcher.room.bytes == 0


async def test_fields_of_openai_and_of_other_servers(tmp_path: Path) -> None:
    """Nulls are not given; what has no effect is listed; a field that is unknown is refused."""
    async with gatewaying(tmp_path) as gateway, client_of(gateway) as client:
        await gateway.back_end("a")
        parts = b'[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]'
        body = b'{"model":null,"max_tokens":4,"stream":null,"messages":[{"role":"user","content":%s}],"modalities":["text"],' % parts
        answer = await http(gateway.url, "POST", "/v1/chat/completions", body + b'"prompt_cache_retention":"24h"}')
        assert answer.status == 200
        assert answer.headers["x-echorator-ignored"] == "modalities, prompt_cache_retention, messages.content.cache_control"
        assert "x-echorator-ignored" not in (await http(gateway.url, "POST", "/v1/chat/completions", CHAT)).headers
        for path in ("/v1/chat/completions", "/v1/completions"):
            refused = await http(gateway.url, "POST", path, b'{"model":"m","tempratur":1,"prompt":"a"}')
            assert (refused.status, json.loads(refused.body)["error"]["param"]) == (400, "tempratur")
        with pytest.raises(openai.BadRequestError, match="did you mean top_k"):
            await client.chat.completions.create(model="m", messages=HELLO, extra_body={"topk": 1})
        whole = await client.chat.completions.create(
            model="m",
            messages=HELLO,
            metadata={"a": "b"},
            service_tier="auto",
            store=False,
            user="ann",
            prediction={"type": "content", "content": "a"},
            extra_body={"top_k": -1, "seed": -1, "max_tokens": -1, "stop": "", "n_predict": 3, "mirostat": 2, "cache_prompt": False},
        )
        assert whole.choices[0].message.content == "firstlast"


async def test_health_and_metrics_answer_while_bodies_stall(tmp_path: Path) -> None:
    async with gatewaying(tmp_path) as gateway:
        await gateway.back_end("a")
        half = post("/v1/chat/completions", b" " * 900_000)[:-1]
        connections = [raw_connection(gateway.url) for _ in range(50)]
        raws = [await connection.__aenter__() for connection in connections]
        for raw in raws:
            await raw.write(half)

        async def held() -> bool:
            return gateway.role.dispatcher.room.bytes == 50 * 899_999

        await eventually(held, "50 half bodies are held")
        for path in ("/health", "/metrics", "/v1/models"):
            assert (await http(gateway.url, "GET", path)).status == 200
        assert (await http(gateway.url, "POST", "/v1/chat/completions", CHAT)).status == 200
        for connection in connections:
            await connection.__aexit__(None, None, None)

        async def free() -> bool:
            return gateway.role.dispatcher.room.bytes == 0

        await eventually(free, "nothing is held")


PASSED_ON = {
    grpc.StatusCode.INVALID_ARGUMENT: (400, "invalid_request_error"),
    grpc.StatusCode.OUT_OF_RANGE: (400, "invalid_request_error"),
    grpc.StatusCode.FAILED_PRECONDITION: (400, "invalid_request_error"),
    grpc.StatusCode.UNAUTHENTICATED: (401, "authentication_error"),
    grpc.StatusCode.PERMISSION_DENIED: (403, "permission_error"),
    grpc.StatusCode.NOT_FOUND: (404, "invalid_request_error"),
    grpc.StatusCode.ALREADY_EXISTS: (409, "conflict_error"),
    grpc.StatusCode.ABORTED: (409, "conflict_error"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (429, "rate_limit_error"),
    grpc.StatusCode.UNKNOWN: (500, "server_error"),
    grpc.StatusCode.INTERNAL: (500, "server_error"),
    grpc.StatusCode.DATA_LOSS: (500, "server_error"),
    grpc.StatusCode.UNIMPLEMENTED: (501, "server_error"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (504, "server_error"),
    grpc.StatusCode.UNAVAILABLE: (503, "server_error"),
    grpc.StatusCode.CANCELLED: (499, "server_error"),  # not by the client, who would not see this
}


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK], ids=lambda code: str(code.name))
async def test_a_status_of_an_agent_becomes_one_of_http(tmp_path: Path, code: grpc.StatusCode) -> None:
    async with gatewaying(tmp_path, wait_s=0.5) as gateway:
        back_end = await gateway.back_end("a")
        back_end.failures = [(code, "words of the agent", ())] * 100
        answer = await http(gateway.url, "POST", "/v1/chat/completions", CHAT)
        error = json.loads(answer.body)["error"]
        assert (answer.status, error["type"]) == PASSED_ON[code]
        assert ("retry-after" in answer.headers) is (answer.status in (429, 503))
        if code is not grpc.StatusCode.UNAVAILABLE:  # which stands for an agent that is lost
            assert (error["message"], error["code"]) == ("words of the agent", code.name.lower())
