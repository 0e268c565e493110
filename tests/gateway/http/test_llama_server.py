"""llama-server's own endpoints, as its own tests ask for them, before a real agent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import pytest_asyncio
import referencing
from referencing.jsonschema import DRAFT202012

from echorator.agent.loading.embedded import embedded_model
from echorator.gateway.http.llama_server.tokens import AT_ONCE, json_of
from echorator.rpc.v1 import model_pb2 as pb
from tests.gateway.http.openai_setting import ANSWER, FACTS, HELLO, Setting, setting_of
from tests.support.conversations import plain_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEXT = "What is the capital of France?"
FOREIGN = "This is a test string with unicode 媽 and emoji 🤗"
SYSTEM, ASKED = FACTS[0]["content"], FACTS[1]["content"]
PROMPT = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> AsyncIterator[Setting]:
    async with setting_of(tmp_path_factory.mktemp("llama"), {"echo": embedded_model(), "embed": encoder}, 8192) as setting:
        yield setting


async def asked(mesh: Setting, path: str, **body: Any) -> Any:
    answer = await mesh.post(path, json.dumps({"model": "echo"} | body).encode())
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


async def test_tokens_and_their_text(mesh: Setting) -> None:
    tokens = (await asked(mesh, "/tokenize", content=TEXT))["tokens"]
    assert tokens == plain_model().tokenize(TEXT, False, True)
    assert (await asked(mesh, "/detokenize", tokens=tokens))["content"].strip() == TEXT
    (control,) = (await asked(mesh, "/tokenize", content="<|im_end|>"))["tokens"]
    assert (await asked(mesh, "/detokenize", tokens=[control]))["content"] == "<|im_end|>"
    assert len((await asked(mesh, "/tokenize", content="<|im_end|>", parse_special=False))["tokens"]) > 1
    added = (await asked(mesh, "/tokenize", content=TEXT, add_special=True))["tokens"]
    assert added == plain_model().tokenize(TEXT, True, True)


async def test_pieces(mesh: Setting) -> None:
    tokens = (await asked(mesh, "/tokenize", content=FOREIGN, with_pieces=True))["tokens"]
    assert all(set(token) == {"id", "piece"} and len(token["piece"]) for token in tokens)
    raw = b"".join(t["piece"].encode() if isinstance(t["piece"], str) else bytes(t["piece"]) for t in tokens)
    assert raw.decode().strip() == FOREIGN
    assert any(isinstance(token["piece"], list) for token in tokens)


@pytest.mark.parametrize("pieces", [False, True])
async def test_others_are_answered_while_a_long_list_of_tokens_is_written(pieces: bool) -> None:
    """The writer gives way to a task that is ready about as often as it has parts, whatever the machine's speed."""
    count = 50 * AT_ONCE
    reply = pb.TokenizeResponse(tokens=range(count), pieces=[b"\xc3", b"a"] * (count // 2) if pieces else ())
    writing = asyncio.create_task(json_of(reply, pieces))
    turns = 0
    while not writing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 50
    tokens = json.loads(await writing)["tokens"]
    assert len(tokens) == count
    assert tokens[-2:] == ([{"id": count - 2, "piece": [195]}, {"id": count - 1, "piece": "a"}] if pieces else [count - 2, count - 1])


async def test_small_texts_are_tokenized_while_a_large_one_is(mesh: Setting) -> None:
    large = asyncio.create_task(asked(mesh, "/tokenize", content="a b " * 250_000))
    small = 0
    while not large.done():
        await asked(mesh, "/tokenize", content=TEXT)
        small += 1
    tokens = (await large)["tokens"]
    assert small >= 10
    assert len(tokens) > 250_000
    back = await asked(mesh, "/detokenize", tokens=tokens[:100_000])
    assert ("a b " * 250_000).startswith(back["content"].strip())


async def test_pieces_have_a_bound(mesh: Setting) -> None:
    body = {"model": "echo", "content": "a b " * 200_000, "with_pieces": True}
    answer = await mesh.post("/tokenize", json.dumps(body).encode())
    assert (answer.status, "pieces are given for at most 131072" in str(answer.body)) == (400, True)


async def test_a_rendered_prompt(mesh: Setting) -> None:
    assert await asked(mesh, "/apply-template", messages=FACTS) == {"prompt": PROMPT}
    ended = await asked(mesh, "/apply-template", messages=FACTS, add_generation_prompt=False)
    assert ended["prompt"] + "<|im_start|>assistant\n" == PROMPT


async def test_a_completion(mesh: Setting) -> None:
    made = await asked(mesh, "/completion", prompt=PROMPT, temperature=0, n_probs=2)
    assert (made["content"], made["stop"], made["stop_type"], made["tokens_predicted"]) == (ANSWER, True, "eos", 10)
    assert len(made["tokens"]) == 10
    assert "".join(p["token"] for p in made["completion_probabilities"]) == ANSWER
    assert all(len(p["top_logprobs"]) == 2 for p in made["completion_probabilities"])
    cut = await asked(mesh, "/completion", prompt=PROMPT, temperature=0, n_predict=2)
    assert (cut["stop_type"], cut["tokens_predicted"]) == ("limit", 2)
    stopped = await asked(mesh, "/completion", prompt=PROMPT, temperature=0, stop=[" is"])
    assert (stopped["stop_type"], stopped["stopping_word"], stopped["content"]) == ("word", " is", "Your dog's name")


async def test_a_streamed_completion(mesh: Setting) -> None:
    answer = await mesh.post("/completion", json.dumps({"model": "echo", "prompt": PROMPT, "temperature": 0, "stream": True}).encode())
    events = [json.loads(line[6:]) for line in answer.body.split(b"\r\n") if line.startswith(b"data: ")]
    assert "".join(event["content"] for event in events) == ANSWER
    assert sum(len(event["tokens"]) for event in events) == 10
    assert [event["stop"] for event in events] == [False] * (len(events) - 1) + [True]
    assert events[-1]["tokens_predicted"] == 10


async def test_models_and_properties(mesh: Setting) -> None:
    listed = json.loads((await mesh.get("/v1/models")).body)
    assert json.loads((await mesh.get("/models")).body) == listed
    echo = listed["data"][0]
    assert echo["created"] == int(embedded_model().stat().st_mtime)
    assert (echo["meta"]["n_ctx"], echo["meta"]["n_embd"]) == (1024, 128)
    props = json.loads((await mesh.get("/props?model=echo")).body)
    assert (props["default_generation_settings"]["n_ctx"], props["total_slots"]) == (1024, echo["meta"]["slots"])
    assert "<|im_start|>" in props["chat_template"]
    assert props["default_generation_settings"]["params"]["top_k"] == 40
    assert (await mesh.get("/v1/health")).status == 200


async def test_the_tokens_of_a_chat_are_those_that_its_answer_counts(mesh: Setting) -> None:
    body = {"messages": FACTS, "temperature": 0, "logprobs": True, "top_logprobs": 2}
    counted = await asked(mesh, "/v1/chat/completions/input_tokens", **body)
    chat = await asked(mesh, "/v1/chat/completions", **body)
    assert counted == {"object": "response.input_tokens", "input_tokens": chat["usage"]["prompt_tokens"]}
    broken = {"model": "echo", "messages": [*FACTS, {"role": "tool", "tool_call_id": "c1", "content": "x"}]}
    refused = await mesh.post("/v1/chat/completions/input_tokens", json.dumps(broken).encode())
    assert refused.status == 400
    assert "messages[2].tool_call_id" in json.loads(refused.body)["error"]["message"]


async def test_paths_without_a_version(mesh: Setting) -> None:
    chat = await asked(mesh, "/chat/completions", messages=FACTS, temperature=0)
    assert chat["choices"][0]["message"]["content"] == ANSWER
    assert (await asked(mesh, "/completions", prompt=PROMPT, temperature=0))["choices"][0]["text"] == ANSWER
    assert len((await asked(mesh, "/embeddings", model="embed", input="a fox"))["data"]) == 1


@pytest.mark.parametrize(
    ("status", "said", "path", "body"),
    [
        (400, "the body is not JSON", "/tokenize", "{"),
        (400, "content: Field required", "/tokenize", {}),
        (400, "content: Input should be a valid string", "/tokenize", {"content": 5}),
        (404, "no model 'none'", "/tokenize", {"model": "none", "content": "x"}),
        (400, "tokens", "/detokenize", {"tokens": "x"}),
        (400, "below 2^31", "/detokenize", {"tokens": [1 << 40]}),
        (400, "token ids must be 0..", "/detokenize", {"tokens": [-1]}),
        (400, "messages", "/apply-template", {"messages": []}),
        (400, "input_suffix: echo cannot fill gaps", "/infill", {"input_prefix": "x", "input_suffix": "y"}),
        (400, "knows no role 'foo'", "/apply-template", {"messages": [{"role": "foo", "content": "x"}]}),
        (400, "only embeds", "/apply-template", {"model": "embed", "messages": HELLO}),
        (400, "--request-templates", "/apply-template", {"messages": HELLO, "chat_template": "chatml"}),
        (400, "--request-templates", "/v1/chat/completions", {"messages": HELLO, "chat_template": "{{ messages }}"}),
        (400, "one prompt and one answer", "/completion", {"prompt": ["a", "b"]}),
        (400, "prompt: Field required", "/completion", {}),
        (400, "input_prefix: Field required", "/infill", {"input_suffix": "}"}),
        (400, "suffix: echo cannot fill gaps", "/infill", {"input_prefix": "{", "input_suffix": "}"}),
        (501, "echorator mesh apply", "/props", {}),
        (501, "spec.engine.lora", "/lora-adapters", {}),
        (501, "no slot is saved", "/slots/0", {}),
    ],
)
async def test_what_is_refused(mesh: Setting, status: int, said: str, path: str, body: Any) -> None:
    raw = body.encode() if isinstance(body, str) else json.dumps({"model": "echo"} | body).encode()
    answer = await mesh.post(path, raw)
    assert answer.status == status, answer.body
    assert said in json.loads(answer.body)["error"]["message"]
    assert (await asked(mesh, "/tokenize", content="x"))["tokens"]


async def test_the_slots_of_all_agents(mesh: Setting) -> None:
    listed = json.loads((await mesh.get("/slots?model=echo&fail_on_no_slot=1")).body)
    assert [slot["id"] for slot in listed] == list(range(len(listed)))
    assert {(slot["agent"], slot["is_processing"]) for slot in listed} == {("agent", False)}
    assert (await mesh.get("/slots")).status == 404, "the model must be named where several are served"


async def test_the_events_of_a_completion_in_llama_servers_form(mesh: Setting) -> None:
    body = {"model": "echo", "prompt": "My dog", "n_predict": 4, "temperature": 0, "stream": True, "response_fields": ["content", "stop"]}
    body |= {"return_progress": True, "timings_per_token": True}
    streamed = await mesh.post("/completion", json.dumps(body).encode())
    events = [json.loads(line[6:]) for line in streamed.body.splitlines() if line.startswith(b"data: ")]
    told, *texts, last = events
    assert told["prompt_progress"]["processed"] == told["prompt_progress"]["total"] > 0
    assert [event["timings"]["predicted_n"] for event in texts][-1] == 4
    assert all("prompt_progress" not in event and event["timings"]["prompt_n"] for event in texts)
    assert last == {"content": "", "stop": True}
    body["stream"] = False
    answer = await mesh.post("/completion", json.dumps(body | {"response_fields": []}).encode())
    assert answer.headers["x-echorator-ignored"] == "return_progress, timings_per_token"
    whole = json.loads(answer.body)
    assert (whole["prompt"], whole["content"]) == ("My dog", "".join(event["content"] for event in texts))
    assert whole["generation_settings"] == {"temperature": 0.0, "n_predict": 4, "max_tokens": 4, "stop": [], "stream": False}


async def test_embeddings_in_llama_servers_form(mesh: Setting) -> None:
    (entry,) = await asked(mesh, "/embedding", model="embed", content="a fox")
    own = (await asked(mesh, "/v1/embeddings", model="embed", input="a fox"))["data"][0]["embedding"]
    assert (entry["index"], entry["embedding"]) == (0, [own])


async def test_the_openapi_document_has_the_bodies_that_are_read(mesh: Setting) -> None:
    document = json.loads((await mesh.get("/openapi.json")).body)
    registry = referencing.Registry().with_resource("urn:document", DRAFT202012.create_resource(document))

    def errors(path: str, body: Any) -> list[str]:
        reference = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        checker = jsonschema.Draft202012Validator({"$ref": f"urn:document{reference}"}, registry=registry)
        return [error.message for error in checker.iter_errors(body)]

    bodies: dict[str, dict[str, Any]] = {
        "/tokenize": {"content": "x", "with_pieces": True},
        "/detokenize": {"tokens": [1, 2]},
        "/apply-template": {"messages": HELLO},
        "/completion": {"prompt": "x", "temperature": 0, "max_tokens": 1},
        "/api/chat": {"model": "echo", "messages": HELLO, "stream": False, "options": {"num_predict": 1, "stop": ["x"]}},
        "/api/generate": {"model": "echo", "prompt": "x", "stream": False, "format": "json", "options": {"num_predict": 1}},
        "/api/embed": {"model": "embed", "input": ["x", "y"]},
        "/api/show": {"model": "echo"},
    }
    for path, body in bodies.items():
        assert errors(path, body) == []
        await asked(mesh, path, **body)
        broken = {name: {"no": "value"} for name in body}
        assert errors(path, broken)
        assert (await mesh.post(path, json.dumps(broken).encode())).status == 400
    for path, verbs in document["paths"].items():
        if "get" in verbs and not path.startswith("/v1/memories") and "{" not in path:
            assert (await mesh.get(f"{path}?model=echo" if path in ("/props", "/slots", "/lora-adapters") else path)).status == 200
